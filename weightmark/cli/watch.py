"""`weightmark watch`: judge an artifact again when it changed and when it is time, and say what is new."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import evidence_options, fail_on_option
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.responding import responding_options
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import CallError, Exit
from weightmark.visible import visible

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.attestations.watching.events import Event, Look
    from weightmark.attestations.watching.hook import Hook, HookResult
    from weightmark.attestations.watching.watcher import Watcher
    from weightmark.cli.options.policy import PolicyPin

__all__ = ["watch"]

_LARGEST_STATE = 64 * 1024


class _Stopped(BaseException):
    """SIGTERM came."""


@command("watch", formats=("text", "json", "jsonl"))
@click.argument("path", metavar="PATH")
@policy_option()
@environment_option()
@policy_pin_options()
@trust_choice_options()
@mode_option("is no drift")
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@evidence_options()
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger to consult at each look")
@witness_policy_option()
@option("--once", is_flag=True, help="Look once and exit with what the gate would; for timers")
@option(
    "--every",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05),
    default=10.0,
    show_default=True,
    help="Look for changes of files so often",
)
@option(
    "--again",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05),
    default=3600.0,
    show_default=True,
    help="Read and judge everything again so often, changed or not",
)
@option(
    "--on-drift",
    metavar="COMMAND",
    help="Run this when something has to be looked at, without a shell; the event is on its stdin",
)
@option(
    "--hook-seconds",
    metavar="SECONDS",
    type=click.FloatRange(min=0.05),
    default=60.0,
    show_default=True,
    help="Kill the command after this time",
)
@option(
    "--hook-variable",
    metavar="NAME",
    multiple=True,
    help="Let the command see this environment variable; may be given several times",
)
@option("--state", metavar="FILE", type=click.Path(), help="What is remembered between two calls")
@events_options()
@responding_options("something has to be looked at")
@pass_console
def watch(
    console: Console,
    path: str,
    *,
    policy_word: str,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    signature: str | None,
    claims: tuple[str, ...],
    ledger: str | None,
    witness_policy: str | None,
    once: bool,
    every: float,
    again: float,
    on_drift: str | None,
    hook_seconds: float,
    hook_variable: tuple[str, ...],
    state: str | None,
) -> None:
    """Judge PATH by a policy whenever its files change and whenever it is time, and say what is new.

    One line an event: `checked`, `changed`, `refused`, `unchecked`, `gone`, `recovered`; `-f jsonl` gives
    JSON. SIGTERM ends it with the exit code of the last look. With `--once` it looks once.
    """
    from weightmark.attestations.gate.gate import gate
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.watching.hook import Hook
    from weightmark.attestations.watching.watcher import Watcher
    from weightmark.provenance.artifact import nothing_at

    require_online(ledger)
    _require_form(console, once=once)
    for what, place in (
        ("the ledger", ledger),
        ("the witness policy", witness_policy),
        ("the state file", state),
    ):
        _require_outside(path, what, place)
    hook = (
        Hook.parse(on_drift, seconds=hook_seconds, names=hook_variable, environment=os.environ)
        if on_drift
        else None
    )
    sources = Sources(
        signature=Path(signature) if signature else None,
        claims=tuple(Path(claim) for claim in claims),
        ledger=ledger or "",
    )

    def decide() -> "Decision":
        if console.aftermath:
            console.aftermath.before(path)
        policy = load_rules(
            path,
            policy_word,
            choice=choice,
            mode=mode,
            fail_on=fail_on,
            env=env,
            pin=pin,
        )
        if witness_policy:
            policy = policy.with_witnesses(read_witness_policy(witness_policy))
        return gate(path, policy, sources, jobs=console.jobs, workers=console.jobs)

    last = _remembered(state, path)
    if last is None and not Path(path).exists():
        raise nothing_at(path)
    watcher = Watcher(Path(path), decide, last)
    if once:
        event = watcher.look()
        result = hook.run(event) if hook and event.kind.is_drift else None
        _finish(console, event, result, lambda: _keep(state, watcher))
    _follow(console, watcher, hook, state, every=every, again=again)


def _finish(
    console: Console, event: "Event", hook: "HookResult | None", keep: Callable[[], object]
) -> NoReturn:
    """Give the one answer; as JSON lines those that a watch without an end gives.

    `keep` is called when everybody was told: what nobody heard of is news to the next call, too.
    """
    document = _document(event, hook)
    told = console.told(document)
    keep()
    if console.format != "jsonl":
        console.finish(told)
    lines = [_event_line(event)]
    lines += [_response_line(one) for one in told.checks[len(document.checks) :]]
    lines += [_hook_line(hook)] if hook else []
    console.write("".join(lines))
    raise SystemExit(int(told.exit))


def _follow(
    console: Console,
    watcher: "Watcher",
    hook: "Hook | None",
    state: str | None,
    *,
    every: float,
    again: float,
) -> NoReturn:
    """Look for ever; a signal ends it between two events."""
    missed = False
    try:
        with _stopped_by_sigterm():
            for event in watcher.follow(every=every, again=again):
                lines, lost = _follow_up(console, event)
                missed = missed or lost
                _say(console, event)
                _say_responses(console, lines)
                if hook and event.kind.is_drift:
                    _say_hook(console, hook.run(event))
                _keep(state, watcher)
    except _Stopped:
        pass
    code = watcher.last.exit if watcher.last else Exit.UNCHECKED
    raise SystemExit(int(Exit.worst([code, Exit.UNCHECKED]) if missed else code))


def _follow_up(console: Console, event: "Event") -> tuple[tuple[CheckLine, ...], bool]:
    """Respond to a look and tell of it; returns what was done, and whether telling was required and did not work."""
    aftermath = console.aftermath
    if aftermath is None:
        return (), False
    lines, problems = aftermath.follow(lambda: aftermath.teller.told(_document(event, None)))
    return lines, bool(problems) and aftermath.required


def _say_responses(console: Console, lines: tuple[CheckLine, ...]) -> None:
    for line in lines:
        if console.format == "jsonl":
            console.write(_response_line(line))
        else:
            console.note(f"{line.name}: {line.summary}")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let the first SIGTERM end what runs, and later ones nothing."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise _Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _require_form(console: Console, *, once: bool) -> None:
    if not once and (console.format == "json" or console.output != "-"):
        raise CallError(
            "a watch without `--once` has no single answer",
            why="it gives a line an event on stdout",
            fix="use `-f jsonl` without `-o`, or add `--once`",
        )


def _require_outside(path: str, what: str, place: str | None) -> None:
    from weightmark.attestations.outside import require_outside

    if place and "://" not in place:
        require_outside(Path(path), Path(place), what)


def _remembered(state: str | None, path: str) -> "Look | None":
    """Return the look at `path` that an earlier call remembered; raises as `Look.parse`."""
    from weightmark.attestations.watching.events import Look
    from weightmark.provenance.sidecars import read_bounded

    if state is None or not Path(state).exists():
        return None
    return Look.parse(read_bounded(Path(state), limit=_LARGEST_STATE), _watched(path))


def _watched(path: str | Path) -> str:
    """Return what a state file calls the artifact; a link is called by its own name, wherever it leads."""
    return os.path.abspath(path)  # noqa: PTH100 - `resolve` follows links


def _keep(state: str | None, watcher: "Watcher") -> None:
    from weightmark.provenance.atomic import replace_files

    if state and watcher.last:
        data = watcher.last.to_bytes(_watched(watcher.path))
        replace_files({Path(state).absolute(): data}, mode=0o600)


def _say(console: Console, event: "Event") -> None:
    if console.format == "jsonl":
        console.write(_event_line(event))
    elif event.kind.is_drift or not console.quiet:
        reasons = f" ({', '.join(event.look.reasons)})" if event.look.reasons else ""
        words = f"{event.at} {event.kind.value}: {event.path} {event.look.identity}{reasons}"
        console.write(f"{visible(words.rstrip())}\n")


def _say_hook(console: Console, result: "HookResult") -> None:
    if console.format == "jsonl":
        console.write(_hook_line(result))
    elif not result.is_good:
        console.note(f"the hook {result.problem or f'ended with {result.code}'}")


def _event_line(event: "Event") -> str:
    members = {"type": "event", "schema": "weightmark/watch-event/v1", **event.to_json()}
    return json.dumps(members) + "\n"


def _response_line(line: CheckLine) -> str:
    return json.dumps({"type": "response", "name": line.name, "summary": line.summary}) + "\n"


def _hook_line(result: "HookResult") -> str:
    return json.dumps({"type": "hook", **_hook_facts(result)}) + "\n"


def _hook_facts(result: "HookResult") -> dict[str, Any]:
    return {"code": result.code, "problem": result.problem or None}


def _document(event: "Event", hook: "HookResult | None") -> Document:
    """Return the answer of `--once`: the exit code of the gate, or worse when the hook failed."""
    failed = hook is not None and not hook.is_good
    code = event.look.exit
    if failed and code is Exit.GOOD:
        code = Exit.UNCHECKED
    checks = [_check(event)]
    if hook is not None and failed:
        what = hook.problem or f"ended with {hook.code}"
        checks.append(CheckLine(Outcome.UNCHECKED, "hook", f"the hook {what}", code="unchecked"))
    return Document(
        schema="weightmark/watch/v1",
        exit=code,
        verdict=event.kind.value,
        headline=f"{event.kind.value}: {event.look.identity or event.path}, {event.look.verdict}",
        checks=tuple(checks),
        facts={
            "event": event.to_json(),
            "hook": _hook_facts(hook) if hook is not None else None,
        },
    )


def _check(event: "Event") -> CheckLine:
    if event.look.exit is Exit.GOOD:
        return CheckLine(Outcome.PASS, "watched", event.look.verdict)
    outcome = Outcome.FAIL if event.look.exit is Exit.BAD else Outcome.UNCHECKED
    return CheckLine(
        outcome,
        "watched",
        event.look.verdict,
        fix="`weightmark gate` says which check did not pass, and how to mend it",
        details=event.look.reasons,
        code="policy-refused" if outcome is Outcome.FAIL else "unchecked",
    )
