"""`weightmark report`: what a framework asks for, filled with evidence that was verified."""

import os
import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import CONSOLE_META, Console, pass_console
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.evidence import evidence_options
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    policy_key_option,
    policy_option,
)
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.errors import CallError, Exit, ExpiredError, NoInputError, TrustNotSaidError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.reports.artifact import Summary
    from weightmark.attestations.reports.document import Report
    from weightmark.attestations.reports.jury import Jury
    from weightmark.attestations.reports.making import Gathered
    from weightmark.attestations.reports.register import Register
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["report"]

_ITEMS = ("annex-iv", "ssdf", "g7-sbom-ai", "nist-rmf")
_FORMS = ("markdown", "html", "json")
_SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".html": "html", ".htm": "html", ".json": "json"}  # fmt: skip
_NO_ARTIFACT = os.devnull
"""stands in for an artifact in which files of the judge may not lie: nothing lies in it"""
_DIGEST = re.compile(r"(?:wm1|sha256):[0-9a-f]{64}")


class _Framework(click.Choice[str]):
    """What is reported; the words for forms, which `--format` means elsewhere, are sent on to `--as`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in _FORMS:
            raise CallError(
                f"`{value}` is a form, and `--format` says here what is reported",
                fix=f"name it, as `--format annex-iv --as {value}`",
            )
        return super().convert(value, param, ctx)


@dataclass(frozen=True, slots=True)
class _Call:
    """Everything that is the same for each artifact of one call."""

    framework: str
    """as `--format` names it"""
    form: str
    """one of `_FORMS`"""
    out: Path | None
    """the folder that the files go to; None for one report to stdout or `-o`"""
    at: datetime | None
    """the moment; None when the call says none"""
    claims: tuple[Path, ...]
    """more claims of artifacts"""
    signature: Path | None
    """a model signature elsewhere"""


@command("report", own_format=True)
@click.argument("subjects", metavar="[PATH|DIGEST]...", nargs=-1)
@option(
    "-f",
    "--format",
    "framework",
    type=_Framework([*_ITEMS, "zero-trust", "incident"]),
    required=True,
    help="What is reported",
)
@option(
    "--as",
    "form",
    type=click.Choice(_FORMS),
    help="Form of the files (default: by the suffix of `-o`, else Markdown)",
)
@option("--out", metavar="DIR", type=click.Path(), help="Write a file an artifact, and an index of gaps, into this new folder")  # fmt: skip
@option("--at", metavar="TIME", help="Judge ages and ends for this moment (default: that of the newest evidence)")  # fmt: skip
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@witness_policy_option()
@policy_option(required=False)
@environment_option()
@policy_key_option()
@trust_choice_options()
@evidence_options()
@pass_console
def report(
    console: Console,
    subjects: tuple[str, ...],
    *,
    framework: str,
    form: str | None,
    out: str | None,
    at: str | None,
    ledger: str | None,
    log_key: str | None,
    witness_policy: str | None,
    policy_word: str | None,
    env: str | None,
    policy_key: str | None,
    choice: "TrustChoice",
    signature: str | None,
    claims: tuple[str, ...],
) -> None:
    """Fill what a framework asks for with evidence that was verified, and name what is missing.

    `annex-iv`, `ssdf`, `g7-sbom-ai` and `nist-rmf` are about artifacts: PATH on disk, DIGEST in a ledger, or
    without either every artifact of the ledger (`--out DIR`). `incident` is about one DIGEST or PATH, `zero-trust`
    about a whole ledger. A claim counts by the roles of `--policy`, by whom the flags of trust name, or
    else by whom the ledger admitted; others are listed, and fill nothing.
    """
    from weightmark.attestations.reports.making import jury_for
    from weightmark.attestations.reports.register import Register

    if form == "json":
        # failures are answered in the form that was asked for, too
        click.get_current_context().meta[CONSOLE_META] = replace(console, format="json")
    _check(console, framework, subjects, out=out, ledger=ledger, witness_policy=witness_policy)
    policy, trust = _believed(subjects, policy_word, choice=choice, env=env, policy_key=policy_key)
    moment = parse_beginning(at)
    with ExitStack() as stack:
        register = None
        if (
            ledger
            or not subjects
            or framework == "incident"
            or any(map(_DIGEST.fullmatch, subjects))
        ):
            log = stack.enter_context(open_ledger(ledger, log_key))
            witnesses = read_witness_policy(witness_policy) if witness_policy else None
            register = stack.enter_context(Register.of(log, witnesses=witnesses))
            register.until = moment
        jury = jury_for(policy, trust, register, moment)
        _require_in_time(jury)
        call = _Call(
            framework,
            _form_of(console, form),
            Path(out) if out else None,
            moment,
            tuple(Path(one) for one in claims),
            Path(signature) if signature else None,
        )
        if framework == "zero-trust":
            _zero_trust(console, call, jury, register)
        if framework == "incident":
            _incident(console, call, subjects[0], jury, register)
        _artifacts(console, call, subjects, jury, register)


def _check(
    console: Console,
    framework: str,
    subjects: tuple[str, ...],
    *,
    out: str | None,
    ledger: str | None,
    witness_policy: str | None,
) -> None:
    """Refuse calls that mean nothing."""
    if framework == "zero-trust" and subjects:
        raise CallError(
            "`zero-trust` is about a whole ledger", fix="leave the path out, and name the ledger"
        )
    if framework == "incident" and len(subjects) != 1:
        raise CallError(
            "an incident is about one artifact",
            fix="name it, as `weightmark report wm1:… --format incident --ledger PLACE`",
        )
    if framework in _ITEMS and len(subjects) != 1 and not out:
        what = f"{len(subjects)} artifacts" if subjects else "all artifacts of a ledger"
        raise CallError(
            f"reports on {what} are several files", fix="name a new folder with `--out DIR`"
        )
    if out and console.output != "-":
        raise CallError("`--out` and `--output` both say where it goes", fix="give one of them")
    for subject in subjects:
        if not _DIGEST.fullmatch(subject):
            judges = (("the ledger", ledger), ("the witness policy", witness_policy))
            _require_outside(subject, judges, (out, console.output))


def _require_outside(
    artifact: str,
    judges: tuple[tuple[str, str | None], ...],
    outputs: tuple[str | None, ...],
) -> None:
    """Refuse what configures the judge inside of what is judged, and reports that would change it."""
    from weightmark.attestations.outside import require_outside

    for what, place in judges:
        if place and "://" not in place:
            require_outside(Path(artifact), Path(place), what)
    for place in outputs:
        if place is None or place == "-":
            continue
        try:
            require_outside(Path(artifact), Path(place), "the report")
        except CallError as error:
            raise CallError(
                error.what,
                why="it would change the artifact that it is about",
                fix="keep it elsewhere",
            ) from error


def _believed(
    subjects: tuple[str, ...],
    word: str | None,
    *,
    choice: "TrustChoice",
    env: str | None,
    policy_key: str | None,
) -> "tuple[Policy | None, Trust | None]":
    """Return the policy, or whom the flags name; what configures the judge lies outside of every artifact."""
    policy, trust = None, None
    for path in [one for one in subjects if not _DIGEST.fullmatch(one)] or [_NO_ARTIFACT]:
        if word:
            policy = load_rules(
                path, word, choice=choice, mode=None, fail_on=None, env=env, policy_key=policy_key
            )
        else:
            trust = load_trust(choice, path)
    if policy and policy.is_preset and policy.trust is None:
        raise TrustNotSaidError(
            f"the preset `{policy.name}` names nobody whose word counts",
            fix="name the signer with `--key FILE`, or leave `--policy` out to count whom the ledger admitted",
        )
    return policy, trust


def _require_in_time(jury: "Jury") -> None:
    """Raise `ExpiredError` for a policy that decides nothing any more at the moment of the report."""
    policy, at = jury.policy, jury.at or datetime.now(UTC)
    if policy and policy.expires and policy.expires <= at:
        raise ExpiredError(
            f"the policy `{policy.name}` ended before the moment of the report",
            fix="get its present version, or say an earlier moment with `--at TIME`",
        )


def _form_of(console: Console, form: str | None) -> str:
    suffix = Path(console.output).suffix.lower() if console.output != "-" else ""
    said = _SUFFIXES.get(suffix)
    if suffix and not (form or said):
        raise CallError(
            f"`{console.output}` does not say in which form the report is written",
            why=f"the suffix `{suffix}` is none of {', '.join(f'`{one}`' for one in _SUFFIXES)}",
            fix="use one of them, or add `--as markdown`, `--as html` or `--as json`",
        )
    if form and said and form != said:
        raise CallError(
            f"`{console.output}` ends as {said}, and `--as` says {form}", fix="say one of them"
        )
    return form or said or "markdown"


def _zero_trust(
    console: Console, call: _Call, jury: "Jury", register: "Register | None"
) -> NoReturn:
    from weightmark.attestations.reports.estate import estate_report
    from weightmark.attestations.reports.making import at_words
    from weightmark.attestations.reports.zero_trust import survey

    if register is None:
        raise CallError("no ledger was named", fix="name it with `--ledger PLACE`")
    estate = survey(register, jury)
    code = Exit.UNCHECKED if estate.unread or estate.problems else Exit.GOOD
    if not any(one.denominator for one in estate.figures):
        code = Exit.worst([code, Exit.NOTHING])
    made = estate_report(estate, at_from=at_words(call.at, jury, register))
    _write(console, call, made, code)


def _incident(
    console: Console, call: _Call, subject: str, jury: "Jury", register: "Register | None"
) -> NoReturn:
    from weightmark.attestations.reports.incident import investigate
    from weightmark.attestations.reports.making import at_words
    from weightmark.attestations.reports.timeline import incident_report
    from weightmark.cli.ledger.parties import identified

    if register is None:
        raise CallError("no ledger was named", fix="name it with `--ledger PLACE`")
    identity = subject if _DIGEST.fullmatch(subject) else identified(console, subject)
    incident = investigate(register, jury, identity)
    unread = incident.problems or any(one.unread for one in incident.dossier.claims.uncounted)
    code = Exit.UNCHECKED if unread else Exit.GOOD
    if not incident.moments and not register.count_about(identity):
        code = Exit.worst([code, Exit.NOTHING])
    made = incident_report(incident, at_from=at_words(call.at, jury, register))
    _write(console, call, made, code)


def _artifacts(
    console: Console,
    call: _Call,
    subjects: tuple[str, ...],
    jury: "Jury",
    register: "Register | None",
) -> NoReturn:
    from weightmark.attestations.reports.artifact import summary_of
    from weightmark.attestations.reports.frameworks import FRAMEWORKS

    framework = FRAMEWORKS[call.framework]
    if call.out is None:
        gathered = _gather(console, call, subjects[0], jury, register)
        _write(console, call, _made(call, gathered, register), gathered.exit)
    _require_new(call.out)
    listed: list[Summary] = []
    codes = []
    for subject in subjects or (register.artifacts() if register else ()):
        gathered = _gather(console, call, subject, jury, register)
        _put(call, _made(call, gathered, register), gathered.exit)
        listed.append(summary_of(framework, gathered.dossier))
        codes.append(gathered.exit)
    _write_index(console, call, listed, codes)


def _made(call: _Call, gathered: "Gathered", register: "Register | None") -> "Report":
    from weightmark.attestations.reports.artifact import artifact_report
    from weightmark.attestations.reports.frameworks import FRAMEWORKS
    from weightmark.attestations.reports.making import at_words

    dossier = gathered.dossier
    words = at_words(call.at, dossier.jury, register)
    return artifact_report(FRAMEWORKS[call.framework], dossier, at_from=words)


def _gather(
    console: Console, call: _Call, subject: str, jury: "Jury", register: "Register | None"
) -> "Gathered":
    from weightmark.attestations.reports.making import AtHand, gather_path, gather_subject

    if register is not None and _DIGEST.fullmatch(subject):
        return gather_subject(subject, jury, register)
    with console.progress(None) as progress:
        at_hand = AtHand(subject, call.claims, call.signature, progress, console.jobs)
        return gather_path(at_hand, jury, register)


def _write_index(
    console: Console, call: _Call, listed: "list[Summary]", codes: list[Exit]
) -> NoReturn:
    from weightmark.attestations.reports.artifact import index_pages
    from weightmark.attestations.reports.frameworks import FRAMEWORKS

    if not listed:
        raise NoInputError("the ledger holds no artifact", fix="enter a claim about one with `weightmark ledger append`")  # fmt: skip
    code = Exit.worst(codes)
    for page in index_pages(FRAMEWORKS[call.framework], listed):
        _put(call, page, code)
    console.note(f"{counted(len(listed), 'report')} and an index written to `{call.out}`")
    raise SystemExit(int(code))


def _write(console: Console, call: _Call, made: "Report", code: Exit) -> NoReturn:
    """Write one report to stdout or `-o`, or into the folder, and end."""
    from weightmark.attestations.reports.forms import form_of

    if call.out is not None:
        _require_new(call.out)
        _put(call, made, code)
        console.note(f"the report was written to `{call.out}`")
    else:
        console.write(form_of(call.form).render(made, code))
    raise SystemExit(int(code))


def _put(call: _Call, made: "Report", code: Exit) -> None:
    from weightmark.attestations.reports.forms import form_of
    from weightmark.provenance.atomic import replace_files

    form = form_of(call.form)
    folder = (call.out or Path()).resolve()
    text = form.render(made, code).encode("utf-8", "backslashreplace")
    replace_files({folder / f"{made.stem}{form.suffix}": text})


def _require_new(folder: Path) -> None:
    """Make the folder; refuse one that holds anything, so that no report of another time stays in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        empty = not any(folder.iterdir())
    except OSError as error:
        from weightmark.errors import read_failure

        raise read_failure(folder, error) from error
    if not empty:
        raise CallError(
            f"the folder `{folder}` is not empty",
            why="reports of another time would stay beside the new ones",
            fix="name a new one with `--out`",
        )
