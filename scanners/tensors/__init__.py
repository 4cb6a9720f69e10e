"""Tensors: what each weight format holds, read as data; nothing is unpickled and nothing is loaded."""
