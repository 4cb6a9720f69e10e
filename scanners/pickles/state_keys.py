"""Keys of an object's state that loaders read in their own way, and what may stand under them."""

import re

from weightmark.patterns import lazy_pattern
from weightmark.scanners.pickles.values import (
    HOOKS,
    METHODS,
    BytesAt,
    Call,
    Container,
    PlainDict,
    PlainList,
    TextAt,
    Value,
    is_odd_key,
)

__all__ = ["LONGEST_CODE", "is_honest_code", "is_odd_item"]

LONGEST_CODE = 1024
"""characters of text that an honest library has run when it loads its own objects"""
_TEXTS = frozenset({"__doc__", "__name__", "__version__"})
_DATA = (str, int, float, tuple, type(None), BytesAt, TextAt)
"""types of values that nothing can call"""
_CACHES = frozenset({"__networkx_cache__"})
_MODELS = frozenset({"__FILE_RESOURCE_DATA__", "__model"})
_OVERLOADS = "__overloads__"
"""what `torch.jit.script` leaves in a module that it has read: a dict, empty if no method is overloaded"""
_FILES = frozenset({"__ignoreds", "__numpys", "__recursive_saveloads", "__scipys"})
_SHAPES = r"(?P<shapes>(?:[a-z]\w{0,30}, ){0,8})"
_TEMPLATE = lazy_pattern(
    r"\ndef _parse_args\(self, " + _SHAPES + r" loc=0(?P<scale>, scale=1)?\):\n"
    r"    return \((?P=shapes)\), (?P<out>loc, (?:scale|1))\n"
    r"\ndef _parse_args_rvs\(self, (?P=shapes) loc=0(?(scale), scale=1), size=None\):\n"
    r"    return self\._argcheck_rvs\((?P=shapes) (?P=out), size=size\)\n"
    r"\ndef _parse_args_stats\(self, (?P=shapes) loc=0(?(scale), scale=1), moments='mv'\):\n"
    r"    return \((?P=shapes)\), (?P=out), moments\n",
    re.ASCII,
)
_NAME = r"[A-Za-z]\w*"
_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
_FUNCTION = (
    r"(?:C|Q|center|standardize|scale|np\.(?:abs|exp|expm1|log|log10|log1p|log2|sqrt|square))"
)
_ARGUMENT = rf"(?:(?:Sum|Treatment|Helmert|Poly|Diff)(?:\((?:'\w*'|\"\w*\"|{_NUMBER})?\))?)"
_FACTOR = (
    rf"(?:{_FUNCTION}\({_NAME}(?:, ?{_ARGUMENT})?\)"
    rf"|I\({_NAME} ?(?:\*\*|[*/+-]) ?(?:{_NAME}|{_NUMBER})\)|{_NAME}|{_NUMBER})"
)
_FORMULA = lazy_pattern(rf"[ (]*{_FACTOR}(?:[ )]*(?:\*\*|[~+*:/-])[ (]*{_FACTOR})*[ )]*", re.ASCII)
"""columns, numbers, and functions of patsy and numpy that compute"""
_KERNEL = lazy_pattern(r"\w{1,64}", re.ASCII)
_METHOD = lazy_pattern(r"[^/]{0,64}")
_CODE = {
    "_attn_implementation": _KERNEL,
    "_attn_implementation_internal": _KERNEL,
    "_parse_arg_template": _TEMPLATE,
    "attn_implementation": _KERNEL,
    "custom_generate": _METHOD,
    "formula": _FORMULA,
}


def is_honest_code(key: Value, text: str) -> bool:
    """Tell text that scipy or statsmodels writes itself, and that calls nothing of its own.

    scipy's `rv_generic.__setstate__` executes `_parse_arg_template`; `ModelData.__setstate__` of
    statsmodels evaluates `formula`, where a bare name is a column and nothing but a transform is called; transformers fetches an attention kernel whose
    name is that of a repository.
    """
    pattern = _CODE.get(key) if isinstance(key, str) else None
    return pattern is not None and pattern.fullmatch(text) is not None


def is_odd_item(key: Value, value: Value) -> bool:
    """Tell an odd key (see `is_odd_key`), unless a library reads plain data from it."""
    if not isinstance(key, str):
        return is_odd_key(key)
    if key in HOOKS or key in METHODS or key in _CACHES:
        return not (isinstance(value, (*_DATA, Container)) or _is_tensor(value))
    if key in _TEXTS:
        return not (value is None or isinstance(value, (str, TextAt)))
    if key in _MODELS:
        return not (isinstance(value, BytesAt) or (isinstance(value, Call) and bool(value.codec)))
    if key == _OVERLOADS or key in _FILES:
        return not (_is_empty(value) if key == _OVERLOADS else _names_files(value))
    return is_odd_key(key)


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Call) and value.of is not None and value.of.module == "torch._utils"


def _is_empty(value: Value) -> bool:
    """Allow a dict with nothing in it, into which nothing may go any more."""
    if not isinstance(value, PlainDict) or value.items:
        return False
    value.frozen = True
    return True


def _names_files(value: Value) -> bool:
    """Allow a list of attribute names, which gensim reads from files beside; it may not grow."""
    if not isinstance(value, PlainList) or value.more:
        return False
    value.frozen = True
    return all(isinstance(item, str) and item.isidentifier() for item in value.items)
