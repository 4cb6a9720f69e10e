"""The spool: nothing is lost, nothing is sent twice by two processes at once, and nobody else puts anything in."""

import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.events.makers import DENIED, FOUND, poisoned
from tests.provenance.events.receivers import Script, web_server
from weightmark.errors import LimitError, UncheckedError, WeightmarkError
from weightmark.provenance.events.forms import named
from weightmark.provenance.events.message import Message, pack, unpack
from weightmark.provenance.events.sinks import UndeliveredError
from weightmark.provenance.events.sinks.interface import Fate
from weightmark.provenance.events.sinks.spooled import SpooledSink
from weightmark.provenance.events.sinks.webhook import Webhook
from weightmark.provenance.events.spool import Spool

JSON = named("json")
MIB = 1024 * 1024
ONE, TWO = Message.of(DENIED, JSON), Message.of(poisoned(FOUND), JSON)


class Receiver:
    """A sink in this process that is up or down."""

    name, is_remote = "receiver", True

    def __init__(self, *, up: bool = True) -> None:
        self.up = up
        self.again = True
        self.came: list[Message] = []

    def has_kept(self, messages: Sequence[Message]) -> bool:
        assert messages
        return False

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        assert deadline > 0
        if not self.up:
            raise UndeliveredError("it is down", again=self.again)
        self.came += messages


def damaged(place: int, byte: int) -> bytes:
    """Return a file of which one byte is another."""
    data = bytearray(pack([ONE]))
    data[place % len(data)] = byte
    return bytes(data)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "state" / "spool")


def send(sink: SpooledSink, *messages: Message) -> None:
    sink.send(messages, time.monotonic() + 10)


def test_what_a_receiver_does_not_take_is_sent_by_the_next_run(spool: Spool) -> None:
    receiver = Receiver(up=False)
    sink = SpooledSink(receiver, spool)
    with pytest.raises(UndeliveredError) as caught:
        send(sink, ONE)
    assert caught.value.fate is Fate.KEPT
    assert spool.count() == 1
    receiver.up = True
    send(SpooledSink(receiver, spool), TWO)
    assert receiver.came == [TWO, ONE]
    assert spool.count() == 0


def test_a_call_without_events_sends_what_waits(spool: Spool) -> None:
    with pytest.raises(UndeliveredError):
        send(SpooledSink(Receiver(up=False), spool), ONE)
    receiver = Receiver()
    send(SpooledSink(receiver, spool))
    assert receiver.came == [ONE]


def test_offline_keeps_and_sends_nothing(spool: Spool) -> None:
    receiver = Receiver()
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(receiver, spool, offline=True), ONE)
    assert caught.value.fate is Fate.KEPT
    assert receiver.came == []
    assert spool.count() == 1


def test_a_process_that_dies_while_it_sends_loses_nothing(spool: Spool) -> None:
    class Dying(Receiver):
        def send(self, messages: Sequence[Message], deadline: float) -> None:
            assert messages
            assert deadline
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send(SpooledSink(Dying(), spool), ONE)
    receiver = Receiver()
    send(SpooledSink(receiver, spool))
    assert receiver.came == [ONE]


def test_what_another_process_holds_is_left_to_it(spool: Spool) -> None:
    with spool.stored([ONE]):
        assert list(Spool(spool.folder).waiting()) == []
    assert [one.messages for one in spool.waiting()] == [(ONE,)]


def test_the_spool_is_for_its_owner_only(spool: Spool) -> None:
    with spool.stored([ONE]):
        assert spool.folder.stat().st_mode & 0o777 == 0o700
        assert {one.stat().st_mode & 0o777 for one in spool.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o755])
def test_a_spool_that_others_can_enter_is_not_used(spool: Spool, mode: int) -> None:
    spool.folder.mkdir(parents=True)
    (spool.folder / "1-x.events").write_bytes(pack([TWO]))
    spool.folder.chmod(mode)
    with pytest.raises(UncheckedError):
        list(spool.waiting())
    receiver = Receiver()
    with pytest.raises(UndeliveredError, match="not yours alone") as stuck:
        send(SpooledSink(receiver, spool), ONE)
    assert receiver.came == [ONE], "told all the same, and nothing of theirs"
    assert stuck.value.fate is Fate.STUCK, "and what may wait there is not passed over in silence"
    receiver.up = False
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(receiver, spool), ONE)
    assert caught.value.fate is Fate.LOST


def test_a_spool_that_is_a_link_is_not_followed(spool: Spool, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    spool.folder.parent.mkdir()
    spool.folder.symlink_to(target)
    with pytest.raises(UncheckedError), spool.stored([ONE]):
        pass
    assert list(target.iterdir()) == []


@pytest.mark.needs("root")
def test_a_spool_of_another_user_is_not_used(spool: Spool) -> None:
    spool.folder.mkdir(parents=True, mode=0o700)
    os.chown(spool.folder, 65534, 65534)
    with pytest.raises(UncheckedError), spool.stored([ONE]):
        pass


def test_a_file_that_was_put_there_as_a_link_is_not_read(spool: Spool, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(pack([TWO]))
    spool.folder.mkdir(parents=True, mode=0o700)
    (spool.folder / "1-a.events").symlink_to(secret)
    os.link(secret, spool.folder / "2-b.events")
    receiver = Receiver()
    with pytest.raises(UndeliveredError, match="not as it was written"):
        send(SpooledSink(receiver, spool), ONE)
    assert receiver.came == [ONE]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"schema": "weightmark/event-spool/v1", "messages": [1]}',
        pack([ONE]).replace(b'"severity": 4', b'"severity": 9'),
        pack([ONE]).replace(b'"host": "ci-7"', b'"host": "a\\nb"'),
        pack([ONE]).replace(b'"host"', b'"hose"'),
        pack([ONE]).replace(b'"uid": "0', b'"uid": 7, "x": "0'),
    ],
)
def test_a_damaged_file_is_set_aside_and_told_and_hinders_nothing(
    spool: Spool, data: bytes
) -> None:
    spool.folder.mkdir(parents=True, mode=0o700)
    (spool.folder / "1-bad.events").write_bytes(data)
    with pytest.raises(UndeliveredError):
        send(SpooledSink(Receiver(up=False), spool), ONE)
    receiver = Receiver()
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(receiver, spool), TWO)
    assert caught.value.fate is Fate.ASIDE
    assert receiver.came == [TWO, ONE]
    assert [one.name for one in spool.folder.iterdir()] == ["1-bad.refused"]


@given(st.binary(max_size=200) | st.builds(damaged, st.integers(0), st.integers(0, 255)))
def test_a_file_of_any_bytes_is_messages_or_one_of_our_errors(data: bytes) -> None:
    try:
        found = unpack(data)
    except WeightmarkError:
        return
    assert all(b"\n" not in one.body for one in found)


def test_what_is_refused_for_ever_does_not_block_what_comes_after(spool: Spool) -> None:
    receiver = Receiver(up=False)
    receiver.again = False
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(receiver, spool), ONE)
    assert caught.value.fate is Fate.ASIDE, "nobody is told that it will be sent"
    assert spool.count() == 0
    assert [one.suffix for one in spool.folder.iterdir()] == [".refused"]


def filled(spool: Spool, name: str, size: int) -> None:
    """Put a file of zeros into a spool."""
    spool.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    with (spool.folder / name).open("wb") as file:
        file.truncate(size)


def test_a_full_spool_says_so_and_the_receiver_is_asked_all_the_same(spool: Spool) -> None:
    filled(spool, "1-x.events", 64 * MIB - 100)
    with pytest.raises(LimitError), spool.stored([ONE]):
        pass
    receiver = Receiver(up=False)
    with pytest.raises(UndeliveredError, match="full") as caught:
        send(SpooledSink(receiver, spool), ONE)
    assert caught.value.fate is Fate.LOST
    receiver.up = True
    with pytest.raises(UndeliveredError):
        send(SpooledSink(receiver, spool), ONE)
    assert receiver.came == [ONE]


def test_events_of_any_size_are_kept_in_files_that_the_next_run_can_read(spool: Spool) -> None:
    """A publisher chooses names and their number: what was told to be kept has to arrive."""
    longest = Message.of(poisoned(FOUND, "\U0001f600" * 1000), JSON)
    many = [replace(longest, uid=f"{number:032x}") for number in range(200)]
    assert len(many) * len(longest.body) > 16 * MIB
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(Receiver(up=False), spool), *many)
    assert caught.value.fate is Fate.KEPT
    assert spool.count() > 1
    receiver = Receiver()
    send(SpooledSink(receiver, spool))
    assert receiver.came == many
    assert list(spool.folder.iterdir()) == []


def test_of_several_files_those_that_were_taken_are_not_sent_again(spool: Spool) -> None:
    class Tiring(Receiver):
        def send(self, messages: Sequence[Message], deadline: float) -> None:
            super().send(messages, deadline)
            self.up = False

    longest = Message.of(poisoned(FOUND, "\U0001f600" * 1000), JSON)
    many = [replace(longest, uid=f"{number:032x}") for number in range(300)]
    first, second = Tiring(), Receiver()
    with pytest.raises(UndeliveredError):
        send(SpooledSink(first, spool), *many)
    send(SpooledSink(second, spool))
    assert 0 < len(first.came) < len(many)
    assert first.came + second.came == many


def test_what_was_set_aside_takes_no_room_from_what_waits(spool: Spool) -> None:
    for number in range(9):
        filled(spool, f"{number}-x.refused", 16 * MIB)
    with pytest.raises(UndeliveredError) as caught:
        send(SpooledSink(Receiver(up=False), spool), ONE)
    assert caught.value.fate is Fate.KEPT


def test_of_what_was_set_aside_the_oldest_goes(spool: Spool) -> None:
    for number in range(9):
        filled(spool, f"{number:020d}-x.refused", 16 * MIB)
    receiver = Receiver(up=False)
    receiver.again = False
    with pytest.raises(UndeliveredError):
        send(SpooledSink(receiver, spool), ONE)
    left = sorted(one.name for one in spool.folder.iterdir())
    assert left[0] == f"{8:020d}-x.refused"
    assert [unpack((spool.folder / one).read_bytes()) for one in left[1:]] == [(ONE,)]


def test_what_a_dead_process_left_unfinished_is_removed_in_time(spool: Spool) -> None:
    filled(spool, ".1-a.events.tmp", MIB)
    filled(spool, ".2-b.events.tmp", MIB)
    os.utime(spool.folder / ".1-a.events.tmp", (1, 1))
    send(SpooledSink(Receiver(), spool), ONE)
    assert [one.name for one in spool.folder.iterdir()] == [".2-b.events.tmp"]


def test_what_is_sent_again_has_the_same_id(spool: Spool) -> None:
    script = Script([503] * 4)
    with web_server(script) as url:
        sink = SpooledSink(Webhook(url, JSON, pause=lambda _: None), spool)
        with pytest.raises(UndeliveredError):
            send(sink, ONE, TWO)
        send(sink)
    ids = {one.headers["webhook-id"] for one in script.requests}
    assert len(script.requests) == 5
    assert len(ids) == 1
    assert len({one.body for one in script.requests}) == 1
    assert json.loads(script.requests[0].body)[0]["uid"] == DENIED.uid
