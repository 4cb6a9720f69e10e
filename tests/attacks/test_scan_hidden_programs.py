"""Programs behind and among numbers, lengths that no file has, and scripts that run what they fetch."""

import struct

import pytest

from tests.attacks import model_builders as build
from tests.attacks.scan_builders import EVIL, Member, archive, safetensors, scan
from tests.fuzz.scan_seeds import packed
from weightmark.errors import Exit
from weightmark.scanners.findings import Outcome
from weightmark.scanners.scan import FileScan, ScanReport, Severity

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
MACHO = b"\xcf\xfa\xed\xfe\x07\0\0\1\3\0\0\0\2\0\0\0" + bytes(16)
ARM_MACHO = b"\xcf\xfa\xed\xfe\x0c\0\0\1" + bytes(24)
FAT = b"\xca\xfe\xba\xbe" + struct.pack(">IIIIII", 1, 0x01000007, 3, 64, 32, 6) + bytes(36) + MACHO
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(20)
PROGRAMS = {"elf": ELF, "mach-o": MACHO, "mach-o of arm": ARM_MACHO, "fat": FAT, "pe": PE}
BYTES = {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}


def refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def gguf(kind: int, size: int, start: int, data: bytes) -> bytes:
    """Return a file with one tensor."""
    entry = build.gguf_text("w") + struct.pack("<IQIQ", 1, size, kind, start)
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + entry
    return head + bytes(-len(head) % 32) + data


def model_before(rest: bytes) -> dict[str, bytes]:
    npy = b"\x93NUMPY\x01\x00\x37\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}1"
    return {
        "gguf": gguf(0, 8, 0, bytes(32)) + rest,
        "npy": npy + rest,
        "safetensors": safetensors({"w": BYTES}, bytes(64) + rest),
    }


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("before", ["gguf", "npy", "safetensors"])
def test_program_behind_the_numbers_is_found(program: str, before: str) -> None:
    for padding in (b"", bytes(5000), b"junk!"):
        found = scan(model_before(padding + PROGRAMS[program])[before])
        assert "EXE005" in {one.rule for one in found.findings}, found
        assert refused(found)


@pytest.mark.parametrize("before", ["gguf", "npy", "safetensors"])
@pytest.mark.parametrize(
    "rest", [b"#!/bin/sh\necho x\n", bytes(300) + EVIL], ids=["script", "pickle"]
)
def test_script_or_pickle_behind_the_numbers_is_found(before: str, rest: bytes) -> None:
    assert refused(scan(model_before(rest)[before]))


@pytest.mark.parametrize("before", ["gguf", "npy"])
def test_padding_behind_the_numbers_is_no_program(before: str) -> None:
    found = scan(model_before(bytes(256))[before])
    assert not refused(found)
    assert not found.problems


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "name", ["m.gguf", "m.safetensors", "pytorch_model.bin", "archive.zip!archive/data/0"]
)
def test_program_under_the_name_of_a_model_is_found(program: str, name: str) -> None:
    assert refused(scan(PROGRAMS[program], name=name))


@pytest.mark.parametrize(
    "model",
    ["keras-dense.h5", "flax_model.msgpack", "catboost.cbm", "keras-dense.keras", "xgboost.ubj"],
)
def test_program_behind_a_model_of_a_library_is_found(model: str) -> None:
    data = packed("models.zip")[model]
    assert not refused(scan(data, name=model))
    assert refused(scan(data + bytes(40) + ELF, name=model))


def test_program_as_a_tensor_is_found() -> None:
    assert refused(scan(safetensors({"w": BYTES}, ELF)))
    assert refused(scan(gguf(24, 64, 0, ELF)))


def test_pickle_as_a_tensor_of_bytes_is_found() -> None:
    assert refused(scan(gguf(24, 64, 0, (b"\x80\x02" + EVIL).ljust(64, b"\0"))))


def entry(**changed: object) -> bytes:
    return safetensors({"w": {**BYTES, **changed}}, bytes(64))


LIES: dict[str, bytes] = {
    "safetensors header of exabytes": struct.pack("<Q", 1 << 62) + b'{"w": {}}',
    "safetensors header that ends long before": struct.pack("<Q", 5000) + b'{"w":{}}' + bytes(100),
    "safetensors tensor of exabytes": entry(shape=[1 << 60], data_offsets=[0, 1 << 60]),
    "safetensors type of objects": entry(dtype="O"),
    "safetensors metadata of numbers": safetensors({"__metadata__": {"a": 1}, "w": BYTES}, bytes(64)),
    "gguf tensor at the end of all numbers": gguf(0, 8, 1 << 63, bytes(64)),
    "gguf tensor with a gap before it": gguf(0, 8, 4096, bytes(8192)),
    "gguf arrays without end": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + build.gguf_text("x")
    + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 3000 + struct.pack("<IQ", 4, 0),
    "tflite without a first table": struct.pack("<I", 0x7FFFFF00) + b"TFL3" + bytes(40),
    "openvino constant behind all files": b'<net name="n" version="11"><layers><layer id="0" name="c" type="Const" version="opset1"><data element_type="f32" shape="4" offset="18446744073709551600" size="4096"/></layer></layers></net>',
    "openvino constant at a negative place": b'<net name="n" version="11"><layers><layer id="0" name="c" type="Const" version="opset1"><data offset="-8" size="8"/></layer></layers></net>',
}  # fmt: skip


@pytest.mark.parametrize("case", LIES)
def test_length_that_no_file_has_is_a_finding(case: str) -> None:
    assert refused(scan(LIES[case])), scan(LIES[case])


@pytest.mark.parametrize(
    ("case", "rule"),
    [
        ("safetensors header of exabytes", "STF009"),
        ("safetensors header that ends long before", "STF010"),
        ("openvino constant behind all files", "XML007"),
    ],
)
def test_lie_is_told_by_its_rule(case: str, rule: str) -> None:
    assert rule in {one.rule for one in scan(LIES[case]).findings}


CUT: dict[str, bytes] = {
    "safetensors without its last numbers": entry()[:-10],
    "safetensors without the end of its header": entry()[:40],
    "gguf without its last numbers": gguf(0, 1 << 20, 0, bytes(64)),
}


@pytest.mark.parametrize("case", CUT)
def test_file_that_is_cut_off_is_unchecked_and_no_lie(case: str) -> None:
    found = scan(CUT[case])
    assert found.problems
    assert not refused(found), found
    assert found.outcome is not Outcome.CLEAN


def test_core_ml_link_without_a_description_is_followed() -> None:
    def sized(number: int, content: bytes) -> bytes:
        return build.sized(number, content)

    linked = sized(556, sized(1, sized(1, sized(1, b"../../x.mlmodelc"))))
    assert refused(scan(b"\x08\x04" + linked, name="x.mlmodel"))


@pytest.mark.parametrize("entry", [b"__main__.py", b"__main__.pyc"])
@pytest.mark.parametrize("name", ["model.bin", "weights.pt", "model.npz"])
def test_archive_that_python_runs_has_no_model_s_name(entry: bytes, name: str) -> None:
    found = scan(archive(Member(entry, b"x = 1\n"), Member(b"data.txt", b"numbers")), name=name)
    assert "EXE003" in {one.rule for one in found.findings}, found
    assert refused(found)


def test_archive_of_programs_under_its_own_name_is_a_program() -> None:
    found = scan(archive(Member(b"__main__.py", b"x = 1\n")), name="tool.pyz")
    assert {one.rule for one in found.findings} == {"EXE002"}


def test_a_package_with_an_entry_point_of_its_own_is_no_program() -> None:
    found = scan(archive(Member(b"pkg/__main__.py", b"x = 1\n")), name="model.bin")
    assert not {one.rule for one in found.findings} & {"EXE002", "EXE003"}
