"""What a service holds for clients who read slowly has a bound, and no client waits for its own user's service."""

import asyncio
import fcntl
import hashlib
import os
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.ledger.makers import ALICE, admitted, enter, make_ledger, release
from tests.attestations.ledger.served import serving
from weightmark.errors import LedgerInconsistentError
from weightmark.provenance.ledger.checkpoint_memory import CheckpointMemory
from weightmark.provenance.ledger.home.view import ViewHome
from weightmark.provenance.ledger.log import Ledger
from weightmark.provenance.ledger.publish import publish_claims
from weightmark.provenance.ledger.service.app import service_app
from weightmark.provenance.ledger.service.limits import Limits
from weightmark.provenance.ledger.service.service import LedgerService
from weightmark.provenance.ledger.service.streaming import CLAIM_PIECE
from weightmark.provenance.ledger.view.folder import FolderView
from weightmark.provenance.ledger.view.interface import MAX_BUNDLE_SIZE
from weightmark.values import dataclass

Message = Any


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with make_ledger(tmp_path / "register", [admitted(ALICE)]) as made:
        enter(made, ALICE, release(ALICE, "m"))
        yield made


async def ask(
    app: Any, path: str, reading: asyncio.Event, begun: Callable[[Message], None] | None = None
) -> int:
    """Ask once; the answer is read once `reading` is set, and `begun` hears each part of it. Returns the status."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        statuses.append(message.get("status", 0))
        if begun:
            begun(message)
        await reading.wait()

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": b"", "headers": [], "scheme": "http", "http_version": "1.1",
        "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    await app(scope, receive, send)
    return statuses[0]


def test_claims_that_many_read_slowly_have_a_bound(ledger: Ledger, tmp_path: Path) -> None:
    claim = ledger.entry(1).event.claim_sha256
    size = len(ledger.claim(1))
    place, memory = ledger.path, CheckpointMemory(tmp_path / "state")

    def opened() -> Ledger:
        return Ledger.open(place, memory=memory)

    async def all_of_it(service: LedgerService) -> list[int]:
        app, reading, at_once = service_app(service), asyncio.Event(), asyncio.Event()
        at_once.set()
        parts: list[Message] = []
        slow = [
            asyncio.create_task(ask(app, f"/claims/{claim}", reading, parts.append))
            for _ in range(2)
        ]
        while len(parts) < len(slow):
            await asyncio.sleep(0.01)
        refused = await ask(app, f"/claims/{claim}", at_once)
        small = await ask(app, "/checkpoint", at_once)
        reading.set()
        read = await asyncio.gather(*slow)
        return [refused, small, *read, await ask(app, f"/claims/{claim}", at_once)]

    with LedgerService.open(opened, None, limits=Limits(answers=2 * size)) as service:
        assert asyncio.run(asyncio.wait_for(all_of_it(service), 60)) == [503, 200, 200, 200, 200]


def test_many_who_read_a_large_claim_slowly_hold_a_piece_each(tmp_path: Path) -> None:
    """Eighty times ten megabytes would be 800: one piece each is held, and so is one in the socket's hand."""
    readers, size = 80, 10 * 1024 * 1024
    place, memory = tmp_path / "register", CheckpointMemory(tmp_path / "state")
    with make_ledger(place, [admitted(ALICE)]) as ledger:
        data = os.urandom(size)
        digest = hashlib.sha256(data).hexdigest()
        ledger.home.blobs.put_all({digest: data})
    whole: list[int] = []

    async def all_of_it(service: LedgerService) -> None:
        app, reading = service_app(service), asyncio.Event()
        sizes: list[int] = []
        slow = [
            asyncio.create_task(
                ask(
                    app,
                    f"/claims/{digest}",
                    reading,
                    lambda one: sizes.append(len(one.get("body", b""))),
                )
            )
            for _ in range(readers)
        ]
        while len(sizes) < readers:
            await asyncio.sleep(0.05)
        tracemalloc.reset_peak()
        held = tracemalloc.get_traced_memory()[0]
        assert held < readers * 3 * CLAIM_PIECE < readers * size // 10
        reading.set()
        assert await asyncio.gather(*slow) == [200] * readers
        whole.append(sum(sizes))

    def opened() -> Ledger:
        return Ledger.open(place, memory=memory)

    limits = Limits(answers=readers * CLAIM_PIECE, stall_seconds=600.0)
    with LedgerService.open(opened, None, limits=limits) as service:
        tracemalloc.start()
        try:
            asyncio.run(asyncio.wait_for(all_of_it(service), 120))
        finally:
            tracemalloc.stop()
    assert whole == [readers * size]


def test_a_claim_arrives_whole_and_a_head_request_gets_its_size_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    data = os.urandom(2 * CLAIM_PIECE + 5)
    digest = hashlib.sha256(data).hexdigest()
    ledger.home.blobs.put_all({digest: data})
    with serving(ledger.path) as served:
        reply = served.get(f"/claims/{digest}")
        assert (reply.status, reply.body == data) == (200, True)
        head = served.ask("HEAD", f"/claims/{digest}")
        assert (head.status, head.headers["content-length"], head.body) == (
            200,
            str(len(data)),
            b"",
        )


def test_a_claim_that_was_changed_is_not_streamed(ledger: Ledger) -> None:
    digest = ledger.entry(1).event.claim_sha256
    path = ledger.path / "claims" / digest
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" ")
    with serving(ledger.path) as served:
        assert served.get(f"/claims/{digest}").status == 500


@dataclass(frozen=True, slots=True)
class WatchedView(FolderView):
    """A published view that refuses a reader who keeps the memory locked while it asks."""

    memory: Path
    asked: list[str]

    def get(self, path: str, *, max_size: int = MAX_BUNDLE_SIZE) -> bytes | None:
        self.asked.append(path)
        for lock in self.memory.glob("*.lock"):
            descriptor = os.open(lock, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            finally:
                os.close(descriptor)
        return FolderView.get(self, path, max_size=max_size)


def published(ledger: Ledger, folder: Path) -> Path:
    view = FolderView(folder)
    ledger.publish(view)
    with ledger.snapshot() as snapshot:
        publish_claims(snapshot, ledger.home.blobs, view, every=True)
    return folder


def test_nobody_waits_for_a_server_with_the_memory_of_the_user_in_hand(
    ledger: Ledger, tmp_path: Path
) -> None:
    """It may be a service of the same user, whose threads want that memory for their answer."""
    memory = CheckpointMemory(tmp_path / "mine")
    view = WatchedView(published(ledger, tmp_path / "view"), memory.folder, [])
    for _ in range(2):
        with Ledger.of(ViewHome(view, ledger.vkey), memory=memory) as reader:
            assert reader.refresh().size == 2
    remembered = memory.recall(ledger.verifier)
    assert view.asked
    assert remembered is not None
    assert remembered.size == 2


@dataclass(frozen=True, slots=True)
class OldView(FolderView):
    """A view that is behind, whose reader sees more through another process while it asks."""

    meanwhile: list[Callable[[], None]]

    def get(self, path: str, *, max_size: int = MAX_BUNDLE_SIZE) -> bytes | None:
        found = FolderView.get(self, path, max_size=max_size)
        if self.meanwhile and path.startswith("tile/"):
            self.meanwhile.pop()()
        return found


def test_what_another_process_remembered_meanwhile_is_compared_with(
    ledger: Ledger, tmp_path: Path
) -> None:
    """Else an old head that was read before would be remembered over the newer one."""
    memory = CheckpointMemory(tmp_path / "mine")
    old = published(ledger, tmp_path / "view")
    enter(ledger, ALICE, release(ALICE, "n"))

    def see_more() -> None:
        with Ledger.open(ledger.path, memory=memory) as other:
            assert other.refresh().size == 3

    home = ViewHome(OldView(old, [see_more]), ledger.vkey)
    with pytest.raises(LedgerInconsistentError, match="rolled back"):
        Ledger.of(home, memory=memory)
    remembered = memory.recall(ledger.verifier)
    assert remembered is not None
    assert remembered.size == 3
