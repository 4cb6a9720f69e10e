"""Misspelt words: which known one was probably meant."""

from collections.abc import Iterable

__all__ = ["nearest"]

_LONGEST = 100
"""letters that are compared; nobody misspells more"""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like `word`; empty when none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word[:_LONGEST], list(known), n=1)), "")
