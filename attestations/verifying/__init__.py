"""Verifying: find the evidence, believe it, compare the content with it."""
