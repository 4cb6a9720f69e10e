"""A ledger on the command line, with one signed model entered."""

from pathlib import Path

from tests.cli.running import RunCli

__all__ = ["make_register"]


def make_register(
    place: Path,
    run_cli: RunCli,
    *,
    ledger: str = "L",
    key: str = "k",
    weights: tuple[str, bytes] = ("weights", b"words"),
    origin: str = "ledger.example/models",
) -> Path:
    """Make `KEY.key`, a folder `model` that it signs, and a ledger that admits it with the claims entered."""
    (place / "model").mkdir()
    (place / "model" / weights[0]).write_bytes(weights[1])
    private = ("--key", f"{key}.key")
    for args in (
        ("key", "generate", "-o", f"{key}.key"),
        ("sign", "model", *private),
        ("ledger", "init", ledger, "--admit", f"{key}.pub", "--origin", origin),
        ("ledger", "append", "model/model.claims", "--ledger", ledger, *private),
    ):
        done = run_cli(*args, cwd=place)
        assert done.code == 0, done.stderr
    return place
