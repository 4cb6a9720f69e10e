"""Text, told from binary data by its bytes."""

from weightmark.patterns import lazy_pattern

__all__ = ["is_text", "text_kind"]

_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\f\x1b")
_LONGEST_CHARACTER = 4
_JSON = lazy_pattern(rb"""\s*(\{\s*(["}]|$)|\[\s*([\[{"\]\d-]|true|false|null|$))""")


def is_text(head: bytes) -> bool:
    """Tell whether the bytes are UTF-8 without control characters; the last one may be cut."""
    if not head or not _CONTROLS.isdisjoint(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(head) - error.start < _LONGEST_CHARACTER and "end of data" in error.reason
    return True


def text_kind(head: bytes) -> str:
    """Return `git-lfs-pointer`, `script`, `json` or `text` for the head of a text."""
    if head.startswith(b"version https://git-lfs.github.com/spec/"):
        return "git-lfs-pointer"
    if head.startswith(b"#!"):
        return "script"
    return "json" if _JSON.match(head) else "text"
