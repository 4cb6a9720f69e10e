"""Locks: which bytes each address of a project stood for, and who vouches for that."""
