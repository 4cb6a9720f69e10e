"""What the commands say where claims are hidden from the reader of a published view."""

from pathlib import Path

import pytest

from tests.cli.registers import make_register
from tests.cli.running import RunCli


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    made = make_register(tmp_path, run_cli)
    for more in ((), ("--claims",)):
        view = ("ledger", "publish", f"view{len(more)}", "--ledger", "L", *more)
        assert run_cli(*view, cwd=made).code == 0
    return made


@pytest.mark.parametrize(("view", "code"), [("view0", 4), ("view1", 0)])
@pytest.mark.parametrize("asked", [("no-such-word",), ("--verdict", "no-such-word")])
def test_a_search_in_hidden_claims_is_not_called_empty(
    place: Path, run_cli: RunCli, view: str, code: int, asked: tuple[str, ...]
) -> None:
    ledger = ("--ledger", view, "--log-key", "L/log.vkey")
    env = {"XDG_CACHE_HOME": str(place / view / "cache")}
    done = run_cli("ledger", "search", *asked, *ledger, cwd=place, env=env)
    assert done.code == code
    assert ("could not be read" in done.stderr) == (code == 4)
    assert ("no entries match" in done.stderr) == (code == 0)


@pytest.mark.parametrize(("view", "code"), [("view0", 4), ("view1", 0)])
def test_a_monitor_of_hidden_claims_is_not_quiet(
    place: Path, run_cli: RunCli, view: str, code: int
) -> None:
    ledger = ("--ledger", view, "--log-key", "L/log.vkey")
    look = ("ledger", "monitor", *ledger, "--state", "state.json", "--patience", "999999")
    for _ in range(2):
        done = run_cli(*look, cwd=place)
        assert done.code == code
        assert ("could not be read" in done.stdout + done.stderr) == (code == 4)
