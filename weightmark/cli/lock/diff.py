"""`weightmark lock diff`: which addresses lead elsewhere by now, without fetching anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import error_facts
from weightmark.cli.lock.documents import chosen, lock_option
from weightmark.cli.options.common import option
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit, NetworkError

if TYPE_CHECKING:
    from weightmark.attestations.locking.lock_file import LockedArtifact

__all__ = ["diff"]


@command("lock diff")
@click.argument("uris", metavar="[URI]...", nargs=-1)
@lock_option()
@option("--exit-code", is_flag=True, help="Exit with 1 when an address leads elsewhere")
@pass_console
def diff(console: Console, uris: tuple[str, ...], *, lock: str, exit_code: bool) -> None:
    """Ask the sources where each URI, or every address in the lock, leads now, and compare.

    An address that moved is news; a pinned one that serves other files than were locked is bad.
    """
    from weightmark.attestations.locking.lock_file import LockFile

    compared = [
        _compared(one, offline=console.offline) for one in chosen(LockFile.load(Path(lock)), uris)
    ]
    words = [one["result"] for one in compared]
    bad = exit_code and any(word != "same" for word in words)
    code = Exit.BAD if "changed" in words or bad else Exit.GOOD
    if "unreachable" in words and code is Exit.GOOD:
        code = Exit.UNCHECKED
    differing = sum(word != "same" for word in words)
    console.finish(
        Document(
            schema="weightmark/lock-diff/v1",
            exit=code,
            verdict="different" if differing else "same",
            headline=f"{differing} of {len(words)} differ from `{lock}`",
            checks=tuple(_line(one) for one in compared if one["result"] != "same"),
            facts={"lock": lock, "artifacts": compared},
        )
    )


def _compared(locked: "LockedArtifact", *, offline: bool) -> dict[str, Any]:
    from weightmark.provenance.sources.choice import open_source

    facts: dict[str, Any] = {
        "uri": locked.uri,
        "locked": locked.pinned,
        "now": None,
        "result": "unreachable",
        "differences": [],
        "problem": None,
    }
    try:
        with open_source(locked.uri, offline=offline, current=True) as source:
            snapshot = source.resolve()
    except NetworkError as error:
        return facts | {"problem": error_facts(error)}
    differences = locked.differences(snapshot)
    moved = snapshot.pinned != locked.pinned
    result = "moved" if moved else "changed" if differences else "same"
    return facts | {
        "now": snapshot.pinned,
        "result": result,
        "differences": list(differences),
    }


def _line(compared: dict[str, Any]) -> CheckLine:
    outcomes = {
        "moved": (Outcome.INFO, f"leads to {compared['now']} now"),
        "changed": (Outcome.FAIL, "the pinned address serves other files than were locked"),
        "unreachable": (
            Outcome.UNCHECKED,
            (compared["problem"] or {}).get("what", "could not be asked"),
        ),
    }
    outcome, summary = outcomes[compared["result"]]
    fix = "look at the changes, then run `weightmark lock update`" if compared["now"] else ""
    return CheckLine(
        outcome, compared["uri"], summary, fix=fix, details=tuple(compared["differences"])
    )
