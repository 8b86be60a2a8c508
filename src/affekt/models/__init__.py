"""One file = one kind of model. The folder is the registry."""
