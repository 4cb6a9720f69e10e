"""What the commands say where a ledger could not be read to the end, or is an old copy."""

from pathlib import Path

import pytest

from tests.cli.registers import make_register
from tests.cli.running import RunCli

LEDGER = ("--ledger", "L")


@pytest.fixture
def place(tmp_path: Path, run_cli: RunCli) -> Path:
    return make_register(tmp_path, run_cli)


def test_impact_says_that_claims_are_missing(place: Path, run_cli: RunCli) -> None:
    impact = ("impact", f"wm1:{'ab' * 32}", *LEDGER)
    assert run_cli(*impact, cwd=place).code == 0
    for one in (place / "L" / "claims").iterdir():
        one.unlink()
    other = {"XDG_CACHE_HOME": str(place / "cache")}
    done = run_cli(*impact, cwd=place, env=other)
    assert done.code == 4
    assert "could not be read: more may descend" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [(("7d",), "none are named"), (("soon", "--witness-policy", "policy"), "is no age")],
)
def test_an_age_that_says_nothing_is_a_wrong_call(
    place: Path, run_cli: RunCli, more: tuple[str, ...], said: str
) -> None:
    verify = ("verify", "model", "--key", "k.pub", *LEDGER, "--witness-max-age", *more)
    done = run_cli(*verify, cwd=place)
    assert (done.code, said in done.stderr) == (2, True)
