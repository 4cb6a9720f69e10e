"""Special tokens of a tokenizer's configuration, which its chat template gets as variables."""

from collections.abc import Iterator

from weightmark.scanners.repository.documents import Field, walk

__all__ = ["tokens_of"]

_NAMED = ("_token", "_tokens")
_GROUPS = ("special_tokens/", "_token/")


def tokens_of(document: object) -> Iterator[tuple[str, str]]:
    """Yield each special token with the path to it."""
    for field in walk(document):
        if _is_token(field):
            values = field.value if isinstance(field.value, list) else [field.value]
            yield from ((field.pointer, text) for text in values if isinstance(text, str))


def _is_token(field: Field) -> bool:
    return field.key.endswith(_NAMED) or any(group in field.pointer for group in _GROUPS)
