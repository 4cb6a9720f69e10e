"""The audit of a whole log: everything recomputed from the entries, in one pass, in bounded memory."""

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import islice
from typing import TYPE_CHECKING

from weightmark.errors import Exit, WeightmarkError
from weightmark.provenance.ledger.admission import ClaimVerifier, Submission
from weightmark.provenance.ledger.blobs import Blobs, BlobState
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.event import Event, Kind, parse_event, parse_time
from weightmark.provenance.ledger.history import PolicyHistory
from weightmark.provenance.ledger.key_audit import KeyAudit
from weightmark.provenance.ledger.merkle import HASH_SIZE, leaf_hash, node_hash
from weightmark.provenance.ledger.plan import unique_keys
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.store.interface import IndexRow, StoreIndex
from weightmark.provenance.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    bundle_path,
    encode_bundle,
    merge_hashes,
    tile_path,
)
from weightmark.provenance.ledger.view.interface import ViewFiles
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["MAX_PROBLEMS", "Auditor", "LedgerAudit", "Problem", "find_late_entries"]

MAX_PROBLEMS = 1000
"""as many as an audit lists"""


_NO_KEYS = (bytes(HASH_SIZE), bytes(HASH_SIZE))
"""of an entry that cannot be read"""


_SHOWN = 12
_RESTORE = "bring it back from a backup: `weightmark ledger restore`"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it must be."""

    where: str
    """`entry 3`, `tile/0/000`, `head`"""
    what: str
    """in one sentence"""
    exit: Exit
    """1 for what is wrong, 4 for what could not be checked"""
    fix: str = ""
    """what to do about it; empty where nothing helps"""


@dataclass(frozen=True, slots=True)
class LedgerAudit:
    """The outcome of an audit."""

    head: VerifiedCheckpoint
    """the state that was audited"""
    published: int | None
    """entries that the view beside the ledger has, fewer than the head when it is behind; None without a view"""
    blobs: Mapping[BlobState, int]
    """claims and requests by state"""
    signatures_checked: bool
    """whether the signatures of the requests were checked again"""
    problems: tuple[Problem, ...]
    """empty when the log is sound"""

    @property
    def exit(self) -> Exit:
        """The exit code that the problems add up to."""
        return Exit.worst(problem.exit for problem in self.problems)


def find_late_entries(ledger: "Ledger", claims: ClaimVerifier) -> tuple[Problem, ...]:
    """Name the entries by whoever an earlier entry had revoked: whoever runs the log could let them in."""
    try:
        late = claims.written_in_silence(ledger)
    except WeightmarkError as error:
        return (Problem("revocations", error.what, error.exit),)
    return tuple(
        Problem(f"entry {index}", why, Exit.BAD)
        for index, why in sorted(late.items())[:MAX_PROBLEMS]
    )


@dataclass(slots=True)
class _TileBuilder:
    """Grows tiles from leaf hashes, apart from the code that the log itself uses."""

    rows: list[list[bytes]] = field(default_factory=lambda: [[]])
    """the unfinished tile of each level"""
    done: list[int] = field(default_factory=lambda: [0])
    """finished tiles of each level"""

    def push(self, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Take a leaf hash; yield each tile that it finishes, as (level, index, hashes)."""
        level, value = 0, leaf
        while True:
            if level == len(self.rows):
                self.rows.append([])
                self.done.append(0)
            row = self.rows[level]
            row.append(value)
            if len(row) < TILE_WIDTH:
                return
            yield level, self.done[level], b"".join(row)
            self.done[level] += 1
            self.rows[level] = []
            while len(row) > 1:
                row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
            level, value = level + 1, row[0]

    def root(self) -> bytes:
        """Return the root over all leaves so far."""
        root = b""
        for row in self.rows:
            end = len(row)
            while end:
                width = end & -end
                peak = merge_hashes(b"".join(row[end - width : end]))
                root = node_hash(peak, root) if root else peak
                end -= width
        return root

    def rest(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the unfinished tiles."""
        for level, row in enumerate(self.rows):
            if row:
                yield level, self.done[level], b"".join(row)


def _claim(digest: str) -> str:
    """Return what a finding about a claim or request is called: its digest stands in the text."""
    return f"claims/{digest[:_SHOWN]}…"


class Auditor:
    """Walks one snapshot of a log."""

    def __init__(
        self,
        snapshot: LedgerSnapshot,
        view: ViewFiles | None,
        blobs: Blobs | None,
        published: VerifiedCheckpoint | None,
        *,
        partial: bool = False,
    ) -> None:
        """Take what is audited; in a `partial` copy absent claims are counted, not listed."""
        self._partial = partial
        self._snapshot = snapshot
        self._store = snapshot.store
        self._view = view
        self._blobs = blobs
        self._published = published
        self._problems: list[Problem] = []
        self._states: Counter[BlobState] = Counter()
        self._absent: list[tuple[int, str]] = []
        self._redacted: set[str] = set()
        self._tiles: set[tuple[int, int]] = set()
        self._keys = KeyAudit(self._store.index) if self._store.index is not None else None

    def run(
        self,
        remembered: VerifiedCheckpoint | None,
        claims: ClaimVerifier | None,
        policies: PolicyHistory | None,
    ) -> LedgerAudit:
        """Audit everything; problems are collected, not raised."""
        roots = self._walk(claims, policies, {remembered, self._published} - {None})
        head = self._snapshot.head
        self._compare_root("head", head, roots)
        if remembered is not None:
            self._compare_root("your checkpoint memory", remembered, roots)
        if self._published is not None:
            self._compare_root("tiles/checkpoint", self._published, roots)
        elif self._view is not None:
            self._add("view", "nothing is published", Exit.BAD, self._publish)
        self._check_counts()
        self._settle_absent()
        self._check_erased()
        published = None if self._view is None else 0
        if self._published is not None:
            published = self._published.size
        found = tuple(self._problems)
        return LedgerAudit(head, published, dict(self._states), claims is not None, found)

    def _walk(
        self,
        claims: ClaimVerifier | None,
        policies: PolicyHistory | None,
        seen: set[VerifiedCheckpoint | None],
    ) -> dict[int, bytes]:
        """Pass over all entries once, bundle by bundle; returns the roots at the sizes of interest."""
        size = self._snapshot.head.size
        wanted = {one.size for one in seen if one is not None} | {size}
        builder, expected = _TileBuilder(), 0
        roots: dict[int, bytes] = {}
        last: list[bytes] = []
        rows = self._store.entries(0, size)
        while bundle := list(islice(rows, TILE_WIDTH)):
            bodies = [body for _, body in bundle]
            for index, body in bundle:
                if index != expected:
                    self._add(f"entry {expected}", "is missing from the database", Exit.BAD)
                    return roots
                expected += 1
                for level, number, hashes in builder.push(leaf_hash(body)):
                    self._compare_tile(level, number, hashes, bodies)
                if expected in wanted:
                    roots[expected] = builder.root()
            self._check_entries(bundle, claims, policies)
            last = bodies
        for level, number, hashes in builder.rest():
            self._compare_tile(level, number, hashes, last)
        return roots

    def _check_entries(
        self,
        bundle: Sequence[tuple[int, bytes]],
        claims: ClaimVerifier | None,
        policies: PolicyHistory | None,
    ) -> None:
        events: dict[int, Event] = {}
        for index, body in bundle:
            try:
                events[index] = parse_event(body)
            except WeightmarkError as error:
                self._add(f"entry {index}", error.what, error.exit)
        if self._store.index is not None:
            self._check_index(self._store.index, bundle[0][0], events)
        if self._keys is not None:
            self._check_keys(self._keys, bundle, events)
        for index, event in events.items():
            if event.origin != self._snapshot.head.origin:
                self._add(f"entry {index}", f"was made for the log `{event.origin}`", Exit.BAD)
            if event.kind == Kind.REDACT:
                self._redacted.add(event.subject.removeprefix("sha256:"))
            if self._blobs is None or not self._check_blobs(self._blobs, index, event):
                continue
            if index and claims and policies:
                self._check_signature(self._blobs, index, event, claims, policies)

    def _check_index(self, index: StoreIndex, start: int, events: Mapping[int, Event]) -> None:
        """Compare the derived rows of one bundle with what its entries give."""
        rows = {row.place: row for row in index.rows(start, TILE_WIDTH)}
        for at, event in events.items():
            if rows.get(at) != IndexRow.of(at, event):
                what = "the search table says something else"
                self._add(
                    f"entry {at}", what, Exit.BAD, "make it anew: `weightmark ledger reindex`"
                )

    def _check_keys(
        self,
        audit: KeyAudit,
        bundle: Sequence[tuple[int, bytes]],
        events: Mapping[int, Event],
    ) -> None:
        for index, _ in bundle:
            event = events.get(index)
            self._add_keys(audit.push(_NO_KEYS if event is None else unique_keys(event)))

    def _add_keys(self, wrong: Iterable[int]) -> None:
        for at in wrong:
            self._add(f"entry {at}", "its unique keys belong to no or another entry", Exit.BAD)

    def _check_blobs(self, blobs: Blobs, index: int, event: Event) -> bool:
        complete = True
        for digest in (event.claim_sha256, event.request_sha256):
            state = blobs.state(digest)
            if state == BlobState.MISSING:
                self._absent.append((index, digest))
            else:
                self._states[state] += 1
            if state == BlobState.DAMAGED:
                what = f"`{digest}` was changed; entry {index} records it"
                self._add(_claim(digest), what, Exit.BAD, _RESTORE)
            elif state == BlobState.UNREADABLE:
                what = f"`{digest}` cannot be read; entry {index} records it"
                self._add(_claim(digest), what, Exit.UNCHECKED, _RESTORE)
            complete = complete and state == BlobState.PRESENT
        return complete

    def _check_signature(
        self,
        blobs: Blobs,
        index: int,
        event: Event,
        claims: ClaimVerifier,
        policies: PolicyHistory,
    ) -> None:
        claim, request = blobs.get(event.claim_sha256), blobs.get(event.request_sha256)
        try:
            admitted = policies.readmit(index, event, Submission(claim, request), claims)
            if admitted and admitted.event(parse_time(event.at)) != event:
                self._add(f"entry {index}", "its claim and request say something else", Exit.BAD)
        except WeightmarkError as error:
            self._add(f"entry {index}", error.what, error.exit)

    def _compare_tile(self, level: int, number: int, hashes: bytes, bundle: list[bytes]) -> None:
        self._tiles.add((level, number))
        path = tile_path(Tile(level, number, len(hashes) // HASH_SIZE))
        try:
            if self._store.tile(level, number) != hashes:
                what = "the stored tile is not what the entries give"
                self._add(path, what, Exit.BAD, _RESTORE)
        except WeightmarkError as error:
            self._add(path, error.what, error.exit)
        width = self._published_width(level, number)
        if self._view is not None and width:
            tile = Tile(level, number, width)
            self._compare_file(self._view, tile_path(tile), hashes[: width * HASH_SIZE])
            if level == 0:
                self._compare_file(self._view, bundle_path(tile), encode_bundle(bundle[:width]))
        if self._view is not None:
            self._compare_outgrown(self._view, Tile(level, number, width), hashes, bundle)

    def _compare_outgrown(
        self, view: ViewFiles, published: Tile, hashes: bytes, bundle: list[bytes]
    ) -> None:
        """Compare the partial tiles that were published before: whoever asks for an older size still gets them."""
        full, size = replace(published, width=TILE_WIDTH), len(hashes) // HASH_SIZE
        for path in (tile_path(full), bundle_path(full))[: 2 if full.level == 0 else 1]:
            try:
                widths = view.partial_widths(f"{path}.p")
            except WeightmarkError as error:
                self._add(f"{path}.p", error.what, error.exit)
                continue
            for width in widths:
                if width == published.width or not 0 < width <= size:
                    continue
                expected = (
                    hashes[: width * HASH_SIZE]
                    if path == tile_path(full)
                    else encode_bundle(bundle[:width])
                )
                self._compare_file(view, f"{path}.p/{width}", expected)

    def _published_width(self, level: int, number: int) -> int:
        size = self._published.size if self._published else 0
        return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH))

    def _compare_file(self, view: ViewFiles, path: str, expected: bytes) -> None:
        try:
            found = view.get(path)
        except WeightmarkError as error:
            self._add(path, error.what, error.exit)
            return
        if found is None:
            self._add(path, "the published file is missing", Exit.BAD, self._publish)
        elif found != expected:
            what = "the published file is not what the entries give"
            self._add(path, what, Exit.BAD, self._publish)

    def _compare_root(self, where: str, seen: VerifiedCheckpoint, roots: dict[int, bytes]) -> None:
        if roots.get(seen.size) != seen.root:
            what = f"its root at size {seen.size} is not what the entries give"
            self._add(where, what, Exit.BAD)

    def _check_counts(self) -> None:
        size, index = self._snapshot.head.size, self._store.index
        if index is not None:
            if self._keys is not None:
                self._add_keys(self._keys.settle())
            if index.counts() != (size, 2 * size, size):
                self._add("database", "it has more or fewer rows than the head signs for", Exit.BAD)
            if damage := index.damage():
                self._add("database", f"an index does not fit its table: {damage[:200]}", Exit.BAD)
        if set(self._store.tile_names()) != self._tiles:
            self._add("database", "it has more or fewer tiles than the entries give", Exit.BAD)

    def _settle_absent(self) -> None:
        """A blob that is gone is redacted if an entry says so, wherever that entry stands."""
        for index, digest in self._absent:
            if digest in self._redacted:
                self._states[BlobState.REDACTED] += 1
                continue
            self._states[BlobState.MISSING] += 1
            if not self._partial:
                what = f"`{digest}` is missing, so entry {index} cannot be checked"
                self._add(_claim(digest), what, Exit.UNCHECKED, _RESTORE)
        absent = self._states[BlobState.MISSING]
        if self._partial and absent:
            what = f"{absent} claims and requests are not published, so they were not checked"
            self._add("claims", what, Exit.UNCHECKED)

    def _check_erased(self) -> None:
        """List what is here although an entry says that it was erased."""
        if self._blobs is None:
            return
        for digest in sorted(one for one in self._redacted if ":" not in one):
            if self._blobs.state(digest) is not BlobState.MISSING:
                what = f"`{digest}` is there, and an entry says that it was erased"
                self._add(_claim(digest), what, Exit.BAD, "the next append erases it again")

    @property
    def _publish(self) -> str:
        """What mends a published file."""
        name = shlex.quote(self._view.name) if self._view is not None else "PLACE"
        return f"publish every file again: `weightmark ledger publish {name} --rebuild`"

    def _add(self, where: str, what: str, code: Exit, fix: str = "") -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(Problem(where, what, code, fix))
        elif len(self._problems) == MAX_PROBLEMS:
            what = f"it has more than {MAX_PROBLEMS} problems; the others are not listed"
            self._problems.append(Problem("log", what, Exit.BAD))
