"""Licences: the names that SPDX lists, and expressions of them."""
