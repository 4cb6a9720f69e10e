"""Each test hides something in the functions by which dill restores plain objects."""

import pytest

from tests.attacks.scan_builders import scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
SYSTEM = stack_global("os", "system")
ECHO = text("echo x")
RECONSTRUCT = stack_global("numpy._core.multiarray", "_reconstruct")
NDARRAY = stack_global("numpy", "ndarray")
KIND = stack_global("numpy", "dtype") + text("f8") + b"\x89\x88\x87R"
KIND += b"(K\x03" + text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
STATE = b"(K\x01K\x01\x85" + KIND + b"\x89C\x08" + bytes(8) + b"t"
INNER = b"(" + NDARRAY + b"K\x00\x85C\x01bt"


def dill(name: str, *arguments: bytes) -> bytes:
    return stack_global("dill._dill", name) + b"(" + b"".join(arguments) + b"tR"


def array(
    function: bytes = RECONSTRUCT, inner: bytes = INNER, state: bytes = STATE, *more: bytes
) -> bytes:
    return dill("_create_array", function, inner, state, *more)


def named_tuple(name: str, module: str) -> bytes:
    return dill("_create_namedtuple", text(name), text("a") + b"\x85", text(module), b"N")


HONEST = {
    "array": array(),
    "array without attributes": array(RECONSTRUCT, INNER, STATE, b"N"),
    "range": dill("_eval_repr", text("range(0, -3, 2)")),
    "type": dill("_load_type", text("slice")) + b"K\x00K\x01\x86R",
    "named tuple of a library": named_tuple("Hyperparameter", "sklearn.gaussian_process.kernels"),
}
ATTACKS = {
    "array made by a command": array(SYSTEM, ECHO + b"\x85"),
    "array made by getattr": array(stack_global("builtins", "getattr"), NDARRAY + text("dump") + b"\x86"),
    "array of another class": array(RECONSTRUCT, b"(" + stack_global("os", "PathLike") + b")C\x01bt"),
    "array with an armed state": array(RECONSTRUCT, INNER, b"(K\x01" + SYSTEM + b"t"),
    "array with a method": array(RECONSTRUCT, INNER, STATE, b"}" + text("__reduce__") + SYSTEM + b"s"),
    "array with a harmless dunder": array(RECONSTRUCT, INNER, STATE, b"}" + text("__setstate__") + b"Ns"),
    "array with attributes from a call": array(RECONSTRUCT, INNER, STATE, SYSTEM + ECHO + b"\x85R"),
    "array whose attributes come later": b"}\x940" + array(RECONSTRUCT, INNER, STATE, b"h\x00")
    + b"0h\x00" + text("__setstate__") + SYSTEM + b"s",
    "state of the array set again": array() + b"}b",
    "array of arrays' maker": array(stack_global("dill._dill", "_create_array"), b")"),
    "maker of arrays handed over": stack_global("functools", "partial")
    + stack_global("dill._dill", "_create_array") + SYSTEM + ECHO + b"\x85\x87R",
    "maker of arrays stored": stack_global("types", "SimpleNamespace") + b")R}" + text("a")
    + stack_global("dill._dill", "_create_array") + b"sb",
    "expression": dill("_eval_repr", text("__import__('os').system('echo x')")),
    "expression after a range": dill("_eval_repr", text("range(0, 3).__class__")),
    "range with a call inside": dill("_eval_repr", text("range(0, len('x'))")),
    "range over two lines": dill("_eval_repr", text("range(0, 3)\n")),
    "range in other digits": dill("_eval_repr", text("range(\u0660, 3)")),
    "range that fills memory": dill("_eval_repr", text("range(0, 999999999999)")),
    "range without steps": dill("_eval_repr", text("range(0, 9, 0)")),
    "expression handed over": stack_global("functools", "partial") + stack_global("dill._dill", "_eval_repr")
    + text("1") + b"\x86R",
    "type of code": dill("_load_type", text("CodeType")),
    "type of functions": dill("_load_type", text("FunctionType")),
    "type of types": dill("_load_type", text("type")) + text("X") + b")}\x87R",
    "type of files": dill("_load_type", text("FileType")),
    "type that calls": dill("_load_type", text("map")),
    "type by a computed name": dill("_load_type", stack_global("builtins", "str") + text("int") + b"\x85R"),
    "module": dill("_import_module", text("os.system")) + ECHO + b"\x85R",
    "attribute": dill("_get_attr", stack_global("dill._dill", "dill"), text("source")),
    "named tuple that is a command": named_tuple("system", "os") + ECHO + b"\x85R",
    "named tuple of an unknown module": named_tuple("helper", "some.library"),
    "named tuple below a class": named_tuple("b.c", "a"),
    "opened file": dill("_create_filehandle", text("x"), text("r"), b"K\x00", b"\x89", b"N", b"\x89", b"N", b"N"),
    "capsule": dill("_create_capsule", b"K\x01", b"N", b"N", b"N"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_twin_is_quiet(name: str) -> None:
    found = scan(P4 + HONEST[name] + b".")
    assert found.outcome is Outcome.CLEAN, found


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_through_dill_is_found(name: str) -> None:
    assert worst(P4 + ATTACKS[name] + b".") >= Severity.HIGH
