"""`attest --type`: a predicate is checked against its type before it is signed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.predicates.test_predicates import EXAMPLES
from tests.cli.running import RunCli
from weightmark.attestations.predicates.registry import PREDICATE_TYPES
from weightmark.cli.attest import _TYPES


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "w").write_bytes(b"x")
    assert run_cli("key", "generate", "-o", "a.key", cwd=tmp_path).code == 0
    return tmp_path


def _attest(house: Path, run_cli: RunCli, kind: str, predicate: dict[str, Any]) -> Any:
    (house / "p.json").write_text(json.dumps(predicate))
    args = ("--type", kind, "--predicate", "p.json", "--key", "a.key")
    return run_cli("attest", "m", *args, cwd=house)


def test_the_short_names_are_those_of_the_registry() -> None:
    by_hand = {one.name for one in PREDICATE_TYPES.values() if one.by_hand}
    assert {*_TYPES, "approval"} == by_hand


@pytest.mark.parametrize("kind", _TYPES)
def test_every_type_is_stated(house: Path, run_cli: RunCli, kind: str) -> None:
    done = _attest(house, run_cli, kind, EXAMPLES[kind])
    assert done.code == 0, done.stderr
    assert (house / "m" / "model.claims").exists()


@pytest.mark.parametrize("kind", _TYPES)
def test_a_predicate_of_another_form_is_not_signed(house: Path, run_cli: RunCli, kind: str) -> None:
    assert _attest(house, run_cli, kind, {"bomFormat": 7}).code == 2
    assert not (house / "m" / "model.claims").exists()


def test_a_misspelt_type_is_corrected(house: Path, run_cli: RunCli) -> None:
    done = _attest(house, run_cli, "provenence", {})
    assert done.code == 2
    assert "did you mean `provenance`?" in done.stderr


def test_types_of_our_own_commands_are_refused(house: Path, run_cli: RunCli) -> None:
    assert _attest(house, run_cli, "https://weightmark/predicates/manifest/v1", {}).code == 2
