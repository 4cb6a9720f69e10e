"""A revocation binds whatever else the caller trusts, and whatever its own entry demands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import Chain
from tests.attestations.trust.makers import Stamps, by_chain, signed
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.loading.releases import find_releases
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.trust.clocks import Clocks
from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.roots import built_in_root
from weightmark.attestations.trust.selection import TrustChoice
from weightmark.attestations.trust.validity import Validity
from weightmark.attestations.verifying.verification import VerifyReport, examine
from weightmark.errors import Exit, RevokedError
from weightmark.provenance.artifact import open_artifact

FULCIO_ISSUER = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
ISSUER = "https://accounts.example.com"
OLD, NEW = PrivateKey.generate(), PrivateKey.generate()
NOW = datetime.now(UTC)
REVOKED = Validity(revoked=datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "old.pub").write_bytes(OLD.public.pem)
    (tmp_path / "new.pub").write_bytes(NEW.public.pem)
    (tmp_path / "new.rotation").write_bytes(KeyRotation.sign(OLD, NEW))
    (tmp_path / "revokes.toml").write_text(
        'version = 1\n[keys.old]\nfile = "old.pub"\n'
        '[keys.new]\nfile = "new.pub"\nrevoked = 2020-01-01\n'
    )
    return tmp_path


def chosen(place: Path, **said: object) -> Trust:
    choice = TrustChoice(trust=(str(place / "revokes.toml"),), **said)  # type: ignore[arg-type] # words of several kinds
    trust = choice.load(place)
    assert trust is not None
    return trust


def refuses(trust: Trust, bundle: Bundle) -> None:
    with pytest.raises(RevokedError):
        trust.verify(bundle, now=NOW)


def test_picking_another_key_of_the_file_does_not_drop_a_revocation(place: Path) -> None:
    trust = chosen(place, keys=(OLD.public.identity, place / "new.pub"))
    refuses(trust, signed(NEW))
    trust.verify(signed(OLD), now=NOW)


def test_a_rotation_beside_a_picked_key_does_not_drop_a_revocation(place: Path) -> None:
    picked = chosen(place, keys=(OLD.public.identity,), rotations=(place / "new.rotation",))
    refuses(picked, signed(NEW))


def test_what_was_only_revoked_is_not_named_as_trusted(place: Path) -> None:
    assert chosen(place, keys=(OLD.public.identity,)).names == (OLD.public.identity,)


@pytest.mark.parametrize("stamped", [False, True])
def test_a_threshold_that_is_not_met_does_not_hide_a_revocation(stamped: bool) -> None:
    stamps = Stamps()
    bundle = signed(NEW)
    if stamped:
        token = stamps.over(bundle.envelope.signature)
        bundle = Bundle(bundle.material, bundle.content, timestamps=(token,))
    demanding = KeyAnchor(NEW.public, REVOKED, Clocks(timestamps=1))
    plain = KeyAnchor(NEW.public, clocks=stamps.clocks())
    refuses(Trust((demanding, plain)), bundle)


def test_an_authority_that_has_ended_does_not_hide_a_revocation() -> None:
    chain = Chain()
    leaf, anybody = chain.leaf(NEW, days=(-30, 30)), CertificateRule.parse(anybody=True)
    bundle = by_chain(chain, NEW, leaf)
    chain.now = NOW - timedelta(days=3652)
    ended = chain._authority("root", chain.root_key, "root", chain.root_key)
    assert ended.not_valid_after_utc < NOW
    gone = CertificateAnchor((ended,), anybody, validity=REVOKED)
    refuses(Trust((gone, CertificateAnchor((chain.root,), anybody))), bundle)


def test_a_revoked_key_counts_in_no_certificate() -> None:
    chain = Chain()
    bundle = by_chain(chain, NEW, chain.leaf(NEW))
    anybody = CertificateAnchor((chain.root,), CertificateRule.parse(anybody=True))
    Trust((anybody,)).verify(bundle, now=NOW)
    refuses(Trust((anybody, KeyAnchor(NEW.public, REVOKED))), bundle)


def test_a_revoked_name_counts_under_no_wider_rule() -> None:
    chain = Chain()
    bundle = by_chain(chain, NEW, chain.leaf(NEW))
    named = CertificateAnchor(
        (chain.root,), CertificateRule.parse(name="release@example.com"), validity=REVOKED
    )
    anybody = CertificateAnchor((chain.middle,), CertificateRule.parse(anybody=True))
    refuses(Trust((anybody, named)), bundle)


def test_a_revoked_authority_concerns_no_other_one() -> None:
    chain, other = Chain(), Chain()
    gone = CertificateAnchor((other.root,), CertificateRule.parse(anybody=True), validity=REVOKED)
    here = CertificateAnchor((chain.root,), CertificateRule.parse(anybody=True))
    Trust((gone, here)).verify(by_chain(chain, NEW, chain.leaf(NEW)), now=NOW)


GONE = [
    (REVOKED, Exit.BAD, "revoked"),
    (Validity(not_after=REVOKED.revoked), Exit.UNCHECKED, "expired"),
]


def by(key: PrivateKey) -> KeySigner:
    return KeySigner(key)


def judged(tree: Path, validity: Validity) -> VerifyReport:
    trust = Trust((KeyAnchor(OLD.public, validity, label="old"), KeyAnchor(NEW.public)))
    return examine(tree, trust).report


@pytest.mark.parametrize(("validity", "code", "reason"), GONE)
def test_claims_of_a_signer_who_is_gone_do_not_stand_in_the_way_of_a_new_one(
    tmp_path: Path, validity: Validity, code: Exit, reason: str
) -> None:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, by(OLD), SignOptions(scan=False))
    before = judged(tree, validity)
    assert before.exit is code
    assert reason in {check.code for check in before.checks}
    sign_artifact(tree, by(NEW), SignOptions(scan=False, replace=True))
    report = judged(tree, validity)
    assert report.verified is not None
    assert report.verified.signers == (NEW.public.identity,)
    assert [claim.trusted for claim in report.claims] == [True, False, False, True, True]
    said = next(check for check in report.checks if check.name == "claims")
    assert said.outcome is Outcome.INFO
    assert "`old`" in said.summary


def test_a_revoked_model_signature_counts_for_nothing_beside_claims_of_another(
    tmp_path: Path,
) -> None:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, by(OLD), SignOptions(scan=False))
    sign_artifact(tree, by(NEW), SignOptions(scan=False))
    report = judged(tree, REVOKED)
    assert report.verified is not None
    assert report.verified.signers == (NEW.public.identity,)
    trust = Trust((KeyAnchor(OLD.public, REVOKED), KeyAnchor(NEW.public)))
    assert find_releases(open_artifact(tree), trust).newest.signers == (NEW.public.identity,)


def test_a_thief_who_signs_anew_with_the_revoked_key_gains_nothing_by_the_good_claims(
    tmp_path: Path,
) -> None:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, by(NEW), SignOptions(scan=False))
    (tree / "config.json").write_bytes(b"[]")
    sign_artifact(tree, by(OLD), SignOptions(scan=False, replace=True))
    report = judged(tree, REVOKED)
    assert report.exit is Exit.BAD
    assert report.verified is None


def test_a_certificate_that_is_revoked_by_the_fingerprint_of_its_key_counts_as_a_bare_key_neither() -> (
    None
):
    chain, other = Chain(), Chain()
    by_key = CertificateRule.parse(fingerprint=NEW.public.fingerprint)
    gone = CertificateAnchor((chain.root,), by_key, validity=REVOKED)
    refuses(Trust((KeyAnchor(NEW.public), gone)), signed(NEW))
    Trust((KeyAnchor(OLD.public), gone)).verify(signed(OLD), now=NOW)
    anybody = CertificateAnchor((other.root,), CertificateRule.parse(anybody=True))
    refuses(Trust((anybody, gone)), by_chain(other, NEW, other.leaf(NEW)))


def identity_leaf(chain: Chain, key: PrivateKey) -> x509.Certificate:
    """A leaf as Fulcio writes it: one name, and the provider in an extension."""
    plain = chain.leaf(key)
    builder = chain._builder("release", key.key.public_key(), "middle").not_valid_before(
        plain.not_valid_before_utc
    )
    builder = builder.not_valid_after(plain.not_valid_after_utc)
    for one in plain.extensions:
        builder = builder.add_extension(one.value, critical=one.critical)
    issuer = ISSUER.encode()
    said = x509.UnrecognizedExtension(FULCIO_ISSUER, bytes([0x0C, len(issuer)]) + issuer)
    return builder.add_extension(said, critical=False).sign(chain.middle_key, hashes.SHA256())


def test_an_identity_that_is_revoked_counts_under_no_certificate_chain() -> None:
    chain = Chain()
    anybody = CertificateAnchor((chain.root,), CertificateRule.parse(anybody=True))
    rule = parse_rule(exact="release@example.com", issuer=ISSUER)
    gone = IdentityAnchor(rule, built_in_root("public-good"), validity=REVOKED)
    bundle = by_chain(chain, NEW, identity_leaf(chain, NEW))
    Trust((anybody,)).verify(bundle, now=NOW)
    refuses(Trust((anybody, gone)), bundle)
    honest = by_chain(chain, NEW, chain.leaf(NEW))
    Trust((anybody, gone)).verify(honest, now=NOW)


def test_a_revoked_identity_does_not_make_honest_certificates_of_other_kinds_unreadable() -> None:
    chain = Chain()
    anybody = CertificateAnchor((chain.root,), CertificateRule.parse(anybody=True))
    rule = parse_rule(exact="release@example.com", issuer=ISSUER)
    gone = IdentityAnchor(rule, built_in_root("public-good"), validity=REVOKED)
    Trust((anybody, gone)).verify(by_chain(chain, NEW, chain.leaf(NEW, extended=None)), now=NOW)
