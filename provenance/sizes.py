"""Sizes in words: one form wherever a person reads them."""

__all__ = ["human_bytes"]

_STEP = 1000


def human_bytes(size: int) -> str:
    """Return a size in decimal units, as `438.1 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < _STEP:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= _STEP
    return f"{value:.1f} TB"
