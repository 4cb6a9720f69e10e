"""Signers: whoever can put a signature under a statement; one file a kind of signer."""
