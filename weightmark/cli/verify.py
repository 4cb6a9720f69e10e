"""`weightmark verify`: is it what the signer vouched for?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted, merge_checks
from weightmark.cli.cached import from_cache
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.dataset_documents import description_exit
from weightmark.cli.documents import check_lines, claim_facts, outside_facts
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import evidence_options
from weightmark.cli.options.given import said_on_the_line
from weightmark.cli.options.ledger import require_online
from weightmark.cli.options.oms import oms_reading_options
from weightmark.cli.options.receipts import fresh_option, kept_receipts
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.options.witnesses import witness_policy_option
from weightmark.cli.render.interface import Document
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError, Exit, WeightmarkError
from weightmark.provenance.lineage.names import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weightmark.attestations.checks import Check
    from weightmark.attestations.ledger.consulting import Consultation
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.attestations.verifying.verification import (
        Examination,
        VerifiedManifest,
        VerifyReport,
    )
    from weightmark.provenance.reading.engine import ProgressSink

__all__ = ["verify"]

_VERDICTS = {
    Exit.GOOD: "verified",
    Exit.BAD: "refused",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


@command("verify")
@click.argument("path", metavar="PATH|URI")
@trust_choice_options()
@evidence_options()
@option(
    "--digests",
    type=click.Choice(["any", "sha256", "both"]),
    default="any",
    show_default=True,
    help="Digest by which content is checked",
)
@option("--deep", is_flag=True, help="Check BLAKE3 and SHA-256, as `--digests both`")
@oms_reading_options()
@fresh_option()
@option(
    "--ledger",
    metavar="PLACE",
    type=FILE_OR_URI,
    help="Ledger whose revocations bind: a folder, `postgresql://…`, `https://…#VKEY`, or a published view",
)
@witness_policy_option()
@option(
    "--witness-max-age",
    metavar="AGE",
    help="With `--witness-policy`: how long ago the quorum may have seen the ledger, as `90d` or `12h` (default: `7d`)",
)
@option(
    "--proof",
    metavar="FILE",
    type=click.Path(),
    help="Check a proof by `digest --prove`; PATH is then the identity, `wm1:…`",
)
@option(
    "--member",
    metavar="MEMBER",
    help="With `--proof`: it has to be about this `FILE` or `FILE!RECORD`",
)
@option(
    "--absent", is_flag=True, help="With `--proof`: it has to show that the member is not there"
)
@events_options()
@pass_console
@stoppable
def verify(
    console: Console,
    path: str,
    *,
    choice: "TrustChoice",
    signature: str | None,
    claims: tuple[str, ...],
    digests: str,
    deep: bool,
    ignore_paths: tuple[str, ...],
    ignore_unsigned_files: bool,
    allow_legacy: bool,
    fresh: bool,
    ledger: str | None,
    witness_policy: str | None,
    witness_max_age: str | None,
    proof: str | None,
    member: str | None,
    absent: bool,
) -> None:
    """Check who signed a model or a dataset, and that every name and byte is as signed.

    Of `oci://…` and `hf://…` what the address promises is checked, and nothing is fetched but claims
    and files without a SHA-256; with `--offline`, `hf://…` is read out of the hub's cache.
    """
    if deep and digests == "sha256":
        raise CallError(
            "`--deep` and `--digests sha256` contradict each other",
            why="`--deep` compares BLAKE3 as well as SHA-256",
            fix="leave one of them out",
        )
    if proof:
        from weightmark.cli.membership import check_proof

        check_proof(console, path, proof, load_trust(choice, path), member=member, absent=absent)
    _refuse_without_proof()
    path = from_cache(console, path)
    trust = load_trust(choice, path)
    consultation = _consultation(path, ledger, witness_policy, witness_max_age)
    if _is_address(path):
        from weightmark.cli.verify_source import verify_source

        verify_source(
            console,
            path,
            trust,
            claims=claims,
            digests=digests,
            ledger=ledger,
            consultation=consultation,
        )
    from weightmark.attestations.verifying.verification import VerifyOptions, examine

    with console.progress(None) as progress, kept_receipts([path], fresh=fresh) as receipts:
        examination = examine(
            path,
            consultation.bind(trust) if consultation else trust,
            options=VerifyOptions(
                digests="both" if deep else digests,
                ignore_paths=ignore_paths,
                ignore_unsigned_files=ignore_unsigned_files,
                allow_legacy=allow_legacy,
                with_sha256=consultation is not None and consultation.names_files,
            ),
            signature=Path(signature) if signature else None,
            claims=[Path(claim) for claim in claims],
            receipts=receipts,
            progress=progress,
            jobs=console.jobs,
            workers=console.jobs,
        )
        if consultation and ledger:
            examination = consultation.judge(ledger, examination)
        described = _described(examination, progress, console.jobs)
    console.finish(_document(path, examination.report, described))


def _is_address(path: str) -> bool:
    """Tell whether a path is none but an address, without a look at what addresses there are for what can't be one."""
    if ":" not in path:
        return False
    from weightmark.provenance.sources.choice import is_remote

    return is_remote(path)


def _refuse_without_proof() -> None:
    flag = said_on_the_line("member", "absent")
    if flag:
        raise CallError(
            f"`{flag}` says what a proof is to show, and none is named",
            fix="name the proof with `--proof FILE`, or leave it out",
        )


def _consultation(
    path: str, ledger: str | None, witnesses: str | None, age: str | None
) -> "Consultation | None":
    """Ask the ledger what is revoked."""
    require_online(ledger)
    if age and witnesses is None:
        raise CallError(
            "`--witness-max-age` says how lately witnesses saw a ledger, and none are named",
            fix="name them with `--witness-policy FILE`",
        )
    if ledger is None and witnesses is None:
        return None
    from weightmark.attestations.ledger.consulting import consulted

    if age is None:
        return consulted(Path(path), ledger, witnesses)
    from weightmark.attestations.policy.ages import parse_age

    limit = parse_age(age)
    if limit is None:
        raise CallError(f"`{age[:80]}` is no age", fix="write it as `90d`, `12h` or `30m`")
    return consulted(Path(path), ledger, witnesses, max_age=limit)


def _described(
    examination: "Examination", progress: "ProgressSink | None", jobs: int | None
) -> "tuple[Check, ...]":
    """Hold what a dataset says of itself against its files as they were read, whoever signed them."""
    from weightmark.provenance.datasets.candidates import candidates

    if examination.reading is None:
        return ()
    if not any(candidates(examination.report.artifact)):
        return ()
    from weightmark.attestations.dataset_checks import check_description

    artifact, files = examination.report.artifact, examination.reading.files
    return check_description(artifact, files, progress=progress, jobs=jobs)


def _scan_claims(report: "VerifyReport") -> "Iterator[Check]":
    """Say what trusted signers say of their own scans; nothing of it decides here, as `gate` does that."""
    from weightmark.attestations.checks import Check, Outcome
    from weightmark.attestations.predicates.scan import SCAN_PREDICATE, ScanClaim

    for claim in report.claims:
        if claim.verified is None or claim.predicate_type != SCAN_PREDICATE:
            continue
        if claim.identity != report.identity:
            continue
        try:
            said = ScanClaim.from_statement(claim.verified.statement)
        except WeightmarkError:
            continue
        words = _scan_words(said.result, said.scanner)
        yield Check("scan claim", Outcome.INFO, f"{words}, says {shortened(claim.signer)}")


def _scan_words(result: str, scanner: str) -> str:
    if not scanner:
        return "not made (`--no-scan`)"
    if result == "unsupported":
        return f"no file of a kind that is scanned, by {scanner}"
    return f"{result} by {scanner}"


def _file_facts(verified: "VerifiedManifest | None") -> list[dict[str, Any]]:
    """Return the verified files; none unless everything is good."""
    rows = verified.manifest.rows if verified else ()
    return [{"path": one.path, "size": one.size, "blake3": f"blake3:{one.blake3}"} for one in rows]


def _document(path: str, report: "VerifyReport", described: "tuple[Check, ...]" = ()) -> Document:
    bad = sum(check.outcome in {"fail", "unchecked", "nothing"} for check in report.checks)
    headline = f"verified: {report.identity}"
    if report.verified and report.verified.uncovered:
        count = len(report.verified.uncovered)
        headline = f"verified, but for {counted(count, 'file')} that no signature covers"
    code = report.exit
    if code:
        headline = f"not verified: {bad} of {counted(len(report.checks), 'check')} did not pass"
    elif described:
        code = description_exit(described)
        if code:
            headline = "signed as it stands, but what it says of its own files does not hold"
    verified = None if code else report.verified
    return Document(
        schema="weightmark/verify/v1",
        exit=code,
        verdict=_VERDICTS[code],
        headline=headline,
        checks=check_lines(merge_checks((*report.checks, *_scan_claims(report), *described))),
        facts={
            "path": path,
            "pinned": None,
            "identity": report.identity or None,
            "signers": list(verified.signers) if verified else [],
            "digest_used": verified.algorithm if verified else None,
            "claims": claim_facts(report.claims),
            "files": _file_facts(verified),
            "outside": outside_facts(report.artifact),
            "uncovered": list(verified.uncovered) if verified else [],
        },
    )
