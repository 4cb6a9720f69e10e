"""A page says what verified data says, and nothing more: whatever was tampered with, revoked, erased or not read."""

import hashlib
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.attestations.ledger.makers import (
    ALICE,
    BOB,
    MALLORY,
    PersonSim,
    admitted,
    derived,
    enter,
    identity_of,
    make_ledger,
    release,
    roots_of,
    state,
)
from tests.attestations.pages.asking import Asking
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.ledger.revoking import reinstate, revocations_of, revoke
from weightmark.attestations.ledger.submission import submit
from weightmark.attestations.pages.claims import VerifiedClaim
from weightmark.attestations.pages.verify_memory import remember_full_verify
from weightmark.attestations.predicates.revocation import RevocationSubject
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError, LedgerInconsistentError
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.proof import verify_receipt

A, B, C = (identity_of(name) for name in "abc")
VERIFIED = "verified for this page"


def blob(asking: Asking, index: int) -> Path:
    event = asking.ledger.entry(index).event
    return asking.ledger.path / "claims" / event.claim_sha256


def request(asking: Asking, index: int) -> Path:
    event = asking.ledger.entry(index).event
    return asking.ledger.path / "claims" / event.request_sha256


def state_of(asking: Asking, index: int) -> str:
    """What the page of an entry says of its claim; HTML and twin agree."""
    twin = asking.twin(f"entries/{index}")
    said = str(twin["claim"]["state"])
    claim = (
        asking.page(f"entries/{index}").text.partition("The claim")[2].partition("Proof check")[0]
    )
    assert (VERIFIED in claim) == (said == "verified")
    return said


def test_a_good_claim_is_verified_and_its_proof_stands_on_the_page(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    assert state_of(asking, index) == "verified"
    twin = asking.twin(f"entries/{index}")
    found = verify_receipt(twin["receipt"].encode(), asking.ledger.verifier)
    assert (found.index, found.event.subject) == (index, A)


def test_nobody_makes_a_verified_claim_by_hand() -> None:
    with pytest.raises(TypeError):
        VerifiedClaim("key:" + "0" * 64, None, object())


def test_the_entries_of_the_log_itself_verify(asking: Asking) -> None:
    assert state_of(asking, 0) == "verified"


def test_a_claim_with_other_bytes_is_never_verified(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    blob(asking, index).write_bytes(release(ALICE, "b").to_bytes())
    assert state_of(asking, index) == "broken"
    assert asking.twin(f"entries/{index}")["claim"]["predicate"] is None


def test_a_claim_without_its_request_is_not_verified(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    request(asking, index).unlink()
    assert state_of(asking, index) == "unchecked"


def test_a_claim_that_is_gone_is_missing_and_a_redacted_one_erased(asking: Asking) -> None:
    gone, erased = enter(
        asking.ledger,
        ALICE,
        release(ALICE, "a", title="secret-gone"),
        release(ALICE, "b", title="secret-erased"),
    )
    assert "secret-erased" in asking.page("entries").text
    blob(asking, gone).unlink()
    digest = asking.ledger.entry(erased).event.claim_sha256
    redact(asking.ledger, f"sha256:{digest}", "asked")
    assert state_of(asking, gone) == "missing"
    assert state_of(asking, erased) == "erased"
    for path in ("", "entries", f"artifacts/{B[4:]}", f"entries/{erased}"):
        assert "secret-erased" not in asking.page(path).text, path
        assert "secret-erased" not in str(asking.twin(path)), path
    assert not asking.twin("entries", "text=secret-erased")["entries"]


def test_an_erased_claim_is_not_shown_by_an_index_that_is_behind(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a", title="secret"))
    with asking.source() as source:
        assert source.rows([index])[0].title == "secret"
    redact(asking.ledger, f"sha256:{asking.ledger.entry(index).event.claim_sha256}", "asked")
    with asking.source(most=0) as source:
        assert source.behind == 1
        assert source.rows([index])[0].title == ""


def test_a_claim_by_a_stranger_is_named_so(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(MALLORY, "a"), kind="observed")
    assert state_of(asking, index) == "unknown-signer"
    page = asking.page(f"entries/{index}").text
    assert "Nothing on this page vouches for it" in page


def test_what_a_revoked_artifact_is_stands_first(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "it phones home")
    for path in (f"entries/{index}", f"artifacts/{A[4:]}"):
        text = asking.page(path).text
        assert "Revoked" in text, path
        assert "it phones home" in text, path
    row = asking.twin("revocations")["revocations"][0]
    assert (row["standing"], row["reason"]) == ("in force", "it phones home")


def test_a_lifted_revocation_is_shown_as_lifted(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "a mistake")
    assert asking.twin(f"entries/{index}")["standing"]["revoked_by"]
    found = revocations_of(asking.ledger, A)
    for one in (ALICE, BOB):
        reinstate(asking.ledger, one, found, "it was one")
    assert not asking.twin(f"entries/{index}")["standing"]["revoked_by"]
    assert asking.twin("revocations")["revocations"][0]["standing"] == "lifted"


def test_revocations_that_cannot_be_read_are_not_known_and_never_none(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    receipt = revoke(asking.ledger, ALICE, RevocationSubject(A), "bad")
    blob(asking, receipt.index).unlink()
    twin = asking.twin("revocations")
    assert (twin["in_force"], twin["revocations"][0]["standing"]) == (None, "not known")
    assert "not known" in asking.page("revocations").text
    assert asking.twin("")["revocations_problem"]
    for path in (
        f"entries/{index}",
        f"artifacts/{A[4:]}",
        f"signers/key-{ALICE.public.fingerprint}",
    ):
        assert asking.twin(path)["standing"]["problem"], path
        assert "not known" in asking.page(path).text, path


def test_a_revocation_that_was_taken_out_of_the_search_table_is_missed(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "bad")
    assert asking.twin(f"entries/{index}")["standing"]["revoked_by"]
    with closing(sqlite3.connect(asking.ledger.path / "ledger.db")) as db, db:
        assert db.execute("delete from search where kind = 'revoke'").rowcount == 1
    with pytest.raises(LedgerInconsistentError, match="search table"):
        asking.twin(f"entries/{index}")


def test_files_and_findings_come_from_verified_claims_only(asking: Asking) -> None:
    old, new = enter(
        asking.ledger, ALICE, release(ALICE, "a", title="old"), release(ALICE, "a", title="new")
    )
    path = f"artifacts/{A[4:]}"
    assert asking.twin(path)["release"]["index"] == new
    blob(asking, new).write_bytes(b"{}")
    assert (asking.twin(path)["release"]["index"], asking.twin(path)["file_count"]) == (old, 1)
    blob(asking, old).write_bytes(b"{}")
    twin = asking.twin(path)
    assert (twin["release"]["index"], twin["release"]["state"]) == (new, "broken")
    assert (twin["files"], twin["file_count"]) == ([], 0)
    assert "nobody vouches" in asking.page(path).text


def test_a_claim_that_was_revoked_by_its_id_lists_nothing(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    claim = RevocationSubject(f"sha256:{asking.ledger.entry(index).event.claim_id}")
    revoke(asking.ledger, ALICE, claim, "signed by mistake")
    twin = asking.twin(f"artifacts/{A[4:]}")
    assert (twin["files"], twin["release"]["state"]) == ([], "unchecked")


def test_descent_by_revoked_claims_is_not_drawn(asking: Asking) -> None:
    (step,) = enter(asking.ledger, ALICE, derived(ALICE, B, A))
    path = f"artifacts/{A[4:]}"
    assert [one["name"] for one in asking.twin(path)["family"]["descendants"]] == [B]
    claim = RevocationSubject(f"sha256:{asking.ledger.entry(step).event.claim_id}")
    revoke(asking.ledger, ALICE, claim, "it never happened")
    assert asking.twin(path)["family"]["descendants"] == []


def test_a_family_that_is_too_large_says_so(asking: Asking) -> None:
    children = [f"wm1:{hashlib.sha256(str(at).encode()).hexdigest()}" for at in range(40)]
    enter(asking.ledger, ALICE, *(derived(ALICE, one, A) for one in children))
    family = asking.twin(f"artifacts/{A[4:]}")["family"]
    assert (len(family["descendants"]), family["more_descendants"]) == (30, True)
    assert "There is more than is shown" in asking.page(f"artifacts/{A[4:]}").text


def test_a_circle_of_descent_ends(asking: Asking) -> None:
    enter(asking.ledger, ALICE, derived(ALICE, B, A), derived(ALICE, A, B))
    family = asking.twin(f"artifacts/{A[4:]}")["family"]
    assert [one["name"] for one in family["descendants"]] == [B]


def test_impact_counts_what_descends_and_where_it_runs(asking: Asking) -> None:
    enter(asking.ledger, ALICE, derived(ALICE, B, A), derived(ALICE, C, B))
    enter(asking.ledger, ALICE, _denied(ALICE, C))
    revoke(asking.ledger, ALICE, RevocationSubject(A), "bad")
    row = asking.twin("revocations")["revocations"][0]
    assert (row["descendants"], row["decisions"], row["deployments"], row["more"]) == (
        2,
        1,
        0,
        False,
    )


def test_a_decision_that_does_not_verify_is_no_outcome(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, _denied(ALICE, A))
    assert asking.twin(f"decisions/{index}")["state"] == "verified"
    request(asking, index).unlink()
    page = asking.page(f"decisions/{index}").text
    assert VERIFIED not in page.partition("The newest")[0]
    assert "Outcome, by an unverified claim" in page


def test_a_page_of_a_decision_is_about_decisions_only(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    with pytest.raises(CallError, match="no decision"):
        asking.twin(f"decisions/{index}")


def test_a_comparison_without_verified_claims_compares_nothing(asking: Asking) -> None:
    first, _ = enter(
        asking.ledger, ALICE, release(ALICE, "a", "x", "y"), release(ALICE, "b", "x", "z")
    )
    left, right = (asking.ledger.entry(at).event.subject for at in (first, first + 1))
    query = f"left={left}&right={right}"
    files = asking.twin("compare", query)["differences"][0]
    assert (files["known"], files["same"], files["changed"]) == (True, 0, 3)
    blob(asking, first).write_bytes(b"{}")
    files = asking.twin("compare", query)["differences"][0]
    assert (files["known"], files["changes"]) == (False, [])
    assert "Not compared" in asking.page("compare", query).text


def test_a_comparison_with_one_digest_says_what_is_missing(asking: Asking) -> None:
    assert "one is missing" in asking.page("compare", f"left={A}").text
    assert "one is missing" not in asking.page("compare").text


def test_findings_are_those_of_the_newest_verified_scan(asking: Asking) -> None:
    found = {"rule": "WM1", "severity": "low", "message": "odd header"}
    fields = {
        "scanner": "s",
        "rules": "",
        "result": "findings",
        "fail_on": "high",
        "findings": [found],
    }
    enter(asking.ledger, ALICE, state(ALICE, A, SCAN_PREDICATE, fields))
    twin = asking.twin(f"artifacts/{A[4:]}")
    assert (twin["scan_result"], twin["findings"]) == ("findings", [found])


def test_identities_are_commitments_unless_the_server_is_told_otherwise(
    sim: LoopbackSigstore, tmp_path: Path
) -> None:
    person = PersonSim(sim, "alice.secret@example.com")
    with make_ledger(
        tmp_path / "people", [person.admitted(), admitted(ALICE)], roots=roots_of(sim)
    ) as ledger:
        (index,) = [one.index for one in submit(ledger, [release(ALICE, "a")], person)]
        private = Asking(ledger, tmp_path / "index")
        name = ledger.entry(index).event.submitter
        assert name.startswith("salted:")
        paths = (
            "",
            "entries",
            f"entries/{index}",
            f"signers/{name.replace(':', '-')}",
            "entries/0",
        )
        for path in paths:
            assert b"secret" not in private.html(path), path
            assert "secret" not in str(private.twin(path)), path
        opened = Asking(ledger, tmp_path / "index", identities=True)
        assert "alice.secret@example.com" in opened.page(f"entries/{index}").text
        request(private, index).write_bytes(b"{}")
        assert b"secret" not in private.html(f"entries/{index}"), "reasons name nobody either"


def test_health_says_when_the_log_was_verified_in_full(asking: Asking) -> None:
    assert "none is known on this machine" in asking.page("").text
    enter(asking.ledger, ALICE, release(ALICE, "a"))
    remember_full_verify(asking.ledger, 2, 0)
    assert "no problems" in asking.page("").text
    remember_full_verify(asking.ledger, 2, 3)
    assert "3 problems" in asking.page("").text


def test_without_a_witness_policy_nobody_is_said_to_have_seen_the_log(asking: Asking) -> None:
    twin = asking.twin("")
    assert twin["witnesses"]["outcome"] == "info"
    assert "unwitnessed" in twin["witnesses"]["summary"]


def test_counts_over_time_are_those_of_the_log(asking: Asking) -> None:
    later = asking.ledger.now() + timedelta(days=3)
    enter(asking.ledger, ALICE, release(ALICE, "a"), _denied(ALICE, A))
    submit(asking.ledger, [release(ALICE, "b")], ALICE, now=later)
    timeline = asking.twin("")["timeline"]
    assert timeline["series"] == ["release", "denied", "revoke"]
    assert [bar["counts"] for bar in timeline["bars"]] == [
        [1, 1, 0],
        [0, 0, 0],
        [0, 0, 0],
        [1, 0, 0],
    ]


def test_an_entry_that_was_changed_in_the_database_is_no_page(asking: Asking) -> None:
    (index,) = enter(asking.ledger, ALICE, release(ALICE, "a"))
    asking.twin(f"entries/{index}")
    with closing(sqlite3.connect(asking.ledger.path / "ledger.db")) as db, db:
        for (name,) in db.execute(
            "select name from sqlite_schema where type = 'trigger'"
        ).fetchall():
            db.execute(f'drop trigger "{name}"')
        db.execute("update entry set body = cast(replace(body, ?, ?) as blob)", (A, B))
    with pytest.raises(LedgerInconsistentError):
        asking.twin(f"entries/{index}")


def _denied(signer: Signer, identity: str) -> Bundle:
    predicate = {
        "verifier": {"id": "https://gate.example"},
        "timeVerified": "2026-11-21T12:00:00Z",
        "resourceUri": identity,
        "policy": {"uri": "preset strict", "digest": {"sha256": "a" * 64}},
        "verificationResult": "FAILED",
        "verifiedLevels": ["FAILED"],
    }
    return state(signer, identity, VSA_PREDICATE, predicate)
