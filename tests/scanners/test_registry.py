"""Doors of the readers: no reader behind a closed one would have taken the bytes or said a word about them."""

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weightmark.errors import UncheckedError
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.formats.interface import HEAD, Examination, Place
from weightmark.scanners.formats.registry import READERS, load_reader, readers_for
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import scan_file
from weightmark.values import dataclass

ASSETS = Path(__file__).parents[1] / "assets"
MAGIC = (
    b"\x93NUMPY\x01\0\x76\0{'descr': '|O'}", b"PK\x03\x04", b"\x80\x04", b"{", b"[", b"\xef\xbb\xbf{",
    b" \t\r\n\v\f{", b"\xff\xfe{\0", b"<?xml", b"\xef\xbb\xbf <PMML", b"<\0?\0x\0m\0l\0", b"\0<\0?\0x",
    "<?xml version='1.0'?>".encode("cp037"), "<?xml version='1.0'?>".encode("utf-32-le"), b"RDX3\nX\n",
    b"X\n\0\0\0\x03\0\x04\x01\0", b"A\n3\n262144\n197888\n", b"7z\xbc\xaf\x27\x1c", b"\0\0\0\0ET12",
    b"\x10\0\0\0FT01FH01", b"GGUF\x03\0\0\0", b"\x89HDF\r\n\x1a\n", b"\x08\x07\x12\x03onnx", b"\0\0\0\0ORTM",
    b"ir_version: 8", b"<ir_version: 8>", b"node { name: 'x' }", b"\x83\xaf\x70\xd1\x0d\x88\x4a\x3f",
    b"\x1c\0\0\0TFL3", b'{"zarr_format": 2}', b"\x0c\xdb\x3a\x2a", b"PAR1", b"ARROW1\0\0", b"\xff\xff\xff\xff",
    b"\x82\xa4", b"\x91", b"\xde\0\x10", b"\xc7", b'{"learner": {', b"{L\0\0\0\0\0\0\0\x07learner", b"binf",
    b"tree\nversion=v4\n", b"tree\r\nversion=v4\n", b"CBM1", b"ftrt", b"CPRK", b"#!/bin/sh\ncurl x | sh\n",
    b"\xfe\xff\0!", b"!!python/object:os.system", b"gitdir: /etc", b"[core]\n\tfsmonitor = x\n", b"\x7fELF\x02",
    b"MZ", b"--index-url http://x", b"import os", b"\x1f\x8b\x08", b"BZh9", b"\x28\xb5\x2f\xfd", b"\x5d\0\0\x80\0",
    b"\x18\x19", b"\x5d\0\0\0\x01" + bytes(9), b"\x6c\0\0\x80\0" + bytes(9), b"PQ*M\x18", b"_*M\x18", b"\x02!L\x18", b"\x04\"M\x18",
    b"jartsr='\n", b"APEDBG='\n", b"MZqFpD='\n", b"\xfe\xed\xfa\xce" + bytes(3) + b"\x07", b"\xcf\xfa\xed\xfe\x07\0\0\1",
    b"\xca\xfe\xba\xbe\0\0\0\2", b"\xca\xfe\xba\xbe\0\0\0\x34", b"\xca\xfe\xba\xbf\0\0\0\2", b"\0asm\1\0\0\0", b"\0asm\x0d\0\1\0",
    b"\xa7\x0d\r\n" + bytes(12) + b"\xe3", b"\x0c\xdb\x20\xde", b"\x0c\xdb\x12\x34", b"ptrt", b"RKNN\0\0\0\0", b"\x01HEF",
    b"\x20\0\0\0\x0c\0\0\0", b"PK\x05\x06" + bytes(18), b"PK\x05\x06" + bytes(8) + b"\x40\0\0\0" + bytes(6), b"cposix\nsystem\n(S'echo'\ntR.",
    b"(S'echo'\niposix\nsystem\n.", b"Vposix\nVsystem\n\x93.", b"T\2\0\0\0osU\6system\x93.", b"X\2\0\0\0os\x8c\6system\x93.", b"F1\n.",
    b"I1\n.", b"N.", b"}.", b"].", b").", b"# a model\nir_version: 8", b"\xef\xbb\xbfgraph_def {", b"producer_name: 'x'",
    b"x\x9c", b"ZF0x10", b"\xfd7zXZ\0", b"model_checkpoint_path: '../x'", b"FROM ../x", b"\x0a\x02",
)  # fmt: skip
NAMES = (
    "model.bin", "config.json", "a/.git/config", ".git", ".GIT/hooks/post-checkout", ".gitmodules", "x.git/objects/info/alternates",
    ".vscode/tasks.json", "x.code-workspace", ".devcontainer.JSON", "requirements.txt", "Requirements-dev.IN", "constraints.txt",
    "requirements.\u0131n", ".g\u0131tmodules", "setup.py", "x.pth", "config.pbtxt", "graph.pbtxt", "Modelfile", "checkpoint", "latest",
    "type.txt", "feats.scp", "x.prototxt", "run.sh", "start.command", "x.desktop", "conda.yaml", "MLmodel", "README.md", "x.jinja",
    "x.j2", "d/0123456789abcdef0123456789abcdef", "x.msgpack", "x.mlmodel", ".zarray", "zarr.json", "manifest.json", "x.onnxtxt",
    "x.pbtxt", "x.html", "x.ps1", "x.bat",
)  # fmt: skip


def _require_open_where_read(path: str, data: bytes, *, depth: int = 0) -> None:
    """Ask every reader whose door is shut."""
    member = "inner" if depth else ""
    place = Place(MemoryView(data), member, depth, data[:HEAD])
    for module, name, door in READERS:
        if door(place, place.member or path):
            continue
        examination = Examination(path, Limits.default(), lambda _place, _examination: True)
        try:
            taken = load_reader(module, name).read(place, examination)
        except UncheckedError as error:
            pytest.fail(f"{name} says `{error.what}` of `{path}` behind its shut door")
        said = (taken, examination.formats, examination.findings, examination.problems)
        assert said == (False, [], (), []), f"{name} reads `{path}` behind its shut door"


def _assets() -> Iterator[tuple[str, zipfile.ZipInfo]]:
    for archive in sorted(ASSETS.glob("*.zip")):
        with zipfile.ZipFile(archive) as opened:
            yield from ((archive.name, info) for info in opened.infolist() if not info.is_dir())


@pytest.mark.parametrize("archive", sorted({name for name, _ in _assets()}))
def test_no_file_of_a_real_library_is_kept_from_its_reader(archive: str) -> None:
    with zipfile.ZipFile(ASSETS / archive) as opened:
        for info in opened.infolist():
            if not info.is_dir() and info.file_size < 1 << 20:
                _require_open_where_read(info.filename, opened.read(info))


@given(
    start=st.sampled_from(MAGIC),
    before=st.sampled_from(
        [b"", b" ", b"\n", b"\xef\xbb\xbf", b"\0" * 4, b" " * HEAD, b"\0" * HEAD]
    ),
    rest=st.binary(max_size=64) | st.text(max_size=40).map(str.encode) | st.just(bytes(700)),
    path=st.sampled_from(NAMES),
    depth=st.integers(0, 1),
)
@example(b"{", b" " * HEAD, b"}", "config.json", 0)
@example(b"\x89HDF\r\n\x1a\n", b"\0" * HEAD, b"", "model.h5", 0)
def test_no_bytes_under_any_name_are_kept_from_their_reader(
    start: bytes, before: bytes, rest: bytes, path: str, depth: int
) -> None:
    _require_open_where_read(path, before + start + rest, depth=depth)


RECORDS = (
    b"\x08\x07", b"\x0a\x02ab", b"\x12\x03onn", b"\x88\0\x07", b"\x8a\0\2ab", b"\x88\x80\x80\0\x07", b"\x0b", b"\x0c", b"\x1b", b"\x1c",
    b"\x23\x24", b"\x18\x80\x80\0", b"\x1d\0\0\0\0", b"\x19" + bytes(8), b"\x3a\x06\x0a\x04\x22\x02Ad", b"\xc2\x0c\2\x0a\0", b"\x1a\0",
    b"\x1a\x7f", b"\x1f", b"\x1e", b"\xf8\xff\xff\xff\xff\x01\1", b"\x32\x04\x0a\x02Ad",
)  # fmt: skip
"""fields of messages: of models, in groups, with keys longer than they need to be, and impossible ones"""


@given(
    records=st.lists(st.sampled_from(RECORDS), max_size=40),
    end=st.binary(max_size=30),
    path=st.sampled_from(NAMES),
)
def test_no_message_is_kept_from_a_reader_wherever_its_first_fields_stand(
    records: list[bytes], end: bytes, path: str
) -> None:
    _require_open_where_read(path, b"".join(records) + end)


@given(
    first=st.integers(0, 255),
    rest=st.binary(max_size=40)
    | st.sampled_from(
        [b"posix\nsystem\n.", b"\2\0\0\0os\x8c\6system\x93.", b"\2os.", b"1\n.", b"."]
    ),
    path=st.sampled_from(NAMES),
)
def test_no_first_byte_keeps_bytes_from_a_reader(first: int, rest: bytes, path: str) -> None:
    _require_open_where_read(path, bytes([first]) + rest)


@pytest.mark.parametrize("begins", [b"", b"\0\1\2", b"text\n"])
@pytest.mark.parametrize("between", [0, 600, 70_000])
def test_an_archive_behind_anything_opens_the_door_of_archives(begins: bytes, between: int) -> None:
    held = io.BytesIO(begins + bytes(between))
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr("data.pkl", b"cposix\nsystem\n(S'echo'\ntR.")
    _require_open_where_read("model.bin", held.getvalue())
    scan = scan_file("model.bin", MemoryView(held.getvalue()))
    assert "zip" in scan.formats
    assert any(found.member == "data.pkl" for found in scan.findings)


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("x.pth", b"import os; os.system('echo')\n"),
        ("setup.py", b"import os\nos.system('echo')\n"),
        ("requirements.in", b"--index-url http://elsewhere.example\n"),
        ("CONSTRAINTS.TXT", b"--extra-index-url http://elsewhere.example\n"),
        ("model.json", b'\v\f{"learner": {'),
        ("model.txt", b"tree\r\nversion=v4\n"),
        ("model.rds", b"A\n3\n262144\n197888\n"),
        ("model.ubj", b"{L\0\0\0\0\0\0\0\x07learner{}}"),
        ("model.xml", b"\0<\0?\0x\0m\0l\0"),
        ("model.xml", "<?xml version='1.0'?>".encode("cp037")),
        ("model.xml", b" " * HEAD + b"<PMML/>"),
        ("conda.yaml", b"\xff\xfe!\0"),
        (".git/config", b"[core]\n\tfsmonitor = x\n"),
        (".GIT", b"gitdir: /elsewhere"),
        ("x.code-workspace", b'{"runOn": "folderOpen"}'),
        ("x.flax", b"\x81\xa1w\x90"),
        ("x.h5", bytes(HEAD) + b"\x89HDF\r\n\x1a\n"),
    ],
)
def test_the_narrow_cases_of_each_reader_open_its_door(path: str, data: bytes) -> None:
    _require_open_where_read(path, data)


@given(data=st.binary(max_size=600), path=st.sampled_from(NAMES) | st.text(min_size=1, max_size=12))
def test_no_random_bytes_are_kept_from_a_reader(data: bytes, path: str) -> None:
    _require_open_where_read(path, data)


def test_every_reader_stands_in_the_registry_once_and_under_a_name_of_its_own() -> None:
    readers = [load_reader(module, name) for module, name, _ in READERS]
    assert len({type(one) for one in readers}) == len(READERS)
    folder = Path(__file__).parents[2] / "scanners" / "formats"
    classes = {
        line.split()[1].partition("(")[0].rstrip(":")
        for path in folder.glob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("class ") and line.rstrip(":").endswith("Reader")
    }
    assert classes - {"FormatReader"} == {name for _, name, _ in READERS}


@dataclass(slots=True)
class _Watched:
    """A view that notes how far anybody read."""

    size: int
    furthest: int = 0

    def read_at(self, offset: int, length: int) -> bytes:
        wanted = max(0, min(length, self.size - offset))
        self.furthest = max(self.furthest, offset + wanted)
        return b"\xa7" * wanted


def test_no_door_has_a_long_member_unpacked_to_its_end() -> None:
    view = _Watched(4 << 20)
    place = Place(view, "inner.bin", 1, view.read_at(0, HEAD))
    list(readers_for(place, "model.zip"))
    assert view.furthest <= 1 << 17


@pytest.mark.parametrize("seed", range(20))
def test_raw_numbers_open_few_doors(seed: int) -> None:
    data = random.Random(seed).randbytes(4096)  # noqa: S311 - any numbers will do
    opened = list(readers_for(Place.file(MemoryView(data)), "0000/000001.dat"))
    assert len(opened) <= 8


def test_plain_weights_open_few_doors() -> None:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    opened = {one.name for one in readers_for(Place.file(MemoryView(data)), "model.safetensors")}
    assert "safetensors" in opened
    assert len(opened) < len(READERS) / 2
    assert scan_file("model.safetensors", MemoryView(data)).formats == ("safetensors",)


@given(
    st.binary(max_size=40)
    | st.binary(min_size=150, max_size=200)
    | st.builds(
        lambda magic, rest, filler: magic + rest + filler,
        st.sampled_from(MAGIC),
        st.binary(max_size=20),
        st.sampled_from([b"", b"\xa7" * 200, b"a" * 200, bytes(200), b"gbtree" + b"\xa7" * 200]),
    ),
    st.sampled_from(NAMES) | st.just("m.dat"),
)
def test_no_door_is_passed_by_unasked(head: bytes, path: str) -> None:
    place = Place.file(MemoryView(head))
    asked = [load_reader(module, name) for module, name, door in READERS if door(place, path)]
    assert list(readers_for(place, path)) == asked
