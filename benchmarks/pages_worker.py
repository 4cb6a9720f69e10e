"""Measure the auditor's pages of a large ledger: ``pages_worker.py SCRATCH COUNT [SHARE]`` prints figures as JSON.

The ledger holds COUNT entries over 400 days: releases, scans, provenance, tests, decisions and deployments
about one artifact in ten entries, by fifty signers. Its claims are real statements whose signatures nobody
made, but for every thousandth entry and for the revocations: to sign a million claims is not what is
measured. Claims are made when they are asked for; with SHARE only
those about every SHAREth artifact are there, which makes the index sooner. The figures are milliseconds of processor time of one page, the median of
nine, and with `worst` the largest of them.
"""

import base64
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path

from weightmark.attestations.bundles.bundle import BUNDLE_MEDIA_TYPE
from weightmark.attestations.bundles.dsse import IN_TOTO_PAYLOAD_TYPE, Envelope
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.ledger.submission import make_submission, submit
from weightmark.attestations.pages.context import ContextMemory
from weightmark.attestations.pages.index.page_index import PageIndex
from weightmark.attestations.pages.links import Links
from weightmark.attestations.pages.source import PageOptions, opened_source
from weightmark.attestations.pages.writing import PAGES
from weightmark.attestations.predicates.deployment import DEPLOYMENT_PREDICATE
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.manifest import MANIFEST_PREDICATE
from weightmark.attestations.predicates.revocation import RevocationClaim, RevocationSubject
from weightmark.attestations.predicates.scan import SCAN_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.predicates.vsa import VSA_PREDICATE, VerificationSummary
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.errors import ReadError
from weightmark.provenance.ledger.admission import Submitter
from weightmark.provenance.ledger.blobs import BlobState
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.event import Event, Kind, format_time
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.plan import make_addition, unique_keys
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import Row
from weightmark.provenance.manifest import Manifest
from weightmark.provenance.manifest import Row as FileRow

ORIGIN = "ledger.example.com/models"
BEGIN = datetime(2025, 10, 1, tzinfo=UTC)
DAYS = 400
SIGNED = 1000
ABOUT = 10
KINDS = (Kind.RELEASE, Kind.SCAN, Kind.PROVENANCE, Kind.TEST, Kind.DECISION, Kind.DEPLOY)
TEST_PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
REVOKED = 100
ROUNDS = 9


def digest(text: str) -> str:
    """Return any 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


class Claims:
    """Gives claims, most of them made when they are asked for: a million files, each durable, are not what is measured."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.numbers: dict[bytes, int] = {}

    def put_all(self, blobs: Mapping[str, bytes]) -> None:
        """Keep claims."""
        self.kept.update(blobs)

    def get(self, digest: str) -> bytes:
        """Return a claim."""
        number = self.numbers.get(bytes.fromhex(digest))
        if number is not None:
            return unsigned(statement(number))[0]
        if digest not in self.kept:
            raise ReadError("the claim is missing")
        return self.kept[digest]

    def state(self, digest: str) -> BlobState:
        """Tell whether a claim is there."""
        known = digest in self.kept or bytes.fromhex(digest) in self.numbers
        return BlobState.PRESENT if known else BlobState.MISSING

    def erase(self, digest: str) -> bool:
        """Forget a claim."""
        return self.kept.pop(digest, None) is not None


class MadeHome(FolderHome):
    """A ledger in a folder whose claims are made."""

    blobs = Claims()  # type: ignore[assignment] # what a benchmark reads of it


@lru_cache(4096)
def manifest(number: int) -> Manifest:
    """Return the two files of an artifact."""
    rows = [FileRow(name, number + 1, digest(f"{name} {number}")) for name in ("a.json", "b.bin")]
    return Manifest.from_rows(rows)


def statement(number: int) -> bytes:
    """Return what entry `number` says."""
    kind = KINDS[number % len(KINDS)]
    artifact = number // ABOUT
    files = manifest(artifact)
    title = f"team-{artifact % 97}/model-{artifact}"
    identity = files.identity
    if kind is Kind.RELEASE:
        listed = [
            {"path": one.path, "size": one.size, "blake3": one.blake3, "sha256": digest(one.path)}
            for one in files.rows
        ]
        said = {"files": listed, "symlinks": False}
        return Statement.about_manifest(title, identity, MANIFEST_PREDICATE, said, {})
    if kind is Kind.SCAN:
        said = {
            "scanner": "weightmark 0.1.0",
            "rules": "",
            "result": "clean",
            "fail_on": "high",
            "findings": [],
        }
        return Statement.about_manifest(title, identity, SCAN_PREDICATE, said, {})
    if kind is Kind.PROVENANCE:
        parent = Descriptor.of_identity("", manifest(artifact // 3).identity)
        made = SlsaProvenance("https://example.com/finetune", {}, (parent,), "https://example.com")
        return Statement.about_manifest(
            title, identity, SLSA_PROVENANCE_PREDICATE, made.to_predicate(), {}
        )
    if kind is Kind.DECISION:
        passed = number % 7 != 0
        levels = ("WEIGHTMARK_SIGNED",) if passed else ("FAILED",)
        summary = VerificationSummary(
            "https://weightmark/gate",
            BEGIN,
            identity,
            "preset baseline",
            "0" * 64,
            (),
            passed,
            levels,
        )
        return Statement.about_manifest(title, identity, VSA_PREDICATE, summary.to_predicate(), {})
    if kind is Kind.DEPLOY:
        return Statement.about_manifest(
            title, identity, DEPLOYMENT_PREDICATE, {"target": f"cluster-{number % 31}"}, {}
        )
    said = {"result": "PASSED", "configuration": [], "passedTests": [f"test-{number % 1009}"]}
    return Statement.about_manifest(title, identity, TEST_PREDICATE, said, {})


def unsigned(payload: bytes) -> tuple[bytes, str]:
    """Return a claim whose signature nobody made, and its id."""
    encoded = base64.b64encode(payload).decode()
    signature = base64.b64encode(b"\x30\x06\x02\x01\x01\x02\x01\x01").decode()
    envelope = {
        "payload": encoded,
        "payloadType": IN_TOTO_PAYLOAD_TYPE,
        "signatures": [{"sig": signature}],
    }
    fields = {
        "mediaType": BUNDLE_MEDIA_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "nobody"}, "tlogEntries": []},
        "dsseEnvelope": envelope,
    }
    return json.dumps(fields).encode(), Envelope.from_json(envelope).claim_id


class Maker:
    """Makes the entries."""

    def __init__(self, signer: KeySigner, count: int, claims: Claims, share: int) -> None:
        self._share = share
        self._signer = signer
        self._count = count
        self._claims = claims

    def event(self, number: int) -> Event:
        """Make an entry, and keep its claim."""
        kind = KINDS[number % len(KINDS)]
        moment = BEGIN + timedelta(days=DAYS) * (number / self._count)
        payload = statement(number)
        if number % SIGNED == 0:
            return self._signed(payload, kind, moment)
        claim, claim_id = unsigned(payload)
        name = hashlib.sha256(claim).hexdigest()
        if number // ABOUT % self._share == 0:
            self._claims.numbers[bytes.fromhex(name)] = number
        signer = f"key:{digest(f'signer {number % 50}')}"
        return Event(
            kind=kind,
            origin=ORIGIN,
            event_id=f"{number:064}",
            claim_id=claim_id,
            claim_sha256=name,
            request_sha256=digest(f"request {number}"),
            subject=manifest(number // ABOUT).identity,
            signer=signer,
            submitter=signer,
            at=format_time(moment),
        )

    def _signed(self, payload: bytes, kind: Kind, moment: datetime) -> Event:
        bundle = self._signer.sign_statement(payload)
        claim = bundle.to_bytes()
        request = make_submission(claim, ORIGIN, self._signer, now=moment).request
        names = [hashlib.sha256(one).hexdigest() for one in (claim, request)]
        self._claims.put_all(dict(zip(names, (claim, request), strict=True)))
        said = json.loads(base64.b64decode(json.loads(request)["dsseEnvelope"]["payload"]))
        name = self._signer.identity.name
        subject = json.loads(payload)["subject"][0]["digest"]["sha256"]
        return Event(
            kind=kind,
            origin=ORIGIN,
            event_id=said["predicate"]["event_id"],
            claim_id=bundle.envelope.claim_id,
            claim_sha256=names[0],
            request_sha256=names[1],
            subject=f"wm1:{subject}",
            signer=name,
            submitter=name,
            at=format_time(moment),
        )


def append(ledger: Ledger, events: list[Event]) -> None:
    """Append as `Ledger.record` does, without a look at signatures."""
    log_key = ledger.home.read_signer(ledger.verifier)
    with ledger.home.store.write() as writer:
        snapshot = LedgerSnapshot.of(writer, ledger.verifier)
        start = snapshot.head.size
        rows = [
            Row(start + at, one.to_bytes(), one, unique_keys(one)) for at, one in enumerate(events)
        ]
        writer.add(make_addition(rows, start, writer.tile, snapshot.nodes, log_key))


def made(scratch: Path, count: int, share: int) -> Ledger:
    """Make the ledger."""
    signer = KeySigner(PrivateKey.generate())
    place, memory = scratch / "pages", CheckpointMemory(scratch / "pages-state")
    Ledger.create(
        place, origin=ORIGIN, submitters=[Submitter.from_pem(signer.public.pem)], memory=memory
    ).close()
    home = MadeHome(place)
    founded = [path.read_bytes() for path in (place / "claims").iterdir()]
    home.blobs.put_all({hashlib.sha256(one).hexdigest(): one for one in founded})
    ledger = Ledger.of(home, memory=memory)
    maker = Maker(signer, count, MadeHome.blobs, share)
    numbers = iter(range(count))
    while some := list(islice(numbers, 10_000)):
        append(ledger, [maker.event(one) for one in some])
    subjects = [RevocationSubject(manifest(number * 7).identity) for number in range(REVOKED)]
    texts = [RevocationClaim(one, "found to be bad").to_statement() for one in subjects]
    submit(ledger, [signer.sign_statement(one) for one in texts], signer)
    return ledger


def pages(count: int) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    """Yield name of the row, kind of page, last part of its address, and parameters."""
    released = count // 2 // (SIGNED * len(KINDS)) * SIGNED * len(KINDS)
    identity = manifest(released // ABOUT).identity
    root = manifest(0).identity
    busy = digest("signer 7")
    yield "overview", "overview", "", []
    yield "newest entries", "entries", "", []
    yield "entries in the middle", "entries", "", [("before", str(count // 2))]
    yield "entries of one kind", "entries", "", [("kind", "decision")]
    yield (
        "entries of one signer and kind",
        "entries",
        "",
        [("signer", f"key:{busy}"), ("kind", "deploy")],
    )
    yield (
        "entries that never come together",
        "entries",
        "",
        [("signer", f"key:{busy}"), ("verdict", "nothing")],
    )
    yield "entries of one day", "entries", "", [("since", "2026-03-01"), ("until", "2026-03-01")]
    yield "search for a rare word", "entries", "", [("text", f"model-{count // ABOUT // 2}")]
    yield "search for a word in every claim", "entries", "", [("text", "team")]
    yield "search for a word in no claim", "entries", "", [("text", "team-nobody")]
    yield (
        "search for denials of a team",
        "entries",
        "",
        [("text", "team-13/"), ("verdict", "failed")],
    )
    yield "a verified entry", "entry", str(count // SIGNED // 2 * SIGNED + 1), []
    yield (
        "a decision",
        "decision",
        str(
            next(
                n for n in range(count // 2, count) if n % len(KINDS) == KINDS.index(Kind.DECISION)
            )
            + 1
        ),
        [],
    )
    yield "an artifact", "artifact", identity[4:], []
    yield "an artifact with a large family", "artifact", root[4:], []
    yield "a signer", "signer", f"key-{busy}", []
    yield "revocations with impact", "revocations", "", []
    yield "two artifacts compared", "compare", "", [("left", identity), ("right", root)]


def measured(ask: Callable[[], object]) -> tuple[float, float]:
    """Return the median and the largest milliseconds of processor time."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        ask()
        times.append((time.process_time() - start) * 1e3)
    return sorted(times)[ROUNDS // 2], max(times)


def main(scratch: Path, count: int, share: int = 1) -> dict[str, object]:
    """Make the ledger and measure every page of it."""
    ledger = made(scratch, count, share)
    options = PageOptions(index_folder=scratch / "index")
    start = time.process_time()
    with PageIndex.of(ledger, options.index_folder) as index:
        while index.advance(ledger, 1000) > index.size:
            pass
        filled = time.process_time() - start
    memory, kinds = ContextMemory(), {one.name: one for one in PAGES}
    found: dict[str, tuple[float, float]] = {}
    for row, name, part, parameters in pages(count):
        kind = kinds[name]

        def ask(kind=kind, part=part, parameters=parameters) -> bytes:  # type: ignore[no-untyped-def] # bound in the loop
            with opened_source(ledger, memory, options) as source:
                return kind.page(source, part, parameters).html(Links(kind.depth))

        ask()
        found[row] = measured(ask)
    size = sum(path.stat().st_size for path in (scratch / "index").iterdir())
    return {"index": filled, "index_size": size / 1e6, "pages": found}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *(int(one) for one in sys.argv[2:]))))
