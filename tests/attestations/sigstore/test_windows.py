"""Every key and authority of a trusted root counts only within its window, both ends included."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.sigstore.cases import NOW, Case, Json, changed, root_of
from weightmark.attestations.sigstore.time_ranges import moment
from weightmark.attestations.sigstore.verifier import SigstoreProof
from weightmark.errors import (
    ExpiredError,
    ProofMissingError,
    TrustMissingError,
    UncheckedError,
    WeightmarkError,
    WrongSignerError,
)

pytestmark = pytest.mark.needs("vectors")

KINDS = {
    "happy-path-v0.3": ("tlogs", "ctlogs", "certificateAuthorities"),
    "rekor2-happy-path": ("tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"),
}
WITH_KINDS = [(name, kind) for name, kinds in KINDS.items() for kind in kinds]


def windows(root: Json, kind: str) -> list[Json]:
    if kind.endswith("logs"):
        return [one["publicKey"]["validFor"] for one in root[kind]]
    return [one["validFor"] for one in root[kind]]


def with_window(case: Case, kind: str, **window: str) -> Any:
    def change(root: Json) -> None:
        for one in windows(root, kind):
            one.clear()
            one.update(window)

    return root_of(changed(case.root_document, change))


def signing_time(case: Case) -> datetime:
    proof = case.verify()
    return proof.times[0].at


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
def test_an_authority_that_ended_before_the_signature_is_expired(
    vectors: Path, name: str, kind: str
) -> None:
    case = Case(vectors, name)
    at = signing_time(case) - timedelta(seconds=30)
    root = with_window(case, kind, start="2021-01-01T00:00:00Z", end=moment(at))
    with pytest.raises(ExpiredError) as caught:
        case.verify(root=root)
    assert caught.value.code == "expired"


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
def test_an_authority_that_began_after_the_signature_is_refused(
    vectors: Path, name: str, kind: str
) -> None:
    case = Case(vectors, name)
    at = signing_time(case) + timedelta(minutes=30)
    with pytest.raises(ExpiredError):
        case.verify(root=with_window(case, kind, start=moment(at)))


@pytest.mark.parametrize("kind", ["tlogs", "certificateAuthorities", "timestampAuthorities"])
@pytest.mark.parametrize("name", list(KINDS))
def test_both_ends_of_a_window_belong_to_it(vectors: Path, name: str, kind: str) -> None:
    case = Case(vectors, name)
    at = moment(signing_time(case))
    case.verify(root=with_window(case, kind, start=at, end=at))


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
def test_a_window_without_a_start_makes_the_root_unusable(
    vectors: Path, name: str, kind: str
) -> None:
    case = Case(vectors, name)
    with pytest.raises(TrustMissingError):
        with_window(case, kind, end="2030-01-01T00:00:00Z")


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
def test_an_authority_that_is_not_in_the_root_is_never_enough(
    vectors: Path, name: str, kind: str
) -> None:
    case = Case(vectors, name)
    root = root_of(changed(case.root_document, lambda root: root.update({kind: []})))
    with pytest.raises((WrongSignerError, UncheckedError)) as caught:
        case.verify(root=root)
    assert (caught.type is WrongSignerError) == (kind == "certificateAuthorities")


@pytest.mark.parametrize(("name", "kind"), WITH_KINDS)
@pytest.mark.parametrize("last", [False, True])
def test_an_authority_that_has_two_windows_counts_in_either(
    vectors: Path, name: str, kind: str, last: bool
) -> None:
    case = Case(vectors, name)
    long_ago = {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}

    def change(root: Json) -> None:
        ended = json.loads(json.dumps(root))
        for window in windows(ended, kind):
            window.clear()
            window.update(long_ago)
        root[kind] = root[kind] + ended[kind] if last else ended[kind] + root[kind]

    case.verify(root=root_of(changed(case.root_document, change)))


def test_a_clock_that_is_ahead_of_ours_is_not_believed(vectors: Path) -> None:
    case = Case(vectors, "happy-path-v0.3")
    with pytest.raises(UncheckedError, match="lies in the future"):
        case.verify(now=signing_time(case) - timedelta(hours=1))


def test_without_any_clock_an_old_signature_can_not_be_judged(vectors: Path) -> None:
    case = Case(vectors, "rekor2-happy-path")
    document = case.document
    del document["verificationMaterial"]["timestampVerificationData"]
    with pytest.raises(ProofMissingError):
        case.verify(document)


def test_the_word_of_the_signer_is_no_clock(vectors: Path) -> None:
    """An integrated time without the log's promise proves nothing, even within the certificate's window."""
    case = Case(vectors, "rekor2-happy-path")
    document = case.document
    at = signing_time(case)
    del document["verificationMaterial"]["timestampVerificationData"]
    entry = document["verificationMaterial"]["tlogEntries"][0]
    entry["integratedTime"] = str(int(at.timestamp()))
    entry["inclusionPromise"] = {"signedEntryTimestamp": "AAAA"}
    with pytest.raises(ProofMissingError):
        case.verify(document)


def test_a_signature_of_today_under_ended_authorities_is_refused_for_each_of_them(
    vectors: Path,
) -> None:
    """What other clients accept: `validFor.end` of logs, certificate logs and authorities in the past."""
    for name, kind in WITH_KINDS:
        case = Case(vectors, name)
        root = with_window(case, kind, start="2020-01-01T00:00:00Z", end="2021-12-31T00:00:00Z")
        with pytest.raises(WeightmarkError) as caught:
            case.verify(root=root)
        assert caught.value.exit == 4, (name, kind)


def test_what_is_proven_names_the_clocks(vectors: Path) -> None:
    proof = Case(vectors, "managed-key-and-trusted-root").verify()
    assert {time.clock.split()[0] for time in proof.times} <= {"rekor", "timestamp"}
    assert proof.times
    proof = Case(vectors, "rekor2-happy-path").verify(now=NOW)
    assert isinstance(proof, SigstoreProof)
    assert [time.clock for time in proof.times] == ["timestamp timestamp.sigstage.dev"]
