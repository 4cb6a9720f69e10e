"""The code of functions that a pickle carries by value, as dill and cloudpickle write them."""

from weightmark.scanners.pickles.values import BytesAt, Call, Container, Value, show

__all__ = ["code_text"]

_FEWEST_PARTS = 10
_SHOWN = 16


def code_text(arguments: Value) -> str:
    """Return names and constants if these are the arguments of a code object, else an empty text.

    The parts of a code object (`types.CodeType`) are numbers, the byte code, and tuples of
    constants and names. The byte code itself is not read.
    """
    if not isinstance(arguments, tuple) or len(arguments) < _FEWEST_PARTS:
        return ""
    rows = [_items(part) for part in arguments]
    tuples = [row for row in rows if row is not None]
    if len(tuples) < len(("constants", "names")):
        return ""
    if not any(map(_is_bytes, arguments)):
        return ""
    constants, names = tuples[0], tuples[1]
    shown = ", ".join(show(item) for item in constants[:_SHOWN])
    words = ", ".join(str(item) for item in names[:_SHOWN] if isinstance(item, str))
    return f"code with the names {words or 'none'}; constants {shown or 'none'}"


def _items(value: Value) -> list[Value] | None:
    if isinstance(value, tuple):
        return list(value)
    return list(value.items) if isinstance(value, Container) and value.kind == "list" else None


def _is_bytes(value: Value) -> bool:
    """Tell bytes, which protocols 0 to 2 write as text and the codec for it."""
    return isinstance(value, BytesAt) or (isinstance(value, Call) and bool(value.codec))
