"""Signatures under certificates and by keys in tokens, between weightmark and model-signing 1.1.1."""

from pathlib import Path

import pytest

from tests.attestations.forge import FILES, make_tree, said
from tests.attestations.signers.conftest import token
from tests.attestations.signers.parties import Chain, Token, write_pem
from tests.conformance.test_interop_model_signing import Reference, reference, verify_job
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.keys.pkcs11 import Pkcs11Key
from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.certificate import CertificateSigner
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import Exit

__all__ = ["reference", "token"]
pytestmark = pytest.mark.needs("model_signing")
KINDS = ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"]
PLAIN = SignOptions(scan=False)


def test_the_reference_accepts_what_is_signed_under_a_certificate(
    tmp_path: Path, reference: Reference
) -> None:
    chain, jobs = Chain(), []
    root = write_pem(tmp_path / "root.pem", chain.root)
    for kind in KINDS:
        key = PrivateKey.generate(kind)
        leaf = write_pem(tmp_path / f"{kind}.pem", chain.leaf(key), chain.middle, chain.root)
        tree = make_tree(tmp_path / kind)
        sign_artifact(tree, CertificateSigner.load(key, leaf), PLAIN)
        jobs.append(
            [
                *("verify", "certificate", str(tree), "--signature", str(tree / "model.sig")),
                *("--certificate_chain", str(root)),
            ]
        )
    for job, (code, output) in zip(jobs, reference.run(jobs), strict=True):
        assert code == 0, (job, output)


def test_signatures_of_the_reference_under_a_certificate_verify_here(
    tmp_path: Path, reference: Reference
) -> None:
    chain, key = Chain(), PrivateKey.generate()
    (tmp_path / "k.pem").write_bytes(key.to_pem(None))
    leaf = write_pem(tmp_path / "leaf.pem", chain.leaf(key))
    others = write_pem(tmp_path / "chain.pem", chain.middle)
    tree = make_tree(tmp_path / "m")
    job = [
        *("sign", "certificate", str(tree), "--signature", str(tree / "model.sig")),
        *("--private_key", str(tmp_path / "k.pem"), "--signing_certificate", str(leaf)),
        *("--certificate_chain", str(others)),
    ]
    ((code, output),) = reference.run([job])
    assert code == 0, output
    rule = CertificateRule.parse(name="release@example.com")
    trust = Trust.in_anchors([CertificateAnchor((chain.root,), rule)])
    report = examine(tree, trust).report
    assert report.exit is Exit.GOOD, said(report)
    (tree / next(iter(FILES))).write_bytes(b"changed")
    assert examine(tree, trust).report.exit is Exit.BAD


@pytest.mark.needs("softhsm")
def test_the_reference_accepts_what_a_token_signed(
    tmp_path: Path, reference: Reference, token: Token
) -> None:
    jobs = []
    for number, kind in enumerate(KINDS, start=1):
        key = PrivateKey.generate(kind)
        token.put(key, kind, f"0{number}")
        (tmp_path / f"{kind}.pub").write_bytes(key.public.pem)
        tree = make_tree(tmp_path / kind)
        held = Pkcs11Key.open(Pkcs11Uri.parse(token.uri(kind)), lambda _token: None)
        sign_artifact(tree, KeySigner(held), PLAIN)
        jobs.append(verify_job(tree, tree / "model.sig", tmp_path / f"{kind}.pub"))
    for job, (code, output) in zip(jobs, reference.run(jobs), strict=True):
        assert code == 0, (job, output)


@pytest.mark.needs("softhsm")
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_reference_signed_with_a_token_verifies_here(
    tmp_path: Path, reference: Reference, token: Token, kind: str
) -> None:
    key = PrivateKey.generate(kind)
    token.put(key, kind)
    tree = make_tree(tmp_path / "m")
    signature = str(tree / "model.sig")
    job = [
        "sign",
        "pkcs11-key",
        str(tree),
        "--signature",
        signature,
        "--pkcs11_uri",
        token.uri(kind),
    ]
    ((code, output),) = reference.run([job])
    assert code == 0, output
    trust = Trust.in_keys([key.public])
    report = examine(tree, trust).report
    assert report.exit is Exit.GOOD, said(report)
    (tree / next(iter(FILES))).write_bytes(b"changed")
    assert examine(tree, trust).report.exit is Exit.BAD


def test_the_reference_still_accepts_beside_cosigners(tmp_path: Path, reference: Reference) -> None:
    key = PrivateKey.generate()
    (tmp_path / "k.pub").write_bytes(key.public.pem)
    tree = make_tree(tmp_path / "m")
    cosigners = [KeySigner(PrivateKey.generate(kind)) for kind in ("ed25519", "ml-dsa-65")]
    sign_artifact(tree, KeySigner(key), PLAIN, cosigners=cosigners)
    later = SignOptions(scan=False, add=True)
    sign_artifact(tree, KeySigner(PrivateKey.generate()), later)
    ((code, output),) = reference.run([verify_job(tree, tree / "model.sig", tmp_path / "k.pub")])
    assert code == 0, output
