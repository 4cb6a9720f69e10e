"""Doors of the readers: no reader behind a closed one would have taken the bytes or said a word about them."""

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


def test_plain_weights_open_few_doors() -> None:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + bytes(4)
    opened = {one.name for one in readers_for(Place.file(MemoryView(data)), "model.safetensors")}
    assert "safetensors" in opened
    assert len(opened) < len(READERS) / 2
    assert scan_file("model.safetensors", MemoryView(data)).formats == ("safetensors",)


@given(
    st.binary(max_size=40)
    | st.sampled_from(MAGIC).flatmap(lambda m: st.binary(max_size=20).map(lambda rest: m + rest))
)
def test_no_door_is_passed_by_unasked(head: bytes) -> None:
    place = Place.file(MemoryView(head))
    asked = [load_reader(module, name) for module, name, door in READERS if door(place, "m.bin")]
    assert list(readers_for(place, "m.bin")) == asked
