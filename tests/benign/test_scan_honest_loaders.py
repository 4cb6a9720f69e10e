"""What ExecuTorch, CatBoost, nyoka and jsonpickle really write is quiet, and so is NeMo's archive."""

import pytest

from tests.attacks.scan_builders import scan
from tests.fuzz.scan_seeds import packed
from weightmark.scanners.scan import Outcome, Severity

FILES = packed("loaders.zip")
WORDS = {
    "catboost": "catboost",
    "executorch": "executorch",
    "jsonpickle": "json",
    "nemo": "tar",
    "nyoka": "pmml",
}


def test_every_library_has_written_something() -> None:
    assert {name.split("-")[0] for name in FILES} == set(WORDS)
    assert len(FILES) >= 15


@pytest.mark.parametrize("name", sorted(FILES))
def test_files_of_the_library_are_quiet(name: str) -> None:
    found = scan(FILES[name], name=name)
    quiet = Outcome.UNSUPPORTED if name.endswith(".json") else Outcome.CLEAN
    assert (found.outcome, found.problems) == (quiet, ()), found
    assert all(finding.severity is Severity.INFO for finding in found.findings)
    word = "flat-tensor" if name.endswith(".ptd") else WORDS[name.split("-", maxsplit=1)[0]]
    assert word in found.formats
