"""`weightmark gate`: allow or refuse artifacts by policy, and say why."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from weightmark.cli.cached import from_cache
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.gate.documents import (
    Decided,
    decision_document,
    decisions_document,
    replay_document,
    shown_as,
)
from weightmark.cli.gate.keeping import Keeping, KeepingRequest, Kept
from weightmark.cli.gate.reports import (
    also_reported,
    read_reports,
    report_option,
    with_reports,
)
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import evidence_options, fail_on_option
from weightmark.cli.options.keeping import keeping_options
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.receipts import fresh_option, kept_receipts
from weightmark.cli.options.responding import responding_options
from weightmark.cli.options.trust import TRUST_FLAGS, load_trust, trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy
from weightmark.cli.render import Document
from weightmark.errors import CallError, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin
    from weightmark.provenance.reading.receipts import Receipts

__all__ = ["gate"]

_FORMATS = ("text", "json", "jsonl", "sarif", "junit", "github", "markdown")
_TOLD = (
    "policy",
    "env",
    "policy-key",
    "policy-digest",
    "policy-name",
    "policy-min-revision",
    "now",
    *TRUST_FLAGS,
    "mode",
    "fail-on",
    "ledger",
    "witness-policy",
    "record",
    "signing-key",
    "signature",
    "claims",
)
"""flags whose origin is told"""


@dataclass(frozen=True, slots=True)
class _Rules:
    """The flags from which the policy for one artifact is made."""

    word: str
    choice: "TrustChoice"
    mode: str | None
    fail_on: str | None
    env: str | None
    pin: "PolicyPin"
    witness_policy: str | None

    def load(self, path: str) -> "Policy":
        """Return the policy that judges the artifact at `path`."""
        policy = load_rules(
            path,
            self.word,
            choice=self.choice,
            mode=self.mode,
            fail_on=self.fail_on,
            env=self.env,
            pin=self.pin,
        )
        if self.witness_policy:
            policy = policy.with_witnesses(read_witness_policy(self.witness_policy))
        return policy


class _Values(TypedDict):
    """The flags that say by what to judge, what to look at, and what to keep."""

    policy_word: str | None
    env: str | None
    mode: str | None
    fail_on: str | None
    signature: str | None
    claims: tuple[str, ...]
    ancestors: tuple[str, ...]
    ledger: str | None
    witness_policy: str | None
    record: bool
    submit_key: str | None
    signing_key: str | None
    passphrase_file: str | None
    tsa_url: tuple[str, ...]
    vsa: str | None
    svr: str | None
    decision: str | None
    resource_uri: str | None
    fresh: bool
    now: str | None


@dataclass(frozen=True, slots=True)
class _Run:
    """Everything that is the same for each artifact of one call."""

    rules: _Rules
    sources: "Sources"
    keeping: KeepingRequest
    now: datetime | None
    fresh: bool

    @classmethod
    def of(cls, given: _Values, choice: "TrustChoice", pin: "PolicyPin") -> "_Run":
        """Take what the call says; raises `CallError` for a moment that is none."""
        from weightmark.attestations.gate.sources import Sources

        return cls(
            _Rules(
                given["policy_word"] or "",
                choice,
                given["mode"],
                given["fail_on"],
                given["env"],
                pin,
                given["witness_policy"],
            ),
            Sources(
                signature=Path(given["signature"]) if given["signature"] else None,
                claims=tuple(Path(claim) for claim in given["claims"]),
                ledger=given["ledger"] or "",
                ancestors=tuple(Path(one) for one in given["ancestors"]),
            ),
            KeepingRequest(
                vsa=given["vsa"],
                svr=given["svr"],
                decision=given["decision"],
                ledger=given["ledger"] or "",
                record=given["record"],
                signing_key=given["signing_key"],
                submit_key=given["submit_key"],
                passphrase_file=given["passphrase_file"],
                tsa_url=given["tsa_url"],
                resource=given["resource_uri"] or "",
            ),
            parse_beginning(given["now"]),
            given["fresh"],
        )


@command("gate", formats=_FORMATS)
@click.argument("paths", metavar="PATH...", nargs=-1)
@policy_option(unless="replay")
@environment_option()
@policy_pin_options()
@trust_choice_options()
@mode_option("exits with 0")
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@evidence_options()
@option(
    "--with",
    "ancestors",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    help="What the artifact was made from, on disk: its claims count, and weights that contradict the chain deny; may be given several times",
)
@keeping_options()
@option(
    "--tsa-url",
    metavar="URL",
    multiple=True,
    help="Have the signed decision timestamped by this authority (RFC 3161); may be given several times",
)
@option(
    "--vsa", metavar="FILE", type=click.Path(), help="Write the signed decision (SLSA VSA) there"
)
@option(
    "--svr",
    metavar="FILE",
    type=click.Path(),
    help="Write the signed result (in-toto SVR) there: what was seen to hold",
)
@option(
    "--decision",
    metavar="FILE",
    type=click.Path(),
    help="Write the decision with everything that it rests on there, for `--replay`",
)
@option(
    "--replay",
    metavar="FILE",
    type=click.Path(),
    is_eager=True,
    help="Judge a kept decision again, by what was recorded only; no PATH is read",
)
@fresh_option()
@option(
    "--now", metavar="TIME", help="Judge ages, approvals and ends as at this moment (default: now)"
)
@option("--resource-uri", metavar="URI", help="Name of the artifact in the VSA (default: identity)")
@report_option(_FORMATS)
@events_options()
@responding_options("an artifact is denied")
@pass_console
def gate(
    console: Console,
    paths: tuple[str, ...],
    *,
    replay: str | None,
    report: tuple[str, ...],
    choice: "TrustChoice",
    pin: "PolicyPin",
    **given: Unpack[_Values],
) -> None:
    """Allow or refuse models and datasets by policy.

    One read gives identity, verification and scan. Every check says what it saw, why it matters
    and how to mend it. Exits with 0 for allow, 1 for deny, 4 when a check could not be made; of
    several artifacts the worst counts. PATH may be an identity, `wm1:…`, where earlier decisions
    answer by the policy, and with `--offline` `hf://owner/name@REVISION`, out of the hub's cache. `weightmark gate serve` answers over HTTP; a path of that name is `./serve`.
    """
    written = (console.output, given["vsa"], given["svr"], given["decision"])
    with also_reported((), console):
        judged = (*paths, *_at_hand(console, paths))
        reports = read_reports(report, _FORMATS, others=written, judged=judged)
    with also_reported(reports, console):
        if replay:
            document = _replayed(console, replay, paths, choice)
        else:
            _require_paths(paths)
            paths = tuple(from_cache(console, path) for path in paths)
            require_online(given["ledger"])
            _require_outside(paths, given)
            document = _judged(console, paths, _Run.of(given, choice, pin))
    told = with_reports(document, reports, shown_as, console.verbose)
    console.finish(shown_as(console.format, told))


def _judged(console: Console, paths: tuple[str, ...], run: _Run) -> Document:
    """Decide about each artifact, and show what was decided."""
    first = run.rules.load(paths[0])
    keeping = run.keeping.load(paths, offline=console.offline)
    console.detail(f"policy: {first.source}, sha256:{first.sha256}")
    console.tell_origins(_TOLD)
    several = _decide_all(console, paths, first, run, keeping)
    settings, notices = _origins(console), _from_environment(console)
    if len(several) == 1:
        return decision_document(several[0], first, settings, notices)
    return decisions_document(several, first, settings, notices)


def _decide_all(
    console: Console, paths: tuple[str, ...], first: "Policy", run: _Run, keeping: Keeping
) -> list[Decided]:
    """Decide about each artifact; the error of one hides no other, and with one only it ends the call."""
    from weightmark.attestations.checks import Check

    _require_there(paths)
    wanted = first.trust_receipts and not run.fresh
    decided = []
    with kept_receipts(paths, fresh=not wanted) as receipts:
        for at, path in enumerate(paths):
            try:
                policy = run.rules.load(path) if at else first
                decision = _decide(console, path, policy, run, receipts=receipts)
                decided.append(_kept(path, decision, keeping))
            except WeightmarkError as error:
                if not decided and (len(paths) == 1 or isinstance(error, CallError)):
                    raise
                failure = Check.from_error("gate", error)
                decided.append(Decided(path, None, Kept(), _files({}), failure))
    return decided


def _at_hand(console: Console, paths: Sequence[str]) -> Iterator[str]:
    """Yield where the artifacts lie that are named by an address: no report is written into these either."""
    for path in paths:
        with suppress(WeightmarkError):
            yield from_cache(console, path)


def _require_there(paths: Sequence[str]) -> None:
    """Refuse several paths one of which is not there, before any decision is made and entered."""
    from weightmark.attestations.gate.gate import is_identity

    missing = [one for one in paths if not is_identity(one) and not os.path.lexists(one)]
    if missing and len(paths) > 1:
        raise CallError(
            f"`{missing[0]}` does not exist",
            why="nothing was judged, so that no decision is made for a part of the call",
            fix="check the path",
        )


def _decide(
    console: Console, path: str, policy: "Policy", run: _Run, *, receipts: "Receipts | None"
) -> "Decision":
    from weightmark.attestations.gate.gate import gate as run_gate

    with console.progress(None) as progress:
        return run_gate(
            path,
            policy,
            run.sources,
            now=run.now,
            receipts=receipts,
            progress=progress,
            jobs=console.jobs,
            workers=console.jobs,
            earlier=not run.fresh,
        )


def _kept(path: str, decision: "Decision", keeping: Keeping) -> Decided:
    kept = keeping.keep(decision)
    written = {one.name for one in kept.checks if one.outcome == "info"}
    files = {name: str(place) for name, place in keeping.files.items() if name in written}
    return Decided(path, decision, kept, _files(files))


def _files(written: dict[str, str]) -> dict[str, str | None]:
    return {name: written.get(name) for name in ("vsa", "svr", "decision")}


def _replayed(
    console: Console, file: str, paths: tuple[str, ...], choice: "TrustChoice"
) -> Document:
    """Judge a kept decision again, and show whether it follows from what was recorded."""
    from weightmark.attestations.gate.decisions.replay import read_decision, replay

    if paths:
        raise CallError(
            "`--replay` stands beside a path",
            why="a decision is judged again by what was recorded only",
            fix="leave the path out, or leave `--replay` out to decide anew",
        )
    kept = read_decision(Path(file), load_trust(choice, file))
    return replay_document(file, kept, replay(kept.record), _origins(console))


def _require_paths(paths: Sequence[str]) -> None:
    from weightmark.attestations.gate.gate import is_identity

    if not paths:
        raise CallError(
            "nothing was named that is to be judged",
            fix="name a model, as `weightmark gate ./model`",
        )
    for path in paths:
        if path.startswith("wm1:") and not is_identity(path) and not Path(path).exists():
            raise CallError(
                f"`{path[:100]}` is no whole identity",
                why="an identity is `wm1:` and 64 hexadecimal digits",
                fix="`weightmark digest` prints it whole",
            )


def _require_outside(paths: Sequence[str], given: _Values) -> None:
    """Refuse what configures or records the judge, and lies inside what is judged."""
    from weightmark.attestations.outside import require_outside

    places = {
        "the ledger": given["ledger"],
        "the VSA": given["vsa"],
        "the SVR": given["svr"],
        "the decision": given["decision"],
        "the witness policy": given["witness_policy"],
    }
    for path in paths:
        for what, place in places.items():
            if place and "://" not in place:
                require_outside(Path(path), Path(place), what)


def _from_environment(console: Console) -> tuple[str, ...]:
    """Name the variables that shaped the decision: nobody sees them in the call."""
    return tuple(
        f"- {flag} comes from the environment variable {origin}"
        for flag, origin in _origins(console).items()
        if origin.startswith("WEIGHTMARK_")
    )


def _origins(console: Console) -> dict[str, str]:
    return {flag: console.settings.origin(flag) for flag in _TOLD}
