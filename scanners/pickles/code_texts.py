"""Texts that an interpreter would run: Python that calls or imports, templates that reach, shell commands.

A class of which nothing is known may evaluate what an attribute says.
"""

import ast
import re
import textwrap
import warnings

from weightmark.patterns import lazy_pattern

__all__ = ["is_code", "may_be_code"]

_LONGEST = 4096
"""characters that are parsed; longer texts are searched only"""
_MARKS = ("(", "__", "import", "@", "{{", "{%", "$", "|")
_TEMPLATE = lazy_pattern(
    r"\{[{%](?:(?![%}]\}).){0,500}?(?:__|\\x5f|\|\s*(?:attr|map)\b|\.\s*\w+\s*\(|\[[^\]]*[~+%])",
    re.DOTALL,
)
_SHELL = lazy_pattern(
    r"\|\s*(?:/\w+)*(?:ba|da|z|k)?sh\b|\|\s*(?:python|perl|ruby|node)\d?\b"
    r"|\$\(\s*(?:[a-z][\w-]*\s+[\w/.-]|cat\b|id\b|whoami\b)|[;&|]\s*(?:curl|wget|rm|nc|chmod|bash|sh)\s"
)
_LONG_CODE = lazy_pattern(
    r"__(?:import|globals|builtins|subclasses|class|mro|bases)__|\b(?:exec|eval)\s*\(|\bos\.\w+\s*\(|\bsubprocess\b"
)
_RUNNING = frozenset(
    [
        "CDLL",
        "OleDLL",
        "Path",
        "Popen",
        "Process",
        "PyDLL",
        "Thread",
        "Timer",
        "Unpickler",
        "WinDLL",
        "breakpoint",
        "compile",
        "delattr",
        "eval",
        "exec",
        "exit",
        "getattr",
        "globals",
        "help",
        "input",
        "locals",
        "open",
        "popen",
        "quit",
        "setattr",
        "system",
        "vars",
    ]
)
"""names of functions and classes that act, by their last part"""
_COMPUTING = frozenset(
    [
        "abs",
        "cos",
        "exp",
        "expm1",
        "log",
        "log10",
        "log1p",
        "log2",
        "max",
        "mean",
        "min",
        "sin",
        "sqrt",
        "sum",
        "tanh",
    ]
)
"""functions of numpy and its like in formulas"""
_LIBRARIES = frozenset({"jnp", "math", "np", "numpy", "pd", "tf", "torch"})
_CALLS_OF_NAMES = (
    ast.BinOp,
    ast.Constant,
    ast.Dict,
    ast.List,
    ast.Name,
    ast.Set,
    ast.Tuple,
    ast.UnaryOp,
    ast.keyword,
    ast.operator,
    ast.unaryop,
    ast.expr_context,
)
"""what the arguments of a call may be made of in a formula, a unit in brackets or the `repr` of an object"""


def may_be_code(text: str) -> bool:
    """Tell a text that is worth a look by `is_code`."""
    return any(mark in text for mark in _MARKS) or not text.isascii()


def is_code(text: str) -> bool:
    """Tell Python that calls, imports or takes a dunder of an object, a template that does, and a shell command.

    A formula (`log(x) + 1`), a unit in brackets (`width (cm)`) and the `repr` of an object are none.
    """
    if not may_be_code(text):
        return False
    if _TEMPLATE.search(text) is not None or _SHELL.search(text) is not None:
        return True
    if len(text) > _LONGEST:
        return _LONG_CODE.search(text) is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(textwrap.dedent(text).strip())
        return any(_acts(node) for node in ast.walk(tree))
    except (SyntaxError, ValueError):
        return _LONG_CODE.search(text) is not None
    except (RecursionError, MemoryError):
        return True


def _acts(node: ast.AST) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom():
            return True
        case ast.FunctionDef(decorator_list=[_, *_]) | ast.ClassDef(decorator_list=[_, *_]):
            return True
        case ast.Attribute(attr=name, value=base):
            return _is_dunder(name) and not _is_path(base)
        case ast.Subscript(value=ast.Name(id=name)):
            return _is_dunder(name)
        case ast.Call():
            return not _is_quiet(node)
    return False


def _is_quiet(call: ast.Call) -> bool:
    """Tell a call that a formula, a unit in brackets or a `repr` holds as well."""
    texts = True
    match call.func:
        case ast.Name(id=name):
            texts = name[:1].isupper()
        case ast.Attribute(attr=name, value=ast.Name(id=library)) if library in _LIBRARIES:
            texts = False
            if name not in _COMPUTING and not name[:1].isupper():
                return False
        case ast.Attribute(attr=name, value=base) if name[:1].isupper() and _is_path(base):
            texts = False
        case _:
            return False
    if name in _RUNNING or _is_dunder(name):
        return False
    return bool(call.args or call.keywords or texts) and all(
        _is_data(part, texts=texts) for part in (*call.args, *call.keywords)
    )


def _is_data(part: ast.AST, *, texts: bool) -> bool:
    if isinstance(part, ast.Call):
        return _is_quiet(part)
    if isinstance(part, ast.Constant) and isinstance(part.value, (str, bytes)):
        return texts and isinstance(part.value, str) and part.value.isidentifier()
    return isinstance(part, _CALLS_OF_NAMES) and all(
        _is_data(child, texts=texts) for child in ast.iter_child_nodes(part)
    )


def _is_path(base: ast.expr) -> bool:
    """Tell a dotted name without a dunder, as in the qualified name of a function."""
    while isinstance(base, ast.Attribute):
        if _is_dunder(base.attr):
            return False
        base = base.value
    return isinstance(base, ast.Name) and not _is_dunder(base.id)


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
