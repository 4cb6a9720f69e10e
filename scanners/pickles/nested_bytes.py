"""Bytes that a pickle holds and hands to a function that reads a file in them."""

from weightmark.errors import LimitError
from weightmark.provenance.reading.interface import ByteView
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.containers.slices import Slice
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.limits import over_limit
from weightmark.scanners.pickles.values import BytesAt, Call, TextAt, Value
from weightmark.scanners.repository.templates import report_template

__all__ = ["NestedBytes"]


_LONGEST_TEXT = 65_536
_MOST_TEMPLATES = 64


class NestedBytes:
    """Looks into bytes of one pickle, each once."""

    __slots__ = ("_examination", "_place", "_seen", "_templates")

    def __init__(self, place: Place, examination: Examination) -> None:
        """Report what is found inside `place` into an examination."""
        self._place = place
        self._examination = examination
        self._seen: dict[Value, bool] = {}
        self._templates: set[str] = set()

    def look(self, arguments: tuple[Value, ...]) -> bool:
        """Examine the only argument as a file; False if that is no bytes or nothing can check it.

        Raises `LimitError` for a file over the limit `nested`.
        """
        view = self.view(arguments[0]) if len(arguments) == 1 else None
        if view is None:
            return False
        limit = self._examination.limits.nested
        if view.size > limit:
            raise over_limit("nested", f"a nested file is over {limit} bytes")
        first = arguments[0]
        key = (first.encoded, first.codec) if isinstance(first, Call) else first
        if key not in self._seen:
            inner = self._place.inside(f"bytes {len(self._seen)}", view)
            self._seen[key] = self._examination.look(inner)
        return self._seen[key]

    def judge_template(self, value: Value) -> bool:
        """Judge a chat template, each text once; False if it is no text, or too long.

        Raises `LimitError` for too many.
        """
        text = self.text(value)
        if not isinstance(text, str):
            return False
        if text not in self._templates:
            if len(self._templates) >= _MOST_TEMPLATES:
                raise LimitError(f"more than {_MOST_TEMPLATES} chat templates in a pickle")
            self._templates.add(text)
            report_template(text, "chat_template", self._place, self._examination)
        return True

    def text(self, value: Value) -> ByteView | str | None:
        """Return a text of the pickle as text, and bytes as `view` does."""
        if isinstance(value, TextAt) and value.length <= _LONGEST_TEXT:
            raw = self._place.view.read_at(value.offset, value.length)
            return raw.decode(
                value.encoding, "surrogatepass" if value.encoding == "utf-8" else "strict"
            )
        return value if isinstance(value, str) else self.view(value)

    def view(self, value: Value) -> ByteView | None:
        """Return bytes that the pickle holds, as they are or as text and the codec for it.

        Raises `LimitError` for a text over the limit `nested`.
        """
        limit = self._examination.limits.nested
        if isinstance(value, BytesAt):
            return Slice(self._place.view, value.offset, value.length)
        if not isinstance(value, Call) or not value.codec:
            return None
        text = value.encoded
        try:
            if isinstance(text, TextAt):
                if text.length > limit:
                    raise over_limit("nested", f"a nested file is over {limit} bytes")
                raw = self._place.view.read_at(text.offset, text.length)
                errors = "surrogatepass" if text.encoding == "utf-8" else "strict"
                text = raw.decode(text.encoding, errors)
            return MemoryView(text.encode(value.codec)) if isinstance(text, str) else None
        except UnicodeError:
            return None
