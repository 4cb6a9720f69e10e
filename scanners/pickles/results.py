"""What an allowed call gives, and how a call is written as text."""

from weightmark.scanners.pickles.values import (
    ArrayType,
    ArrowType,
    Call,
    Global,
    Instance,
    Value,
    is_armed,
    show,
)

__all__ = ["call_text", "result"]

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
_BYTES = frozenset({("builtins", "bytearray"), ("pyarrow.lib", "py_buffer")})


def result(function: Global, arguments: Value) -> Call | Instance:
    """Return the value of an allowed call."""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    match function.permission.call:
        case "class-first" | "reconstructor":
            return Instance(first if isinstance(first, Global) else None)
        case "codec" if isinstance(arguments, tuple):
            codec = arguments[1] if len(arguments) > 1 else "utf-8"
            return Call(function, encoded=first, codec=str(codec).lower())
        case "arrow-type":
            return ArrowType(function, name=_arrow_name(function, first))
        case "function-first":
            return Call(function, armed=is_armed(first))
        case "attributes":
            return Call(function, carries=bool(arguments))
        case _:
            return _plain_result(function, first)


def _plain_result(function: Global, first: Value) -> Call:
    """Return a dtype, bytes that were wrapped, or what needs no more than its maker's name."""
    if function.permission.call == "dtype" or function.module == "numpy.dtypes":
        return ArrayType(function, descriptor=_DTYPES.get(function.name, first))
    if (function.module, function.name) in _BYTES:
        return Call(function, encoded=first)
    return Call(function)


def _arrow_name(function: Global, first: Value) -> str:
    """Return the short name as `type_for_alias` takes it; other functions are named for a kind."""
    if not isinstance(first, str):
        return ""
    return first if function.name == "type_for_alias" else f"{function.name}[{first}]"


def call_text(function: str, arguments: Value) -> str:
    """Return a call close to Python's own notation."""
    text = show(arguments)
    if not isinstance(arguments, tuple):
        return f"{function}(*{text})"
    return f"{function}{text}" if len(arguments) != 1 else f"{function}({text[1:-2]})"
