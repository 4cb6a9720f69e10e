"""numpy arrays and torch tensors over checked bytes, in the environment of PyTorch."""

import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_SCRIPT = r"""
import struct, sys, warnings
warnings.simplefilter("error")
import numpy, torch
from weightmark.attestations.loading.arrays.choice import choose_form
from weightmark.errors import UnsupportedError

assert choose_form("auto").name == "numpy"
as_numpy, as_torch = choose_form("numpy"), choose_form("torch")
CODES = {"BOOL": "?", "U8": "B", "I8": "b", "U16": "H", "I16": "h", "F16": "e", "U32": "I",
         "I32": "i", "F32": "f", "U64": "Q", "I64": "q", "F64": "d"}
for dtype, code in CODES.items():
    values = [1, 0, 1, 1, 0, 1]
    data = struct.pack("<6" + code, *values)
    for form in (as_numpy, as_torch):
        array = form.make(dtype, (2, 3), bytearray(data))
        assert tuple(array.shape) == (2, 3), (form.name, dtype)
        assert array.tolist() == [[1, 0, 1], [1, 0, 1]], (form.name, dtype)
        assert form.make(dtype, (0, 3), bytearray()).tolist() == []
        assert form.make(dtype, (), bytearray(data[: len(data) // 6])).tolist() == 1
        array[0, 0] = 0
pair = bytearray(struct.pack("<4f", 1, 2, 3, 4))
assert as_numpy.make("C64", (2,), pair).tolist() == [1 + 2j, 3 + 4j]
assert as_torch.make("C64", (2,), pair).tolist() == [1 + 2j, 3 + 4j]
assert as_torch.make("BF16", (1,), bytearray(b"\x80\x3f")).tolist() == [1.0]
assert as_torch.make("F8_E4M3", (1,), bytearray(b"\x38")).tolist() == [1.0]
for form, dtype in ((as_numpy, "BF16"), (as_numpy, "F8_E5M2"), (as_torch, "F4"), (as_torch, "nn")):
    try:
        form.make(dtype, (2,), bytearray(4))
    except UnsupportedError:
        continue
    raise SystemExit(f"{form.name} takes {dtype}")
for form in (as_numpy, as_torch):
    for shape, size in (((0, 2**70), 0), ((0, 2**62, 8), 0), ((1,) * 65, 4)):
        try:
            form.make("F32", shape, bytearray(size))
        except UnsupportedError:
            continue
        if 2**70 in shape:
            raise SystemExit(f"{form.name} takes {shape}")
"""


@pytest.mark.needs("torch")
def test_every_type_becomes_the_array_that_was_meant(torch_python: Path) -> None:
    done = subprocess.run(
        [torch_python, "-c", f"import sys; sys.path.insert(0, {str(_ROOT)!r})\n{_SCRIPT}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
