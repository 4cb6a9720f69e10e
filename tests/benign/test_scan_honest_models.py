"""What Keras, h5py, ONNX, TensorFlow, GGUF, Flax, Core ML and boosters really write is clean."""

import random
import zipfile
from pathlib import Path

import pytest

from tests.attacks.model_builders import plain, sized
from tests.attacks.scan_builders import Member, archive, scan
from weightmark.scanners.scan import Outcome, Severity

ASSET = Path(__file__).parents[1] / "assets" / "models.zip"
LISTED = {"catboost.json"}
"""formats in which nothing is run, and nothing is looked for"""
WORDS = {
    "catboost": "catboost",
    "coreml": "coreml",
    "flax": "msgpack",
    "flax_model.msgpack": "msgpack",
    "gguf": "gguf",
    "h5py": "hdf5",
    "lightgbm.txt": "lightgbm",
    "onnx": "onnx",
    "tensorflow": "tensorflow",
    "tflite": "tflite",
    "xgboost.json": "xgboost",
    "xgboost.ubj": "xgboost",
}


def members() -> dict[str, bytes]:
    with zipfile.ZipFile(ASSET) as packed:
        names = [name for name in packed.namelist() if not name.startswith("hostile-")]
        return {name: packed.read(name) for name in names}


FILES = members()


def test_every_library_is_there() -> None:
    assert len(FILES) > 40
    assert {word for name in FILES for word in scan(FILES[name]).formats} >= set(WORDS.values())


@pytest.mark.parametrize("name", sorted(set(FILES) - LISTED))
def test_models_of_the_real_library_are_clean(name: str) -> None:
    found = scan(FILES[name], name=name)
    assert found.outcome is Outcome.CLEAN, found
    assert all(finding.severity is Severity.INFO for finding in found.findings)
    word = WORDS.get(name) or WORDS.get(name.split("-", maxsplit=1)[0])
    assert word is None or word in found.formats


@pytest.mark.parametrize("method", [0, 8])
def test_models_in_an_archive_are_clean(method: int) -> None:
    for name in sorted(set(FILES) - LISTED):
        packed = archive(Member(name.encode(), FILES[name], method=method))
        assert scan(packed, name="models.zip").outcome is Outcome.CLEAN, name


def test_models_cut_off_are_never_clean() -> None:
    """LightGBM's text may end after its trees."""
    for name in sorted(set(FILES) - LISTED - {"lightgbm.txt"}):
        data = FILES[name]
        for part in (2, 3, 5):
            found = scan(data[: len(data) - len(data) // part], name=name)
            assert found.outcome is not Outcome.CLEAN, (name, part)


def test_raw_weights_are_no_model() -> None:
    source = random.Random(0)  # noqa: S311 - weights, no secrets
    for _ in range(300):
        data = source.randbytes(source.choice([40, 200, 3000]))
        found = scan(data)
        assert found.outcome is not Outcome.FINDINGS, (data[:40], found)
        assert not found.problems, (data[:40], found)


@pytest.mark.parametrize("first", [0x08, 0x0A, 0x12, 0x3A, 0x81, 0xDE, 0x7B])
def test_raw_weights_that_begin_like_a_model_are_no_model(first: int) -> None:
    source = random.Random(first)  # noqa: S311 - weights, no secrets
    for _ in range(200):
        data = bytes([first]) + source.randbytes(source.choice([30, 500]))
        found = scan(data)
        assert found.outcome is not Outcome.FINDINGS, (data[:40], found)
        assert not found.problems, (data[:40], found)


def test_the_vocabulary_of_a_large_tokenizer_is_walked_to_its_end() -> None:
    """SentencePiece writes each piece as a field of one message: text, score, kind."""
    pieces = b"".join(
        sized(1, sized(1, f"token {number}") + b"\x15\0\0\x80\xbf") for number in range(120_000)
    )
    found = scan(pieces + sized(2, plain(3, 1)), name="tokenizer.model")
    assert (found.outcome, found.problems) == (Outcome.UNSUPPORTED, ())
