"""`--ledger`, and the ledger that it names."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.places import data_directory
from weightmark.errors import CallError, MalformedError, UnsupportedError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["ledger_option", "log_key_option", "open_ledger", "read_log_key"]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_VKEY_FILE = 4096


def ledger_option() -> Callable[[F], F]:
    """Add `--ledger`; without it the `ledger` commands use the one in the user's data folder."""
    return option(
        "--ledger",
        metavar="PATH",
        type=FILE_OR_URI,
        help="Ledger folder (default: the one in your data folder)",
    )


def log_key_option(help_text: str) -> Callable[[F], F]:
    """Add `--log-key`: a C2SP verifier key, or a file that holds one."""
    return option("--log-key", metavar="FILE|VKEY", help=help_text)


def open_ledger(path: str | None, log_key: str | None = None) -> "Ledger":
    """Open the ledger that the options name; raises what `Ledger.open` raises."""
    from weightmark.provenance.ledger.log import Ledger

    return Ledger.open(ledger_path(path), vkey=read_log_key(log_key) if log_key else "")


def ledger_path(path: str | None) -> Path:
    """Return the folder of the ledger; raises `UnsupportedError` for a URI."""
    if path is None:
        return data_directory() / "ledger"
    if "://" in path:
        raise UnsupportedError(
            f"`{path}` is not a folder",
            why="this version keeps ledgers in folders",
            fix="name a folder with `--ledger`",
        )
    return Path(path)


def read_log_key(text: str) -> str:
    """Return the verifier key that `text` is or that the file `text` holds; raises `CallError` for anything else."""
    from weightmark.provenance.ledger.note import NoteVerifier
    from weightmark.provenance.sidecars import read_named

    try:
        return NoteVerifier.parse(text).vkey
    except MalformedError:
        data = read_named(Path(text), "log key", limit=_MAX_VKEY_FILE)
    try:
        return NoteVerifier.parse(data.decode("utf-8", "replace").strip()).vkey
    except MalformedError as error:
        raise CallError(
            f"`{text}` is no verifier key of a log",
            why=error.what,
            fix="name the ledger's `log.vkey`, or the line that it holds",
        ) from error
