"""Documents for real models: those that PyPI ships, and those that real libraries wrote. Valid, and the same twice."""

import os
import zipfile
from pathlib import Path

import pytest

from tests.attestations.bom.documents import cyclonedx_problems, properties, spdx_problems
from tests.conftest import ENVIRONMENT, ROOT
from weightmark.attestations.bom.cyclonedx import cyclonedx_document
from weightmark.attestations.bom.gathering import BomRequest, gather
from weightmark.attestations.bom.interface import BomContent
from weightmark.attestations.bom.spdx import spdx_document
from weightmark.attestations.bom.text import document_text
from weightmark.errors import WeightmarkError

_CACHE = Path(os.path.normpath(ROOT / ENVIRONMENT.get("WEIGHTMARK_MODELS", ".cache/models")))
_MADE = ROOT / "tests/assets/torch_formats.zip"
_LARGE = 4096


def _texts(said: BomContent) -> tuple[str, str]:
    return document_text(cyclonedx_document(said)), document_text(spdx_document(said))


def _described(path: Path) -> int:
    """Describe a model in both forms, twice; return how many sets of tensors were measured."""
    said, again = (gather(path, BomRequest()).content for _ in range(2))
    cyclonedx, spdx = _texts(said)
    assert _texts(again) == (cyclonedx, spdx)
    assert not cyclonedx_problems(cyclonedx), path
    assert not spdx_problems(spdx), path
    root = cyclonedx_document(said)["metadata"]["component"]
    assert properties(root)["weightmark:identity"] == [said.identity]
    return len(said.weights)


@pytest.mark.needs("models")
def test_ten_real_models_have_valid_documents_in_both_forms() -> None:
    folders = [path for path in sorted(_CACHE.iterdir()) if path.is_dir()]
    files = [
        path
        for path in sorted(_CACHE.rglob("*"))
        if path.is_file() and path.stat().st_size > _LARGE and path.parent != _CACHE
    ]
    models = [*folders, *files]
    assert len(models) >= 10
    measured = [_described(path) for path in models]
    assert sum(count > 0 for count in measured) >= 10


def test_what_real_libraries_wrote_has_valid_documents(tmp_path: Path) -> None:
    with zipfile.ZipFile(_MADE) as packed:
        names = [info.filename for info in packed.infolist() if not info.is_dir()]
        packed.extractall(tmp_path)
    described = 0
    for name in sorted(names)[:20]:
        try:
            _described(tmp_path / name)
        except WeightmarkError as error:
            pytest.fail(f"{name}: {error.what}")
        described += 1
    assert described >= 10
