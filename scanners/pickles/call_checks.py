"""Checks of the arguments of single functions, beyond what every argument must be."""

import math
import re
from collections.abc import Callable

from weightmark.patterns import lazy_pattern
from weightmark.scanners.pickles.checks import (
    has_odd_key,
    is_block,
    is_codec_call,
    is_inert,
    is_one_dict,
    is_plain,
    is_ratio,
    is_sized,
    is_state,
    names_classes,
    names_factory,
    names_generator,
    reconstructs,
    sets_state,
)
from weightmark.scanners.pickles.generators import is_generator_state
from weightmark.scanners.pickles.values import Call, Global, Instance, PlainDict, PlainList, Value

__all__ = ["CHECKS", "STATES", "is_factory_partial"]

_RANGE = lazy_pattern(r"range\(-?[0-9]{1,18}, -?[0-9]{1,18}(?:, -?[0-9]{1,18})?\)")
_BATCH_CLASSES = 2
_SPAN_PARTS = 3
_LONGEST_SPAN = 1 << 26
_TYPES = frozenset(
    [
        "NoneType",
        "bool",
        "bytearray",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "object",
        "range",
        "set",
        "slice",
        "str",
        "tuple",
    ]
)
"""names by which dill calls built-in types that hold plain data"""

_ZONE = lazy_pattern(r"[A-Za-z0-9_+-]{1,32}(?:/[A-Za-z0-9_+-]{1,32}){0,3}", re.ASCII)
_ZONE_ARGUMENTS = 2
_ITEM_CODES = frozenset("bBuwhHiIlLqQfd")
_MACHINE_FORMATS = range(22)
_ARRAY_ARGUMENTS = 4
_SCRIPT_CLASS = lazy_pattern(
    r"__torch__\.torch\.classes\.(?:quantized\.\w{1,40}ParamsBase|rnn\.CellParamsBase)", re.ASCII
)
_SCRIPT_STATE = 2
_TEMPORARY = frozenset(
    ["__FILE_RESOURCE_DATA__", "auto", "fd", "keep_tempfiles", "name", "prefix", "suffix"]
)
_FILE_END = re.compile(r"[\w-]{0,64}(?:\.[\w-]{1,64})?", re.ASCII)
_IMAGE_PARTS = 5
_MOST_PIXELS = 1 << 28


def is_zone(arguments: tuple[Value, ...]) -> bool:
    """Allow the key of a time zone and whether it is shared; a key that is a path of its own is none.

    `zoneinfo` reads the file of that name below the system's folders (CPython, `zoneinfo/_tzpath.py`).
    """
    if not 1 <= len(arguments) <= _ZONE_ARGUMENTS or not all(map(is_plain, arguments)):
        return False
    key = arguments[0]
    return isinstance(key, str) and _ZONE.fullmatch(key) is not None


def is_array(arguments: tuple[Value, ...]) -> bool:
    """Allow the code of an item's type, and plain data for the items."""
    return bool(arguments) and _is_item_code(arguments[0]) and all(map(is_plain, arguments))


def reconstructs_array(arguments: tuple[Value, ...]) -> bool:
    """Allow `(array.array, code, machine's format, bytes)`."""
    if len(arguments) != _ARRAY_ARGUMENTS:
        return False
    cls, code, form, items = arguments
    own = isinstance(cls, Global) and (cls.module, cls.name) == ("array", "array")
    return own and _is_item_code(code) and form in _MACHINE_FORMATS and is_plain(items)


def _is_item_code(code: Value) -> bool:
    return isinstance(code, str) and code in _ITEM_CODES


def is_script_state(state: Value) -> bool:
    """Allow `(state, class)` of torch's packed parameters of quantized layers.

    torch makes an object of whatever registered class is named (`torch/csrc/jit/python/script_init.cpp`).
    """
    if not isinstance(state, tuple) or len(state) != _SCRIPT_STATE or not is_inert(state):
        return False
    name = state[1]
    return isinstance(name, str) and _SCRIPT_CLASS.fullmatch(name) is not None


def is_image_state(state: Value) -> bool:
    """Allow `[notes, mode, (width, height), palette, pixels]` of a picture that fits into memory.

    Pillow makes room for the size that is named, whatever the pixels are (`PIL/Image.py`).
    """
    if not isinstance(state, PlainList) or state.armed or len(state.items) < _IMAGE_PARTS:
        return False
    mode, size = state.items[1:3]
    if not isinstance(mode, str) or not isinstance(size, tuple):
        return False
    sides = [side for side in size if type(side) is int and side >= 0]
    return len(sides) == len(size) and math.prod(sides) <= _MOST_PIXELS


def is_temporary_file(state: Value) -> bool:
    """Allow the state of `sklearn_crfsuite`'s `FileResource` that names no file.

    Its class writes the bytes to a temporary file, whose name begins and ends as the state says, and removes
    whatever file the state names when it goes away; without a name `fd` is written over before it is closed
    (`sklearn_crfsuite/_fileresource.py`).
    """
    if not isinstance(state, PlainDict) or state.more:
        return False
    known = dict(zip(state.items[::2], state.items[1::2], strict=True))
    if not _TEMPORARY.issuperset(known) or known.get("name", "") is not None:
        return False
    ends = (known.get("prefix", ""), known.get("suffix", ""))
    return all(isinstance(end, str) and _FILE_END.fullmatch(end) for end in ends)


def is_own_state(target: Value, state: Value) -> bool:
    """Tell a dict that is its own attributes, and of which no key hides a method."""
    return state is target and isinstance(target, Instance) and not target.odd


def is_range_text(arguments: tuple[Value, ...]) -> bool:
    """Allow the text of a range, which dill evaluates as an expression; nothing else."""
    text = arguments[0] if len(arguments) == 1 else None
    if not isinstance(text, str) or _RANGE.fullmatch(text) is None:
        return False
    return is_span(tuple(map(int, text[len("range(") : -1].split(","))))


def is_span(arguments: tuple[Value, ...]) -> bool:
    """Allow the ends of a range, and its step, that something can be filled from without end of memory."""
    numbers = [number for number in arguments if isinstance(number, int)]
    if len(numbers) != len(arguments) or not 1 <= len(numbers) <= _SPAN_PARTS or 0 in numbers[2:]:
        return False
    span = range(*numbers)
    return not span or abs(span[-1] - span[0]) // abs(span.step) < _LONGEST_SPAN


def names_type(arguments: tuple[Value, ...]) -> bool:
    """Allow the name of a built-in type, which dill looks up in a table of its own."""
    name = arguments[0] if len(arguments) == 1 else None
    return isinstance(name, str) and name in _TYPES


def merges_batch(arguments: tuple[Value, ...]) -> bool:
    """Allow the classes of PyG's batches, of which it makes a common one."""
    return len(arguments) == _BATCH_CLASSES and all(
        isinstance(item, Global)
        and item.permission.new
        and item.module.startswith("torch_geometric.data.")
        for item in arguments
    )


def wraps_kernel(arguments: tuple[Value, ...]) -> bool:
    """Allow a kernel of scikit-learn, and an unarmed function that `bayes_opt` calls with its data."""
    match arguments:
        case (Instance(of=Global(module="sklearn.gaussian_process.kernels") as cls), function):
            return (
                cls.permission.new
                and isinstance(function, (Call, Global))
                and is_inert((function,))
            )
    return False


def is_factory_partial(function: Global, arguments: tuple[Value, ...]) -> bool:
    """Allow a container with a factory of its own, which a partial function names first."""
    return function.permission.call == "factory" and bool(arguments) and names_factory(arguments)


CHECKS: dict[str, Callable[[tuple[Value, ...]], bool]] = {
    "any": is_inert,
    "array": is_array,
    "array-parts": reconstructs_array,
    "arrow-type": is_inert,
    "attributes": lambda arguments: all(map(is_state, arguments)) and not has_odd_key(arguments),
    "batch": merges_batch,
    "block": is_block,
    "class-first": names_classes,
    "class-or-name": names_generator,
    "codec": is_codec_call,
    "dtype": is_inert,
    "factory": names_factory,
    "kernel": wraps_kernel,
    "plain": lambda arguments: all(map(is_plain, arguments)),
    "range-text": is_range_text,
    "ratio": is_ratio,
    "reconstructor": reconstructs,
    "sized": is_sized,
    "span": is_span,
    "state": sets_state,
    "type-name": names_type,
    "zone": is_zone,
}
"""what arguments must be for the word in the allowlist"""

STATES: dict[str, Callable[[Value, Value], bool]] = {
    "": lambda _, state: is_state(state),
    "generator": lambda _, state: is_generator_state(state) and is_state(state),
    "dict": lambda _, state: is_one_dict(state) and is_state(state),
    "image": lambda _, state: is_image_state(state),
    "native": lambda _, state: is_state(state),
    "script": lambda _, state: is_script_state(state) and is_state(state),
    "self": lambda target, state: is_own_state(target, state) or is_state(state),
    "temporary": lambda _, state: is_temporary_file(state) and is_state(state),
}
"""what the state of an object must be for the word in the allowlist"""
