"""torch says what a checkpoint holds: each file gives the very bytes that it loads, or no table at all."""

import json
import os
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.attacks.scan_builders import Member, archive
from tests.scanners.test_convert import checkpoint, number, numbers, state_dict, tensor, text
from weightmark.errors import MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.tensors.catalogue import read_content
from weightmark.scanners.tensors.interface import FileContent

_ROOT = Path(__file__).parents[3]
_TORCH = Path(
    os.environ.get("WEIGHTMARK_TORCH_PYTHON", _ROOT / ".peers" / "torch" / "bin" / "python")
)
FLOATS = struct.pack("<6f", 0, 1, 2, 3, 4, 5)
_LOAD = """
import json, sys, torch
seen = {}
for path in sys.argv[1:]:
    ways = []
    for more in ({}, {"mmap": True}):
        try:
            value = torch.load(path, **more)
            ways.append({n: [list(v.shape), bytes(v.detach().contiguous().flatten().view(torch.uint8).tolist()).hex()]
                         for n, v in value.items() if isinstance(v, torch.Tensor)})
        except Exception as error:
            ways.append(str(error)[:200])
    seen[path.rpartition("/")[2]] = ways
print(json.dumps(seen))
"""

Seen = dict[str, list[dict[str, list[object]] | str]]


def torch_says(folder: Path, files: Mapping[str, bytes]) -> Seen:
    """Return what torch loads from each file, without and with `mmap`; a text is its refusal."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    paths = [str(folder / name) for name in files]
    ran = subprocess.run(
        [str(_TORCH), "-c", _LOAD, *paths], check=True, capture_output=True, text=True, timeout=200
    )
    found: Seen = json.loads(ran.stdout)
    return found


def ours(data: bytes) -> dict[str, list[object]] | WeightmarkError:
    """Return our tensors as `torch_says` does, or why there are none."""
    try:
        found = read_content(MemoryView(data))
        if found is None or not isinstance(found[1], FileContent):
            return UnsupportedError("no weights")
        return {
            one.name: [list(one.shape), b"".join(one.blocks()).hex()] for one in found[1].tensors
        }
    except WeightmarkError as error:
        return error


def third(
    shape: tuple[int, ...], dtype: str, *, kind: str = "torch.storage\nUntypedStorage", items: int
) -> bytes:
    """Return the opcodes of a tensor of `_rebuild_tensor_v3`, whose type is not its storage's."""
    storage = b"(" + text("storage") + f"c{kind}\n".encode() + text("0") + text("cpu")
    strides = (1,) * len(shape)
    rest = number(0) + numbers(*shape) + numbers(*strides)
    hooks = b"\x89ccollections\nOrderedDict\n)R" + f"ctorch\n{dtype}\n".encode()
    return (
        b"ctorch._utils\n_rebuild_tensor_v3\n("
        + (storage + number(items) + b"tQ" + rest + hooks)
        + b"tR"
    )


def renamed(old: bytes, new: bytes, order: bytes = b"big") -> bytes:
    names = (b"data.pkl", b"byteorder", b"data/0", b"version")
    contents = (state_dict(w=tensor((6,))), order, FLOATS, b"3\n")
    return archive(
        *(
            Member(b"archive/" + (new if name == old else name), content)
            for name, content in zip(names, contents, strict=True)
        )
    )


SPELLED = {
    "byteorder": renamed(b"byteorder", b"ByteOrder"),
    "pickle": renamed(b"data.pkl", b"DATA.pkl"),
    "storage": renamed(b"data/0", b"Data/0"),
    "version": renamed(b"version", b"VERSION"),
    "root": archive(
        Member(b"archive/data.pkl", state_dict(w=tensor((6,)))),
        Member(b"ARCHIVE/byteorder", b"big"),
        Member(b"archive/data/0", FLOATS),
    ),
    "twice": checkpoint(state_dict(w=tensor((6,))), Member(b"archive/BYTEORDER", b"big")),
}


@pytest.mark.parametrize("name", SPELLED)
def test_members_that_torch_finds_under_another_spelling_are_refused(name: str) -> None:
    """`a/ByteOrder` swaps every number in torch, whose zip reader takes no notice of case."""
    assert isinstance(ours(SPELLED[name]), MalformedError)


def test_compressed_storages_are_not_read_because_torch_reads_them_in_two_ways() -> None:
    data = archive(
        Member(b"archive/data.pkl", state_dict(w=tensor((6,)))),
        Member(b"archive/data/0", FLOATS, method=8),
    )
    found = ours(data)
    assert isinstance(found, UnsupportedError)
    assert "mmap" in found.why


def legacy(content: bytes, little: bytes) -> bytes:
    """Return the five pickles and one storage of six floats."""
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    sizes = text("type_sizes") + b"}(" + text("short") + number(2) + b"u"
    system = text("protocol_version") + number(1001) + text("little_endian") + little + sizes
    keys = b"\x80\x02](" + text("0") + b"e."
    head = magic + b"\x80\x02M\xe9\x03." + b"\x80\x02}(" + system + b"u."
    return head + content + keys + struct.pack("<q", 6) + FLOATS


def _legacy_dict() -> bytes:
    one = tensor((2, 3)).replace(number(6) + b"tQ", number(6) + b"NtQ")
    return state_dict(w=one)


TWINS = {
    "plain": checkpoint(state_dict(w=tensor((2, 3)))),
    "big": checkpoint(state_dict(w=tensor((2, 3))), order=b"big"),
    "no order": archive(
        Member(b"archive/data.pkl", state_dict(w=tensor((6,)))),
        Member(b"archive/data/0", FLOATS),
        Member(b"archive/version", b"3\n"),
    ),
    "legacy little": legacy(_legacy_dict(), b"\x88"),
    "legacy big": legacy(_legacy_dict(), b"\x89"),
    "big bytes": checkpoint(state_dict(w=third((6,), "float32", items=24)), order=b"big"),
    "big uint16": checkpoint(state_dict(w=third((12,), "uint16", items=24)), order=b"big"),
    "big float as double": checkpoint(
        state_dict(w=third((3,), "float64", kind="torch\nFloatStorage", items=6)), order=b"big"
    ),
    "big float as bytes": checkpoint(
        state_dict(w=third((24,), "uint8", kind="torch\nFloatStorage", items=6)), order=b"big"
    ),
    "big float as int": checkpoint(
        state_dict(w=third((6,), "int32", kind="torch\nFloatStorage", items=6)), order=b"big"
    ),
    "little float as double": checkpoint(
        state_dict(w=third((3,), "float64", kind="torch\nFloatStorage", items=6))
    ),
    "overlapping": checkpoint(state_dict(w=tensor((2, 3), (1, 1)))),
    "offset": checkpoint(state_dict(w=tensor((2, 2), (2, 1), offset=2))),
    "over the end": checkpoint(state_dict(w=tensor((2, 2), (2, 1), offset=3))),
    "empty at the end": checkpoint(state_dict(w=tensor((0, 2), (2, 1), offset=6))),
    "empty beyond": checkpoint(state_dict(w=tensor((0, 2), (2, 1), offset=600))),
    "scalar": checkpoint(state_dict(w=tensor((), (), offset=5))),
    "one of any stride": checkpoint(state_dict(w=tensor((1, 6), (999, 1)))),
    "fewer items": checkpoint(state_dict(w=tensor((4,), items=4))),
    "too few items": checkpoint(state_dict(w=tensor((6,), items=4))),
    "tied": checkpoint(state_dict(a=tensor((6,)), b=tensor((6,)), c=tensor((3,)))),
    "storage too long": checkpoint(state_dict(w=tensor((6,))), data=FLOATS + b"more"),
    "bool": checkpoint(state_dict(w=tensor((24,), kind="BoolStorage", items=24))),
    "complex": checkpoint(state_dict(w=tensor((3,), kind="ComplexFloatStorage", items=3))),
    "bfloat16": checkpoint(state_dict(w=tensor((12,), kind="BFloat16Storage", items=12))),
    "float8": checkpoint(state_dict(w=third((24,), "float8_e4m3fn", items=24))),
    "float8 e8m0": checkpoint(state_dict(w=third((24,), "float8_e8m0fnu", items=24))),
    "named in another module": checkpoint(
        state_dict(w=third((6,), "float32", kind="torch.cuda\nFloatStorage", items=6))
    ),
} | SPELLED
MUST_BE_READ = {
    *("plain", "big", "no order", "legacy little", "legacy big", "big bytes", "big uint16"),
    *("big float as int", "little float as double", "offset", "empty at the end", "scalar"),
    *("one of any stride", "tied", "bool", "complex", "bfloat16", "float8", "float8 e8m0"),
}


@pytest.mark.needs("torch")
def test_each_crafted_checkpoint_has_the_bytes_that_torch_loads_or_no_table(tmp_path: Path) -> None:
    seen = torch_says(tmp_path, TWINS)
    for name, data in TWINS.items():
        found, ways = ours(data), seen[name]
        if isinstance(found, WeightmarkError):
            assert name not in MUST_BE_READ, (name, found)
            continue
        for way in ways:
            assert isinstance(way, str) or way == found, name
    assert all(isinstance(seen[name][0], dict) for name in MUST_BE_READ)
    swapped, plain = seen["byteorder"][0], seen["plain"][0]
    assert isinstance(swapped, dict)
    assert isinstance(plain, dict)
    assert swapped["w"][1] != plain["w"][1], "torch does tell upper from lower case now"
