"""What an allowed call gives, and how a call is written as text."""

from weightmark.scanners.allow.names import permission
from weightmark.scanners.pickles.arrow_types import arrow_type
from weightmark.scanners.pickles.checks import is_codec_call
from weightmark.scanners.pickles.values import (
    ArrayType,
    Call,
    Container,
    Global,
    Instance,
    Value,
    is_armed,
    is_few_data,
    show,
)

__all__ = ["call_text", "result", "routine_result"]

_DTYPES = {
    "BoolDType": "b1",
    "Complex128DType": "c16",
    "Complex64DType": "c8",
    "Float16DType": "f2",
    "Float32DType": "f4",
    "Float64DType": "f8",
    "Int16DType": "i2",
    "Int32DType": "i4",
    "Int64DType": "i8",
    "Int8DType": "i1",
    "ObjectDType": "O8",
    "UInt16DType": "u2",
    "UInt32DType": "u4",
    "UInt64DType": "u8",
    "UInt8DType": "u1",
    "_convert_to_stringdtype_kwargs": "T",
}
"""descriptors of numpy's classes of dtypes, and of what makes them"""
_ATTRIBUTES = 3
"""where the attributes of dill's array stand among the arguments"""
_ROUTINE = frozenset({"any", "plain"})
"""checks that whatever is plain data passes"""
_BYTES = frozenset({("builtins", "bytearray"), ("pyarrow.lib", "py_buffer")})


def result(function: Global, arguments: Value) -> Call | Instance | Global:
    """Return the value of an allowed call."""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    match function.permission.call:
        case "batch" | "class-first" | "reconstructor":
            return Instance(first if isinstance(first, Global) else None)
        case "codec" if isinstance(arguments, tuple):
            function.routine = True
            codec = arguments[1] if len(arguments) > 1 else "utf-8"
            return Call(function, encoded=first, codec=str(codec).lower())
        case "arrow-type":
            return arrow_type(function, arguments)
        case "function-first":
            return Call(function, armed=is_armed(first))
        case "array-and-state" | "attributes":
            return Call(function, carries=_has_attributes(function, arguments))
        case _:
            return _plain_result(function, first)


def routine_result(function: Global, arguments: Value) -> Call | None:
    """Return what one more call of a `routine` function gives, or None if that needs a judgement."""
    if function.permission.call == "codec":
        if not isinstance(arguments, tuple) or not is_codec_call(arguments):
            return None
        codec = arguments[1] if len(arguments) > 1 else "utf-8"
        return Call(function, encoded=arguments[0], codec=str(codec).lower())
    return Call(function) if is_few_data(arguments) else None


def _plain_result(function: Global, first: Value) -> Call | Global:
    """Return a type, bytes that were wrapped, or what needs no more than its maker's name."""
    if function.permission.call == "type-name" and isinstance(first, str) and first != "NoneType":
        return Global("builtins", first, permission("builtins", first), function.offset)
    if function.permission.call == "dtype" or function.module == "numpy.dtypes":
        return ArrayType(function, descriptor=_DTYPES.get(function.name, first))
    if (function.module, function.name) in _BYTES:
        return Call(function, encoded=first)
    function.routine = function.permission.call in _ROUTINE
    return Call(function)


def _has_attributes(function: Global, arguments: Value) -> bool:
    """Tell whether an object is given attributes of its own, as dill's arrays can be."""
    if function.permission.call == "attributes":
        return bool(arguments)
    rest = arguments[_ATTRIBUTES:] if isinstance(arguments, tuple) else ()
    return any(
        not isinstance(part, Container) or bool(part.items) for part in rest if part is not None
    )


def call_text(function: str, arguments: Value) -> str:
    """Return a call close to Python's own notation."""
    text = show(arguments)
    if not isinstance(arguments, tuple):
        return f"{function}(*{text})"
    return f"{function}{text}" if len(arguments) != 1 else f"{function}({text[1:-2]})"
