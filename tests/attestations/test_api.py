"""The Python API: the words of the command line, with values where it has files."""

from pathlib import Path

import pytest

import weightmark
from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import Chain, LoopbackTsa, write_pem
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.signers.key import KeySigner
from weightmark.errors import (
    ArtifactRefusedError,
    CallError,
    Exit,
    PolicyError,
    TrustNotSaidError,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "m")


def test_several_keys_sign_and_each_is_believed_alone(model: Path, tmp_path: Path) -> None:
    first, second, pq = (
        PrivateKey.generate(kind) for kind in ("ecdsa-p256", "ed25519", "ml-dsa-65")
    )
    path = tmp_path / "first.key"
    path.write_bytes(first.to_pem(b"secret"))
    made = weightmark.sign(model, key=[path, second], passphrase=b"secret", pq_key=pq)
    assert len(made.cosigners) == 2
    for key in (first, second, pq):
        assert weightmark.verify(model, key=key.public).exit is Exit.GOOD
    assert weightmark.verify(model, key=PrivateKey.generate().public).exit is Exit.BAD


def test_a_certificate_with_a_timestamp_is_believed_by_its_name(
    model: Path, tmp_path: Path
) -> None:
    tsa = LoopbackTsa()
    key, chain = PrivateKey.generate(), Chain()
    leaf = write_pem(tmp_path / "leaf.pem", chain.leaf(key))
    middle, root = (write_pem(tmp_path / f"{n}.pem", getattr(chain, n)) for n in ("middle", "root"))
    clock = write_pem(tmp_path / "tsa.pem", *tsa.authority.leaf.chain)
    try:
        made = weightmark.sign(
            model, key=key, signing_cert=leaf, cert_chain=middle, tsa_url=tsa.url, tsa_chain=clock
        )
    finally:
        tsa.server.stop()
    assert made.claims[0].timestamps
    san = "release@example.com"
    report = weightmark.verify(model, cert_chain=root, cert_san=san, tsa_chain=clock)
    assert report.exit is Exit.GOOD
    assert any("timestamp" in line for check in report.checks for line in check.details)
    assert weightmark.verify(model, cert_chain=root, cert_san="x@example.com").exit is Exit.BAD


def test_signers_are_values_and_add_leaves_the_model_signature(model: Path) -> None:
    a, b = (KeySigner(PrivateKey.generate()) for _ in range(2))
    weightmark.sign(model, signer=a)
    before = (model / "model.sig").read_bytes()
    weightmark.sign(model, signer=[b], add=True)
    assert (model / "model.sig").read_bytes() == before
    assert weightmark.verify(model, key=b.public).exit is Exit.GOOD
    with pytest.raises(CallError, match="beside"):
        weightmark.sign(model, signer=a, key=PrivateKey.generate())


def test_a_rotation_is_followed(model: Path, tmp_path: Path) -> None:
    old, new = PrivateKey.generate(), PrivateKey.generate()
    handed = tmp_path / "new.rotation"
    handed.write_bytes(KeyRotation.sign(old, new, None))
    weightmark.sign(model, key=new)
    assert weightmark.verify(model, key=old.public).exit is Exit.BAD
    assert weightmark.verify(model, key=old.public, rotation=handed).exit is Exit.GOOD
    decision = weightmark.gate(model, key=old.public, rotation=handed)
    assert decision.exit is not Exit.BAD


def test_a_claim_is_made_by_one_signer(model: Path) -> None:
    keys = [PrivateKey.generate(), PrivateKey.generate()]
    with pytest.raises(CallError, match="one signer"):
        weightmark.attest(model, key=keys, type="https://example.com/p", predicate={})


def test_nobody_is_no_signer_and_nobody_to_trust(model: Path) -> None:
    with pytest.raises(CallError, match="no signer"):
        weightmark.sign(model)
    weightmark.sign(model, key=PrivateKey.generate())
    with pytest.raises(TrustNotSaidError):
        weightmark.verify(model)


def test_an_unknown_word_is_a_mistake_of_the_program(model: Path) -> None:
    with pytest.raises(TypeError, match="`certificate`"):
        weightmark.sign(model, certificate="x")  # type: ignore[call-arg] # the mistake that is tested
    with pytest.raises(TypeError, match="`keys`"):
        weightmark.verify(model, keys="x")  # type: ignore[call-arg] # the mistake that is tested


def test_a_key_file_inside_the_artifact_is_refused_by_every_way(model: Path) -> None:
    key = PrivateKey.generate()
    (model / "notes.txt").write_bytes(b"words in front of it " * 10 + b"\n" + key.to_pem(None))
    with pytest.raises(ArtifactRefusedError, match="notes"):
        weightmark.sign(model, key=[PrivateKey.generate(), model / "notes.txt"])


@pytest.mark.parametrize("call", ["gate", "open_verified"])
def test_a_clock_beside_a_policy_file_is_not_dropped_in_silence(
    model: Path, tmp_path: Path, call: str
) -> None:
    key = PrivateKey.generate()
    (tmp_path / "release.pub").write_bytes(key.public.pem)
    policy = tmp_path / "policy.toml"
    policy.write_text('version = 1\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n')
    judge = getattr(weightmark, call)
    with pytest.raises(PolicyError, match="beside the policy file"):
        judge(model, policy=policy, tsa_chain=tmp_path / "release.pub")


def test_whom_to_trust_is_asked_for_in_the_words_of_python(model: Path) -> None:
    private = PrivateKey.generate()
    weightmark.sign(model, signer=KeySigner(private))
    with pytest.raises(TrustNotSaidError) as caught:
        weightmark.verify(model)
    assert "`key=`" in caught.value.fix
