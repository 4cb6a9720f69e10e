"""Honest files whose name or place looks like one that a loader runs or opens."""

import json
import struct

import pytest

from tests.attacks.scan_builders import Member, archive, scan
from tests.attacks.test_scan_unseen_names import light_tree, npy, tree, ubjson_tree
from weightmark.scanners.scan import Outcome, Severity

RAW = struct.pack("<64f", *(number / 7 for number in range(64)))
NOTEBOOK = {"cells": [{"cell_type": "code", "source": ["!pip install torch\n", "x = a | sh\n", "# curl | sh\n"]}, {"cell_type": "markdown", "source": "run `curl x | sh`"}], "nbformat": 4}  # fmt: skip

QUIET: dict[str, tuple[str, bytes]] = {
    "raw weights": ("model.bin", RAW),
    "weights of Core ML": ("weights/weight.bin", bytes(64) + RAW),
    "variables of TensorFlow": ("variables/variables.data-00000-of-00001", RAW),
    "index of the variables": ("variables/variables.index", b"\0\0\x19\x08" + RAW),
    "first checkpoint of TensorFlow": ("model.ckpt", RAW + (0xDB4775248B80FB57).to_bytes(8, "little")),
    "vocabulary of sentencepiece": ("tokenizer.model", b"\x0a\x0e\x0a\x05<unk>\x15\0\0\0\0\x18\x02" * 20),
    "paths of an environment": ("site-packages/x.pth", b"/home/user/project\n../src\nimportant\n"),
    "word list in Portuguese": ("stopwords.pt", "não\nsim\n".encode()),
    "pointer of git lfs": ("vocab.bin", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"),
    "empty file": ("model.pkl", b""),
    "resource fork of macOS": ("._model.pkl", b"\x00\x05\x16\x07\x00\x02\x00\x00" + bytes(100)),
    "module of Python": ("model.py", b"import torch\n"),
    "pipeline of a library": ("src/pipeline.py", b"import torch\n"),
    "configuration in Python": ("config.py", b"optimizer = dict(type='SGD')\n"),
    "layers of YOLO": ("yolo.yaml", b"nc: 80\nactivation: nn.LeakyReLU(0.1)\nbackbone:\n- [-1, 1, Conv, [64, 3, 2]]\n- [-1, 1, nn.Upsample, [None, 2, nearest]]\nhead:\n- [[15, 18], 1, Detect, [nc, 'anchors * 2']]\n"),
    "pipeline of pyannote": ("config.yaml", b"pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n  params: {segmentation: pyannote/segmentation-3.0}\n"),
    "any other pipeline": ("config.yaml", b"pipeline:\n  name: english\nsteps:\n- name: some.step.Name\n"),
    "class path of a library": ("config.yaml", b"trainer:\n  class_path: lightning.pytorch.Trainer\n"),
    "vocabulary beside": ("tokenizer_config.json", b'{"vocab_file": "vocab.txt", "tokenizer_file": null}'),
    "adapter of the hub": ("adapter_config.json", b'{"peft_type": "LORA", "base_model_name_or_path": "org/model"}'),
    "tasks of an editor": (".vscode/tasks.json", b'{"tasks": [{"label": "test", "command": "pytest"}]}'),
    "container of an editor": (".devcontainer/devcontainer.json", b'{"image": "python", "postCreateCommand": "pip install -e ."}'),
    "settings of Triton": ("m/config.pbtxt", b'name: "m"\nbackend: "python"\nparameters: { key: "EXECUTION_ENV_PATH" value: { string_value: "$$TRITON_MODEL_DIRECTORY/env.tar.gz" } }'),
    "settings of Ollama": ("Modelfile", b'FROM llama3:8b\nADAPTER ./a.gguf\nTEMPLATE """{{ .Prompt }}"""\n'),
    "state of TensorFlow": ("checkpoint", b'model_checkpoint_path: "model.ckpt-10"\n'),
    "notebook": ("x.ipynb", json.dumps(NOTEBOOK).encode()),
    "tree": ("x.json", tree([1, -1, -1], [2, -1, -1])),
    "binary tree": ("x.ubj", ubjson_tree([1, -1, -1], [2, -1, -1])),
    "tree of LightGBM": ("x.txt", light_tree("1 -1", "-2 -3")),
    "array of records": ("x.npy", npy(b"{'descr': [('a', '<f4'), ('b', '<U2', (2,))], 'fortran_order': False, 'shape': (2,), }\n", bytes(40))),
    "array of Python 2": ("x.npy", npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': (2L, 3L), }\n", bytes(48))),
    "export of torch": ("x.pt2", archive(Member(b"x/archive_format", b"pt2"), Member(b"x/archive_version", b"0"), Member(b"x/data/weights/weight_0", RAW))),
}  # fmt: skip


@pytest.mark.parametrize("case", QUIET)
def test_honest_file_is_neither_refused_nor_unchecked(case: str) -> None:
    name, data = QUIET[case]
    found = scan(data, name=name)
    assert found.outcome in (Outcome.CLEAN, Outcome.UNSUPPORTED), found


def test_path_that_the_publishers_machine_left_is_told_and_not_refused() -> None:
    found = scan(b'{"vocab_file": "/home/user/vocab.txt"}', name="tokenizer_config.json")
    assert [finding.severity for finding in found.findings] == [Severity.INFO]
