"""A second stage: pickles that stand behind padding, and pickles inside plain values of any kind."""

import base64
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    archive,
    rules,
    safetensors,
    scan,
    stack_global,
    text,
    torch_zip,
    worst,
)
from weightmark.scanners.scan import Limits, Outcome, Severity
from weightmark.scanners.tree import scan_tree

P4, P5 = b"\x80\x04", b"\x80\x05"
HONEST = b"\x80\x04}."
NEWER = P4 + stack_global("os", "system") + text("echo x") + b"\x85R."
UNKNOWN = P4 + stack_global("some.library", "call") + b")R."


def in_bytes(data: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(data)) + data


def in_text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def in_list(value: bytes) -> bytes:
    return P4 + b"]" + value + b"a."


def npy(data: bytes) -> bytes:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d,), }\n" % len(data)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def tensor(data: bytes) -> bytes:
    entry = {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}
    return safetensors({"w": entry}, data)


def metadata(value: str) -> bytes:
    return safetensors({"__metadata__": {"note": value}})


BEHIND: dict[str, Callable[[bytes], bytes]] = {
    "zeros": lambda data: HONEST + bytes(512) + data,
    "millions of zeros": lambda data: HONEST + bytes(3_000_000) + data,
    "zeros after each of several": lambda data: (HONEST + bytes(9)) * 30 + data,
    "junk": lambda data: HONEST + b"\xff" * 700 + data,
    "text": lambda data: HONEST + b"a note, and more\n" * 50 + data,
    "junk between several": lambda data: (STATE_DICT + b"\xff\xff") * 20 + data,
    "a block's edge": lambda data: HONEST + b"\xff" * ((1 << 20) - 9) + data,
}


@pytest.mark.parametrize("payload", [EVIL, NEWER], ids=["protocol 0", "protocol 4"])
@pytest.mark.parametrize("case", BEHIND)
def test_a_pickle_behind_a_pickle_is_found_whatever_stands_between(
    case: str, payload: bytes
) -> None:
    assert worst(BEHIND[case](payload)) is Severity.CRITICAL


CARRIED: dict[str, bytes] = {
    "bytes in a list": in_list(in_bytes(NEWER)),
    "short bytes": in_list(b"C" + bytes([len(NEWER)]) + NEWER),
    "bytes of protocol 0": in_list(in_bytes(EVIL)),
    "bytes in a dict": P4 + b"}" + text("stage") + in_bytes(NEWER) + b"s.",
    "a bytearray": P5 + b"\x96" + struct.pack("<Q", len(NEWER)) + NEWER + b".",
    "an attribute": P4
    + stack_global("sklearn.linear_model._base", "LinearRegression")
    + b")\x81}"
    + text("coef_")
    + in_bytes(NEWER)
    + b"sb.",
    "bytes with more behind": in_list(in_bytes(NEWER + b"\xff" * 40)),
    "the second of two in bytes": in_list(in_bytes(HONEST + NEWER)),
    "a text of protocol 0": in_list(in_text(EVIL.decode())),
    "characters for bytes": in_list(in_text(NEWER.decode("latin-1"))),
    "base64": in_list(in_text(base64.b64encode(NEWER).decode())),
    "base64 in lines": in_list(in_text(base64.encodebytes(NEWER * 9).decode())),
    "base64 for addresses": in_list(in_text(base64.urlsafe_b64encode(NEWER).decode())),
    "long base64": in_list(in_text(base64.b64encode(NEWER + bytes(2000)).decode())),
    "hexadecimal digits": in_list(in_text(NEWER.hex())),
    "a string of Python 2": in_list(b"U" + bytes([len(NEWER)]) + NEWER),
    "a line of base64": b"(lS'" + base64.b64encode(NEWER) + b"'\na.",
    "a line with escapes": b"(lS" + repr(EVIL.decode()).encode() + b"\na.",
    "a line of Unicode": b"(lV" + base64.b64encode(NEWER) + b"\na.",
    "a zip in bytes": in_list(in_bytes(torch_zip(EVIL))),
    "an unknown function": in_list(in_bytes(UNKNOWN)),
    "bytes in bytes": in_list(in_bytes(in_list(in_bytes(NEWER)))),
    "a tensor of safetensors": tensor(NEWER),
    "an old pickle as a tensor": tensor(EVIL),
    "base64 in the metadata": metadata(base64.b64encode(NEWER).decode()),
    "a pickle in the metadata": metadata(EVIL.decode()),
    "an array of numbers": npy(NEWER),
    "bytes before a break": in_list(in_bytes(NEWER))[:-1] + b"\xff",
}


@pytest.mark.parametrize("case", CARRIED)
def test_a_pickle_inside_a_value_is_judged_like_any_other(case: str) -> None:
    assert worst(CARRIED[case]) >= Severity.HIGH, scan(CARRIED[case])


def test_a_tensor_in_a_zip_that_is_a_pickle_is_found() -> None:
    from tests.attacks.scan_builders import Member

    data = archive(Member(b"a/data.pkl", STATE_DICT), Member(b"a/data/0", NEWER))
    assert worst(data) is Severity.CRITICAL


@pytest.mark.parametrize(
    "value",
    [
        b"\x80\x04" + bytes(range(200)),
        b"\x80\x02\x8a\x0f" + bytes(300),
        b"cos\nsin\ntan\nlog\nexp\n",
        b"(category\nname\nitem)\n" * 20,
        b"import os\nos.system('echo x')\n",
        pickle.dumps({"plain": [1, 2.5, "text"], "more": (None, True)}, 4),
        pickle.dumps(list(range(50)), 0),
        pickle.dumps(b"bytes" * 30, 2),
    ],
)
def test_honest_values_that_begin_like_a_pickle_are_quiet(value: bytes) -> None:
    held = in_list(in_bytes(value))
    assert scan(held).outcome is Outcome.CLEAN, scan(held)
    letters = in_list(in_text(base64.b64encode(value).decode()))
    assert scan(letters).outcome is Outcome.CLEAN, scan(letters)


def test_words_and_paths_that_look_like_base64_are_quiet() -> None:
    for word in ("gASV" * 20, "models/checkpoints/epoch_0012/weights", "a" * 90, "80049" * 17):
        assert scan(in_list(in_text(word))).outcome is Outcome.CLEAN, word


@given(st.binary(min_size=20, max_size=400))
def test_no_bytes_in_a_value_make_a_scan_fail(data: bytes) -> None:
    for head in (b"", b"\x80\x04", b"cos\nsystem\n", b"\x8c\x02os"):
        scan(in_list(in_bytes(head + data)))
        scan(in_list(in_text(base64.b64encode(head + data).decode())))


@given(st.binary(max_size=600))
def test_chance_behind_a_pickle_is_no_pickle(data: bytes) -> None:
    """Only names that could be imported and are used count; programs have rules of their own."""
    found = scan(HONEST + b"\xff\xff" + data)
    pickled = [finding for finding in found.findings if finding.rule.startswith("PKL")]
    assert all(finding.severity <= Severity.LOW for finding in pickled), found


@pytest.mark.parametrize("payload", [EVIL, NEWER], ids=["protocol 0", "protocol 4"])
def test_a_pickle_behind_raw_weights_is_found(payload: bytes) -> None:
    numbers = struct.pack("<3000f", *(0.5 + index / 7 for index in range(3000)))
    assert worst(numbers + payload) is Severity.CRITICAL
    assert worst(numbers + payload + numbers) is Severity.CRITICAL
    assert scan(numbers).outcome is Outcome.UNSUPPORTED
    assert not scan(numbers).findings


def test_a_rest_that_is_too_long_to_search_is_never_clean() -> None:
    found = scan(HONEST + b"\xff" * 4096 + NEWER, Limits(gaps=1024))
    assert any("gaps" in problem for problem in found.problems), found


def test_pickles_in_bytes_nested_too_deep_are_never_clean() -> None:
    data = NEWER
    for _ in range(12):
        data = in_list(in_bytes(data))
    assert scan(data).outcome is not Outcome.CLEAN


def test_a_finding_says_where_the_value_stands() -> None:
    found = scan(in_list(in_bytes(NEWER)))
    assert [finding.member for finding in found.findings] == ["bytes at 8"]
    assert rules(in_list(in_bytes(NEWER))) == {"PKL001"}


def test_a_few_opcodes_that_chance_wrote_into_numbers_are_no_pickle(tmp_path: Path) -> None:
    by_chance = b"\x80\x04NQ)\x81."
    noise = bytes(range(256)) * 64
    (tmp_path / "model.bin").write_bytes(noise + by_chance + noise)
    assert not scan_tree(tmp_path).report.findings
