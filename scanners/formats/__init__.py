"""Formats: recognised by content, one reader each."""
