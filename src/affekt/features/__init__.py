"""One file = one encoder: Signal -> (frames, DIM). The folder is the registry."""
