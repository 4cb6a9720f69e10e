"""Untrusted text on a page: escaped, its direction kept apart, and what nobody could see made visible."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["LONGEST", "shown", "shown_block", "spelled_out"]

LONGEST = 400
"""characters of one text on a page; the JSON twin has the whole"""
_KEPT = frozenset("\n\t")


def spelled_out(text: str) -> str:
    """Return `text` with every character that is controlling, hidden or a strange space as `⟨U+XXXX⟩`."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"⟨U+{ord(one):04X}⟩" for one in text)


def shown(text: object, limit: int = LONGEST) -> "Markup":
    """Return HTML for a text on one line: cut, escaped, in a `<bdi>`."""
    from markupsafe import Markup

    whole = str(text)
    cut = f"… ({len(whole):,} characters)" if len(whole) > limit else ""
    return Markup("<bdi>{}</bdi>{}").format(spelled_out(whole[:limit]), cut)


def shown_block(text: object, limit: int = 100_000) -> "Markup":
    """Return HTML for a text of several lines in a `<pre>`: as `shown`, its lines kept."""
    from markupsafe import Markup

    whole = str(text)
    plain = "".join(
        one if one in _KEPT or one.isprintable() else f"⟨U+{ord(one):04X}⟩" for one in whole[:limit]
    )
    cut = f"… ({len(whole):,} characters)" if len(whole) > limit else ""
    return Markup('<pre tabindex="0"><bdi>{}</bdi>{}</pre>').format(plain, cut)
