"""One file = one corpus: its card, label map, reader and protocol. The folder is the registry."""
