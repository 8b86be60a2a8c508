"""Signal -> speech segments. One file = one voice activity detector."""
