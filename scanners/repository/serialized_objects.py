"""Pickles that stand in a JSON document as Base64, which its loader unpickles.

Source: Stable-Baselines3 `common/save_util.py` (`json_to_data`): `cloudpickle.loads(base64.b64decode(…))`.
"""

from collections.abc import Iterator

from weightmark.errors import MalformedError
from weightmark.scanners.repository.documents import walk

__all__ = ["serialized_objects"]

_KEY = ":serialized:"


def serialized_objects(document: object) -> Iterator[tuple[str, bytes]]:
    """Yield each pickle of a document with the path to it.

    Raises `MalformedError` for a text that is no Base64 even for Python, which skips other letters.
    """
    import base64
    import binascii

    for field in walk(document):
        if field.key == _KEY and isinstance(field.value, str):
            try:
                yield field.pointer, base64.b64decode(field.value)
            except (binascii.Error, ValueError) as error:
                raise MalformedError(f"`{field.pointer}` is no Base64") from error
