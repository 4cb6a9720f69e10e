"""GGUF files whose header lies, and whose chat templates reach beyond their data."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.model_builders import gguf, gguf_pair, gguf_tensor, gguf_text
from tests.attacks.scan_builders import EVIL, rules, scan, torch_zip
from weightmark.errors import Exit
from weightmark.scanners.scan import Limits, Outcome, ScanReport, Severity

REACHING = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
HONEST = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
PLAIN = gguf_pair("general.name", 8, gguf_text("x"))
HUGE = 1 << 62


def template(text: str, key: str = "tokenizer.chat_template") -> bytes:
    return gguf_pair(key, 8, gguf_text(text))


def array(kind: int, count: int, content: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + content


TEMPLATES = {
    "the template": gguf([template(REACHING)]),
    "a named one": gguf([template(HONEST), template(REACHING, "tokenizer.chat_template.tool_use")]),
    "in pieces": gguf([template("{{ ''['__cla' ~ 'ss__'] }}")]),
    "the second of two": gguf([template(HONEST), template(REACHING)]),
    "the first of two": gguf([template(REACHING), template(HONEST)]),
    "in a list": gguf([gguf_pair("tokenizer.chat_template", 9, array(8, 1, gguf_text(REACHING)))]),
    "behind a large vocabulary": gguf(
        [
            gguf_pair("tokenizer.ggml.tokens", 9, array(8, 20_000, gguf_text("word") * 20_000)),
            template(REACHING),
        ]
    ),
    "behind nested lists": gguf(
        [gguf_pair("a", 9, array(9, 1, array(8, 1, gguf_text("x")))), template(REACHING)]
    ),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_template_that_reaches_beyond_its_data(case: str) -> None:
    assert {"TPL001", "TPL003"} & rules(TEMPLATES[case]), scan(TEMPLATES[case])


LIES = {
    "more keys than bytes": gguf(counts=(0, HUGE)),
    "more tensors than bytes": gguf(counts=(HUGE, 0)),
    "a count that wraps": gguf(counts=((1 << 64) - 1, 1)),
    "a text longer than the file": gguf([struct.pack("<Q", HUGE) + b"key"]),
    "a value longer than the file": gguf([gguf_pair("k", 8, struct.pack("<Q", HUGE))]),
    "an array longer than the file": gguf([gguf_pair("k", 9, array(8, HUGE, b""))]),
    "an array of numbers that wraps": gguf([gguf_pair("k", 9, array(10, HUGE, b""))]),
    "a type that does not exist": gguf([gguf_pair("k", 77, bytes(8))]),
    "elements that wrap": gguf([PLAIN], [gguf_tensor("t", (1 << 32, 1 << 32, 4))]),
    "a negative dimension": gguf([PLAIN], [gguf_tensor("t", ((1 << 64) - 1, 1))]),
    "too many dimensions": gguf([PLAIN], [gguf_tensor("t", (1,) * 9)]),
    "an offset that is not aligned": gguf([PLAIN], [gguf_tensor("t", (4,), offset=7)]),
    "an alignment of zero": gguf([gguf_pair("general.alignment", 4, bytes(4))]),
    "an alignment of three": gguf([gguf_pair("general.alignment", 4, struct.pack("<I", 3))]),
    "a part behind the last one": gguf(
        [
            gguf_pair("split.no", 2, struct.pack("<H", 3)),
            gguf_pair("split.count", 2, struct.pack("<H", 3)),
        ]
    ),
    "a part of none": gguf([gguf_pair("split.no", 2, struct.pack("<H", 0))]),
    "a part that is no number": gguf(
        [
            gguf_pair("split.no", 8, gguf_text("0")),
            gguf_pair("split.count", 2, struct.pack("<H", 3)),
        ]
    ),
    "half a block": gguf([PLAIN], [gguf_tensor("t", (33,), 8)], bytes(64)),
}


@pytest.mark.parametrize("case", LIES)
def test_header_that_lies(case: str) -> None:
    found = scan(LIES[case])
    assert "GGF001" in {finding.rule for finding in found.findings}, found
    assert found.problems or "part" in case


def test_a_part_of_a_split_model_is_judged_like_a_whole_one() -> None:
    part = [
        gguf_pair("split.no", 2, struct.pack("<H", 1)),
        gguf_pair("split.count", 2, struct.pack("<H", 3)),
    ]
    assert scan(gguf(part)).outcome is Outcome.CLEAN
    assert "TPL001" in rules(gguf([*part, template(REACHING)]))


def test_tensors_that_overlap() -> None:
    tensors = [gguf_tensor("a", (16,)), gguf_tensor("b", (16,), offset=32)]
    assert "GGF003" in rules(gguf([PLAIN], tensors, bytes(96)))


def test_keys_that_repeat_and_bytes_that_follow() -> None:
    assert "GGF002" in rules(gguf([PLAIN, PLAIN]))
    assert "GGF004" in rules(gguf([PLAIN], [gguf_tensor("a", (8,))], bytes(32 + 64)))


def test_a_zip_behind_it_is_read_as_well() -> None:
    found = scan(gguf([PLAIN], [gguf_tensor("a", (8,))], bytes(32)) + torch_zip(EVIL))
    assert {"gguf", "torch-zip"} <= set(found.formats)
    assert {"GGF004", "PKL001"} <= {finding.rule for finding in found.findings}


def test_tensor_outside_the_file_is_unchecked_and_not_called_bad() -> None:
    found = scan(gguf([PLAIN], [gguf_tensor("a", (8,))], bytes(8)))
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.UNCHECKED


def test_deep_lists_and_long_lists_are_unchecked() -> None:
    deep = b""
    for _ in range(9):
        deep = array(9, 1, deep) if deep else array(4, 1, bytes(4))
    assert scan(gguf([gguf_pair("k", 9, deep)])).problems
    long = gguf([gguf_pair("k", 9, array(8, 5_000, gguf_text("a") * 5_000))])
    assert scan(long, Limits(fields=1_000)).outcome is Outcome.UNCHECKED
    assert scan(long).outcome is Outcome.CLEAN


def test_unknown_version_is_unsupported() -> None:
    data = bytearray(gguf([PLAIN]))
    data[4] = 9
    assert scan(bytes(data)).outcome is Outcome.UNCHECKED


def test_cut_off_is_never_clean() -> None:
    whole = gguf([PLAIN, template(HONEST)], [gguf_tensor("a", (8,))], bytes(32))
    assert scan(whole).outcome is Outcome.CLEAN
    for size in range(24, len(whole)):
        assert scan(whole[:size]).outcome is not Outcome.CLEAN, size


@given(st.binary(max_size=100), st.integers(0, 200))
def test_any_damage_ends_in_a_result(noise: bytes, at: int) -> None:
    whole = gguf([PLAIN, template(HONEST)], [gguf_tensor("a", (8,))], bytes(32))
    scan(whole[:at] + noise + whole[at + len(noise) :])
