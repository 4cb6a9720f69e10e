"""One signer named in two places: the second name widens nothing, and no clock is lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.attestations.trust.makers import Stamps, signed
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.policy.explain import explain_policy
from weightmark.attestations.policy.load import load_policy_file
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.template import draft_policy
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.trust.selection import TrustChoice
from weightmark.errors import ExpiredError, OutOfTimeError, RevokedError

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
ENDED = "not_after = 2020-01-01"
REVOKED = "revoked = 2020-01-01"


def trust_text(*entries: tuple[PrivateKey, str], more: str = "") -> str:
    tables = (
        f"[keys.k{number}]\n{field}\npem = '''\n{key.public.pem.decode()}'''"
        for number, (key, field) in enumerate(entries)
    )
    return "\n".join(("version = 1", *tables, more))


def policy_of(place: Path, trust: str, *keys: PrivateKey) -> Policy:
    (place / "t.toml").write_text(trust)
    pems = ", ".join(f"'''\n{key.public.pem.decode()}'''" for key in keys)
    file = place / "p.toml"
    file.write_text(
        f'version = 1\n[roles.release]\nkeys = [{pems}]\ntrust = "t.toml"\n[require.release]\n'
    )
    return load_policy_file(file)


def believe(policy: Policy, stamps: Stamps, at: datetime | None) -> None:
    bundle = signed(KEY)
    tokens = (stamps.over(bundle.envelope.signature, at),) if at else ()
    assert policy.trust is not None
    policy.trust.verify(replace(bundle, timestamps=tokens), now=NOW)


def test_a_key_of_a_policy_is_ended_by_its_trust_file(tmp_path: Path) -> None:
    believe(policy_of(tmp_path, trust_text((OTHER, ENDED)), KEY), Stamps(), None)
    with pytest.raises(ExpiredError):
        believe(policy_of(tmp_path, trust_text((KEY, ENDED)), KEY), Stamps(), None)
    with pytest.raises(RevokedError):
        believe(policy_of(tmp_path, trust_text((KEY, REVOKED)), KEY), Stamps(), None)


def test_a_key_of_a_policy_has_the_clocks_and_demands_of_its_trust_file(tmp_path: Path) -> None:
    stamps = Stamps()
    clock = f"[timestamp_authorities.tsa]\npem = '''\n{stamps.pem.decode()}'''"
    until = (NOW - DAY).strftime("not_after = %Y-%m-%dT%H:%M:%SZ")
    both = policy_of(tmp_path, trust_text((KEY, until), more=clock), KEY)
    believe(both, stamps, NOW - 2 * DAY)
    with pytest.raises(OutOfTimeError):
        believe(both, stamps, NOW)
    policy = policy_of(tmp_path, trust_text((OTHER, ""), more=clock), KEY)
    assert policy.trust is not None
    bundle = signed(KEY)
    stamped = replace(bundle, timestamps=(stamps.over(bundle.envelope.signature, NOW - DAY),))
    verified = policy.trust.verify(stamped, now=NOW)
    assert [time.at for time in verified.times] == [NOW - DAY]


@pytest.mark.parametrize(("field", "error"), [(ENDED, ExpiredError), (REVOKED, RevokedError)])
def test_no_flag_makes_good_a_key_that_a_trust_file_ended(
    tmp_path: Path, field: str, error: type[Exception]
) -> None:
    file = tmp_path / "t.toml"
    file.write_text(trust_text((KEY, field)))
    for keys in ((), (KEY.public,), (KEY.public.identity,), (KEY.public.identity, KEY.public)):
        trust = TrustChoice(keys=keys, trust=(str(file),)).load(tmp_path)
        assert trust is not None
        with pytest.raises(error):
            trust.verify(signed(KEY), now=NOW)


def test_a_drafted_policy_holds_a_key_once() -> None:
    text = draft_policy("baseline", [KEY.public, OTHER.public, KEY.public], name="acme")
    assert text.count(KEY.public.pem) == text.count(OTHER.public.pem) == 1


def test_a_revoked_key_is_not_among_the_trusted(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, trust_text((KEY, REVOKED), (OTHER, "")), KEY, OTHER)
    assert policy.release.trusted == (OTHER.public.identity,)
    assert policy.release.revoked == (KEY.public.identity,)
    said = next(one.text for one in explain_policy(policy) if one.check == "signature")
    assert said == (
        f"signed by {OTHER.public.identity}, or provably before they were revoked, {KEY.public.identity}"
    )
    alone = policy_of(tmp_path, trust_text((KEY, REVOKED)))
    assert alone.release.trusted == ()
    assert alone.trust is not None, "what it signed before may still be proven"


def test_a_key_that_was_handed_over_to_counts_in_the_time_of_its_trust_file(
    tmp_path: Path,
) -> None:
    """The window of the new key must not fall away because the old one vouches for it."""
    rotation = tmp_path / "new.rotation"
    rotation.write_bytes(KeyRotation.sign(OTHER, KEY))
    file = tmp_path / "t.toml"
    for keys in ((OTHER.public.identity,), (OTHER.public,)):
        for field, error in ((ENDED, ExpiredError), (REVOKED, RevokedError)):
            file.write_text(trust_text((OTHER, ""), (KEY, field)))
            chosen = TrustChoice(keys=keys, trust=(str(file),), rotations=(rotation,))
            trust = chosen.load(tmp_path)
            assert trust is not None
            with pytest.raises(error):
                trust.verify(signed(KEY), now=NOW)
    file.write_text(trust_text((OTHER, "")))
    trust = TrustChoice(trust=(str(file),), rotations=(rotation,)).load(tmp_path)
    assert trust is not None
    assert "handed over" in trust.verify(signed(KEY), now=NOW).notices[0]
