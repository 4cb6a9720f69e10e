"""What an allowed call gives, and how a call is written as text."""

from weightmark.scanners.pickles.values import (
    ArrayType,
    Call,
    Global,
    Instance,
    Value,
    is_armed,
    show,
)

__all__ = ["call_text", "result"]


def result(function: Global, arguments: Value) -> Call | Instance:
    """Return the value of an allowed call."""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else None
    match function.permission.call:
        case "class-first" | "reconstructor":
            return Instance(first if isinstance(first, Global) else None)
        case "codec" if isinstance(arguments, tuple):
            codec = arguments[1] if len(arguments) > 1 else "utf-8"
            return Call(function, encoded=first, codec=str(codec).lower())
        case "dtype":
            return ArrayType(function, descriptor=first)
        case "function-first":
            return Call(function, armed=is_armed(first))
        case "attributes":
            return Call(function, carries=bool(arguments))
        case _:
            return Call(function)


def call_text(function: str, arguments: Value) -> str:
    """Return a call close to Python's own notation."""
    text = show(arguments)
    if not isinstance(arguments, tuple):
        return f"{function}(*{text})"
    return f"{function}{text}" if len(arguments) != 1 else f"{function}({text[1:-2]})"
