"""Differences: pure comparisons of values, in words that a person understands."""

from weightmark.provenance.diff.files import Change, Differences

__all__ = ["Change", "Differences"]
