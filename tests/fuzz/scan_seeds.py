"""Small real files of every format that a scan reads, for damage."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tests.attacks import model_builders as build

ASSETS = Path(__file__).parents[1] / "assets"
_LONGEST = 8 * 1024
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."
"""protocol 4: posix.system('echo x')"""
_PMML = b"""<?xml version="1.0"?>
<PMML version="4.4" xmlns="http://www.dmg.org/PMML-4_4"><Header/>
<DataDictionary><DataField name="a" optype="continuous" dataType="double"/></DataDictionary>
<Extension name="x" extender="y" value="z"/></PMML>
"""
_NOTEBOOK = b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "source": "1"}]}'
_CONFIG = b'{"auto_map": {"AutoModel": "other/repo--m.C"}, "chat_template": "{{ x.__class__ }}{% for m in n %}{{ m }}{% endfor %}"}'
_TEXT_GRAPH = b"""node { name: "b" op: "PyFunc" input: "a" }
node { name: "a" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
versions { producer: 1 }
"""
_TEXT_R = b"A\n3\n262657\n197888\n5\nUTF-8\n19\n2\n13\n1\n1\n14\n1\n2.5\n"


@cache
def packed(name: str) -> dict[str, bytes]:
    """Return the files in an asset by their names."""
    with zipfile.ZipFile(ASSETS / name) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def _small(name: str, *endings: str) -> tuple[bytes, ...]:
    found = [data for file, data in sorted(packed(name).items()) if file.endswith(endings)]
    short = [data for data in found if len(data) <= _LONGEST]
    return tuple(short or [min(found, key=len)])


def _tar(form: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in (("data.pkl", EVIL), ("d/" * 55 + "a", b"text\n")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../out"
        archive.addfile(link)
    return buffer.getvalue()[: 16 * 512]


def _seven_zip() -> Iterator[bytes]:
    import py7zr

    for filters in ([{"id": py7zr.FILTER_COPY}], [{"id": py7zr.FILTER_LZMA2, "preset": 1}]):
        buffer = io.BytesIO()
        with py7zr.SevenZipFile(buffer, "w", filters=filters) as archive:
            archive.writestr(EVIL, "data.pkl")
            archive.writestr(b"text\n", "b/c.txt")
        yield buffer.getvalue()


def _streams() -> Iterator[bytes]:
    yield gzip.compress(EVIL, mtime=0) + gzip.compress(b"text\n", mtime=0)
    yield bz2.compress(EVIL)
    yield lzma.compress(EVIL)
    yield lzma.compress(EVIL, lzma.FORMAT_ALONE)
    yield zlib.compress(EVIL)
    yield b"ZF" + hex(len(EVIL)).encode().ljust(19) + zlib.compress(EVIL)


def _executorch() -> bytes:
    """Return a program with one operator of somebody else."""
    text = b"\x06\0\0\0my::op\0\0"
    operators = build.flat_vector([build.flat_table({0: b"\x04\0\0\0"}) + text])
    plan = build.flat_table({6: b"\x04\0\0\0"}) + operators
    root = build.flat_table({1: b"\x04\0\0\0"})
    return len(root).to_bytes(4, "little") + b"ET12" + root + build.flat_vector([plan])


def _repeated(name: str) -> bytes:
    """Return a file with objects, links, attributes and rows of variable length."""
    return packed("models.zip")[name]


SCANNED: Mapping[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "scan_catboost": (*_small("models.zip", ".cbm"), packed("loaders.zip")["catboost-lossguide.cbm"]),
        "scan_coreml": _small("models.zip", ".mlmodel"),
        "scan_documents": (_CONFIG, _NOTEBOOK, b"!!python/object/apply:os.system [echo]\n"),
        "scan_executorch": (_executorch(), bytes(4) + b"ET12" + b"eh00" + (24).to_bytes(4, "little") + bytes(64), *_small("loaders.zip", ".pte", ".ptd")),
        "scan_gguf": (
            build.gguf([build.gguf_pair("tokenizer.chat_template", 8, build.gguf_text("{{ a }}"))]),
            *_small("models.zip", ".gguf"),
        ),
        "scan_hdf5": (
            *map(_repeated, ("hostile-link-latest-1.h5", "hostile-storage-latest.h5")),
            *map(_repeated, ("hostile-storage-old.h5", "hostile-link-old-1.h5")),
            *map(_repeated, ("hostile-rows.h5", "hostile-virtual.h5", "hostile-lambda-old-1.h5")),
        ),
        "scan_lightgbm": _small("models.zip", "lightgbm.txt"),
        "scan_message_pack": (
            *_small("models.zip", ".msgpack"),
            build.msg_map(a=build.msg_bin(EVIL), b=b"\xc7\x05\x01\x93\xa1b\xc4\x00"),
        ),
        "scan_ocdbt": tuple(
            data for name, data in sorted(packed("exchange.zip").items()) if name.startswith("ocdbt")
        ),
        "scan_onnx": (
            *_small("models.zip", ".onnx"),
            build.onnx_model(build.onnx_graph(build.onnx_node("PyOp", "com.microsoft"))),
        ),
        "scan_onnx_runtime": _small("exchange.zip", ".ort"),
        "scan_onnx_text": _small("exchange.zip", ".json", ".onnxtxt", ".textproto"),
        "scan_paddle": (build.sized(1, build.plain(1, 0) + build.plain(2, 0) + build.sized(4, build.sized(3, "py_func"))),),
        "scan_r_data": (*_small("documents.zip", ".rds", ".RData"), _TEXT_R),
        "scan_seven_zip": tuple(_seven_zip()),
        "scan_skops": _small("documents.zip", ".skops"),
        "scan_streams": tuple(_streams()),
        "scan_tar": tuple(map(_tar, (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))),
        "scan_tensorflow": (
            *_small("models.zip", ".pb", ".meta"),
            build.saved_model(build.meta_graph(build.tf_graph(build.tf_node("WriteFile")))),
        ),
        "scan_tensorflow_text": (_TEXT_GRAPH,),
        "scan_tflite": (*_small("models.zip", ".tflite"), build.tflite("Custom")),
        "scan_torch": _small("torch_formats.zip", ".pt"),
        "scan_xgboost": _small("models.zip", ".ubj", "xgboost.json"),
        "scan_xgboost_binary": _small("exchange.zip", ".model"),
        "scan_xml": (_PMML, b'<?xml version="1.0"?><!DOCTYPE net><net name="a" version="10"><layers/></net>'),
        "scan_zarr": (b'{"zarr_format": 2, "filters": [{"id": "pickle"}], "dtype": "|O", "shape": [1]}',),
    }
)  # fmt: skip
"""target to real files of its formats"""
