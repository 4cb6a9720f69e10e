"""`--ledger`, and the ledger that it names."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.console import CONSOLE_META
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.places import data_directory
from weightmark.errors import CallError, MalformedError, NetworkError, UnsupportedError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger

__all__ = [
    "ledger_option",
    "ledger_path",
    "ledger_place",
    "log_key_option",
    "open_ledger",
    "private_key_file",
    "read_log_key",
    "require_online",
]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_VKEY_FILE = 4096
_SERVED = ("https://", "http://")
_PRIVATE = b"PRIVATE+KEY+"
"""how the file of a log's private key begins"""


def ledger_option() -> Callable[[F], F]:
    """Add `--ledger`; without it the `ledger` commands use the one in the user's data folder."""
    return option(
        "--ledger",
        metavar="PLACE",
        type=FILE_OR_URI,
        help="Ledger: a folder, `postgresql://…`, `https://…#VKEY`, or a published view (default: the one in your data folder)",
    )


def log_key_option(help_text: str) -> Callable[[F], F]:
    """Add `--log-key`: a C2SP verifier key, a file that holds one, or the file of the private key."""
    return option("--log-key", metavar="FILE|VKEY", help=help_text)


def open_ledger(path: str | None, log_key: str | None = None) -> "Ledger":
    """Open the ledger that the options name; raises what `Ledger.open` raises."""
    from weightmark.provenance.ledger.log import Ledger

    require_online(path)
    vkey = read_log_key(log_key) if log_key else ""
    return Ledger.open(ledger_place(path), vkey=vkey, log_key=private_key_file(log_key))


def require_online(place: str | None) -> None:
    """Raise `NetworkError` for a served ledger when the running command may use no network."""
    context = click.get_current_context(silent=True)
    console = context.meta.get(CONSOLE_META) if context else None
    if console and console.offline and place and place.startswith(_SERVED):
        name = place.partition("#")[0].rpartition("@")[2]
        raise NetworkError(
            f"the ledger at `{name}` cannot be reached with `--offline`",
            fix="leave `--offline` out, or name a copy in a folder",
        )


def ledger_place(place: str | None) -> "Path | str":
    """Return the folder or URL of the ledger; without one, the folder in the user's data folder."""
    if place is not None and "://" in place:
        return place
    return ledger_path(place)


def private_key_file(text: str | None) -> Path | None:
    """Return the file that `--log-key` names if it holds the private key of a log."""
    if text is None or not Path(text).is_file():
        return None
    with Path(text).open("rb") as file:
        return Path(text) if file.read(len(_PRIVATE)) == _PRIVATE else None


def ledger_path(path: str | None) -> Path:
    """Return the folder of the ledger; raises `UnsupportedError` for a URI."""
    if path is None:
        return data_directory() / "ledger"
    if "://" in path:
        raise UnsupportedError(
            f"`{path}` is not a folder",
            why="what is made or read here lies in a folder",
            fix="name a folder; a ledger is moved to a database with `weightmark ledger migrate`",
        )
    return Path(path)


def read_log_key(text: str) -> str:
    """Return the verifier key that `text` is or that the file `text` holds; raises `CallError` for anything else."""
    from weightmark.provenance.ledger.note import NoteSigner, NoteVerifier
    from weightmark.provenance.sidecars import read_named

    try:
        return NoteVerifier.parse(text).vkey
    except MalformedError:
        data = read_named(Path(text), "log key", limit=_MAX_VKEY_FILE)
    line = data.decode("utf-8", "replace").strip().partition("\n")[0]
    try:
        if data.startswith(_PRIVATE):
            return NoteSigner.parse(line).verifier.vkey
        return NoteVerifier.parse(line).vkey
    except MalformedError as error:
        raise CallError(
            f"`{text}` is no verifier key of a log",
            why=error.what,
            fix="name the ledger's `log.vkey`, or the line that it holds",
        ) from error
