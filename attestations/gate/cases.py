"""Cases for a policy: artifacts with the decision that is expected of each, as files in a folder."""

from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.strict_toml import Table
from weightmark.errors import NoInputError, PolicyError
from weightmark.provenance.sidecars import read_named
from weightmark.toml import TomlError, parse_toml
from weightmark.values import dataclass

__all__ = ["Case", "CaseResult", "Expected", "read_cases", "run_case"]

_MAX_CASES = 1000
_MAX_SIZE = 64 * 1024


class Expected(StrEnum):
    """What a case expects."""

    ALLOW = "allow"
    """every demand is met"""
    DENY = "deny"
    """a check refuses"""
    UNCHECKED = "unchecked"
    """a check can't be made"""


_VERDICTS = {
    Expected.ALLOW: Verdict.ALLOW,
    Expected.DENY: Verdict.DENY,
    Expected.UNCHECKED: Verdict.UNCHECKED,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One artifact, and what the policy should say of it."""

    name: str
    """of the file, without `.toml`"""
    artifact: Path
    """what is judged"""
    expected: Expected
    """what should be decided"""
    checks: tuple[str, ...]
    """checks that should not pass, exactly these; empty where that does not matter"""
    claims: tuple[Path, ...]
    """further claims"""
    ledger: str
    """a ledger to consult; empty for none"""
    environment: str
    """in which environment of the policy; empty for none"""
    now: datetime | None
    """when it is judged; None for now"""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case."""

    case: Case
    """what was asked"""
    decision: Decision
    """what was decided"""
    problem: str
    """how that differs from what is expected; empty when it does not"""


def read_cases(folder: Path) -> Iterator[Case]:
    """Read every `*.toml` in a folder, by name; paths are relative to it. Raises `PolicyError`, `NoInputError` for none."""
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    if not files:
        raise NoInputError(
            f"there is no case in `{folder}`",
            why="looked for `*.toml`",
            fix='write one: `artifact = "path"` and `expect = "allow"`, or `"deny"`',
        )
    if len(files) > _MAX_CASES:
        raise PolicyError(f"`{folder}` holds over {_MAX_CASES} cases")
    for file in files:
        yield _read(file)


def run_case(case: Case, policy: Callable[[str, Path], Policy]) -> CaseResult:
    """Gate the artifact of a case; `policy` gives the policy for an environment and an artifact."""
    rules = policy(case.environment, case.artifact)
    sources = Sources(claims=case.claims, ledger=case.ledger)
    decision = gate(case.artifact, rules, sources, now=case.now)
    return CaseResult(case, decision, _problem(case, decision))


def _problem(case: Case, decision: Decision) -> str:
    wanted = _VERDICTS[case.expected]
    bad = {one.name for one in decision.checks if one.outcome in (Outcome.FAIL, Outcome.UNCHECKED)}
    named = ", ".join(f"`{name}`" for name in sorted(bad)) or "none"
    if decision.verdict is not wanted:
        return f"expected {wanted.value}, and it is {decision.verdict.value}; not passed: {named}"
    if case.checks and bad != {*case.checks}:
        return f"expected {', '.join(f'`{name}`' for name in sorted(case.checks))} not to pass; not passed: {named}"
    return ""


def _read(file: Path) -> Case:
    try:
        tables = parse_toml(read_named(file, "case", limit=_MAX_SIZE))
    except TomlError as error:
        raise PolicyError(f"the case `{file}` is not TOML", why=str(error)) from error
    fields = Table(tables, document=f"the case `{file}`")
    ledger = fields.text("ledger", "")
    case = Case(
        name=file.stem,
        artifact=file.parent / fields.text("artifact", ""),
        expected=fields.choice("expect", Expected.ALLOW),
        checks=fields.texts("checks"),
        claims=tuple(file.parent / one for one in fields.texts("claims")),
        ledger=str(file.parent / ledger) if ledger and "://" not in ledger else ledger,
        environment=fields.text("env", ""),
        now=fields.moment("now"),
    )
    fields.finish()
    if not fields.has("artifact") or not fields.has("expect"):
        raise fields.wrong("artifact" if not fields.has("artifact") else "expect", "given")
    return case
