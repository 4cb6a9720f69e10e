"""Measure the ledger in this process: ``ledger_worker.py PART SCRATCH COUNT [URL]`` prints figures as JSON.

What is inside an append: unique keys looked up, leaf hashes, tiles and root, the signed checkpoint, the
rows of entry, dedup and search tables, one durable transaction. What is not: judging the signatures of
claims and requests, which is per claim, storing the claims themselves, and publishing files. The bodies
of appended entries are padded to 2 KB; the entries of the large log are real events of about 0.7 KB,
because a whole-log check parses them.
"""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.claim_index import ClaimIndex
from weightmark.attestations.ledger.descent import ancestors_of
from weightmark.attestations.ledger.impact import find_impact
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint import Checkpoint
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.creation import write_founding
from weightmark.provenance.ledger.event import Event, Kind
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.merkle import EMPTY_ROOT
from weightmark.provenance.ledger.note import NoteSigner
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.registration import found
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Addition, Head, Query, Row, Store
from weightmark.provenance.ledger.store.postgres import PostgresStore
from weightmark.provenance.ledger.store.sqlite import SqliteStore, create_database

ORIGIN = "ledger.example.com/models"
SIGNER = NoteSigner(ORIGIN, bytes(range(32)))
ENTRY_SIZE = 2048
MEGABYTE = 1_000_000


def digest(text: str) -> str:
    """Return any 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def event(number: int) -> Event:
    """Make an event: ten of a subject, fifty signers."""
    signer = f"key:{digest(f'signer {number % 50}')}"
    return Event(
        kind=list(Kind)[number % 8],
        origin=ORIGIN,
        event_id=f"{number:0128}",
        claim_id=digest(f"id {number}"),
        claim_sha256=digest(f"claim {number}"),
        request_sha256=digest(f"request {number}"),
        subject=f"wm1:{digest(f'subject {number // 10}')}",
        signer=signer,
        submitter=signer,
        at="2026-11-21T12:00:00Z",
    )


def append(store: Store, events: list[Event], size: int) -> None:
    """Append as `Ledger.record` does; `size` pads the bodies."""
    with store.write() as writer:
        snapshot = LedgerSnapshot.of(writer, SIGNER.verifier)
        start = snapshot.head.size
        keys = [unique_keys(one) for one in events]
        if writer.index.indices_of([key for pair in keys for key in pair]):
            sys.exit("error: an event was there already")
        rows = [
            Row(start + at, one.to_bytes().ljust(size), one, pair)
            for at, (one, pair) in enumerate(zip(events, keys, strict=True))
        ]
        writer.add(make_addition(rows, start, writer.tile, snapshot.nodes, SIGNER))


def begin(store: Store) -> None:
    """Write the head of an empty log."""
    note = Checkpoint(ORIGIN, 0, EMPTY_ROOT).sign(SIGNER)
    with store.write() as writer:
        writer.found(SIGNER.verifier.vkey)
        writer.add(Addition([], {}, Head(0, EMPTY_ROOT, note)))


def rate(store: Store, batch: int, count: int, first: int) -> float:
    """Return the microseconds that an appended entry takes."""
    batches = [[event(first + at + one) for one in range(batch)] for at in range(0, count, batch)]
    start = time.perf_counter()
    for some in batches:
        append(store, some, ENTRY_SIZE)
    return (time.perf_counter() - start) / count * 1e6


def appending(store: Store, count: int) -> dict[str, float]:
    """Measure batches of 1000 and of 1."""
    begin(store)
    rate(store, 100, 500, 0)
    large = rate(store, 1000, count, 10**6)
    return {"append_1000": large, "append_1": rate(store, 1, count // 20, 10**7)}


def sqlite(scratch: Path, count: int) -> dict[str, float]:
    """Measure appends to SQLite."""
    create_database(scratch / "append.db")
    return appending(SqliteStore(scratch / "append.db"), count)


def postgres(scratch: Path, count: int) -> dict[str, float]:
    """Measure appends to the PostgreSQL that the last argument names."""
    del scratch
    store = PostgresStore(sys.argv[4])
    return appending(store, count)


def fill(home: FolderHome, count: int) -> None:
    """Make a large log."""
    home.path.mkdir()
    home.write_verifier(SIGNER.verifier)
    create_database(home.database)
    begin(home.store)
    for at in range(0, count, 10_000):
        append(home.store, [event(at + one) for one in range(min(10_000, count - at))], 0)
    home.close()


def timed(repeat: int, measured: Iterator[object]) -> float:
    """Return the median milliseconds of one step."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        next(measured)
        times.append((time.perf_counter() - start) * 1e3)
    return sorted(times)[repeat // 2]


def large(scratch: Path, count: int) -> dict[str, float]:
    """Measure a large log; the audit runs last, so the peak memory is its own or less."""
    home = FolderHome(scratch / "large")
    if not home.path.exists():
        fill(home, count)
    ledger = Ledger.of(home, memory=CheckpointMemory(scratch / "large-state"))
    places = [hash(str(one)) % count for one in range(64)]
    figures = {
        "prove": timed(31, (ledger.prove(one) for one in places)),
        "search_subject": timed(
            31, (ledger.search(Query(subject=event(one).subject)) for one in places)
        ),
        "search_signer": timed(
            31, (ledger.search(Query(signer=event(one).signer), limit=100) for one in places)
        ),
    }
    asked = (
        ledger.find(subject=event(one).subject, kind=Kind.PROVENANCE, complete=True)
        for one in (places[0], *places)
    )
    figures["complete_first"] = timed(1, asked) / 1e3
    figures["complete"] = timed(31, asked)
    start = time.perf_counter()
    unviewed = [one for one in ledger.verify(blobs=False).problems if one.where != "view"]
    figures["verify"] = time.perf_counter() - start
    if unviewed:
        sys.exit(f"error: {unviewed[0]}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {**figures, "verify_memory": peak / MEGABYTE}


class ClaimsInMemory:
    """Gives claims from memory: 100,000 files, each durable, are not what is measured."""

    def __init__(self) -> None:
        self.claims: dict[str, bytes] = {}

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Keep claims."""
        self.claims.update(blobs)

    def get(self, digest: str) -> bytes:
        """Return a claim."""
        return self.claims[digest]

    def size(self, digest: str) -> int:
        """Return the bytes of a claim."""
        return len(self.claims[digest])

    def piece(self, digest: str, start: int, count: int) -> bytes:
        """Return bytes of a claim."""
        return self.claims[digest][start : start + count]

    def state(self, digest: str) -> BlobState:
        """Tell whether a claim is there."""
        return BlobState.PRESENT if digest in self.claims else BlobState.MISSING

    def erase(self, digest: str) -> bool:
        """Forget a claim."""
        return self.claims.pop(digest, None) is not None


class FamilyHome(FolderHome):
    """A ledger in a folder whose claims are in memory."""

    blobs = ClaimsInMemory()  # type: ignore[assignment] # what a benchmark reads of it


def families(home: FolderHome, count: int) -> Iterator[Event]:
    """Found the log, and sign `count` provenance claims: ten fine-tunes of each model, the first of them of model 0."""
    signer = KeySigner(PrivateKey.generate())
    recovery = NoteSigner.generate(f"{ORIGIN}/recovery")
    submitters = [Submitter.from_pem(signer.public.pem)]
    write_founding(home, SIGNER, found(SIGNER, recovery, submitters, datetime.now(UTC)))
    names = [f"wm1:{digest(f'model {number}')}" for number in range(count + 1)]
    for child in range(1, count + 1):
        parent = Descriptor.of_identity("", names[(child - 1) // 10])
        made = SlsaProvenance("https://example.com/finetune", {}, (parent,), "https://example.com")
        predicate = made.to_predicate()
        text = Statement.about_manifest("m", names[child], SLSA_PROVENANCE_PREDICATE, predicate, {})
        bundle = signer.sign_statement(text)
        data = bundle.to_bytes()
        name = hashlib.sha256(data).hexdigest()
        home.blobs.put_all({name: data})
        yield replace(
            event(child),
            kind=Kind.PROVENANCE,
            claim_id=bundle.envelope.claim_id,
            claim_sha256=name,
            subject=names[child],
            signer=signer.identity.name,
        )


def impact(scratch: Path, count: int) -> dict[str, float]:
    """Measure what descends from one artifact, and what one descends from, by the reader's index of signed claims."""
    home = FamilyHome(scratch / "family")
    home.path.mkdir()
    home.write_verifier(SIGNER.verifier)
    create_database(home.database)
    made = families(home, count)
    while some := list(islice(made, 10_000)):
        append(home.store, some, 0)
    ledger = Ledger.of(home, memory=CheckpointMemory(scratch / "family-state"))
    start = time.perf_counter()
    with ClaimIndex.of(ledger):
        first = time.perf_counter() - start

    def asked() -> Iterator[object]:
        while True:
            with ClaimIndex.of(ledger) as index:
                found = find_impact(index, ledger, f"wm1:{digest('model 0')}")
            if len(found.descendants) != count:
                sys.exit(f"error: {len(found.descendants)} descendants")
            yield found

    def looked_up() -> Iterator[object]:
        while True:
            above = ancestors_of(ledger, [f"wm1:{digest(f'model {count}')}"], complete=True)
            if above.problem or f"wm1:{digest('model 0')}" not in above.reached:
                sys.exit(f"error: {above}")
            yield above

    figures = {"index": first, "impact": timed(5, asked()) / 1e3}
    return {**figures, "descent": timed(5, looked_up())}


if __name__ == "__main__":
    part = {"sqlite": sqlite, "postgres": postgres, "large": large, "impact": impact}[sys.argv[1]]
    print(json.dumps(part(Path(sys.argv[2]), int(sys.argv[3]))))
