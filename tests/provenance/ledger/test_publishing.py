"""Publishing a view to a folder and to an object store, and reading it from there."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.provenance.ledger.ledger_sim import NOW, ClaimVerifierSim, SubmitterSim
from tests.sim.object_store import ObjectStore
from weightmark.errors import (
    CallError,
    LedgerInconsistentError,
    LimitError,
    NetworkError,
    TamperedError,
    UnsupportedError,
    WeightmarkError,
    WrongSignerError,
)
from weightmark.provenance.ledger.administration import redact
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.opening import view_of
from weightmark.provenance.ledger.publish import publish_claims
from weightmark.provenance.ledger.view.interface import ViewFiles

JUDGE = ClaimVerifierSim()


@pytest.fixture
def bucket() -> Iterator[ObjectStore]:
    store = ObjectStore()
    yield store
    store.close()


@pytest.fixture
def grown(ledger: Ledger, alice: SubmitterSim) -> Ledger:
    ledger.append([alice.submit(str(number)) for number in range(260)], JUDGE)
    return ledger


@pytest.fixture(params=["folder", "http"])
def view(request: pytest.FixtureRequest, tmp_path: Path) -> ViewFiles:
    if request.param == "folder":
        return view_of(tmp_path / "view")
    return view_of(request.getfixturevalue("bucket").url)


def reader(view: ViewFiles, ledger: Ledger, memory: CheckpointMemory) -> "closing[Ledger]":
    place = view.name if "://" in view.name else Path(view.name)
    return closing(Ledger.open(place, vkey=ledger.vkey, memory=memory, clock=lambda: NOW))


def test_a_published_log_is_read_and_proven_from_its_files(
    grown: Ledger, view: ViewFiles, memory: CheckpointMemory, alice: SubmitterSim
) -> None:
    grown.publish(view)
    grown.append([alice.submit("more")], JUDGE)
    grown.publish(view)
    with grown.snapshot() as snapshot:
        publish_claims(snapshot, grown.home.blobs, view, every=False)
    with reader(view, grown, memory) as published:
        assert published.refresh() == grown.refresh()
        assert published.prove(261) == grown.prove(261)
        assert published.policy() == grown.policy()
        audit = published.verify()
        assert {one.exit for one in audit.problems} <= {4}
        assert published.verify(blobs=False).problems == ()


def test_a_redacted_claim_leaves_the_view_at_the_next_publication(
    ledger: Ledger, view: ViewFiles, alice: SubmitterSim
) -> None:
    digests = [
        one.event.claim_sha256
        for one in ledger.append([alice.submit("secret"), alice.submit("public")], JUDGE)
    ]
    for erased in (False, True):
        if erased:
            redact(ledger, f"sha256:{digests[0]}", "asked for")
        for every in (True, False):
            with ledger.snapshot() as snapshot:
                publish_claims(snapshot, ledger.home.blobs, view, every=every)
        found = [view.get(f"claims/{one}") for one in digests]
        assert [one is None for one in found] == [erased, False]


def test_a_server_that_keeps_a_redacted_claim_is_not_believed_to_have_removed_it(
    ledger: Ledger, bucket: ObjectStore, alice: SubmitterSim
) -> None:
    (receipt,) = ledger.append([alice.submit("secret")], JUDGE)
    digest, view = receipt.event.claim_sha256, view_of(bucket.url)
    with ledger.snapshot() as snapshot:
        publish_claims(snapshot, ledger.home.blobs, view, every=True)
    redact(ledger, f"sha256:{digest}", "asked for")
    bucket.status[f"claims/{digest}"] = 403
    with ledger.snapshot() as snapshot, pytest.raises(NetworkError, match="403"):
        publish_claims(snapshot, ledger.home.blobs, view, every=False)


def test_the_checkpoint_is_written_last_and_only_when_the_log_grew(
    grown: Ledger, bucket: ObjectStore
) -> None:
    grown.publish(view_of(bucket.url))
    puts = [one for one in bucket.requests if one.startswith("PUT")]
    assert puts[-1] == "PUT checkpoint"
    assert puts.index("PUT tile/entries/001.p/5") < puts.index("PUT tile/0/000")
    bucket.requests.clear()
    grown.publish(view_of(bucket.url))
    assert [one for one in bucket.requests if one.startswith("PUT")] == []


def test_objects_say_what_they_are_and_how_long_they_may_be_kept(
    grown: Ledger, bucket: ObjectStore
) -> None:
    grown.publish(view_of(bucket.url))
    told = {
        path: (headers["Content-Type"], headers["Cache-Control"])
        for path, headers in bucket.headers.items()
    }
    assert told.pop("checkpoint") == ("text/plain; charset=utf-8", "no-cache")
    assert set(told.values()) == {("application/octet-stream", "max-age=604800, immutable")}
    assert bucket.headers["tile/0/000"]["If-None-Match"] == "*"


def test_an_object_with_other_bytes_is_never_overwritten(grown: Ledger, view: ViewFiles) -> None:
    view.create({"tile/0/000": b"mine"})
    with pytest.raises(LedgerInconsistentError, match="holds other bytes"):
        grown.publish(view)
    assert view.get("checkpoint") is None
    grown.publish(view, rebuild=True)
    assert view.get("tile/0/000") != b"mine"


def test_two_publishers_do_not_overwrite_each_others_checkpoint(
    grown: Ledger, view: ViewFiles
) -> None:
    grown.publish(view)
    seen = view.get("checkpoint")
    for expected in (None, b"older"):
        with pytest.raises(LedgerInconsistentError, match="meanwhile"):
            view.swap_checkpoint(b"new", expected)
    assert view.get("checkpoint") == seen


def test_a_swap_that_loses_the_race_at_the_server_is_refused(
    grown: Ledger, bucket: ObjectStore
) -> None:
    view = view_of(bucket.url)
    grown.publish(view)
    seen = bucket.objects["checkpoint"]

    bucket.before_put = lambda path: bucket.objects.update({path: b"other"})
    with pytest.raises(LedgerInconsistentError, match="meanwhile"):
        view.swap_checkpoint(b"new", seen)
    assert bucket.objects["checkpoint"] == b"other"


def test_a_server_without_entity_tags_cannot_be_published_to(
    grown: Ledger, bucket: ObjectStore, alice: SubmitterSim
) -> None:
    view = view_of(bucket.url)
    grown.publish(view)
    bucket.tags = False
    grown.append([alice.submit("more")], JUDGE)
    with pytest.raises(NetworkError, match="no entity tag"):
        grown.publish(view)


def test_a_view_of_another_log_or_a_newer_state_is_not_published_over(
    grown: Ledger, view: ViewFiles, memory: CheckpointMemory, tmp_path: Path, alice: SubmitterSim
) -> None:
    grown.publish(view)
    other = Ledger.create(tmp_path / "other", memory=memory)
    with other, pytest.raises(WrongSignerError):
        other.publish(view)
    grown.close()
    old = shutil.copytree(grown.path, tmp_path / "old")
    with Ledger.open(grown.path, memory=memory, clock=lambda: NOW) as newer:
        newer.append([alice.submit("more")], JUDGE)
        newer.publish(view)
    with (
        Ledger.open(old, memory=CheckpointMemory(tmp_path / "m")) as older,
        pytest.raises(LedgerInconsistentError, match="rolled back"),
    ):
        older.publish(view)


# --- attacks on who reads -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/000", "tile/1/000.p/1"])
def test_a_swapped_tile_is_found_by_whoever_reads_it(
    grown: Ledger, bucket: ObjectStore, tmp_path: Path, name: str
) -> None:
    grown.publish(view_of(bucket.url))
    whole = bucket.objects[name]
    bucket.objects[name] = whole[:20] + bytes(8) + whole[28:]
    with pytest.raises(WeightmarkError) as caught:
        read_all(bucket, grown, tmp_path)
    assert caught.value.exit in {1, 4}


def read_all(bucket: ObjectStore, ledger: Ledger, place: Path) -> None:
    memory = CheckpointMemory(place / "fresh")
    with Ledger.open(bucket.url, vkey=ledger.vkey, memory=memory) as published:
        published.prove(3)
        published.find(subject="wm1:" + "0" * 64)


def test_two_heads_of_one_size_are_a_fork(
    grown: Ledger,
    bucket: ObjectStore,
    memory: CheckpointMemory,
    tmp_path: Path,
    alice: SubmitterSim,
) -> None:
    """The server shows one history to the submitter and another to the reader."""
    grown.close()
    twin = shutil.copytree(grown.path, tmp_path / "twin")
    with Ledger.open(grown.path, memory=memory, clock=lambda: NOW) as one:
        one.append([alice.submit("one")], JUDGE)
        size = one.refresh().size
    with Ledger.open(twin, memory=CheckpointMemory(tmp_path / "m"), clock=lambda: NOW) as other:
        other.append([alice.submit("other")], JUDGE)
        other.publish(view_of(bucket.url))
        assert other.refresh().size == size
    with pytest.raises(LedgerInconsistentError, match="forked"):
        Ledger.open(bucket.url, vkey=grown.vkey, memory=memory)


def test_an_operator_who_rewrites_history_is_found_by_who_remembers_a_checkpoint(
    ledger: Ledger, memory: CheckpointMemory, tmp_path: Path, alice: SubmitterSim
) -> None:
    """The operator holds the log key: the new history is signed, whole and sound in itself."""
    ledger.append([alice.submit("a"), alice.submit("b")], JUDGE)
    ledger.close()
    fresh = CheckpointMemory(tmp_path / "fresh")
    rewritten = rewrite(ledger.path, tmp_path / "rewritten", alice)
    with Ledger.open(rewritten, memory=fresh, clock=lambda: NOW) as other:
        assert other.verify(JUDGE).problems == ()
    with pytest.raises(LedgerInconsistentError, match="forked"):
        Ledger.open(rewritten, memory=memory)


def rewrite(path: Path, to: Path, alice: SubmitterSim) -> Path:
    """Make the log again from entry 0 with other entries, by its own key."""
    from weightmark.provenance.ledger.creation import new_folder
    from weightmark.provenance.ledger.home.folder import FolderHome
    from weightmark.provenance.ledger.migration import _copy_key
    from weightmark.provenance.ledger.plan import make_addition, unique_keys
    from weightmark.provenance.ledger.snapshot import LedgerSnapshot
    from weightmark.provenance.ledger.store.interface import Row

    old = FolderHome(path)
    verifier = old.read_verifier()
    signer = old.read_signer(verifier)
    with new_folder(to) as made:
        made.write_verifier(verifier)
        _copy_key(old, old, made, verifier)
        shutil.copytree(old.blobs.folder, made.blobs.folder, dirs_exist_ok=True)
        with old.store.read() as reader:
            event = next(iter(LedgerSnapshot.of(reader, verifier).events([0]))).event
        row = Row(0, event.to_bytes(), event, unique_keys(event))
        with made.store.write() as writer:
            writer.add(make_addition([row], 0, writer.tile, lambda *_: b"", signer))
    old.close()
    memory = CheckpointMemory(to.parent / "operator")
    with Ledger.open(to, memory=memory, clock=lambda: NOW) as ledger:
        ledger.append([alice.submit(name) for name in "xyz"], JUDGE)
    return to


def test_an_edited_checkpoint_of_a_server_is_refused(
    grown: Ledger, bucket: ObjectStore, memory: CheckpointMemory
) -> None:
    grown.publish(view_of(bucket.url))
    bucket.objects["checkpoint"] = bucket.objects["checkpoint"].replace(b"\n261\n", b"\n260\n")
    with pytest.raises((TamperedError, LedgerInconsistentError)):
        Ledger.open(bucket.url, vkey=grown.vkey, memory=memory)


def test_an_endless_answer_is_cut_off(
    grown: Ledger, bucket: ObjectStore, memory: CheckpointMemory
) -> None:
    grown.publish(view_of(bucket.url))
    bucket.objects["checkpoint"] = b"x" * (2 * 1024 * 1024)
    with pytest.raises(LimitError):
        Ledger.open(bucket.url, vkey=grown.vkey, memory=memory)


@pytest.mark.parametrize("status", [301, 403, 500, 503])
def test_a_server_that_does_not_answer_usably_is_no_verdict(
    grown: Ledger, bucket: ObjectStore, memory: CheckpointMemory, status: int
) -> None:
    grown.publish(view_of(bucket.url))
    bucket.status["checkpoint"] = status
    with pytest.raises(NetworkError, match=str(status)):
        Ledger.open(bucket.url, vkey=grown.vkey, memory=memory)


def test_a_server_that_is_gone_is_no_verdict(ledger: Ledger, memory: CheckpointMemory) -> None:
    store = ObjectStore()
    store.close()
    with pytest.raises(NetworkError, match="did not answer"):
        Ledger.open(store.url, vkey=ledger.vkey, memory=memory)


def test_places_that_are_none_are_wrong_calls(ledger: Ledger, bucket: ObjectStore) -> None:
    with pytest.raises(CallError, match="no http"):
        view_of("http://")
    with pytest.raises(UnsupportedError, match="names no place"):
        view_of("gopher://example.com/log")
    with pytest.raises(CallError, match="no ledger"):
        Ledger.open(bucket.url, vkey=ledger.vkey)


def test_a_password_in_a_url_is_never_said() -> None:
    view = view_of("https://user:secret@example.com/log?token=secret")
    assert view.name == "https://example.com/log"
