"""Honest files stay quiet: standard library pickles, data, text, and what torch really writes."""

import collections
import datetime as dt
import decimal
import functools
import json
import os
import pickle
import random
import struct
import subprocess
import uuid
from pathlib import Path, PurePosixPath

import pytest

from tests.attacks.scan_builders import Member, archive, safetensors, scan, torch_zip
from weightmark.scanners.scan import FileScan, Outcome, Severity

HONEST = {
    "containers": {"a": [1, 2.5, "x", None, True, (1, 2, 3, 4), {3}, frozenset([4]), b"xx", 2**80]},
    "ordered": collections.OrderedDict(a=1, b=collections.Counter("abc")),
    "default": collections.defaultdict(list, {1: [2]}),
    "deque": collections.deque([1, 2], maxlen=4),
    "times": [dt.datetime.now(dt.UTC), dt.date(2026, 1, 1), dt.timedelta(1)],
    "values": [decimal.Decimal("1.2"), uuid.UUID(int=5), PurePosixPath("a/b"), 1j, range(4)],
    "partial": functools.partial(int, "3"),
    "shared": [["x"] * 3] * 4,
    "bytes": [bytes(1000), bytearray(5), b""],
    "long text": ["x" * 5000, "é" * 300, "\n'\"\\", "__init__"],
    "long list": list(range(5000)),
    "nested": [[[[[[[]]]]]]],
    "many strings": {str(i): f"word {i}" for i in range(3000)},
}  # fmt: skip


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("case", HONEST)
def test_standard_library_values_in_every_protocol(case: str, protocol: int) -> None:
    found = scan(pickle.dumps(HONEST[case], protocol))
    assert found.outcome is Outcome.CLEAN, found
    assert found.formats == ("pickle",)


DATA = {
    "text": b"# A model\n\nIt does things.\n",
    "word list": b"cat\ndog\nbird\n" * 20,
    "word list that looks like opcodes": b"class\nNone\nI\n(\nP\nS\n",
    "abbreviation": b"N.B. this is a note\n",
    "json": b'{"a": 1}',
    "list": b"[1, 2]",
    "vocabulary": "\n".join(["!", "é", "中"] * 90).encode(),
    "Fortran": b"MODULE string_test\n\n  character(len=8) :: string\n  character string77 * 8\n\n"
    b"  character(len=12), dimension(5,7) :: strarr\n  character strarr77(5,7) * 12\n\nEND MODULE\n",
    "python": b"import os\nprint(1)\n",
    "yaml": b"a: 1\nb: 2\n",
    "csv": b"a,b\n1,2\n",
    "minified script": b"const a=" + b"b+" * 9000 + b"c\nimport x\n",
    "empty": b"",
    "zeros": bytes(10_000),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "ggml": b"lmgg" + bytes(100),
    "arrow": b"ARROW1\0\0" + bytes(100),
    "lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
}


@pytest.mark.parametrize("case", DATA)
def test_data_is_listed_as_unsupported_without_findings(case: str) -> None:
    found = scan(DATA[case], name="m")
    assert (found.outcome, found.findings, found.problems) == (Outcome.UNSUPPORTED, (), ())
    assert found.formats


def test_raw_weights_are_no_broken_pickles() -> None:
    source = random.Random(7)  # noqa: S311 - any numbers will do
    for _ in range(300):
        floats = struct.pack("<256f", *(source.gauss(0, 1) for _ in range(256)))
        for data in (floats, bytes([0x80, source.randrange(6)]) + floats):
            assert scan(data).outcome is Outcome.UNSUPPORTED, data[:8]
    for _ in range(1000):
        assert scan(source.randbytes(300)).outcome is Outcome.UNSUPPORTED


def test_every_first_byte_of_raw_weights_is_quiet() -> None:
    source = random.Random(8)  # noqa: S311 - any numbers will do
    for first in range(256):
        for _ in range(8):
            data = bytes([first]) + source.randbytes(400)
            assert not scan(data).findings, data[:16]


def test_honest_safetensors() -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "empty": {"dtype": "F32", "shape": [0], "data_offsets": [8, 8]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [8, 10]},
        "c": {"dtype": "F4", "shape": [2], "data_offsets": [10, 11]},
    }
    padded = json.dumps(header).encode() + b" " * 5
    found = scan(safetensors(padded, bytes(11)))
    assert (found.outcome, found.formats) == (Outcome.CLEAN, ("safetensors",))


def test_honest_archives() -> None:
    assert scan(torch_zip()).outcome is Outcome.CLEAN
    assert scan(archive()).outcome is Outcome.CLEAN
    nested = archive(Member(b"model.pt", torch_zip()), Member(b"README", b"text\n", method=8))
    assert scan(nested).outcome is Outcome.CLEAN
    assert scan(archive(Member(b"model.ggml", b"lmgg" + bytes(99)))).outcome is Outcome.UNSUPPORTED


TORCH_SCRIPT = """
import sys, os, pickle, torch, numpy as np
os.chdir(sys.argv[1])
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 3),
    torch.nn.BatchNorm2d(4), torch.nn.LSTM(4, 4), torch.nn.TransformerEncoderLayer(8, 2))
torch.save(model.state_dict(), "state.pt")
torch.save(model, "module.pt")
torch.save(model.state_dict(), "state_legacy.pt", _use_new_zipfile_serialization=False)
torch.save(model, "module_legacy.pt", _use_new_zipfile_serialization=False)
optimizer = torch.optim.AdamW(model.parameters())
sum(p.sum() for p in model.parameters()).backward()
optimizer.step()
torch.save({"optimizer": optimizer.state_dict(), "model": model.state_dict(), "epoch": 3,
    "rng": torch.get_rng_state(), "dtype": torch.float16, "device": torch.device("cpu"),
    "size": torch.Size([1]), "numpy": np.random.get_state(), "array": np.arange(3)}, "checkpoint.pt")
torch.save(optimizer, "optimizer.pt")
torch.save(torch.optim.lr_scheduler.StepLR(optimizer, 3), "scheduler.pt")
torch.save(torch.sparse_coo_tensor(torch.tensor([[0, 1]]), torch.tensor([1., 2.])), "sparse.pt")
torch.save(torch.quantize_per_tensor(torch.rand(3), 0.1, 0, torch.qint8), "quantized.pt")
class Tiny(torch.nn.Module):
    def __init__(self): super().__init__(); self.inner = torch.nn.Linear(3, 3)
    def forward(self, x): return self.inner(x)
torch.jit.save(torch.jit.trace(model[0], torch.rand(1, 4)), "traced.pt")
for p in range(6):
    pickle.dump(torch.rand(3), open(f"tensor{p}.pkl", "wb"), p)
    pickle.dump({"a": np.arange(5.), "s": np.float32(3), "o": np.array([1, "a", None], dtype=object),
        "t": np.dtype("i4"), "r": np.array([(1, 2.)], dtype=[("a", "i4"), ("b", "f8")])},
        open(f"array{p}.pkl", "wb"), p)
pickle.dump(np.random.default_rng(1), open("generator.pkl", "wb"))
pickle.dump(np.random.RandomState(1), open("state.pkl", "wb"))
np.save("a.npy", np.arange(10)); np.savez("a.npz", a=np.arange(3)); np.savez_compressed("b.npz", a=np.zeros(9))
"""


@pytest.mark.needs("torch")
def test_what_torch_and_numpy_write_is_clean(torch_python: Path, tmp_path: Path) -> None:
    command = [str(torch_python), "-W", "ignore", "-c", TORCH_SCRIPT, str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 20
    for file in files:
        found = scan(file.read_bytes(), name=file.name)
        assert found.outcome is Outcome.CLEAN, found


@pytest.mark.needs("models")
def test_real_models_are_quiet(real_models: Path) -> None:
    outcomes: dict[str, FileScan] = {}
    for folder, _, names in os.walk(real_models):
        for name in names:
            file = Path(folder, name)
            outcomes[name] = scan(file.read_bytes(), name=name)
    assert {found.outcome for found in outcomes.values()} <= {Outcome.CLEAN, Outcome.UNSUPPORTED}
    assert outcomes["silero_vad.jit"].formats == ("torchscript", "zip")
    assert outcomes["alex.pth"].formats == ("torch-legacy", "pickle")
    assert outcomes["nmp.onnx"].formats == ("onnx",)
    assert outcomes["nmp.tflite"].formats == ("tflite",)
    assert outcomes["saved_model.pb"].formats == ("saved-model", "tensorflow")
    assert outcomes["silero_vad_16k.safetensors"].outcome is Outcome.CLEAN
    assert not any(
        f.severity > Severity.INFO for found in outcomes.values() for f in found.findings
    )
