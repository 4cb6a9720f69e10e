"""Text that others wrote, as reports hold it: bounded, and told apart from our own words."""

from collections.abc import Sequence

__all__ = ["LONGEST", "Cell", "Quoted", "bounded"]

LONGEST = 600
"""characters of one text of others that are shown"""


class Quoted(str):
    """Text that others wrote: every form shows it as it stands, never as markup."""

    __slots__ = ()


Cell = str | Quoted | Sequence[str | Quoted]
"""what stands in one place of a report: our words, text of others, or several of both"""


def bounded(text: str) -> str:
    """Return the beginning of a text, with the number of characters that it has when it is cut off."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
