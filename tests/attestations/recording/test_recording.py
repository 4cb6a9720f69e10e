"""Recording from Python: what was said inside the block is stated when it ends well."""

import shutil
from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import FILES, key, make_tree
from weightmark.attestations.predicates.slsa_provenance import SlsaProvenance
from weightmark.attestations.recording import Recording
from weightmark.attestations.statements import Statement
from weightmark.errors import CallError, FileChangedError

MADE = {**FILES, "log.txt": b"what was made"}


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
        make_tree(place / "out", MADE)
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
            make_tree(place / "out", MADE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not (place / "out" / "model.claims").exists()


def test_an_input_that_changes_inside_is_refused(place: Path) -> None:
    def poison() -> None:
        with _record(place):
            make_tree(place / "out", MADE)
            (place / "base" / "new").write_text("x")

    with pytest.raises(FileChangedError):
        poison()
    assert not (place / "out" / "model.claims").exists()


def test_a_step_that_is_none_is_a_wrong_call(place: Path) -> None:
    with pytest.raises(CallError):
        _record(place, "bake")


def test_an_input_that_vanishes_inside_is_refused(place: Path) -> None:
    def remove() -> None:
        with _record(place):
            make_tree(place / "out", MADE)
            shutil.rmtree(place / "base")

    with pytest.raises(FileChangedError) as refused:
        remove()
    assert "can't be read any more" in refused.value.why
    assert not (place / "out" / "model.claims").exists()


def test_a_step_that_changes_its_folder_is_stated_of_the_paths_that_were_meant(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    with weightmark.record(
        step="finetune", inputs={"base": "base"}, output="out", key="k.key"
    ) as step:
        make_tree(place / "out", MADE)
        make_tree(place / "elsewhere" / "base", {"poison": b"x"})
        make_tree(place / "elsewhere" / "out", {"poison": b"x"})
        monkeypatch.chdir(place / "elsewhere")
    (result,) = step.results
    assert result.artifact.path == place / "out"
    assert [one.path for one in step.inputs] == [place / "base"]


def test_a_step_that_never_began_states_nothing(place: Path) -> None:
    make_tree(place / "out", MADE)
    with pytest.raises(CallError, match="has not begun"):
        _record(place).finish()
    assert not (place / "out" / "model.claims").exists()


def test_no_secret_among_the_parameters_is_stated(place: Path) -> None:
    with _record(place) as step:
        make_tree(place / "out", MADE)
        step.parameter("hub_token", "not-for-anybody")
    assert b"not-for-anybody" not in step.results[0].claims[0].envelope.payload


def test_a_copy_of_what_went_in_is_nothing_that_was_made(place: Path) -> None:
    """Its statement would say that the artifact was made from itself."""

    def copy() -> None:
        with _record(place):
            shutil.copytree(place / "base", place / "out")

    with pytest.raises(CallError, match="is what went in as `base`"):
        copy()
    assert not (place / "out" / "model.claims").exists()


def test_other_bytes_of_the_same_names_and_sizes_are_something_that_was_made(place: Path) -> None:
    with _record(place) as step:
        make_tree(place / "out", {name: data[::-1] for name, data in FILES.items()})
    assert len(step.results) == 1
