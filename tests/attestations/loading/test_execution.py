"""Passing on signals: none is lost, whenever it comes."""

import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from weightmark.attestations.loading.execution import Relay, require_command
from weightmark.errors import CallError

HERE = Path(__file__).parent


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_before_the_command_runs_a_signal_ends_the_call_and_cleans_up(
    tmp_path: Path, number: int
) -> None:
    with (
        pytest.raises(SystemExit) as ended,
        Relay(),
        tempfile.TemporaryDirectory(dir=tmp_path),
    ):
        os.kill(os.getpid(), number)
    assert ended.value.code == 128 + number
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_does_not_interrupt_the_cleaning(tmp_path: Path, second: int) -> None:
    def clean() -> None:
        os.kill(os.getpid(), second)
        (tmp_path / "left").unlink()

    (tmp_path / "left").touch()
    stack = ExitStack()
    stack.callback(clean)
    with pytest.raises(KeyboardInterrupt), Relay(), stack:
        os.kill(os.getpid(), signal.SIGINT)
    assert not list(tmp_path.iterdir())


def test_an_interrupt_before_the_command_runs_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), Relay():
        os.kill(os.getpid(), signal.SIGINT)


def test_handlers_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with Relay() as relay:
        assert signal.getsignal(signal.SIGTERM) != before[0]
        assert relay.run(["true"], HERE) == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_signal_that_was_ignored_stays_ignored_for_the_command() -> None:
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Relay() as relay:
            assert relay.run(["sh", "-c", "kill -HUP $$; exit 5"], HERE) == 5
    finally:
        signal.signal(signal.SIGHUP, kept)


def test_a_command_is_looked_for_before_anything_else() -> None:
    require_command(["sh"])
    require_command([sys.executable])
    require_command(["{}/whatever"])
    with pytest.raises(CallError, match="no-such-program"):
        require_command(["no-such-program"])
    with Relay() as relay, pytest.raises(CallError):
        relay.run(["{}/missing"], HERE)
