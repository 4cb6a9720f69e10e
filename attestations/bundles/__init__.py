"""Sigstore bundles and their DSSE envelopes: parsed strictly, written exactly."""
