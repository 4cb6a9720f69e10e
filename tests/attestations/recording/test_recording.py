"""Recording from Python: what was said inside the block is stated when it ends well."""

from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import key, make_tree
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.recording import Recording
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, FileChangedError


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_tree(tmp_path / "base")
    (tmp_path / "k.key").write_bytes(key().to_pem(None))
    return tmp_path


def _record(place: Path, step: str = "finetune") -> Recording:
    return weightmark.record(
        step=step,
        inputs={"base": place / "base"},
        output=place / "out",
        key=str(place / "k.key"),
    )


def test_leaving_the_block_states_the_step(place: Path) -> None:
    with _record(place) as step:
        make_tree(place / "out")
        step.parameter("lr", "2e-5")
    (result,) = step.results
    envelope = result.claims[0].envelope
    statement = Statement.parse(envelope.payload_type, envelope.payload)
    provenance = SlsaProvenance.from_statement(statement)
    assert provenance.step == "finetune"
    assert provenance.external_parameters["parameters"] == {"lr": "2e-5"}
    base = weightmark.digest(place / "base").identity
    assert [one.identity for one in provenance.dependencies if one.identity] == [base]
    assert provenance.started is not None
    assert provenance.finished is not None


def test_an_error_inside_states_nothing(place: Path) -> None:
    def fail() -> None:
        with _record(place):
            make_tree(place / "out")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (place / "out" / "model.claims").exists()


def test_an_input_that_changes_inside_is_refused(place: Path) -> None:
    def poison() -> None:
        with _record(place):
            make_tree(place / "out")
            (place / "base" / "new").write_text("x")

    with pytest.raises(FileChangedError):
        poison()
    assert not (place / "out" / "model.claims").exists()


def test_a_step_that_is_none_is_a_wrong_call(place: Path) -> None:
    with pytest.raises(CallError):
        _record(place, "bake")
