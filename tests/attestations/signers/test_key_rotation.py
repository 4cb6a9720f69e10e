"""Rotations: the old key hands over, the new one accepts, and nobody else can do either."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.validity import Validity
from weightmark.errors import CallError, ExpiredError, MalformedError, RevokedError, WeightmarkError

NOW = datetime.now(UTC).replace(microsecond=0)
OLD, NEW, STRANGER = PrivateKey.generate(), PrivateKey.generate("ed25519"), PrivateKey.generate()


def lines_of(*bundles: bytes) -> bytes:
    return b"".join(one + b"\n" for one in bundles)


def signed(rotation: KeyRotation, *keys: PrivateKey) -> bytes:
    payload = rotation.to_statement()
    return lines_of(*(KeySigner(key).sign_statement(payload).to_bytes() for key in keys))


def refused(data: bytes, *trusted: PrivateKey) -> bool:
    try:
        KeyRotation.follow(Trust.in_keys([key.public for key in trusted or (OLD,)]), data, now=NOW)
    except WeightmarkError:
        return True
    return False


def test_whoever_trusts_the_old_key_can_follow_to_the_new_one() -> None:
    data = KeyRotation.sign(OLD, NEW, NOW + timedelta(days=30))
    found = KeyRotation.follow(Trust.in_keys([STRANGER.public, OLD.public]), data, now=NOW)
    assert found.new.fingerprint == NEW.public.fingerprint
    assert found.old == OLD.public.fingerprint
    assert found.follow_until == NOW + timedelta(days=30)


def test_a_rotation_is_no_use_to_whoever_does_not_trust_the_old_key() -> None:
    data = KeyRotation.sign(OLD, NEW)
    assert refused(data, STRANGER)
    assert refused(data, NEW), "the new key cannot vouch for itself"


def test_a_rotation_ends() -> None:
    data = signed(KeyRotation(OLD.public.fingerprint, NEW.public, NOW), OLD, NEW)
    KeyRotation.follow(Trust.in_keys([OLD.public]), data, now=NOW)
    with pytest.raises(ExpiredError, match="past its time"):
        KeyRotation.follow(Trust.in_keys([OLD.public]), data, now=NOW + timedelta(seconds=1))


def test_a_revoked_key_hands_over_to_nobody() -> None:
    data = KeyRotation.sign(OLD, NEW)
    revoked = KeyAnchor(OLD.public, Validity(revoked=NOW - timedelta(days=1), reason="leaked"))
    with pytest.raises(RevokedError):
        KeyRotation.follow(Trust.in_anchors([revoked]), data, now=NOW)


def test_nobody_hands_over_to_a_key_whose_holder_did_not_accept() -> None:
    rotation = KeyRotation(OLD.public.fingerprint, NEW.public)
    assert refused(signed(rotation, OLD))
    assert refused(signed(rotation, OLD, OLD))
    assert refused(signed(rotation, OLD, STRANGER))
    assert refused(signed(rotation, NEW, OLD)), "out of order"
    assert refused(signed(rotation, OLD, NEW, STRANGER))
    assert not refused(signed(rotation, OLD, NEW))


def test_a_trusted_key_cannot_hand_over_in_the_name_of_another() -> None:
    data = signed(KeyRotation(STRANGER.public.fingerprint, NEW.public), OLD, NEW)
    assert refused(data, OLD, STRANGER)


def test_an_acceptance_of_another_rotation_is_not_taken() -> None:
    one = KeyRotation(OLD.public.fingerprint, NEW.public).to_statement()
    two = KeyRotation(STRANGER.public.fingerprint, NEW.public).to_statement()
    data = lines_of(
        KeySigner(OLD).sign_statement(one).to_bytes(), KeySigner(NEW).sign_statement(two).to_bytes()
    )
    assert refused(data, OLD, STRANGER)


def test_a_subject_that_is_another_key_is_refused() -> None:
    predicate = {
        "old": OLD.public.fingerprint,
        "new": NEW.public.pem.decode(),
        "follow_until": None,
    }
    kind = "https://weightmark/predicates/key-rotation/v1"
    payload = Statement.about_digest("key", STRANGER.public.fingerprint, kind, predicate)
    data = lines_of(*(KeySigner(key).sign_statement(payload).to_bytes() for key in (OLD, NEW)))
    with pytest.raises(MalformedError, match="another key"):
        KeyRotation.follow(Trust.in_keys([OLD.public]), data, now=NOW)


@pytest.mark.parametrize("field", ["old", "new", "follow_until"])
@pytest.mark.parametrize("value", [1, [], {}, "", "x", True])
def test_a_field_of_another_kind_is_refused(field: str, value: object) -> None:
    predicate = {
        "old": OLD.public.fingerprint,
        "new": NEW.public.pem.decode(),
        "follow_until": "2027-01-01T00:00:00Z",
    }
    predicate[field] = value  # type: ignore[assignment] # the wrong type is the point
    kind = "https://weightmark/predicates/key-rotation/v1"
    payload = Statement.about_digest("key", NEW.public.fingerprint, kind, predicate)
    assert refused(
        lines_of(*(KeySigner(key).sign_statement(payload).to_bytes() for key in (OLD, NEW)))
    )


def test_a_rotation_that_is_over_before_it_begins_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="is past"):
        KeyRotation.sign(OLD, NEW, NOW - timedelta(days=1))


def test_a_key_does_not_follow_itself() -> None:
    with pytest.raises(CallError, match="are the same"):
        KeyRotation.sign(OLD, OLD)


def test_every_flipped_character_of_a_statement_is_noticed() -> None:
    first, second = KeyRotation.sign(OLD, NEW).splitlines()
    document = json.loads(first)
    payload = bytearray(base64.b64decode(document["dsseEnvelope"]["payload"]))
    for position in range(0, len(payload), 7):
        changed = bytearray(payload)
        changed[position] ^= 1
        document["dsseEnvelope"]["payload"] = base64.b64encode(changed).decode()
        assert refused(lines_of(json.dumps(document).encode(), second))


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_a_crash(data: bytes) -> None:
    assert refused(data)
