"""Hugging Face: `hf://models|datasets|spaces/owner/name@revision`, pinned to the commit."""
