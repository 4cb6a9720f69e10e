"""`weightmark verify`: is it what the signer vouched for?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, claim_facts, outside_facts
from weightmark.cli.options.common import option
from weightmark.cli.options.evidence import evidence_options
from weightmark.cli.options.oms import oms_reading_options
from weightmark.cli.options.trust import load_trust, trust_choice_options
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.attestations.verifying.verification import VerifyReport

__all__ = ["verify"]

_VERDICTS = {
    Exit.GOOD: "verified",
    Exit.BAD: "refused",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


@command("verify")
@click.argument("path", metavar="PATH")
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
@option(
    "--proof",
    metavar="FILE",
    type=click.Path(),
    help="Check a proof by `digest --prove`; PATH is then the identity, `wm1:…`",
)
@option(
    "--absent", is_flag=True, help="With `--proof`: it has to show that the member is not there"
)
@pass_console
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
    proof: str | None,
    absent: bool,
) -> None:
    """Check who signed a model or a dataset, and that every name and byte is as signed."""
    if deep and digests == "sha256":
        raise CallError(
            "`--deep` and `--digests sha256` contradict each other",
            why="`--deep` compares BLAKE3 as well as SHA-256",
            fix="leave one of them out",
        )
    if proof:
        from weightmark.cli.membership import check_proof

        check_proof(console, path, proof, load_trust(choice, path), absent=absent)
    from weightmark.attestations.verifying.verification import VerifyOptions, examine

    with console.progress(None) as progress:
        examination = examine(
            path,
            load_trust(choice, path),
            options=VerifyOptions(
                digests="both" if deep else digests,
                ignore_paths=ignore_paths,
                ignore_unsigned_files=ignore_unsigned_files,
                allow_legacy=allow_legacy,
            ),
            signature=Path(signature) if signature else None,
            claims=[Path(claim) for claim in claims],
            progress=progress,
            jobs=console.jobs,
            workers=console.jobs,
        )
    console.finish(_document(path, examination.report))


def _file_facts(report: "VerifyReport") -> list[dict[str, Any]]:
    """Return the verified files; none unless everything is good."""
    rows = report.verified.manifest.rows if report.verified else ()
    return [{"path": one.path, "size": one.size, "blake3": f"blake3:{one.blake3}"} for one in rows]


def _document(path: str, report: "VerifyReport") -> Document:
    bad = sum(check.outcome in {"fail", "unchecked", "nothing"} for check in report.checks)
    headline = f"verified: {report.identity}"
    if report.verified and report.verified.uncovered:
        count = len(report.verified.uncovered)
        headline = f"verified, but for {count} file{'s' * (count != 1)} that no signature covers"
    if report.exit:
        headline = f"not verified: {bad} of {len(report.checks)} checks did not pass"
    return Document(
        schema="weightmark/verify/v1",
        exit=report.exit,
        verdict=_VERDICTS[report.exit],
        headline=headline,
        checks=check_lines(report.checks),
        facts={
            "path": path,
            "identity": report.identity or None,
            "signers": list(report.verified.signers) if report.verified else [],
            "digest_used": report.verified.algorithm if report.verified else None,
            "claims": claim_facts(report.claims),
            "files": _file_facts(report),
            "outside": outside_facts(report.artifact),
            "uncovered": list(report.verified.uncovered) if report.verified else [],
        },
    )
