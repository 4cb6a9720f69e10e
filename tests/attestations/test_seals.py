"""Verified values: what verifying made is taken over into no other content."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import signed_tree, signer
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.statements import Statement


def test_a_verified_bundle_vouches_for_no_other_statement(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    bundle = Bundle.parse((tree / "model.sig").read_bytes())
    verified = signer().own_trust().verify(bundle)
    forged = replace(verified.statement, predicate={})
    assert isinstance(forged, Statement)
    with pytest.raises(TypeError):
        replace(verified, statement=forged)
    assert copy.copy(verified) == verified


def test_a_verified_manifest_names_no_other_signers(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    verified = weightmark.verify(tree, trust=signer().own_trust()).verified
    assert verified is not None
    with pytest.raises(TypeError):
        replace(verified, signers=("key:somebody else",))


def test_a_decision_allows_no_other_evidence(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    decision = weightmark.gate(tree, trust=signer().own_trust())
    with pytest.raises(TypeError):
        replace(decision, checks=())
