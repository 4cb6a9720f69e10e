"""Forms in which a checked tensor is handed out: plain bytes, numpy arrays, torch tensors."""
