"""The audit of a whole log: everything recomputed from the entries, in one pass, in bounded memory."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field

from weightmark.errors import Exit, LedgerInconsistentError, WeightmarkError
from weightmark.provenance.ledger.admission import (
    ClaimVerifier,
    RegistrationPolicy,
    Submission,
    admit,
)
from weightmark.provenance.ledger.blobs import BlobState, BlobStore
from weightmark.provenance.ledger.checkpoint import VerifiedCheckpoint
from weightmark.provenance.ledger.event import Event, Kind, parse_event, parse_time
from weightmark.provenance.ledger.files import read_file
from weightmark.provenance.ledger.merkle import HASH_SIZE, Frontier, leaf_hash, node_hash
from weightmark.provenance.ledger.plan import unique_keys
from weightmark.provenance.ledger.publish import MAX_BUNDLE_SIZE, StaticView
from weightmark.provenance.ledger.snapshot import LedgerSnapshot
from weightmark.provenance.ledger.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Tile,
    bundle_path,
    encode_bundle,
    tile_path,
)
from weightmark.values import dataclass

__all__ = ["Auditor", "LedgerAudit", "Problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it must be."""

    where: str
    """`entry 3`, `tile/0/000`, `head`"""
    what: str
    """in one sentence"""
    exit: Exit
    """1 for what is wrong, 4 for what could not be checked"""


@dataclass(frozen=True, slots=True)
class LedgerAudit:
    """The outcome of an audit."""

    head: VerifiedCheckpoint
    """the state that was audited"""
    published: int
    """entries that the static view has; fewer than the head when it is behind"""
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

    def require_sound(self) -> None:
        """Raise `LedgerInconsistentError` for the first problem, with the number of all."""
        if self.problems:
            first = self.problems[0]
            more = f" and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
            raise LedgerInconsistentError(f"{first.where}: {first.what}{more}")


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

    def rest(self) -> Iterator[tuple[int, int, bytes]]:
        """Yield the unfinished tiles."""
        for level, row in enumerate(self.rows):
            if row:
                yield level, self.done[level], b"".join(row)


class Auditor:
    """Walks one snapshot of a log."""

    def __init__(
        self,
        snapshot: LedgerSnapshot,
        view: StaticView,
        blobs: BlobStore,
        published: VerifiedCheckpoint | None,
    ) -> None:
        self._snapshot = snapshot
        self._view = view
        self._blobs = blobs
        self._published = published
        self._problems: list[Problem] = []
        self._states: Counter[BlobState] = Counter()
        self._absent: list[tuple[int, str]] = []
        self._redacted: set[str] = set()
        self._tiles: set[tuple[int, int]] = set()

    def run(
        self,
        remembered: VerifiedCheckpoint | None,
        claims: ClaimVerifier | None,
        policy: RegistrationPolicy | None,
    ) -> LedgerAudit:
        """Audit everything; problems are collected, not raised."""
        roots = self._walk(claims, policy, {remembered, self._published} - {None})
        head = self._snapshot.head
        self._compare_root("head", head, roots)
        if remembered is not None:
            self._compare_root("your checkpoint memory", remembered, roots)
        if self._published is None:
            self._add("view", "nothing is published; the next append publishes again", Exit.BAD)
        else:
            self._compare_root("tiles/checkpoint", self._published, roots)
        self._check_counts()
        self._settle_absent()
        size = self._published.size if self._published else 0
        found = tuple(self._problems)
        return LedgerAudit(head, size, dict(self._states), claims is not None, found)

    def _walk(
        self,
        claims: ClaimVerifier | None,
        policy: RegistrationPolicy | None,
        seen: set[VerifiedCheckpoint | None],
    ) -> dict[int, bytes]:
        """Pass over all entries once; returns the roots at the sizes of interest."""
        size = self._snapshot.head.size
        wanted = {one.size for one in seen if one is not None} | {size}
        frontier, builder = Frontier(), _TileBuilder()
        roots: dict[int, bytes] = {}
        bundle: list[bytes] = []
        for index, body in self._snapshot.store.entries(0, size):
            if index != frontier.size:
                self._add(f"entry {frontier.size}", "is missing from the database", Exit.BAD)
                return roots
            frontier.push(leaf := leaf_hash(body))
            bundle.append(body)
            for level, number, hashes in builder.push(leaf):
                self._compare_tile(level, number, hashes, bundle)
            if len(bundle) == TILE_WIDTH:
                bundle = []
            if frontier.size in wanted:
                roots[frontier.size] = frontier.root()
            self._check_entry(index, body, claims, policy)
        for level, number, hashes in builder.rest():
            self._compare_tile(level, number, hashes, bundle)
        return roots

    def _check_entry(
        self,
        index: int,
        body: bytes,
        claims: ClaimVerifier | None,
        policy: RegistrationPolicy | None,
    ) -> None:
        try:
            event = parse_event(body)
        except WeightmarkError as error:
            self._add(f"entry {index}", error.what, error.exit)
            return
        if event.origin != self._snapshot.head.origin:
            self._add(f"entry {index}", f"was made for the log `{event.origin}`", Exit.BAD)
        store = self._snapshot.store
        if any(store.index_of(key) != index for key in unique_keys(event)):
            self._add(f"entry {index}", "its unique keys belong to no or another entry", Exit.BAD)
        row = store.searchable(index)
        if row is None or any(str(getattr(event, name)) != row[name] for name in row):
            self._add(f"entry {index}", "the search table says something else", Exit.BAD)
        if event.kind == Kind.REDACT:
            self._redacted.add(event.subject.removeprefix("sha256:"))
        if self._check_blobs(index, event) and index and claims and policy:
            self._check_signature(index, event, claims, policy)

    def _check_blobs(self, index: int, event: Event) -> bool:
        complete = True
        for digest in (event.claim_sha256, event.request_sha256):
            state = self._blobs.state(digest)
            if state == BlobState.MISSING:
                self._absent.append((index, digest))
            else:
                self._states[state] += 1
            if state == BlobState.DAMAGED:
                self._add(f"claims/{digest}", f"was changed; entry {index} records it", Exit.BAD)
            elif state == BlobState.UNREADABLE:
                self._add(
                    f"claims/{digest}", f"cannot be read; entry {index} records it", Exit.UNCHECKED
                )
            complete = complete and state == BlobState.PRESENT
        return complete

    def _check_signature(
        self, index: int, event: Event, claims: ClaimVerifier, policy: RegistrationPolicy
    ) -> None:
        claim, request = self._blobs.get(event.claim_sha256), self._blobs.get(event.request_sha256)
        try:
            admitted = admit(policy, Submission(claim, request), claims)
            if admitted.event(parse_time(event.at)) != event:
                self._add(f"entry {index}", "its claim and request say something else", Exit.BAD)
        except WeightmarkError as error:
            self._add(f"entry {index}", error.what, error.exit)

    def _compare_tile(self, level: int, number: int, hashes: bytes, bundle: list[bytes]) -> None:
        self._tiles.add((level, number))
        path = tile_path(Tile(level, number, len(hashes) // HASH_SIZE))
        try:
            if self._snapshot.store.tile(level, number) != hashes:
                self._add(path, "the tile in the database is not what the entries give", Exit.BAD)
        except WeightmarkError as error:
            self._add(path, error.what, error.exit)
        width = self._published_width(level, number)
        if width:
            tile = Tile(level, number, width)
            self._compare_file(tile_path(tile), hashes[: width * HASH_SIZE])
            if level == 0:
                self._compare_file(bundle_path(tile), encode_bundle(bundle[:width]))

    def _published_width(self, level: int, number: int) -> int:
        size = self._published.size if self._published else 0
        return max(0, min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - number * TILE_WIDTH))

    def _compare_file(self, path: str, expected: bytes) -> None:
        try:
            found = read_file(self._view.folder / path, max_size=MAX_BUNDLE_SIZE)
        except WeightmarkError as error:
            self._add(path, error.what, error.exit)
            return
        if found is None:
            self._add(path, "the published file is missing", Exit.BAD)
        elif found != expected:
            self._add(path, "the published file is not what the entries give", Exit.BAD)

    def _compare_root(self, where: str, seen: VerifiedCheckpoint, roots: dict[int, bytes]) -> None:
        if roots.get(seen.size) != seen.root:
            what = f"its root at size {seen.size} is not what the entries give"
            self._add(where, what, Exit.BAD)

    def _check_counts(self) -> None:
        size = self._snapshot.head.size
        if self._snapshot.store.counts() != (size, 2 * size, size):
            self._add("database", "it has more or fewer rows than the head signs for", Exit.BAD)
        if set(self._snapshot.store.tile_names()) != self._tiles:
            self._add("database", "it has more or fewer tiles than the entries give", Exit.BAD)

    def _settle_absent(self) -> None:
        """A blob that is gone is redacted if an entry says so, wherever that entry stands."""
        for index, digest in self._absent:
            if digest in self._redacted:
                self._states[BlobState.REDACTED] += 1
            else:
                self._states[BlobState.MISSING] += 1
                what = f"is missing, so entry {index} cannot be checked"
                self._add(f"claims/{digest}", what, Exit.UNCHECKED)

    def _add(self, where: str, what: str, code: Exit) -> None:
        self._problems.append(Problem(where, what, code))
