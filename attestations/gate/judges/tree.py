"""What the tree holds: its identity, its names, reserved names, and what lies beside the content."""

from collections.abc import Iterator
from dataclasses import replace

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.evidence import Evidence, Known
from weightmark.attestations.gate.judges.interface import CONTENT, MAX_DETAILS
from weightmark.attestations.policy.choices import Clashes, OutsideRule
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.verifying.evidence import SIDECARS
from weightmark.provenance.sizes import human_bytes

__all__ = ["judge_identity", "judge_names", "judge_outside", "judge_sidecars", "repeat_others"]


def judge_identity(_policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge whether it is known what is being judged."""
    if evidence.identity and evidence.known is Known.ASKED:
        summary = f"{evidence.identity}, as was asked; content not read here"
        yield Check("identity", Outcome.PASS, summary)
    elif evidence.identity:
        summary = f"{evidence.identity}, {_count(evidence.files)}, {human_bytes(evidence.size)}"
        yield Check("identity", Outcome.PASS, summary)
    elif evidence.files:
        yield Check(
            "identity",
            Outcome.UNCHECKED,
            "the artifact could not be identified",
            "it was not read to the end, or holds what no identity can cover",
            "mend what the other checks name",
        )


def repeat_others(_policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Pass on what verification found and no policy softens: reading, missing files, refused names."""
    for check in evidence.checks:
        if check.name in SIDECARS:
            yield replace(check, name="sidecars")
        elif check.name not in CONTENT and check.name != "signature":
            yield check


def judge_sidecars(_policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Say so when reserved names hold what they should; what is wrong stands in verification."""
    wrong = (check for check in evidence.checks if check.name in SIDECARS)
    if evidence.known is Known.ASKED:
        yield Check("sidecars", Outcome.INFO, "not known: content not read here")
    elif all(check.outcome is Outcome.INFO for check in wrong):
        yield Check("sidecars", Outcome.PASS, "reserved names hold nothing else")


def judge_names(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Say so when names are the same everywhere; refused ones stand in verification, or were accepted by an earlier policy."""
    if any(check.name == "names" for check in evidence.checks):
        return
    if not evidence.clashes:
        yield Check("names", Outcome.PASS, "every name is the same on other systems")
        return
    if policy.names.clashes is Clashes.REFUSE:
        yield Check(
            "names",
            Outcome.FAIL,
            f"{len(evidence.clashes)} would be something else on other systems",
            "the policy refuses names that clash",
            'rename the files, or accept them with `clashes = "allow"` under `[names]`',
            details=evidence.clashes[:MAX_DETAILS],
        )
        return
    summary = f"{len(evidence.clashes)} accepted that would be something else on other systems"
    yield Check("names", Outcome.INFO, summary, details=evidence.clashes[:MAX_DETAILS])


def judge_outside(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge what lies outside of the artifact, and files that its signer does not hold."""
    found = tuple(f"`{part.path}` ({_count(part.files)})" for part in evidence.outside)
    if evidence.known is Known.ASKED:
        yield Check("outside", Outcome.INFO, "not known: content not read here")
    elif found:
        yield _left_out(
            policy, "outside", found, "is no part of the artifact", "remove it, or judge a copy"
        )
    else:
        yield Check("outside", Outcome.PASS, "nothing stands beside the content")
    if evidence.uncovered:
        fix = "ask the signer for `weightmark sign`, whose claim holds every file"
        yield _left_out(
            policy, "coverage", evidence.uncovered, "is not covered by this signature", fix
        )


def _left_out(policy: Policy, name: str, found: tuple[str, ...], what: str, fix: str) -> Check:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    summary, details = f"{found[0]} {what}{more}", found[:MAX_DETAILS]
    if policy.outside is OutsideRule.REPORT:
        return Check(name, Outcome.INFO, summary, details=details)
    why = 'nobody vouches for it, and the policy says `outside = "refuse"`'
    fix = f'{fix}, or accept it with `outside = "report"`'
    return Check(name, Outcome.FAIL, summary, why, fix, details)


def _count(files: int) -> str:
    return f"{files} {'file' if files == 1 else 'files'}"
