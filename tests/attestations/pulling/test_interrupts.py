"""Ctrl-C at any moment: whatever line of a pull it meets, the destination is whole, and the next pull works."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.attestations.gate_makers import make_model, make_signed, preset
from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.pull import PullPlan, pull
from weightmark.provenance.identification import identify
from weightmark.provenance.sources.choice import open_source

ROOMS = ("/pulling/", "/provenance/atomic.py")
"""where an interrupt is tried; the others only read"""
CLEARING = ("__del__", "let_go")
"""what Python itself calls when something is gone, where nothing can be raised"""
STEPS = 40
"""moments that are tried, spread over the whole pull"""


class _Clock:
    """Counts lines that run in the main thread, and raises at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.count = 0
        self._at = at

    def __call__(self, frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if code.co_name in CLEARING or not any(room in code.co_filename for room in ROOMS):
            return None
        if event == "line":
            self.count += 1
            if self.count == self._at:
                raise KeyboardInterrupt
        return self


@contextmanager
def _ticking(clock: _Clock) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(clock)
    try:
        yield
    finally:
        sys.settrace(before)


def _pull(model: Path, to: Path, history: History, *, replace: bool = False) -> None:
    plan = PullPlan(to, preset("baseline"), replace=history if replace else None)
    with open_source(str(model)) as source:
        pulled = pull(source, source.resolve(), plan)
    assert pulled.placed
    history.remember(to, pulled.delivery.manifest.identity, "x")


def _moments(run: Callable[[], None]) -> list[int]:
    """Return which lines to stop at: the run is made once to count them; another run may have fewer."""
    clock = _Clock()
    with _ticking(clock):
        run()
    assert clock.count > STEPS
    return [1 + number * (clock.count - 1) // (STEPS - 1) for number in range(STEPS)]


@pytest.fixture
def old_and_new(tmp_path: Path) -> tuple[Path, Path]:
    return make_signed(tmp_path / "old"), make_signed(
        tmp_path / "new", scan=True, **{"more.json": b"[]"}
    )


def test_an_interrupted_pull_leaves_all_or_nothing_and_the_next_one_works(
    old_and_new: tuple[Path, Path], tmp_path: Path
) -> None:
    model, history = old_and_new[1], History(tmp_path / "state")
    wanted = identify(model).identity
    for at in _moments(lambda: _pull(model, tmp_path / "counted/bert", history)):
        to = tmp_path / f"{at}" / "bert"
        with _ticking(_Clock(at)), suppress(KeyboardInterrupt):
            _pull(model, to, history)
        if to.exists():
            assert identify(to).identity == wanted
        else:
            _pull(model, to, history)
        assert identify(to).identity == wanted
        left = {path.name for path in to.parent.iterdir()} - {"bert", ".bert.weightmark-pull"}
        assert not left


def test_an_interrupted_replacement_leaves_the_old_or_the_new_one_whole(
    old_and_new: tuple[Path, Path], tmp_path: Path
) -> None:
    old, new = old_and_new
    known = {identify(old).identity, identify(new).identity}
    history = History(tmp_path / "state")
    counted = tmp_path / "counted/bert"
    _pull(old, counted, history)
    for at in _moments(lambda: _pull(new, counted, history, replace=True)):
        to = tmp_path / f"{at}" / "bert"
        _pull(old, to, history)
        with _ticking(_Clock(at)), suppress(KeyboardInterrupt):
            _pull(new, to, history, replace=True)
        assert identify(to).identity in known


def test_an_interrupted_pull_of_what_is_refused_places_nothing(tmp_path: Path) -> None:
    """Nobody signed it: stopping a pull in its last steps must not be the way around the policy."""
    model, history = make_model(tmp_path / "unsigned"), History(tmp_path / "state")

    def refused(to: Path) -> None:
        with open_source(str(model)) as source:
            pulled = pull(source, source.resolve(), PullPlan(to, preset("baseline")))
        assert not pulled.placed

    for at in _moments(lambda: refused(tmp_path / "counted/bert")):
        to = tmp_path / f"{at}" / "bert"
        with _ticking(_Clock(at)), suppress(KeyboardInterrupt):
            refused(to)
        assert not to.exists()
    assert history.placed_at(tmp_path / "counted/bert") == ""
