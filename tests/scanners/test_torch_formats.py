"""Torch's own formats: honest files of the real library, and files that lie about their parts."""

import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.attacks.model_builders import flat_table, flat_vector
from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, rules, scan, torch_zip
from weightmark.scanners.formats.torchscript import judge_source
from weightmark.scanners.scan import Outcome

with zipfile.ZipFile(Path(__file__).parents[1] / "assets" / "torch_formats.zip") as _assets:
    HONEST = {name: _assets.read(name) for name in _assets.namelist()}
WORDS = {"zip": "torch-zip", "legacy": "torch-legacy", "script": "torchscript"}


@pytest.mark.parametrize("name", HONEST)
def test_what_torch_writes_is_clean_and_known(name: str) -> None:
    found = scan(HONEST[name])
    assert found.outcome is Outcome.CLEAN, found
    assert WORDS[name.split(".")[1]] in found.formats


LEGACY = HONEST["views.legacy.pt"]
MANY = HONEST["many.legacy.pt"]


@pytest.mark.parametrize("data", [LEGACY[:-1], LEGACY[:-30], MANY[:-9], MANY[:-200]])
def test_cut_legacy_numbers_are_never_clean(data: bytes) -> None:
    assert scan(data).outcome is not Outcome.CLEAN


@pytest.mark.parametrize("more", [b"x", bytes(100), b"trailing"])
def test_bytes_after_legacy_numbers_are_told(more: bytes) -> None:
    assert "PKL013" in rules(LEGACY + more)


def test_pickle_or_archive_after_legacy_numbers_is_found() -> None:
    for hidden in (EVIL, torch_zip(EVIL)):
        assert "PKL001" in rules(LEGACY + hidden)


def test_legacy_count_that_lies_is_told() -> None:
    at = len(LEGACY) - 12 * 4 - 8
    data = LEGACY[:at] + struct.pack("<q", 11) + LEGACY[at + 8 :]
    assert "PKL020" in rules(data)


def repacked(data: bytes, changes: dict[str, bytes | None]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = changes.get(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    return out.getvalue()


VIEWS = HONEST["views.zip.pt"]
STORAGE = next(
    name for name in zipfile.ZipFile(BytesIO(VIEWS)).namelist() if name.endswith("/data/0")
)


@pytest.mark.parametrize("content", [None, b"", bytes(47)])
def test_zip_storage_that_is_missing_or_short_is_told(content: bytes | None) -> None:
    assert "PKL020" in rules(repacked(VIEWS, {STORAGE: content}))
    assert "PKL020" not in rules(repacked(VIEWS, {STORAGE: bytes(48)}))


def test_storage_named_with_two_lengths_is_told() -> None:
    def load(count: int) -> bytes:
        return b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuK" + bytes([count]) + b"tQ"

    pickled = b"\x80\x02" + load(2) + b"0" + load(200) + b"."
    assert "PKL020" in rules(torch_zip(pickled, Member(b"archive/data/0", bytes(800))))


@pytest.mark.parametrize(
    "note",
    [
        b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cput",
        b"(U\x07storagectorch\nFloatStorage\nK\x00U\x03cpuK\x01t",
        b"(U\x07storagectorch\nFloatStorage\nU\x010U\x03cpuU\x011t",
        b"(U\x07storagecos\nsystem\nU\x010U\x03cpuK\x01t",
        b"(U\x06objectctorch\nFloatStorage\nU\x010U\x03cpuK\x01t",
        b"K\x01",
        b"]",
    ],
)
def test_persistent_id_that_is_no_storage(note: bytes) -> None:
    assert "PKL010" in rules(torch_zip(b"\x80\x02" + note + b"Q."))


SCRIPT = HONEST["branching.script.pt"]
SOURCE = next(
    name
    for name in zipfile.ZipFile(BytesIO(SCRIPT)).namelist()
    if name.endswith(".py") and b"Branching" in zipfile.ZipFile(BytesIO(SCRIPT)).read(name)
)


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("torch.from_file('/etc/passwd', False, 10)", "TSC002"),
        ("torch . save ( x, '/tmp/x')", "TSC002"),
        ("ops.aten.from_file('/etc/passwd')", "TSC002"),
        ("ops.aten.save(x, '/tmp/x')", "TSC002"),
        ("ops.shell.run('echo x')", "TSC003"),
        ("y = 'text'; torch.load('x')", "TSC002"),
    ],
)
def test_torchscript_that_reaches_beyond_tensors(code: str, rule: str) -> None:
    assert rule in rules(repacked(SCRIPT, {SOURCE: f"def forward(self):\n  {code}\n".encode()}))


def test_text_and_comments_of_torchscript_call_nothing() -> None:
    assert not list(judge_source('x = \'torch.load(1)\' # ops.shell.run()\ny = "torch.save(\\""\n'))
    assert not list(judge_source("torch.add(x, y)\nops.quantized.linear(x)\nself.load(x)"))


def test_evil_pickle_in_torchscript_constants_is_found() -> None:
    name = next(n for n in zipfile.ZipFile(BytesIO(SCRIPT)).namelist() if "constants.pkl" in n)
    assert "PKL001" in rules(repacked(SCRIPT, {name: EVIL}))


def mar(manifest: bytes, *more: Member) -> bytes:
    return archive(Member(b"MAR-INF/MANIFEST.json", manifest), Member(b"m.pt", STATE_DICT), *more)


@pytest.mark.parametrize(
    ("manifest", "rule"),
    [
        (b'{"model": {"handler": "handler.py"}}', "MAR001"),
        (b'{"model": {"handler": "text_classifier.py"}}', "MAR001"),
        (b'{"model": {"modelFile": "model.py", "handler": "image_classifier"}}', "MAR001"),
        (b'{"model": {"handler": "../../x"}}', "MAR002"),
        (b'{"model": {"serializedFile": "/etc/passwd"}}', "MAR002"),
        (b'{"model": {"serializedFile": "..\\\\x.pt"}}', "MAR002"),
        (b'{"model": {"requirementsFile": "requirements.txt"}}', "MAR003"),
        (b'{"model": {"handler": ["x"]}}', "MAR004"),
        (b'{"model": {"handler": "image_classifier"}, "model": {}}', "MAR004"),
        (b"not json", "MAR004"),
    ],
)
def test_torchserve_archive_that_brings_code(manifest: bytes, rule: str) -> None:
    found = scan(mar(manifest))
    assert rule in {finding.rule for finding in found.findings}, found


def test_torchserve_archive_with_a_handler_of_the_server_is_clean() -> None:
    data = mar(b'{"model": {"handler": "image_classifier", "serializedFile": "m.pt"}}')
    assert scan(data).outcome is Outcome.CLEAN
    assert "PKL001" in rules(mar(b"{}", Member(b"x.bin", EVIL)))


def executorch(*, program: int = 200, segments: int = 256, length: int = 100, rest: bytes = bytes(156)) -> bytes:  # fmt: skip
    root = flat_table({})
    head = struct.pack(
        "<I4s4sIQQQ", 36 + len(root), b"ET12", b"eh00", 32, program, segments, length
    )
    return (head + root).ljust(200, b"\0") + rest


def named(name: str) -> bytes:
    """A table whose first field is a text."""
    raw = name.encode()
    return (
        flat_table({0: struct.pack("<I", 4)})
        + struct.pack("<I", len(raw))
        + raw
        + bytes(-len(raw) % 4)
    )


def executorch_plan(operators: list[str], backends: list[str]) -> bytes:
    """A program of one plan, whose parts follow each other."""
    first, second = (flat_vector([named(one) for one in names]) for names in (operators, backends))
    ends = {6: struct.pack("<I", 8), 7: struct.pack("<I", 4 + len(first))}
    root = flat_table({1: struct.pack("<I", 4)})
    return (
        struct.pack("<I4s", len(root), b"ET12")
        + root
        + flat_vector([flat_table(ends) + first + second])
    )


def test_executorch_operators_and_backends_of_its_own_are_quiet() -> None:
    data = executorch_plan(["aten::add", "dim_order_ops::_clone_dim_order"], ["XnnpackBackend"])
    assert rules(data) == {"ETX002"}


@pytest.mark.parametrize("parts", [(["my::op"], []), ([], ["MyBackend"]), (["aten::add", "x\0y"], ["XnnpackBackend"]), (["atenx::add"], [])])  # fmt: skip
def test_executorch_operators_and_backends_of_somebody_else_are_told(
    parts: tuple[list[str], list[str]],
) -> None:
    found = scan(executorch_plan(*parts))
    assert {finding.rule for finding in found.findings} == {"ETX002", "ETX003"}
    assert all(finding.detail.isprintable() for finding in found.findings)


def test_executorch_program_that_is_no_program_is_unchecked() -> None:
    data = executorch_plan(["aten::add"], [])
    for end in range(9, len(data) - 4):
        assert scan(data[:end]).outcome is not Outcome.CLEAN, end


def test_executorch_program_with_an_honest_header_is_clean() -> None:
    for data in (executorch(), executorch(segments=0, length=0, rest=b"")):
        found = scan(data)
        assert (found.outcome, found.formats) == (Outcome.CLEAN, ("executorch",)), found


@pytest.mark.parametrize(
    "data",
    [
        executorch(program=1 << 40),
        executorch(segments=100),
        executorch(segments=1 << 62),
        executorch(length=101),
        executorch(rest=bytes(156) + b"hidden"),
        executorch(rest=bytes(156) + EVIL),
        executorch()[:300],
        b"\xff\xff\xff\x7fET12" + bytes(100),
    ],
)
def test_executorch_header_that_lies(data: bytes) -> None:
    assert "ETX001" in rules(data), scan(data)
