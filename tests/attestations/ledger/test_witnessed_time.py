"""`--since` spares what witnesses saw in time, and nothing that merely says so."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.attestations.ledger.makers import ALICE, CAROL, enter, release
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.revocations import Revocations
from weightmark.attestations.ledger.revoking import revoke
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.trust import Trust
from weightmark.errors import LedgerInconsistentError, RevokedError
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.cosigned import CosignedNote
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.note import split_note
from weightmark.provenance.ledger.witnessing.collection import keep_cosigned
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.policy import TlogPolicy, parse_policy
from weightmark.provenance.ledger.witnessing.quorum import merge_cosignatures, verify_cosigned

WITNESSES = [
    WitnessSigner(f"w.example/{n}", CosignatureType.ED25519, bytes([n]) * 32) for n in (1, 2)
]
NOW = datetime.now(UTC)
LEAK = NOW - timedelta(days=10)
BEFORE, AFTER = LEAK - timedelta(days=5), LEAK + timedelta(days=5)
HER_KEY = RevocationSubject(CAROL.identity.name)


def rules(*witnesses: WitnessSigner, needed: int = 2) -> TlogPolicy:
    lines = [f"witness w{n} {one.verifier.vkey}" for n, one in enumerate(witnesses)]
    lines += [
        f"group all {needed} {' '.join(f'w{n}' for n in range(len(witnesses)))}",
        "quorum all",
    ]
    return parse_policy("".join(f"{line}\n" for line in lines).encode())


BOTH = rules(*WITNESSES)


def cosign(ledger: Ledger, at: datetime, *witnesses: WitnessSigner) -> None:
    """Let witnesses see the ledger, as if it were `at`."""
    head = ledger.refresh()
    text = split_note(head.note)[0]
    lines = [one.cosign(text, int(at.timestamp())) for one in witnesses]
    note = merge_cosignatures(head.note, lines)
    known = [one.verifier for one in witnesses]
    cosigned = verify_cosigned(note, ledger.verifier, known, NOW)
    assert keep_cosigned(ledger.home, cosigned, ledger.verifier)


def spared(ledger: Ledger, claim: Bundle, policy: TlogPolicy | None = BOTH) -> bool:
    found = Revocations.read(ledger, complete=True, witnesses=policy)
    try:
        found.bind(Trust.in_keys([CAROL.public])).verify(claim)
    except RevokedError:
        return False
    return True


def test_a_claim_that_witnesses_saw_before_the_leak_stays_good(ledger: Ledger) -> None:
    old, young = release(CAROL, "old"), release(CAROL, "young")
    enter(ledger, CAROL, old)
    cosign(ledger, BEFORE, *WITNESSES)
    enter(ledger, CAROL, young)
    cosign(ledger, AFTER, *WITNESSES)
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    assert (spared(ledger, old), spared(ledger, young)) == (True, False)
    assert not spared(ledger, old, None), "whose witnesses count was not said"


def test_a_quorum_that_came_together_too_late_spares_nothing(ledger: Ledger) -> None:
    claim = release(CAROL, "m")
    enter(ledger, CAROL, claim)
    cosign(ledger, BEFORE, WITNESSES[0])
    cosign(ledger, AFTER, WITNESSES[1])
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    assert not spared(ledger, claim)
    assert spared(ledger, claim, rules(WITNESSES[0], needed=1))


def test_a_later_visit_of_a_witness_does_not_make_it_late(ledger: Ledger) -> None:
    claim = release(CAROL, "m")
    enter(ledger, CAROL, claim)
    for at in (BEFORE, AFTER):
        cosign(ledger, at, *WITNESSES)
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    assert spared(ledger, claim)


def test_a_statement_seen_in_time_spares_no_signature_made_with_the_stolen_key(
    ledger: Ledger,
) -> None:
    """The same statement by another signer stood in the log; the thief signs it anew with her key."""
    enter(ledger, ALICE, release(ALICE, "m"))
    cosign(ledger, BEFORE, *WITNESSES)
    stolen = release(CAROL, "m")
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    assert not spared(ledger, stolen)


def test_a_date_written_by_a_stranger_spares_nothing(ledger: Ledger) -> None:
    stranger = WitnessSigner("w.example/1", CosignatureType.ED25519, b"\x09" * 32)
    claim = release(CAROL, "m")
    enter(ledger, CAROL, claim)
    cosign(ledger, BEFORE, stranger)
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    assert not spared(ledger, claim, rules(WITNESSES[0], needed=1))


def test_a_revocation_without_a_date_spares_nothing(ledger: Ledger) -> None:
    claim = release(CAROL, "m")
    enter(ledger, CAROL, claim)
    cosign(ledger, BEFORE, *WITNESSES)
    revoke(ledger, ALICE, HER_KEY, "was never hers")
    assert not spared(ledger, claim)


def test_a_history_that_the_witnesses_did_not_see_is_inconsistent(ledger: Ledger) -> None:
    """A cosigned checkpoint of another history under the same key proves nothing about this one."""
    claim = release(CAROL, "m")
    enter(ledger, CAROL, claim)
    signer = ledger.home.read_signer(ledger.verifier)
    other = Checkpoint(ledger.origin, 2, b"\x07" * 32).sign(signer)
    at = int(BEFORE.timestamp())
    lines = [one.cosign(split_note(other)[0], at) for one in WITNESSES]
    note = merge_cosignatures(other, lines)
    ledger.home.cosigned.put(2, CosignedNote(note, note))
    revoke(ledger, ALICE, HER_KEY, "leaked", since=LEAK)
    with pytest.raises(LedgerInconsistentError, match="forked"):
        spared(ledger, claim)
