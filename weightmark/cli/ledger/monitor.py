"""`weightmark ledger monitor`: look at what was entered since the last time."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import kind_of
from weightmark.cli.ledger.parties import party_named, subject_of_entries
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.places import state_directory
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.ledger.monitor.interface import Alert
    from weightmark.attestations.ledger.monitor.watching import MonitorState
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["monitor"]

_MAX_STATE = 64 * 1024 * 1024
_MAX_PATIENCE = 10**9


@command("ledger monitor", formats=("text", "json", "jsonl"))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--mine",
    metavar="DIGEST|PATH|KEY|IDENTITY@ISSUER",
    multiple=True,
    help="Report entries about this artifact or key",
)
@option(
    "--signer",
    metavar="KEY|IDENTITY@ISSUER",
    multiple=True,
    help="Report entries by this signer",
)
@option(
    "--usual",
    metavar="KIND",
    multiple=True,
    default=("scan",),
    show_default=True,
    help="Kind of entry that every release has",
)
@option(
    "--patience",
    metavar="SECONDS",
    type=click.IntRange(0, _MAX_PATIENCE),
    default=3600,
    show_default=True,
    help="How long the usual kinds may take",
)
@option(
    "--burst",
    metavar="N",
    type=click.IntRange(min=2),
    default=100,
    show_default=True,
    help="Entries by one submitter in a minute that are a burst",
)
@option("--state", metavar="FILE", type=click.Path(), help="What is remembered between two calls")
@option("--learn", is_flag=True, help="Remember what is there, and report nothing but a rollback")
@events_options()
@pass_console
def monitor(
    console: Console,
    *,
    ledger: str | None,
    log_key: str | None,
    mine: tuple[str, ...],
    signer: tuple[str, ...],
    usual: tuple[str, ...],
    patience: int,
    burst: int,
    state: str | None,
    learn: bool,
) -> None:
    """Look at every entry since the last call, by named rules; exits with 1 when one has something to say.

    For a timer or a cron job: each entry is looked at once. A claim that cannot be read is tried again
    the next time, and until then the exit code is 4. `--format jsonl` gives one line an alert.
    """
    from weightmark.attestations.ledger.monitor.interface import Watch
    from weightmark.attestations.ledger.monitor.watching import ROLLBACK, watch
    from weightmark.provenance.atomic import replace_file
    from weightmark.provenance.ledger.files import make_folders

    now = datetime.now(UTC)
    with open_ledger(ledger, log_key) as log:
        path = Path(state) if state else _usual_place(log)
        before = _read_state(path)
        wanted = Watch(
            frozenset(subject_of_entries(console, log, one) for one in mine),
            frozenset(party_named(log, one) for one in signer),
            frozenset(kind_of(one).value for one in usual),
            patience,
            burst,
        )
        after, alerts = watch(log, wanted, before, now)
        origin = log.origin
    if learn:
        alerts = tuple(one for one in alerts if one.rule == ROLLBACK)
    if after is not before:
        make_folders([path.absolute().parent], mode=0o700)
        replace_file(path, after.to_bytes(), mode=0o600)
    console.finish(_document(origin, before.size, after, alerts))


def _usual_place(log: "Ledger") -> Path:
    name = hashlib.sha256(log.origin.encode()).hexdigest()
    return state_directory() / "monitors" / f"{name}.json"


def _read_state(path: Path) -> "MonitorState":
    from weightmark.attestations.ledger.monitor.watching import MonitorState
    from weightmark.provenance.ledger.files import read_file

    data = read_file(path, max_size=_MAX_STATE)
    return MonitorState() if data is None else MonitorState.parse(data)


def _document(
    origin: str, since: int, after: "MonitorState", alerts: "tuple[Alert, ...]"
) -> Document:
    size, unread = after.size, len(after.unread)
    code = Exit.BAD if alerts else Exit.UNCHECKED if unread else Exit.GOOD
    quiet = "incomplete" if unread else "quiet"
    seen = f"entries {since} to {size - 1}" if size > since else "no new entry"
    return Document(
        schema="weightmark/ledger-monitor/v1",
        exit=code,
        verdict="alert" if alerts else quiet,
        headline=f"{counted(len(alerts), 'alert')} in {seen} of `{origin}`",
        checks=tuple(_check(one) for one in alerts),
        facts={
            "origin": origin,
            "since": since,
            "size": size,
            "alerts": [_facts(one) for one in alerts],
            "unread": unread,
        },
        notices=_waiting(unread),
    )


def _waiting(unread: int) -> tuple[str, ...]:
    if not unread:
        return ()
    return (
        f"{counted(unread, 'claim')} could not be read, and will be tried again: what they say, nobody looked at",
    )


def _check(alert: "Alert") -> CheckLine:
    from weightmark.attestations.ledger.monitor.rules import RULES

    name = alert.rule if alert.index is None else f"{alert.rule} #{alert.index}"
    helped = {rule.id: rule.help for rule in RULES}
    return CheckLine(
        Outcome.FAIL, name, alert.summary, fix=helped.get(alert.rule, ""), code=alert.rule
    )


def _facts(alert: "Alert") -> dict[str, Any]:
    return {
        "rule": alert.rule,
        "severity": alert.severity,
        "index": alert.index,
        "subject": alert.subject or None,
        "summary": alert.summary,
    }
