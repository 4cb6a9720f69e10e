"""How long names are cut for people: every place by the same length, and never without a sign of it."""

__all__ = ["shortened"]

_FINGERPRINTS = ("wm1:", "key:")
_FINGERPRINT_SHOWN = 16
_SHOWN = 60


def shortened(name: str) -> str:
    """Return the beginning of an identity or of a signer's name; `…` stands for what is left out."""
    length = _FINGERPRINT_SHOWN if name.startswith(_FINGERPRINTS) else _SHOWN
    return name if len(name) <= length else f"{name[:length]}…"
