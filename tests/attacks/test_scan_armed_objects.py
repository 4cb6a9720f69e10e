"""Each test arms an object with allowed operations, so that a later allowed one sets it off."""

import pickle
import struct
from argparse import Namespace

import pytest

from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    Member,
    archive,
    rules,
    scan,
    stack_global,
    text,
    worst,
)
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
MYEVAL = stack_global("numpy.f2py.crackfortran", "myeval")
LOADS = stack_global("torch.storage", "_load_from_bytes")
INT = stack_global("builtins", "int")
NAMESPACE = stack_global("types", "SimpleNamespace") + b")R"
ORDERED = stack_global("collections", "OrderedDict") + b")R"
RELU = stack_global("torch.nn.modules.activation", "ReLU") + b")\x81"
LINEAR = stack_global("torch.nn.modules.linear", "Linear") + b")\x81"
PARTIAL = stack_global("functools", "partial")
STR = stack_global("builtins", "str")
CODE = text("echo x")
HIDDEN = b"C" + bytes([len(EVIL)]) + EVIL
ORIGIN = stack_global("torch._utils", "_rebuild_meta_tensor_no_storage")
TENSOR = ORIGIN + b"(" + stack_global("torch", "float32") + b"K\x01\x85K\x01\x85\x89tR"
REBUILD = stack_global("torch._tensor", "_rebuild_from_type_v2")
REBUILD += b"(" + ORIGIN + stack_global("torch", "Tensor")
REBUILD += b"(" + stack_global("torch", "float32") + b"K\x01\x85K\x01\x85\x89t"
FILLED_PARTIAL = PARTIAL + INT + b"\x85R(" + LOADS + HIDDEN + b"\x85}Ntb"


def with_state(target: bytes, key: bytes, value: bytes) -> bytes:
    return target + b"}" + key + value + b"sb"


ARMED = {
    "setstate is an unknown function": with_state(NAMESPACE, text("__setstate__"), MYEVAL) + CODE + b"b.",
    "setstate loads bytes": with_state(NAMESPACE, text("__setstate__"), LOADS) + HIDDEN + b"b.",
    "setstate of a module": with_state(RELU, text("__setstate__"), LOADS) + HIDDEN + b"b.",
    "setstate in slots": NAMESPACE + b"N}" + text("__setstate__") + LOADS + b"s\x86b.",
    "setstate in pairs": LINEAR + b"](" + text("__setstate__") + LOADS + b"\x86eb.",
    "setstate in an ordered dict": LINEAR + ORDERED + text("__setstate__") + INT + b"sb.",
    "setstate under a computed key": with_state(NAMESPACE, STR + text("__setstate__") + b"\x85R", INT) + b".",
    "setstate under a long key": with_state(NAMESPACE, text("__" + "x" * 200), INT) + b".",
    "harmless class as setstate": with_state(NAMESPACE, text("__setstate__"), INT) + b".",
    "loader as an attribute": with_state(NAMESPACE, text("forward"), LOADS) + b".",
    "loader in a list": with_state(NAMESPACE, text("hooks"), b"](" + LOADS + b"e") + b".",
    "loader late in a tuple": with_state(NAMESPACE, text("x"), b"(" + b"N" * 99 + LOADS + b"t") + b".",
    "loader late in a list": with_state(NAMESPACE, text("x"), b"](" + b"N" * 99 + LOADS + b"e") + b".",
    "loader put in afterwards": P4 + b"]\x940" + with_state(NAMESPACE, text("x"), b"h\x00") + b"h\x00" + LOADS + b"a.",
    "state filled afterwards": P4 + b"}\x940" + NAMESPACE + b"h\x00b0h\x00" + text("__class__") + INT + b"s.",
    "bound loader as an attribute": with_state(NAMESPACE, text("x"), PARTIAL + LOADS + b"C\x02N.\x86R") + b".",
    "second state": with_state(with_state(NAMESPACE, text("a"), b"N"), text("b"), b"N") + b".",
    "append on a dict": ORDERED + CODE + b"a.",
    "append on a dict that has it": with_state(ORDERED, text("append"), MYEVAL) + CODE + b"a.",
    "extend on a dict that has it": with_state(ORDERED, text("extend"), INT) + b"(" + CODE + b"e.",
    "items after state": with_state(ORDERED, text("a"), b"N") + CODE + b"Ns.",
    "add on a dict": ORDERED + b"(" + CODE + b"\x90.",
    "set items of a set": stack_global("builtins", "set") + b")R" + CODE + b"Ns.",
    "loader stored in a dict": ORDERED + CODE + LOADS + b"s.",
    "dict of an object": stack_global("builtins", "dict") + NAMESPACE + b"\x85R.",
    "dict of an object with keys": stack_global("builtins", "dict") + with_state(NAMESPACE, text("keys"), FILLED_PARTIAL) + b"\x85R.",
    "list of an object": stack_global("builtins", "list") + NAMESPACE + b"\x85R.",
    "fraction of an object": stack_global("fractions", "Fraction") + NAMESPACE + b"\x85R.",
    "namespace of a mapping": stack_global("types", "SimpleNamespace") + b"}" + text("__setstate__") + INT + b"s\x85R.",
    "partial filled by its state": FILLED_PARTIAL + b".",
    "partial with attributes": PARTIAL + INT + b"\x85R(" + INT + b")N}" + text("__setstate__") + INT + b"stb.",
    "partial with late attributes": P4 + b"}\x940" + PARTIAL + INT + b"\x85R(" + INT + b")Nh\x00tb0h\x00" + CODE + INT + b"s.",
    "computed arguments": stack_global("torch", "Size") + stack_global("builtins", "tuple") + b")RR.",
    "factory that loads": stack_global("collections", "defaultdict") + LOADS + b"\x85R.",
    "factory that is bound": stack_global("collections", "defaultdict") + PARTIAL + INT + b"\x85R\x85R.",
    "armed keywords of new": NAMESPACE[:-2] + b")}" + text("x") + LOADS + b"s\x92.",
    "object with attributes as argument": stack_global("torch", "Size") + with_state(NAMESPACE, text("a"), b"N") + b"\x85R.",
    "state of a parameter under a computed key": stack_global("torch._utils", "_rebuild_parameter_with_state") + b"(" + TENSOR + b"\x89}}" + STR + text("__setstate__") + b"\x85R" + INT + b"stR.",
    "dunder in the state of a rebuilt tensor": REBUILD + b"}" + text("__class__") + INT + b"stR.",
    "rebuild of a rebuild": REBUILD.replace(ORIGIN, stack_global("torch._tensor", "_rebuild_from_type_v2")) + b"}tR.",
    "reconstructor with an object as base": stack_global("copyreg", "_reconstructor") + b"(" + INT + with_state(NAMESPACE, text("a"), b"N") + b"NtR.",
    "reconstructor with a base that is not built in": stack_global("copyreg", "_reconstructor") + b"(" + INT + stack_global("types", "SimpleNamespace") + b"NtR.",
    "reconstructor with an object as state": stack_global("copyreg", "_reconstructor") + b"(" + INT + INT + NAMESPACE + b"tR.",
    "generator with a loader": stack_global("numpy.random._pickle", "__generator_ctor") + HIDDEN + LOADS + b"\x86R.",
    "generator of encoded text with a loader": stack_global("numpy.random._pickle", "__generator_ctor") + stack_global("_codecs", "encode") + CODE + b"\x85R" + LOADS + b"\x86R.",
}  # fmt: skip


@pytest.mark.parametrize("case", ARMED)
def test_armed_object_is_never_clean(case: str) -> None:
    data = ARMED[case] if ARMED[case].startswith(P4) else P4 + ARMED[case]
    assert worst(data) >= Severity.HIGH, scan(data)
    assert "PKL012" not in rules(data), "the test's own pickle breaks off"


def _encoded(value: str, *words: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    arguments = b"X" + struct.pack("<I", len(raw)) + raw + b"".join(map(text, words))
    return P4 + LOADS + stack_global("_codecs", "encode") + b"(" + arguments + b"tR\x85R."


@pytest.mark.parametrize("filler", [1, 300])
def test_nested_text_is_read_with_the_codec_that_encoded_it(filler: int) -> None:
    """Read as Latin-1, the first byte string ends elsewhere and hides the call behind it."""
    core = EVIL[:-1].decode() + "0" + "N0" * (filler - 1)
    value = "B" + struct.pack("<I", 2 * 60).decode() + "é" * 60 + core + "N."
    assert worst(_encoded(value, "utf-8")) == Severity.CRITICAL
    assert worst(_encoded(value)) == Severity.CRITICAL
    assert worst(_encoded("N.", "latin1")) == Severity.INFO


@pytest.mark.parametrize(
    "data",
    [
        _encoded("é.", "ascii"), _encoded("\u4e2d" * 300, "latin1"), _encoded("\udc80", "utf-8"),
        _encoded("N.", "utf-7"), _encoded("N.", "utf-8", "ignore"),
    ],
)  # fmt: skip
def test_text_that_its_codec_cannot_encode_is_a_finding(data: bytes) -> None:
    assert "PKL016" in rules(data)


def test_memo_entries_stored_out_of_order_are_kept() -> None:
    call = b"(S'echo x'\ntR."
    assert "PKL001" in rules(b"cos\nsystem\np1\n0Np0\n0g1\n" + call)
    assert "PKL001" in rules(b"cos\nsystem\np2\n0Np1\n0Np0\n0g2\n" + call)


DATA = b"archive/data.pkl"


def test_content_that_only_the_local_header_gives() -> None:
    data = bytearray(archive(Member(DATA, EVIL, method=8)))
    central = data.index(b"PK\x01\x02")
    data[central + 10 : central + 12] = b"\0\0"
    assert worst(bytes(data)) == Severity.CRITICAL


def test_directory_at_its_offset_and_directory_at_the_end_are_both_read() -> None:
    """Python reads the directory that ends the archive, miniz the one that the offset names."""
    evil = bytearray(archive(Member(DATA, EVIL, method=8)))
    evil[8:10] = b"\0\0"
    start, end = evil.index(b"PK\x01\x02"), evil.index(b"PK\x05\x06")
    good = archive(Member(DATA, STATE_DICT), prefix=bytes(evil[:end]))
    good_start, good_end = good.rindex(b"PK\x01\x02"), good.rindex(b"PK\x05\x06")
    record = bytearray(good[good_end:])
    record[16:20] = start.to_bytes(4, "little")
    data = good[:good_start] + good[good_start:good_end] + bytes(record)
    assert "ZIP009" in rules(data)
    assert worst(data) == Severity.CRITICAL


@pytest.mark.parametrize("protocol", range(6))
def test_honest_namespace_is_quiet(protocol: int) -> None:
    value = Namespace(lr=0.1, layers=[1, 2], kind=int, nested={"__init__": 3})
    assert scan(pickle.dumps(value, protocol)).outcome is Outcome.CLEAN


def test_honest_dict_of_over_a_million_entries_is_within_the_limits() -> None:
    value = {f"word {number}": number for number in range(1_200_000)}
    assert scan(pickle.dumps(value, 4)).outcome is Outcome.CLEAN


HONEST_ARRAYS = {
    "matrix": stack_global("numpy._core.multiarray", "_reconstruct") + stack_global("numpy", "matrix"),
    "masked": stack_global("numpy.ma.core", "_mareconstruct") + stack_global("numpy.ma", "MaskedArray") + stack_global("numpy", "ndarray"),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST_ARRAYS)
def test_honest_kinds_of_arrays_are_quiet(case: str) -> None:
    data = P4 + HONEST_ARRAYS[case].replace(b"\x93", b"\x93(", 1) + b"K\0\x85C\x01btR"
    data += b"(K\x01K\x01\x85N\x89C\x01xtb."
    assert scan(data).outcome is Outcome.CLEAN, scan(data)


def test_honest_packed_sequence_is_quiet() -> None:
    sequence = stack_global("torch.nn.utils.rnn", "PackedSequence")
    data = P4 + sequence + b"(" + TENSOR + TENSOR + b"NNt\x81."
    assert scan(data).outcome is Outcome.CLEAN
