"""A simulated witness on the loopback: honest until it is told which lie to tell."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.provenance.ledger.witnessing.log_sim import AT
from tests.sim.faults import Faults
from tests.sim.web import Answer, LoopbackServer, Request
from weightmark.provenance.ledger.note import SignatureLine, split_note
from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType, WitnessSigner
from weightmark.provenance.ledger.witnessing.request import SIZE_TYPE, parse_add_checkpoint

SERVICE = "witness"
_TEXT = "text/plain; charset=utf-8"


@dataclass
class WitnessSim:
    """Knows one size of one log, and cosigns whatever is said to follow it."""

    signer: WitnessSigner = field(
        default_factory=lambda: WitnessSigner(
            "w.example/sim", CosignatureType.ED25519, b"\x21" * 32
        )
    )
    known: int = 0
    """the size that it knows"""
    shows: bytes = b""
    """the checkpoint that it shows; nothing when empty"""
    at: int = AT
    """its clock"""
    says: Answer | None = None
    """what it answers instead of the truth"""
    sizes: list[int] = field(default_factory=list)
    """sizes that it names, one after the other, before it is honest"""
    more: tuple[SignatureLine, ...] = ()
    """lines that it adds to its own"""
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    asked: list[Request] = field(default_factory=list)

    def line(self, checkpoint: bytes) -> SignatureLine:
        return self.signer.cosign(split_note(checkpoint)[0], self.at)

    def add(self, request: Request) -> Answer:
        self.asked.append(request)
        if self.says:
            return self.says
        if self.sizes:
            return Answer(f"{self.sizes.pop(0)}\n".encode(), 409, SIZE_TYPE)
        asked = parse_add_checkpoint(request.body)
        if asked.old_size != self.known:
            return Answer(f"{self.known}\n".encode(), 409, SIZE_TYPE)
        lines = (self.line(asked.checkpoint), *self.more)
        return Answer(b"".join(one.to_bytes() for one in lines), kind=_TEXT)

    def show(self, _: Request) -> Answer:
        return Answer(self.shows, 200 if self.shows else 404, _TEXT)

    @contextmanager
    def running(self) -> Iterator["WitnessSim"]:
        server = LoopbackServer(self.faults)
        server.route(SERVICE, "/prefix/add-checkpoint", self.add)
        server.route("shown", "/prefix/", self.show)
        self.url = f"{server.url}/prefix"
        try:
            yield self
        finally:
            server.stop()
