"""`attest --type`: a predicate is checked against its type before it is signed."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import weightmark
from tests.attestations.predicates.test_predicates import EXAMPLES
from tests.cli.running import RunCli
from weightmark.attestations.predicates.examples import EXAMPLES as SMALLEST
from weightmark.attestations.predicates.registry import PREDICATE_TYPES
from weightmark.attestations.predicates.steps import BY_HAND
from weightmark.errors import CallError

_PREDICATES = [kind for kind in BY_HAND if kind != "approval"]


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
    assert set(BY_HAND) == by_hand


@pytest.mark.parametrize("kind", _PREDICATES)
def test_every_type_is_stated(house: Path, run_cli: RunCli, kind: str) -> None:
    done = _attest(house, run_cli, kind, EXAMPLES[kind])
    assert done.code == 0, done.stderr
    assert (house / "m" / "model.claims").exists()


@pytest.mark.parametrize("kind", _PREDICATES)
def test_a_predicate_of_another_form_is_not_signed(house: Path, run_cli: RunCli, kind: str) -> None:
    assert _attest(house, run_cli, kind, {"bomFormat": 7}).code == 2
    assert not (house / "m" / "model.claims").exists()


def test_a_misspelt_type_is_corrected(house: Path, run_cli: RunCli) -> None:
    done = _attest(house, run_cli, "provenence", {})
    assert done.code == 2
    assert "did you mean `provenance`?" in done.stderr


def test_types_of_our_own_commands_are_refused(house: Path, run_cli: RunCli) -> None:
    assert _attest(house, run_cli, "https://weightmark/predicates/manifest/v1", {}).code == 2


@pytest.mark.parametrize("kind", _PREDICATES)
def test_the_example_of_a_type_is_named_and_is_stated(
    house: Path, run_cli: RunCli, kind: str
) -> None:
    asked = run_cli("attest", "m", "--type", kind, "--key", "a.key", cwd=house)
    assert asked.code == 2
    assert json.dumps(SMALLEST[kind]) in asked.stderr
    done = _attest(house, run_cli, kind, dict(SMALLEST[kind]))
    assert done.code == 0, done.stderr
    assert f"`{kind}`" in done.stdout


@pytest.mark.parametrize(
    ("kind", "maker"),
    [
        ("conversion", "weightmark convert"),
        ("revocation", "weightmark revoke"),
        ("key-rotation", "weightmark key rotate"),
        ("manifest", "weightmark sign"),
    ],
)
def test_a_type_of_our_own_commands_names_the_command(
    house: Path, run_cli: RunCli, kind: str, maker: str
) -> None:
    done = _attest(house, run_cli, f"https://weightmark/predicates/{kind}/v1", {})
    assert done.code == 2
    assert f"`{maker}" in done.stderr


def test_python_states_by_the_same_short_names(house: Path, run_cli: RunCli) -> None:
    where, key = house / "m", str(house / "a.key")
    end = datetime(2099, 1, 31, tzinfo=UTC)
    weightmark.attest(where, type="approval", reason="looked at it", expires=end, key=key)
    weightmark.attest(where, type="classification", predicate={"level": "internal"}, key=key)
    for wrong in ("approval", "classification", "nothing"):
        with pytest.raises(CallError):
            weightmark.attest(where, type=wrong, key=key)
    with pytest.raises(CallError):
        weightmark.attest(where, type="classification", predicate={"level": "huge"}, key=key)
    assert len((where / "model.claims").read_bytes().splitlines()) == 2
    assert run_cli("verify", "m", "--key", "a.pub", cwd=house).code in (0, 3)
