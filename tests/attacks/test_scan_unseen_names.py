"""Files whose name or place makes a loader open or run them, written against the scanner as it stood."""

import json
import struct
import zlib
from io import BytesIO
from pathlib import Path
from tarfile import TarFile, TarInfo

import pytest

from tests.attacks import model_builders as build
from tests.attacks.scan_builders import EVIL, STATE_DICT, Member, archive, scan, torch_zip
from weightmark.errors import Exit
from weightmark.scanners.scan import Limits, Outcome, ScanReport, Severity
from weightmark.scanners.tree import scan_artifact

NOTHING = b"\x07" + bytes(range(1, 200)) * 3
BATCH = b"@echo off\r\necho x\r\n"
PIPE = json.dumps({"cells": [{"cell_type": "code", "source": ["!echo x | sh"]}], "nbformat": 4}).encode()  # fmt: skip


def node(kind: str) -> bytes:
    return build.sized(1, b"w") + build.sized(2, kind.encode())


def saved_model(kind: str) -> bytes:
    graph = build.sized(2, build.sized(1, node(kind)))
    return build.plain(1, 1) + build.sized(2, graph)


def keras_layer(settings: object) -> bytes:
    layer = {"module": "keras.layers", "class_name": "StringLookup", "config": settings}
    return json.dumps(
        {"module": "keras", "class_name": "Sequential", "config": {"layers": [layer]}}
    ).encode()


def tree(left: list[int], right: list[int], feature: int = 0) -> bytes:
    rows = {"left_children": left, "right_children": right, "split_indices": [feature, 0, 0]}
    model = {"learner_model_param": {"num_feature": "4"}, "gradient_booster": {"model": {"trees": [rows]}}}  # fmt: skip
    return json.dumps({"learner": model, "version": [2, 1, 0]}).encode()


def ubjson_tree(left: list[int], right: list[int]) -> bytes:
    def key(name: str) -> bytes:
        return b"L" + struct.pack(">q", len(name)) + name.encode()

    def row(name: str, numbers: list[int]) -> bytes:
        return key(name) + b"[$l#L" + struct.pack(f">q{len(numbers)}i", len(numbers), *numbers)

    rows = row("left_children", left) + row("right_children", right) + row("split_indices", [0] * 3)
    return b"{" + key("learner") + b"{" + key("trees") + b"[{" + rows + b"}]}}"


def light_tree(left: str, right: str) -> bytes:
    rows = f"num_leaves=3\nsplit_feature=0 1\nleft_child={left}\nright_child={right}\n"
    return b"tree\nversion=v4\nmax_feature_idx=3\n\nTree=0\n" + rows.encode() + b"\nend of trees\n"


def npy(header: bytes, data: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def with_unicode_path(name: bytes) -> bytes:
    """Return an archive whose directory names its one member once more in an extra field."""
    field = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, zlib.crc32(b"readme.txt")) + name
    data = archive(Member(b"readme.txt", b"text"))
    at = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    line = data[at : at + 30] + struct.pack("<H", len(field)) + data[at + 32 : end]
    record = bytearray(data[end:])
    record[12:16] = struct.pack("<I", len(line) + len(field))
    return data[:at] + line + field + bytes(record)


FOUND: dict[str, tuple[str, bytes, str]] = {
    "python bytecode called weights": ("model.bin", b"\xa7\r\r\n" + bytes(12) + b"\xe3" + bytes(80), "EXE001"),
    "webassembly called weights": ("model.bin", b"\0asm\1\0\0\0" + bytes(40), "EXE001"),
    "java class called weights": ("model.bin", b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10" + bytes(80), "EXE001"),
    "portable program called weights": ("model.bin", b"MZqFpD='\n" + bytes(100), "EXE001"),
    "list as the root of a MessagePack": ("x.bin", b"\x91\x83\xc4\x02nd\xc3\xc4\x04type\xa2|O\xc4\x04data\xc4" + bytes([len(EVIL)]) + EVIL, "MSG001"),
    "number as the first key of a MessagePack": ("x.msgpack", b"\x81\x01\xc4" + bytes([len(EVIL)]) + EVIL, "PKL001"),
    "long keys of a MessagePack": ("x.bin", b"\x81\xc6\0\0\0\4data\xc4" + bytes([len(EVIL)]) + EVIL, "PKL001"),
    "array of objects in an extension of Flax": ("x.msgpack", b"\x81\xa1w\xc7\x0a\x01\x93\x91\x01\xa6object", "MSG001"),
    "pickle behind an array with an odd header": ("x.npy", npy(b"{'descr':'<f4','fortran_order':False,'shape':(1,)}\n", bytes(4) + EVIL), "PKL001"),
    "pickle behind an array of records": ("x.npy", npy(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }\n", bytes(4) + EVIL), "PKL001"),
    "vocabulary of a layer without a name": ("config.json", keras_layer({"vocabulary": "/etc/passwd"}), "KER003"),
    "class of a layer that is evaluated": ("yolo.yaml", b"nc: 80\nbackbone:\n- [-1, 1, \"__import__('os').system('echo x')\", [64]]\nhead: []\n", "REP001"),
    "argument of a layer that is evaluated": ("yolo.yaml", b"backbone:\n- [-1, 1, Conv, [\"__import__('os').system('echo x')\"]]\n", "REP001"),
    "activation that is evaluated": ("yolo.yaml", b"nc: 80\nactivation: __import__('os').system('echo x')\nhead: []\n", "REP001"),
    "pipeline of another package": ("config.yaml", b"pipeline:\n  name: subprocess.Popen\n  params: {args: echo}\n", "REP003"),
    "preprocessor of another package": ("config.yaml", b"preprocessors:\n  a:\n    name: subprocess.Popen\n    params: {}\n", "REP003"),
    "module that a speech library leads through to": ("config.yaml", b"pipeline:\n  name: pyannote.audio.os.Popen\n", "REP003"),
    "class path of a command line": ("hparams.yaml", b"model:\n  class_path: subprocess.Popen\n  init_args: {args: echo}\n", "REP003"),
    "type of a quantization": ("config.json", b'{"model_type": "x", "quantization_config": {"quant_type": {"_type": "os.system", "_data": {}}}}', "REP003"),
    "vocabulary outside": ("tokenizer_config.json", b'{"vocab_file": "/etc/passwd"}', "REP004"),
    "vocabulary above": ("tokenizer_config.json", b'{"merges_file": "../../x.txt"}', "REP004"),
    "base model outside": ("adapter_config.json", b'{"peft_type": "LORA", "base_model_name_or_path": "/tmp/x"}', "REP007"),
    "model of a serving backend": ("m/1/model.py", b"import os\n", "REP005"),
    "code of a served model": ("code/inference.py", b"import os\n", "REP005"),
    "configuration that imports": ("config.py", b"custom_imports = dict(imports=['x'])\n", "REP005"),
    "path list that runs code": ("x.pth", b"/some/path\nimport os; os.system('echo x')\n", "REP005"),
    "path list with a byte order mark": ("x.pth", b"\xef\xbb\xbfimport os\n", "REP005"),
    "task of an editor": (".vscode/tasks.json", b'{"tasks": [{"runOptions": {"runOn": /* x */ "folder\\u004fpen"}}]} // x', "REP005"),
    "container of an editor": (".devcontainer/x/devcontainer.json", b'{"initializeCommand": ["echo", "x"]}', "REP005"),
    "command of a project": ("MLproject", b"entry_points:\n  main:\n    command: echo x\n", "REP001"),
    "backend outside": ("m/config.pbtxt", b'name: "m"\nbackend: "\\x2e./../x"\n', "REP004"),
    "environment outside": ("config.pbtxt", b'parameters: { key: "EXECUTION_ENV_PATH" value: { string_value: "/tmp/x.tar.gz" } }', "REP004"),
    "adapter outside": ("Modelfile", b"FROM ./m.gguf\nADAPTER ../../x.gguf\n", "REP004"),
    "checkpoint outside": ("checkpoint", b'model_checkpoint_path: "/tmp/x"\n', "REP004"),
    "cell that pipes into a shell": ("x.ipynb", PIPE, "NBK002"),
    "cell that is a shell's": ("x.ipynb", PIPE.replace(b"!echo x", b"%%bash\\necho x"), "NBK002"),
    "engine in a TensorFlow graph": ("saved_model.pb", saved_model("TRTEngineOp"), "TFG002"),
    "python in a TensorFlow graph": ("saved_model.pb", saved_model("OpaquePyFunc"), "TFG002"),
    "child outside of a tree": ("x.json", tree([10**8, -1, -1], [2, -1, -1]), "BST002"),
    "circle in a tree": ("x.json", tree([1, 0, -1], [2, 2, -1]), "BST002"),
    "feature outside of the data": ("x.json", tree([1, -1, -1], [2, -1, -1], 10**8), "BST002"),
    "child outside of a binary tree": ("x.ubj", ubjson_tree([10**8, -1, -1], [2, -1, -1]), "BST002"),
    "circle in a tree of LightGBM": ("x.txt", light_tree("1 0", "-1 -2"), "BST002"),
    "leaf outside of a tree of LightGBM": ("x.txt", light_tree("1 -999", "-1 -2"), "BST002"),
    "second name of a member leaves": ("x.zip", with_unicode_path(b"../../x.py"), "ZIP008"),
    "second name of a member differs": ("x.zip", with_unicode_path(b"sitecustomize.py"), "ZIP002"),
}  # fmt: skip


@pytest.mark.parametrize("case", FOUND)
def test_file_is_refused_for_its_rule(case: str) -> None:
    name, data, rule = FOUND[case]
    found = scan(data, name=name)
    assert rule in {finding.rule for finding in found.findings}, found
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found


@pytest.mark.parametrize(
    "name",
    ["x.safetensors", "x.PKL", "x.npz", "x.gguf", "x.onnx", "x.msgpack", "x.keras", "x.h5", "x.pt", "x.nemo", "x.tflite", "pytorch_model.bin", "pytorch_model-00001-of-00002.bin"],
)  # fmt: skip
def test_a_model_by_name_that_no_reader_takes_is_not_passed_over(name: str) -> None:
    found = scan(NOTHING, name=name)
    assert found.outcome is Outcome.UNCHECKED
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.UNCHECKED


@pytest.mark.parametrize(
    "name", ["x.gguf", "pytorch_model.bin", "x.onnx", "x.ckpt", "deep/er/x.safetensors"]
)
def test_text_under_the_name_of_weights_is_not_passed_over(name: str) -> None:
    assert scan(BATCH, name=name).outcome is Outcome.UNCHECKED


def test_broken_promise_in_a_folder_is_not_passed_over_for_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "model.pkl").write_bytes(STATE_DICT)
    (tmp_path / "other.safetensors").write_bytes(b"\xff" * 64)
    assert scan_artifact(tmp_path).exit(Severity.HIGH) is Exit.UNCHECKED


def test_broken_promise_in_an_archive_is_not_passed_over() -> None:
    assert scan(archive(Member(b"a/x.safetensors", NOTHING)), name="x.zip").problems


def test_array_whose_size_is_not_told_is_not_clean() -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 'x'), }\n"
    assert scan(npy(header, bytes(4)), name="x.npy").outcome is Outcome.UNCHECKED


def test_deep_message_pack_is_not_clean() -> None:
    assert scan(b"\x91" * 5000 + b"\x01", name="x.msgpack").outcome is Outcome.UNCHECKED


def test_code_beside_the_index_of_a_pipeline_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "DiffusionPipeline"}')
    (tmp_path / "pipeline.py").write_text("import os\n")
    assert scan_artifact(tmp_path).exit(Severity.HIGH) is Exit.BAD


def test_zip_in_a_tar_is_no_second_reading_that_hides_what_stands_around() -> None:
    packed = BytesIO()
    with TarFile(fileobj=packed, mode="w") as tar:
        for name, data in (("model.pt", torch_zip(STATE_DICT)), ("x.pkl", EVIL)):
            member = TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))
    rules = {finding.rule for finding in scan(packed.getvalue(), name="x.tar").findings}
    assert "PKL001" in rules
    assert "ZIP006" not in rules


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (".vscode/tasks.json", b'"runOn"/**/' * 100_000 + b'"runOn"/*' * 100_000),
        (".vscode/tasks.json", b'"runOn"//' * 100_000 + b"/" * 500_000),
        ("config.pbtxt", b'"EXECUTION_ENV_PATH"' + b" " * 1_000_000),
        ("checkpoint", b"model_checkpoint_path" + b" " * 500_000 + b'"' + b"x" * 400_000),
        ("x.ipynb", PIPE.replace(b"echo x | sh", b"|/a " * 200_000 + b"|/" + b"/" * 200_000)),
        ("x.npy", npy(b"(" * 60_000, b"")),
    ],
)
def test_text_that_makes_patterns_slow_is_read_in_time(name: str, data: bytes) -> None:
    assert not scan(data, Limits(seconds=20), name=name).problems or name == "x.npy"
