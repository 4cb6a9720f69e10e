"""Containers: archives read tolerantly, every reading of them."""
