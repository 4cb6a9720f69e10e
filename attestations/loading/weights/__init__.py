"""Files of weights: one is checked tensor by tensor where the signer lists tensors, else as a whole."""
