"""The operators of graph libraries by name, and what they reach."""
