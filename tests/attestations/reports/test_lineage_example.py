"""The worked example of docs/examples/lineage: a report of every framework says what its ledger proves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import weightmark
from tests.attestations.reports.makers import items_of
from weightmark.attestations.policy.load import load_policy_file
from weightmark.attestations.reports.frameworks import FRAMEWORKS
from weightmark.attestations.reports.interface import Filled, Status
from weightmark.provenance.ledger.log import Ledger

_ROOT = Path(__file__).parents[3]
_WEIGHTS = "silero-vad/silero_vad_16k.safetensors"
_PLAY = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from build import decide, make, prepare
from stage import Stage
stage = Stage(Path(sys.argv[2]), sys.argv[3], print)
prepare(stage, Path(sys.argv[4]))
make(stage)
decide(stage)
"""
MISSING = {
    "annex-iv": {"9"},
    "ssdf": {"PW.2.1"},
    "g7-sbom-ai": {"MD-2", "MD-3", "SLP-2", "MDL-5", "MDL-8", "MDL-9"},
    "nist-rmf": {"MEASURE 2.4", "MANAGE 4.1"},
}
"""what nobody in the example states: deployments, approvals of the package, a BOM, timestamps, licences of models"""


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, torch_python: Path, real_models: Path) -> Path:
    place = tmp_path_factory.mktemp("example")
    example = str(_ROOT / "docs" / "examples" / "lineage")
    args = [example, str(place / "played"), str(torch_python), str(real_models / _WEIGHTS)]
    done = subprocess.run(
        [sys.executable, "-B", "-c", _PLAY, *args],
        env={**os.environ, "PYTHONPATH": str(_ROOT), "HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "played"


@pytest.fixture
def filled(played: Path) -> dict[str, dict[str, Filled]]:
    """The items of the package by each framework, by the roles of the example's policy."""
    policy = load_policy_file(played / "policy.toml")
    identity = weightmark.digest(played / "package").identity
    with Ledger.open(played / "ledger") as ledger:
        return {
            name: items_of(ledger, name, identity=identity, policy=policy) for name in FRAMEWORKS
        }


@pytest.mark.needs("torch")
@pytest.mark.needs("models")
def test_every_report_of_the_example_says_what_is_proven_and_what_is_missing(
    filled: dict[str, dict[str, Filled]],
) -> None:
    for name, items in filled.items():
        missing = {one for one, item in items.items() if item.status is Status.MISSING}
        assert missing == MISSING[name], name
        assert not any(one.status is Status.AGAINST for one in items.values())
        for item in items.values():
            if item.status in (Status.FILLED, Status.PARTLY):
                assert item.lines
    rights = {
        line.right for items in filled.values() for item in items.values() for line in item.lines
    }
    assert {
        "role builder",
        "role curator",
        "role qa",
        "role release",
        "admitted for decision",
    } <= rights
    steps = {line.entry for line in filled["annex-iv"]["2(a)"].lines}
    assert len(steps) == 4, "package, quantize, finetune and ingest"
    data = "\n".join(line.text for line in filled["annex-iv"]["2(d)"].lines)
    assert data.count("personal data none") == 3
