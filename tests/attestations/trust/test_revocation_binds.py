"""A revocation binds whatever else the caller trusts, and whatever its own entry demands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.signers.parties import Chain
from tests.attestations.trust.makers import Stamps, by_chain, signed
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor, CertificateRule
from weightmark.attestations.trust.clocks import Clocks
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.selection import TrustChoice
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import RevokedError

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
