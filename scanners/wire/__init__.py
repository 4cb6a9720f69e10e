"""Bounded readers of the encodings that model formats are built from."""
