"""Anchors: a checkpoint's digest in a public log, and timestamps over it for a long time."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.ledger.makers import ALICE, enter, release
from tests.sim.faults import Fault
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.anchoring import (
    VerifiedAnchor,
    make_anchor,
    renew_anchor,
    verify_anchor,
)
from weightmark.attestations.making.timestamping import TimestampClient
from weightmark.attestations.signers.keyless.instance import SigstoreInstance
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.errors import (
    CallError,
    LimitError,
    MalformedError,
    NetworkError,
    ProofRefusedError,
    RefusedError,
    TamperedError,
    TrustMissingError,
    UncheckedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import NoteSigner

KEY = PrivateKey.generate()


@pytest.fixture
def instance(
    sim: LoopbackSigstore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> SigstoreInstance:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    return SigstoreInstance.from_trust_config(sim.write(tmp_path)["trust_config"])


@pytest.fixture
def tsa(sim: LoopbackSigstore) -> TimestampClient:
    return TimestampClient((sim.tsa_url,), clock=sim.clock.now)


def check(
    anchor: bytes, ledger: Ledger, instance: SigstoreInstance, key: PrivateKey = KEY
) -> VerifiedAnchor:
    root = TrustedRoot.parse(instance.trusted_root)
    return verify_anchor(anchor, ledger.verifier, key.public, root, datetime.now(UTC))


def test_a_checkpoint_is_anchored_and_verified_offline(
    ledger: Ledger, instance: SigstoreInstance, sim: LoopbackSigstore, tsa: TimestampClient
) -> None:
    enter(ledger, ALICE, release(ALICE, "m"))
    anchor = make_anchor(ledger.refresh(), KEY, instance, tsa=tsa)
    (request,) = sim.server.requests("rekor")
    sim.server.stop()
    assert b"example.com/models" not in request.body, "only a digest leaves the house"
    verified = check(anchor, ledger, instance)
    assert verified.checkpoint.size == 2
    assert verified.logs
    assert len(verified.times) == 1


def test_two_histories_cannot_have_one_anchor(ledger: Ledger, instance: SigstoreInstance) -> None:
    """The operator who shows another history has no entry for its checkpoint."""
    anchor = make_anchor(ledger.refresh(), KEY, instance)
    enter(ledger, ALICE, release(ALICE, "m"))
    fields = json.loads(anchor)
    fields["checkpoint"] = ledger.refresh().note.decode()
    with pytest.raises(RefusedError):
        check(json.dumps(fields).encode() + b"\n", ledger, instance)


def test_an_anchor_of_another_log_or_key_is_refused(
    ledger: Ledger, instance: SigstoreInstance
) -> None:
    anchor = make_anchor(ledger.refresh(), KEY, instance)
    with pytest.raises(WrongSignerError):
        check(anchor, ledger, instance, PrivateKey.generate())
    other = NoteSigner.generate(ledger.origin).verifier
    root = TrustedRoot.parse(instance.trusted_root)
    with pytest.raises((WrongSignerError, TamperedError)):
        verify_anchor(anchor, other, KEY.public, root, datetime.now(UTC))


def test_an_anchor_without_a_log_entry_proves_nothing(
    ledger: Ledger, instance: SigstoreInstance
) -> None:
    fields = json.loads(make_anchor(ledger.refresh(), KEY, instance))
    fields["bundle"]["verificationMaterial"]["tlogEntries"] = []
    with pytest.raises(UncheckedError):
        check(json.dumps(fields).encode() + b"\n", ledger, instance)


@pytest.mark.parametrize("lie", ["wrong entry", "wrong root", "wrong checkpoint"])
def test_a_log_that_lies_is_found_when_the_anchor_is_checked(
    ledger: Ledger, instance: SigstoreInstance, sim: LoopbackSigstore, lie: str
) -> None:
    sim.faults["rekor"] = Fault.lie(lie)
    anchor = make_anchor(ledger.refresh(), KEY, instance)
    with pytest.raises(WeightmarkError):
        check(anchor, ledger, instance)


def test_a_log_that_is_down_is_a_network_error(
    ledger: Ledger, instance: SigstoreInstance, sim: LoopbackSigstore
) -> None:
    sim.faults["rekor"] = Fault.error(400, "closed")
    with pytest.raises(NetworkError, match="refused"):
        make_anchor(ledger.refresh(), KEY, instance)


def test_other_keys_and_instances_without_such_a_log_are_refused(
    ledger: Ledger, instance: SigstoreInstance, sim: LoopbackSigstore
) -> None:
    with pytest.raises(CallError, match="ed25519"):
        make_anchor(ledger.refresh(), PrivateKey.generate("ed25519"), instance)
    old = replace(instance, signing_config=json.dumps(sim.signing_config((1,))).encode())
    with pytest.raises(TrustMissingError, match="no Rekor v2"):
        make_anchor(ledger.refresh(), KEY, old)


def test_renewals_cover_everything_before_them(
    ledger: Ledger, instance: SigstoreInstance, tsa: TimestampClient, sim: LoopbackSigstore
) -> None:
    anchor = make_anchor(ledger.refresh(), KEY, instance, tsa=tsa)
    sim.clock.shift(timedelta(hours=1))
    once = renew_anchor(anchor, tsa)
    sim.clock.shift(timedelta(hours=1))
    twice = renew_anchor(once, tsa)
    times = [one.at for one in check(twice, ledger, instance).times]
    assert times == sorted(times)
    assert len(times) == 3
    first, second, third = twice.splitlines(keepends=True)
    for damaged in (
        first + third,
        first + third + second,
        once.replace(b'"v":1}\n', b'"v":1} \n', 1),
    ):
        with pytest.raises((ProofRefusedError, MalformedError, TamperedError)):
            check(damaged, ledger, instance)


@given(st.binary(max_size=200))
def test_what_is_no_anchor_is_refused_with_words(data: bytes) -> None:
    with pytest.raises((MalformedError, LimitError)):
        verify_anchor(
            data,
            NoteSigner("example.com/x", bytes(32)).verifier,
            KEY.public,
            TrustedRoot((), (), (), ()),
            datetime.now(UTC),
        )
