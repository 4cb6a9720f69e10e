"""A simulated service of a ledger that can be told to lie, path by path."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request
from weightmark.attestations.ledger.submission import BundleVerifier
from weightmark.errors import WeightmarkError
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.service.reading import (
    parse_tile_path,
    read_checkpoint,
    read_tile,
    search,
    size_of_claim,
)
from weightmark.provenance.ledger.service.wire import (
    About,
    encode_about,
    encode_error,
    encode_receipts,
    parse_batch,
    parse_search,
    parse_submission,
    status_of,
)

__all__ = ["LedgerServiceSim"]

Lie = Callable[[bytes], bytes]


@dataclass
class LedgerServiceSim:
    """Answers as the real one does, out of a ledger in a folder; change an attribute to make it lie."""

    server: LoopbackServer
    place: Path
    """the ledger that is read"""
    memory: CheckpointMemory
    """of the operator"""
    written: Path | None = None
    """the ledger that is written, where that is another one"""
    lies: dict[str, Lie] = field(default_factory=dict)
    """by the beginning of a path: what becomes of the honest answer"""
    answers: dict[str, Answer] = field(default_factory=dict)
    """by path: what is said instead"""

    @classmethod
    @contextmanager
    def running(cls, place: Path) -> Iterator["LedgerServiceSim"]:
        """Serve the ledger at `place` until the block ends."""
        server = LoopbackServer(Faults())
        sim = cls(server, place, CheckpointMemory(place.with_name(f"{place.name}.operator")))
        server.route("ledger", "/", sim.handle)
        try:
            yield sim
        finally:
            server.stop()

    @property
    def url(self) -> str:
        return self.server.url

    def handle(self, request: Request) -> Answer:
        if request.path in self.answers:
            return self.answers[request.path]
        path = request.path.removeprefix("/")
        honest = self._honest(request, path)
        lie = next((lie for name, lie in self.lies.items() if path.startswith(name)), None)
        if lie is None or honest.status != 200:
            return honest
        return Answer(lie(honest.body), honest.status, honest.kind)

    def _honest(self, request: Request, path: str) -> Answer:
        place = self.written if path.startswith("add") and self.written else self.place
        memory = CheckpointMemory(place.with_name(f"{place.name}.operator"))
        try:
            with Ledger.open(place, memory=memory) as ledger:
                data = self._answer(ledger, request, path)
        except WeightmarkError as error:
            return Answer(encode_error(error), status_of(error))
        return Answer(b"not found\n", 404) if data is None else Answer(data)

    def _answer(self, ledger: Ledger, request: Request, path: str) -> bytes | None:
        first, _, rest = path.partition("/")
        whole: dict[str, Callable[[], bytes]] = {
            "ledger.json": lambda: encode_about(About(ledger.origin, ledger.vkey, writable=True)),
            "checkpoint": lambda: read_checkpoint(ledger),
            "search": lambda: search(ledger, parse_search(list(request.query.items()))),
        }
        if path in whole:
            return whole[path]()
        if first == "claims":
            held = size_of_claim(ledger, rest) is not None
            return ledger.home.blobs.get(rest) if held else None
        if first == "tile":
            parsed = parse_tile_path(rest)
            return read_tile(ledger, parsed[0], bundle=parsed[1]) if parsed else None
        if path == "add-batch":
            entered = ledger.append(parse_batch(request.body, 2**24), BundleVerifier())
            return encode_receipts(one.text for one in entered)
        if path == "add":
            submission = parse_submission(request.body, 2**24)
            return ledger.append([submission], BundleVerifier())[0].text
        return None
