"""Attacks on names: files that tools usually pass over, and names that look alike, held by a whole gate."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attestations.chain.chains import approve, descriptor, identity, made, state
from tests.attestations.gate_claims import judged, rules
from tests.attestations.gate_makers import SIGNER, make_model, make_signed, preset, refused
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE

BUILT = "[require.provenance]\nrole = 'builder'\n"


@pytest.mark.parametrize(
    "name",
    [
        "__pycache__/config.cpython-311.pyc",
        "config.pyc",
        "notes~",
        "step.link",
        ".env",
        ".DS_Store",
        "sub/.git/config",
        "sub/.cache/huggingface/x",
        "sub/model.sig",
        "sub/model.claims",
        "claims.jsonl",
        "model.sig.bak",
    ],
)
def test_a_file_that_tools_pass_over_is_content_like_any_other(tmp_path: Path, name: str) -> None:
    model = make_signed(tmp_path / "model")
    assert gate(model, preset("baseline")).allows
    place = model / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(b"{}")
    assert "content" in refused(gate(model, preset("baseline")))


def test_what_a_gitignore_names_is_content_all_the_same(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", **{".gitignore": b"hidden.bin\n"})
    sign_artifact(model, SIGNER, SignOptions())
    assert gate(model, preset("baseline")).allows
    (model / "hidden.bin").write_bytes(b"x")
    assert "content" in refused(gate(model, preset("baseline")))


@pytest.mark.parametrize("elsewhere", [True, False], ids=["outside", "inside"])
def test_a_file_that_became_a_link_is_denied(tmp_path: Path, elsewhere: bool) -> None:
    model = make_signed(tmp_path / "model")
    place = tmp_path / "twin" if elsewhere else model / "twin"
    (model / "config.json").rename(place)
    (model / "config.json").symlink_to(place)
    assert not gate(model, preset("baseline")).allows


def _decomposed(model: Path) -> None:
    (model / "café.json").rename(model / unicodedata.normalize("NFD", "café.json"))


def _other_case(model: Path) -> None:
    (model / "café.json").rename(model / "CAFÉ.json")


def _lookalike(model: Path) -> None:
    """A Cyrillic letter in place of the Latin one."""
    (model / "café.json").rename(model / "caf\u0450.json")


def _two_lines(model: Path) -> None:
    """One name that reads as two lines of a list."""
    (model / "café.json").unlink()
    (model / "café.json\nconfig.json").write_bytes(b"{}")


def _both_forms(model: Path) -> None:
    (model / unicodedata.normalize("NFD", "café.json")).write_bytes(b"{}")


@pytest.mark.parametrize(
    "trick",
    [_decomposed, _other_case, _lookalike, _two_lines, _both_forms],
    ids=lambda one: one.__name__,
)
def test_a_name_that_only_looks_the_same_is_another_name(
    tmp_path: Path, trick: Callable[[Path], None]
) -> None:
    model = make_model(tmp_path / "model", **{"café.json": b"{}"})
    sign_artifact(model, SIGNER, SignOptions())
    assert gate(model, preset("baseline")).allows
    trick(model)
    decision = gate(model, preset("baseline"))
    assert refused(decision) & {"content", "names"}


def test_a_parent_under_another_name_is_the_same_artifact_and_no_other() -> None:
    """What a step calls an input neither makes it another one nor hides which it is."""
    listed = rules(f"{BUILT}[chain]\nallowed_bases = ['{identity('base')}']\n", roles=["builder"])
    renamed = descriptor("base") | {"name": "evil", "uri": "hf://models/evil/evil"}
    assert judged(listed, made("model", renamed), approve("base")).allows
    posing = descriptor("evil") | {"name": "base", "uri": "hf://models/acme/base"}
    assert refused(judged(listed, made("model", posing), approve("evil"))) == {"chain"}


def test_a_parent_whose_approval_has_ended_is_none() -> None:
    chained = rules(f"{BUILT}[chain]\n", roles=["builder"])
    for expires, allowed in (("2026-11-22T00:00:00Z", True), ("2026-11-21T11:00:00Z", False)):
        ended = {"reason": "for now", "expires": expires}
        approval = state("base", APPROVAL_PREDICATE, ended, "release")
        assert judged(chained, made("model", "base"), approval).allows is allowed


def test_a_reserved_name_in_other_letters_is_refused(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (model / "Model.Claims").write_text(json.dumps({}))
    assert not gate(model, preset("baseline")).allows
