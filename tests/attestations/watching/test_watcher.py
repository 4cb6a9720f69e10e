"""The watcher looks when files changed and when it is time, survives a folder that vanishes, and reads no news into silence."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.policy.load import load_policy
from weightmark.attestations.watching.events import Event
from weightmark.attestations.watching.watcher import Watcher
from weightmark.errors import PolicyError

HONEST = b"\x80\x04}\x8c\x01a\x88s."
EVIL = b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x06echo x\x85R."


def watched(tmp_path: Path, content: bytes = HONEST) -> Watcher:
    model = tmp_path / "model"
    model.mkdir()
    (model / "m.pkl").write_bytes(content)

    def decide() -> Decision:
        return gate(model, load_policy("audit", artifact=model))

    return Watcher(model, decide)


class Ended(Exception):  # noqa: N818 - no error: there is nothing left to wait for
    """Nothing more happens."""


class Time:
    """A clock that moves only while the watcher sleeps; at each sleep the next thing happens."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.now = 0.0
        self.happenings = list(happenings)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if not self.happenings:
            raise Ended
        self.happenings.pop(0)()


def follow(watcher: Watcher, time: Time, *, again: float = 1e9) -> list[Event]:
    found = []
    events = watcher.follow(every=1, again=again, sleep=time.sleep, clock=time.clock)
    with suppress(Ended):
        while True:
            found.append(next(events))
    return found


def nothing() -> None:
    """Let time pass."""


def test_a_change_is_seen_and_a_folder_that_vanishes_and_returns(tmp_path: Path) -> None:
    watcher = watched(tmp_path)
    model, kept = watcher.path, tmp_path / "kept"
    time = Time(
        lambda: (model / "m.pkl").write_bytes(EVIL),
        lambda: (model / "m.pkl").write_bytes(HONEST),
        lambda: shutil.move(model, kept),
        nothing,
        lambda: shutil.move(kept, model),
    )
    said = [one.look.verdict for one in follow(watcher, time)]
    assert "gone" in said
    assert said.count("gone") == 1
    assert said[-1] == said[0]


def test_a_file_that_is_written_while_it_is_judged_is_judged_again(tmp_path: Path) -> None:
    watcher = watched(tmp_path)
    judge = watcher.decide
    identities = []

    def decide_and_write() -> Decision:
        decision = judge()
        identities.append(decision.evidence.identity)
        (watcher.path / "m.pkl").write_bytes(HONEST + bytes(len(identities)))
        return decision

    watcher.decide = decide_and_write
    follow(watcher, Time(nothing, nothing))
    assert len(set(identities)) == 3


def test_a_policy_that_breaks_is_unchecked_and_not_silence(tmp_path: Path) -> None:
    watcher = watched(tmp_path)
    watcher.look()

    def broken() -> Decision:
        raise PolicyError("the policy is none")

    watcher.decide = broken
    event = watcher.look()
    assert (event.kind.value, event.look.reasons) == ("unchecked", ("policy",))
    assert event.kind.is_drift
