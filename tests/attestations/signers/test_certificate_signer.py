"""Signing under a certificate: what is written, and what is refused before anything is."""

import dataclasses
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import Chain, write_pem
from tests.sim.authority import key_usage
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.bundles.material import CertificateChain
from weightmark.attestations.identities import SignerKind
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.certificate import CertificateSigner
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import (
    CallError,
    CertificateRefusedError,
    Exit,
    ExpiredError,
    TrustMissingError,
    UncheckedError,
    WrongSignerError,
)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


def signer_of(tmp_path: Path, chain: Chain, key: PrivateKey) -> CertificateSigner:
    leaf = write_pem(tmp_path / "leaf.pem", chain.leaf(key))
    others = write_pem(tmp_path / "chain.pem", chain.middle, chain.root)
    return CertificateSigner.load(key, leaf, [others])


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_a_release_signed_under_a_certificate_verifies_under_its_root(
    tmp_path: Path, chain: Chain, kind: str
) -> None:
    key = PrivateKey.generate(kind)
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signer_of(tmp_path, chain, key), SignOptions(scan=False))
    rule = CertificateRule.parse(name="release@example.com")
    trust = Trust.in_anchors([CertificateAnchor((chain.root,), rule)])
    assert examine(tree, trust).report.exit is Exit.GOOD
    bundle = Bundle.parse((tree / "model.sig").read_bytes())
    assert isinstance(bundle.material, CertificateChain)
    assert not bundle.material.single
    assert len(bundle.material.certificates) == 2, "leaf and intermediate, never the root"
    (tree / "config.json").write_bytes(b"[]")
    assert examine(tree, trust).report.exit is Exit.BAD


def test_the_signer_is_named_as_the_verifier_names_it(tmp_path: Path, chain: Chain) -> None:
    signer = signer_of(tmp_path, chain, PrivateKey.generate())
    verified = signer.own_trust().verify(signer.sign_statement(statement()))
    assert verified.signer.is_same_as(signer.identity)
    assert signer.identity.kind is SignerKind.CERTIFICATE


def test_signing_again_replaces_the_own_signature_and_no_other(
    tmp_path: Path, chain: Chain
) -> None:
    signer = signer_of(tmp_path, chain, PrivateKey.generate())
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signer, SignOptions(scan=False))
    make_tree(tree, {"new.txt": b"x"})
    sign_artifact(tree, signer, SignOptions(scan=False))
    assert examine(tree, signer.own_trust()).report.exit is Exit.GOOD
    before = (tree / "model.sig").read_bytes()
    stranger = KeySigner(PrivateKey.generate())
    result = sign_artifact(tree, stranger, SignOptions(scan=False))
    assert (tree / "model.sig").read_bytes() == before
    assert any("kept `model.sig`" in notice for notice in result.notices)


def test_a_certificate_of_another_key_is_refused(tmp_path: Path, chain: Chain) -> None:
    leaf = write_pem(tmp_path / "l.pem", chain.leaf(PrivateKey.generate()), chain.middle)
    with pytest.raises(CallError, match="is not that of the key"):
        CertificateSigner.load(PrivateKey.generate(), leaf)


def test_an_expired_and_a_future_certificate_sign_nothing(tmp_path: Path, chain: Chain) -> None:
    key = PrivateKey.generate()
    old = write_pem(tmp_path / "old.pem", chain.leaf(key, days=(-30, -1)), chain.middle)
    with pytest.raises(ExpiredError, match="past its time"):
        CertificateSigner.load(key, old)
    young = write_pem(tmp_path / "young.pem", chain.leaf(key, days=(1, 30)), chain.middle)
    with pytest.raises(UncheckedError, match="not valid yet"):
        CertificateSigner.load(key, young)


def test_an_expired_authority_signs_nothing(tmp_path: Path) -> None:
    chain, key = Chain(now=datetime.now(UTC) - timedelta(days=1100)), PrivateKey.generate()
    leaf = write_pem(tmp_path / "l.pem", chain.leaf(key, days=(0, 2000)), chain.middle)
    with pytest.raises(ExpiredError, match="`CN=middle`"):
        CertificateSigner.load(key, leaf)


USES = {
    "a TLS server": (key_usage(signing=True), [ExtendedKeyUsageOID.SERVER_AUTH]),
    "a mail certificate": (key_usage(signing=True), [ExtendedKeyUsageOID.EMAIL_PROTECTION]),
    "an authority's own": (key_usage(certificates=True), [ExtendedKeyUsageOID.CODE_SIGNING]),
    "one for nothing in particular": (None, None),
}


@pytest.mark.parametrize("name", USES)
def test_a_certificate_that_may_not_sign_does_not_sign(
    tmp_path: Path, chain: Chain, name: str
) -> None:
    key = PrivateKey.generate()
    usage, extended = USES[name]
    leaf = chain.leaf(key, usage=usage, extended=extended)
    with pytest.raises(CertificateRefusedError, match="may not sign"):
        CertificateSigner.load(key, write_pem(tmp_path / "l.pem", leaf, chain.middle))


def test_certificates_out_of_order_or_of_another_chain_are_no_chain(
    tmp_path: Path, chain: Chain
) -> None:
    key = PrivateKey.generate()
    leaf = write_pem(tmp_path / "leaf.pem", chain.leaf(key))
    backwards = write_pem(tmp_path / "back.pem", chain.root, chain.middle)
    stranger = write_pem(tmp_path / "other.pem", Chain().middle)
    for others in (backwards, stranger):
        with pytest.raises(CallError, match="are no chain"):
            CertificateSigner.load(key, leaf, [others])
    with pytest.raises(CallError, match="stands alone"):
        CertificateSigner.load(key, leaf)


def test_what_is_no_certificate_is_said_to_be_none(tmp_path: Path, chain: Chain) -> None:
    key = PrivateKey.generate()
    for content in (
        b"",
        b"nonsense",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    ):
        (tmp_path / "x.pem").write_bytes(content)
        with pytest.raises(TrustMissingError):
            CertificateSigner.load(key, tmp_path / "x.pem")
    with pytest.raises(CallError, match="there is no certificate"):
        CertificateSigner.load(key, tmp_path / "none.pem")


def test_a_private_key_among_the_certificates_is_not_published(
    tmp_path: Path, chain: Chain
) -> None:
    key = PrivateKey.generate()
    file = write_pem(tmp_path / "both.pem", chain.leaf(key), chain.middle)
    file.write_bytes(file.read_bytes() + key.to_pem(None))
    with pytest.raises(CallError, match="holds a private key"):
        CertificateSigner.load(key, file)


def test_another_leaf_of_the_same_authority_is_somebody_else(tmp_path: Path, chain: Chain) -> None:
    first = signer_of(tmp_path, chain, PrivateKey.generate())
    second = signer_of(tmp_path, chain, PrivateKey.generate())
    with pytest.raises(WrongSignerError):
        first.own_trust().verify(second.sign_statement(statement()))


def test_a_chain_swapped_under_a_signature_is_refused(tmp_path: Path, chain: Chain) -> None:
    first = signer_of(tmp_path, chain, PrivateKey.generate())
    second = signer_of(tmp_path, chain, PrivateKey.generate())
    mixed = dataclasses.replace(
        first.sign_statement(statement()), material=second.sign_statement(statement()).material
    )
    for signer in (first, second):
        assert not believed(signer, mixed)


def believed(signer: CertificateSigner, bundle: Bundle) -> bool:
    from weightmark.errors import WeightmarkError

    try:
        signer.own_trust().verify(bundle)
    except WeightmarkError:
        return False
    return True


def statement() -> bytes:
    from weightmark.attestations.statements import Statement

    return Statement.about_digest("x", "ab" * 32, "https://example.com/p", {})


def test_a_bundle_never_brings_the_root(tmp_path: Path, chain: Chain) -> None:
    key = PrivateKey.generate()
    leaf, root = chain.leaf(key), chain.root.public_bytes(Encoding.DER)
    alone = write_pem(tmp_path / "leaf.pem", leaf)
    for authorities in ([chain.middle, chain.root], [chain.middle]):
        named = write_pem(tmp_path / "chain.pem", *authorities)
        signer = CertificateSigner.load(key, alone, [named])
        material = signer.sign_statement(statement()).material
        assert isinstance(material, CertificateChain)
        assert root not in material.certificates
        assert believed(signer, signer.sign_statement(statement()))


def test_an_authority_that_may_not_issue_is_named_before_anything_is_signed(
    tmp_path: Path, chain: Chain
) -> None:
    key, other = PrivateKey.generate(), PrivateKey.generate()
    impostor = chain.leaf(other)
    below = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")]))
        .issuer_name(impostor.subject)
        .public_key(key.public.key)
        .serial_number(1)
        .not_valid_before(impostor.not_valid_before_utc)
        .not_valid_after(impostor.not_valid_after_utc)
        .add_extension(key_usage(signing=True), critical=True)
        .sign(other.key, hashes.SHA256())
    )
    files = write_pem(tmp_path / "l.pem", below), [write_pem(tmp_path / "i.pem", impostor)]
    with pytest.raises(CertificateRefusedError, match="may not issue") as caught:
        CertificateSigner.load(key, *files)
    assert "CA:TRUE" in caught.value.why


def test_a_hint_at_timestamps_is_for_those_who_have_none(tmp_path: Path, chain: Chain) -> None:
    key = PrivateKey.generate()
    leaf = write_pem(tmp_path / "l.pem", chain.leaf(key), chain.middle)
    assert any("--tsa-url" in one for one in CertificateSigner.load(key, leaf).notices)
    stamped = CertificateSigner.load(key, leaf, timestamped=True)
    assert not any("--tsa-url" in one for one in stamped.notices)


@pytest.mark.needs("openssl")
def test_the_recipe_of_the_guide_makes_a_chain_that_signs_and_verifies(tmp_path: Path) -> None:
    """Run the commands of `docs/guides/signing.md` as they stand there."""
    recipe = Path("docs/guides/signing.md").read_text(encoding="utf-8")
    block = recipe.partition("<!-- recipe: openssl -->")[2].partition("```sh\n")[2]
    script = tmp_path / "recipe.sh"
    script.write_text("set -eu\n" + block.partition("```")[0], encoding="utf-8")
    make_tree(tmp_path / "my-model")
    tool = Path(sys.executable).parent
    path = f"{tool}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["/bin/sh", str(script)],
        cwd=tmp_path,
        env={"PATH": path, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verified" in done.stdout
