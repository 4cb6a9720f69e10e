"""`weightmark verify hf://…|oci://…`: is what an address promises what the signer vouched for?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from weightmark.attestations.checks import counted
from weightmark.cli.console import Console
from weightmark.cli.documents import check_lines, claim_facts
from weightmark.cli.options.given import said_on_the_line
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightmark.attestations.ledger.consulting import Consultation
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.verifying.promised import PromiseExamination, VerifiedPromise

__all__ = ["verify_source"]

_LOCAL_ONLY = (
    "signature",
    "deep",
    "ignore-paths",
    "ignore-unsigned-files",
    "allow-legacy",
    "fresh",
)
_VERDICTS = {
    Exit.GOOD: "verified",
    Exit.BAD: "refused",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


def verify_source(
    console: Console,
    uri: str,
    trust: "Trust | None",
    *,
    claims: tuple[str, ...],
    digests: str,
    ledger: str | None,
    consultation: "Consultation | None",
) -> NoReturn:
    """Verify an address and finish with the answer; raises `CallError` for options about local files."""
    from weightmark.attestations.verifying.promised import examine_promise
    from weightmark.provenance.sources.choice import open_source

    _refuse_local(digests)
    with (
        open_source(uri, offline=console.offline) as source,
        console.progress(None) as progress,
    ):
        examined = examine_promise(
            source,
            source.resolve(),
            consultation.bind(trust) if consultation else trust,
            claims=[Path(claim) for claim in claims],
            progress=progress,
        )
    if consultation and ledger:
        examined = examined.judged(consultation.judge(ledger, examined.examination))
    console.finish(_document(uri, examined))


def _refuse_local(digests: str) -> None:
    flag = said_on_the_line(*(name.replace("-", "_") for name in _LOCAL_ONLY))
    if flag or digests == "both":
        raise CallError(
            f"`{flag or '--digests both'}` is about files that lie here, and an address was named",
            why="of an address what it promises is compared, by SHA-256",
            fix="fetch it with `weightmark pull`, or leave the option out",
        )


def _document(uri: str, examined: "PromiseExamination") -> Document:
    from weightmark.provenance.sources.choice import as_named

    report, promise = examined.examination.report, examined.promise
    headline = f"verified: {examined.snapshot.pinned}"
    if promise is None:
        bad = sum(check.outcome in {"fail", "unchecked", "nothing"} for check in report.checks)
        headline = f"not verified: {bad} of {counted(len(report.checks), 'check')} did not pass"
    code = report.exit if promise or report.exit else Exit.NOTHING
    facts: dict[str, Any] = {
        "path": as_named(uri),
        "pinned": examined.snapshot.pinned,
        "identity": report.identity or None,
        "signers": list(promise.signers) if promise else [],
        "digest_used": "sha256" if promise else None,
        "claims": claim_facts(report.claims),
        "files": _file_facts(promise),
        "outside": _outside_facts(examined.snapshot.omitted),
        "uncovered": list(promise.uncovered) if promise else [],
    }
    return Document(
        schema="weightmark/verify/v1",
        exit=code,
        verdict=_VERDICTS[code],
        headline=headline,
        checks=check_lines(report.checks),
        facts=facts,
    )


def _file_facts(promise: "VerifiedPromise | None") -> list[dict[str, Any]]:
    """Return the verified files with the BLAKE3 that the claim adds; none without a claim that gives it."""
    rows = promise.manifest.rows if promise and promise.manifest else ()
    return [{"path": one.path, "size": one.size, "blake3": f"blake3:{one.blake3}"} for one in rows]


def _outside_facts(omitted: "Sequence[str]") -> list[dict[str, Any]]:
    from weightmark.provenance.sidecars import OUTSIDE

    counts = {root: sum(f"{path}/".startswith(f"{root}/") for path in omitted) for root in OUTSIDE}
    return [{"path": root, "files": count} for root, count in counts.items() if count]
