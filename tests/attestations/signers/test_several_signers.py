"""Several signers of one artifact, at once and one after the other, post-quantum ones among them."""

from pathlib import Path

import pytest

from tests.attestations.forge import make_tree, predicates, put, sign, signed_tree, signer
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import CallError, Exit, SidecarRefusedError

ADD = SignOptions(scan=False, add=True)
PLAIN = SignOptions(scan=False)


def good(tree: Path, one: KeySigner) -> bool:
    return examine(tree, one.own_trust()).report.exit is Exit.GOOD


def test_all_who_sign_at_once_can_each_be_trusted_alone(tmp_path: Path) -> None:
    signers = [signer("a"), signer("b", "ecdsa-p384"), signer("c", "ed25519")]
    tree = make_tree(tmp_path / "m")
    result = sign_artifact(tree, signers[0], PLAIN, cosigners=signers[1:])
    assert result.cosigners == tuple(one.identity.name for one in signers[1:])
    assert all(good(tree, one) for one in signers)
    assert predicates(tree / "model.claims") == ["manifest/v1", "scan/v1"] * 3
    (tree / "config.json").write_bytes(b"[]")
    assert not any(good(tree, one) for one in signers)


def test_all_sign_the_very_same_statements(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    result = sign_artifact(tree, signer("a"), PLAIN, cosigners=[signer("b")])
    ids = [claim.envelope.claim_id for claim in result.claims]
    assert ids[:2] == ids[2:]


def test_a_later_signer_adds_and_leaves_the_model_signature_alone(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    before = (tree / "model.sig").read_bytes()
    sign_artifact(tree, signer("later"), ADD)
    assert (tree / "model.sig").read_bytes() == before
    assert good(tree, signer("later"))
    assert good(tree, signer())


def test_the_own_model_signature_is_left_alone_as_well(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    before = (tree / "model.sig").read_bytes()
    sign_artifact(tree, signer(), ADD)
    assert (tree / "model.sig").read_bytes() == before
    assert predicates(tree / "model.claims") == ["manifest/v1", "scan/v1"]


def test_adding_twice_keeps_one_claim_of_a_kind_for_each_signer(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    for _ in range(2):
        sign_artifact(tree, signer("later"), ADD)
    assert len(predicates(tree / "model.claims")) == 4


def test_adding_where_nothing_stands_makes_no_model_signature(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signer(), ADD)
    assert not (tree / "model.sig").exists()
    assert good(tree, signer())


def test_adding_to_what_is_no_signature_is_refused(tmp_path: Path) -> None:
    tree = put(make_tree(tmp_path / "m"), b"not a signature")
    with pytest.raises(SidecarRefusedError):
        sign_artifact(tree, signer(), ADD)
    assert not (tree / "model.claims").exists()


def test_adding_cannot_launder_a_changed_artifact(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    (tree / "config.json").write_bytes(b"[]")
    sign_artifact(tree, signer("later"), ADD)
    assert good(tree, signer("later"))
    assert not good(tree, signer())


def test_one_signer_named_twice_counts_once(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "m")
    with pytest.raises(CallError, match="named as a signer twice"):
        sign_artifact(tree, signer(), PLAIN, cosigners=[signer()])
    assert not (tree / "model.claims").exists()


def test_a_post_quantum_key_signs_beside_and_verifies_alone(tmp_path: Path) -> None:
    second = KeySigner(PrivateKey.generate("ml-dsa-65"))
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signer(), PLAIN, cosigners=[second])
    assert good(tree, second)
    assert good(tree, signer())
    (tree / "p.pub").write_bytes(second.public.pem)
    again = PublicKey.load(tree / "p.pub")
    (tree / "p.pub").unlink()
    assert examine(tree, Trust.in_keys([again])).report.exit is Exit.GOOD


def test_a_post_quantum_claim_of_another_artifact_is_not_taken(tmp_path: Path) -> None:
    second = KeySigner(PrivateKey.generate("ml-dsa-65"))
    one, two = make_tree(tmp_path / "1"), make_tree(tmp_path / "2", {"other": b"x"})
    for tree in (one, two):
        sign_artifact(tree, signer(), PLAIN, cosigners=[second])
    (two / "model.claims").write_bytes((one / "model.claims").read_bytes())
    assert examine(two, second.own_trust()).report.exit is Exit.BAD


@pytest.mark.parametrize("kind", ["ed25519", "ml-dsa-65"])
def test_it_is_said_when_the_reference_cannot_verify(tmp_path: Path, kind: str) -> None:
    tree = make_tree(tmp_path / "m")
    result = sign_artifact(tree, KeySigner(PrivateKey.generate(kind)), PLAIN)
    assert any("reference verifier does not know" in notice for notice in result.notices)
    assert not sign(make_tree(tmp_path / "n")).notices
