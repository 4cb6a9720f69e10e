"""`weightmark lock update`: look where addresses lead now, judge what is new, and pin it."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, finding_lines
from weightmark.cli.lock.documents import artifact_facts, lock_option
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.evidence import claims_option, fail_on_option
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.pull import as_fetched
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError, Exit
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.pulling.pull import Pulled
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["update"]


@dataclass(frozen=True, slots=True)
class _Update:
    """What became of one address."""

    uri: str
    """as the lock names it"""
    before: "LockedArtifact | None"
    after: "LockedArtifact | None"
    """None when the policy refused what is there now"""
    pulled: "Pulled | None" = None
    """None when nothing had moved"""

    @property
    def word(self) -> str:
        """`refused`, `unchanged`, `added` or `moved`."""
        if self.after is None:
            return "refused"
        if self.before == self.after:
            return "unchanged"
        return "moved" if self.before else "added"


@dataclass(frozen=True, slots=True)
class _Judging:
    """How every address is judged."""

    policy: "Policy"
    """by which rules"""
    evidence: "Sources"
    """claims and a ledger from elsewhere"""
    refresh: bool
    """whether what did not move is judged again"""


@command("lock update")
@click.argument("uris", metavar="[URI]...", nargs=-1)
@lock_option()
@policy_option()
@environment_option()
@policy_pin_options()
@trust_choice_options()
@mode_option("locks it all the same")
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@claims_option()
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger to consult")
@option("--refresh", is_flag=True, help="Fetch and judge again what did not move, too")
@pass_console
@stoppable
def update(
    console: Console,
    uris: tuple[str, ...],
    *,
    lock: str,
    policy_word: str,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    claims: tuple[str, ...],
    ledger: str | None,
    refresh: bool,
) -> None:
    """Pin each URI, or every address in the lock, to what it stands for now.

    What moved is fetched into a temporary folder and judged by the policy; only what it lets
    through is written into the lock. An address that is refused keeps its old entry.
    """
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.locking.lock_file import LockFile
    from weightmark.provenance.atomic import exclusive

    require_online(ledger)
    path = Path(lock)
    policy = load_rules(
        lock, policy_word, choice=choice, mode=mode, fail_on=fail_on, env=env, pin=pin
    )
    judging = _Judging(
        policy, Sources(claims=tuple(Path(claim) for claim in claims), ledger=ledger or ""), refresh
    )
    with exclusive(path.absolute().parent):
        old = LockFile.load_or_new(path)
        asked = uris or tuple(one.uri for one in old.artifacts)
        if not asked:
            raise CallError(
                f"`{path}` locks nothing yet", fix="name what to lock, as `hf://owner/name@main`"
            )
        done = [_updated(console, old, uri, judging) for uri in asked]
        new = old
        for one in done:
            new = new.with_artifact(one.after) if one.after else new
        if new != old or not path.exists():
            new.write(path)
    console.finish(_document(lock, done, policy))


def _updated(console: Console, lock: "LockFile", uri: str, judging: _Judging) -> _Update:
    from weightmark.attestations.locking.lock_file import LockedArtifact
    from weightmark.attestations.pulling.pull import PullPlan, pull
    from weightmark.provenance.sources.choice import address_key, open_source

    with (
        open_source(uri, offline=console.offline, current=True) as source,
        TemporaryDirectory() as folder,
    ):
        snapshot = source.resolve()
        named, key = snapshot.uri, address_key(snapshot.uri)
        before = next((one for one in lock.artifacts if address_key(one.uri) == key), None)
        moved = before is None or before.pinned != snapshot.pinned or before.differences(snapshot)
        if before and not moved and not judging.refresh and snapshot.digest:
            return _Update(named, before, before)
        with console.progress(None) as progress:
            plan = PullPlan(
                Path(folder) / "artifact", judging.policy, judging.evidence, jobs=console.jobs
            )
            pulled = pull(source, snapshot, plan, progress=progress)
    after = None
    if pulled.placed:
        after = LockedArtifact.of(snapshot, pulled.delivery.manifest, pulled.delivery.sha256)
    return _Update(named, before, after, pulled)


def _document(lock: str, done: list[_Update], policy: "Policy") -> Document:
    refused = [one for one in done if one.after is None]
    exits = [one.pulled.decision.exit for one in refused if one.pulled]
    codes = [Exit.UNCHECKED if code is Exit.GOOD else code for code in exits]
    changed = sum(one.word in {"added", "moved"} for one in done)
    return Document(
        schema="weightmark/lock-update/v1",
        exit=Exit.worst(codes) if codes else Exit.GOOD,
        verdict="refused" if refused else "updated" if changed else "unchanged",
        headline=f"{changed} of {len(done)} changed in `{lock}`"
        + (f", {len(refused)} refused" if refused else ""),
        checks=tuple(line for one in refused for line in _refusal(one)),
        findings=tuple(
            line
            for one in refused
            if one.pulled and one.pulled.decision.evidence.scan
            for line in finding_lines(
                found
                for found in one.pulled.decision.evidence.scan.findings
                if found.severity >= policy.scan.fail_on
            )
        ),
        facts={"lock": lock, "updates": [_facts(one) for one in done]},
        notices=tuple(
            f"{one.word}: {one.uri}" + (f" is {one.after.pinned}" if one.after else "")
            for one in done
        ),
    )


def _refusal(one: _Update) -> tuple[CheckLine, ...]:
    """Return what did not pass, each check under the address that it is about."""
    if one.pulled is None:
        return ()
    judged_at, pinned = str(one.pulled.judged_at), one.pulled.snapshot.pinned
    return tuple(
        replace(as_fetched(line, judged_at, pinned), name=f"{line.name} of {one.uri}")
        for line in check_lines(one.pulled.decision.checks)
        if line.outcome in {Outcome.FAIL, Outcome.UNCHECKED}
    )


def _facts(one: _Update) -> dict[str, Any]:
    return {
        "uri": one.uri,
        "result": one.word,
        "before": artifact_facts(one.before) if one.before else None,
        "after": artifact_facts(one.after) if one.after else None,
    }
