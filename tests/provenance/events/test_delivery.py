"""Delivery: bounded in time whatever receivers do, and never an exception."""

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from tests.provenance.events.makers import DENIED
from weightmark.provenance.events.delivery import Background, Delivery
from weightmark.provenance.events.event import new_uid
from weightmark.provenance.events.forms import named
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks import SinkOptions, UndeliveredError, sink_of
from weightmark.provenance.events.sinks.interface import Fate

JSON = named("json")


class Receiver:
    """Keeps what comes; `hold` keeps it waiting."""

    is_remote = True

    def __init__(self, name: str = "receiver", error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.came: list[Message] = []
        self.hold = threading.Event()
        self.hold.set()

    def has_kept(self, messages: Sequence[Message]) -> bool:
        assert messages
        return False

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        assert deadline
        self.hold.wait(30)
        if self.error:
            raise self.error
        self.came += messages


def test_a_receiver_that_hangs_delays_nobody_past_the_bound() -> None:
    hanging, good = Receiver("hanging"), Receiver("good")
    hanging.hold.clear()
    began = time.monotonic()
    problems = Delivery((hanging, good), JSON, 0.2).deliver([DENIED])
    assert time.monotonic() - began < 10
    assert [(one.sink, one.fate) for one in problems] == [("hanging", Fate.LOST)]
    assert len(good.came) == 1
    hanging.hold.set()


@pytest.mark.parametrize("spool", [True, False])
def test_an_answer_that_drips_for_ever_ends_with_the_bound(tmp_path: Path, spool: bool) -> None:
    """What could not be stored is lost then, and nobody is told otherwise."""
    spools = tmp_path / "spools"
    if not spool:
        spools.touch()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        stopped = threading.Event()

        def drip() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    while not stopped.wait(0.02):
                        connection.send(b"H")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        sink = sink_of(url, SinkOptions(JSON, spools))
        (problem,) = Delivery((sink,), JSON, 0.3).deliver([DENIED])
        assert problem.fate is (Fate.KEPT if spool else Fate.LOST)
        assert "in time" in problem.what
        stopped.set()
        thread.join(10)
    assert len(list(tmp_path.rglob("*.events"))) == int(spool)


def test_whatever_a_receiver_raises_is_a_problem_and_no_exception() -> None:
    for error in (UndeliveredError("down", fate=Fate.KEPT), ValueError("secret"), SystemExit(3)):
        sinks = (Receiver(error=error if isinstance(error, Exception) else None), Receiver("good"))
        problems = Delivery(sinks, JSON).deliver([DENIED])
        assert len(problems) == int(isinstance(error, Exception))
        assert all("secret" not in one.words for one in problems)


def test_a_problem_says_whether_events_are_lost() -> None:
    (kept,) = Delivery((Receiver(error=UndeliveredError("down", fate=Fate.KEPT)),), JSON).deliver(
        [DENIED]
    )
    (lost,) = Delivery((Receiver(error=UndeliveredError("down")),), JSON).deliver([DENIED])
    assert "sent by the next run" in kept.words
    assert "they are lost" in lost.words


def test_in_the_background_every_event_arrives_and_nobody_waits() -> None:
    receiver, said = Receiver(), list[str]()
    receiver.hold.clear()
    events = [replace(DENIED, uid=new_uid()) for _ in range(200)]
    with Background(Delivery((receiver,), JSON), said.append) as background:
        for event in events:
            background.offer([event])
        assert receiver.came == []
        receiver.hold.set()
    assert [one.uid for one in receiver.came] == [one.uid for one in events]
    assert said == []


def test_too_many_events_for_a_slow_receiver_are_counted_and_told() -> None:
    receiver, said = Receiver(), list[str]()
    receiver.hold.clear()
    with Background(Delivery((receiver,), JSON), said.append) as background:
        background.offer([DENIED] * 10_600)
        assert any("events are lost" in line for line in said)
        receiver.hold.set()
