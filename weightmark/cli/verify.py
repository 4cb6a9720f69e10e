"""`weightmark verify`: is it what the signer vouched for?"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, claim_facts, outside_facts
from weightmark.cli.evidence_options import evidence_options
from weightmark.cli.options import option, trust_options
from weightmark.cli.render.interface import Document
from weightmark.errors import Exit

if TYPE_CHECKING:
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.verification import VerifyReport

__all__ = ["load_trust", "verify"]

_VERDICTS = {
    Exit.GOOD: "verified",
    Exit.BAD: "refused",
    Exit.NOTHING: "nothing-checked",
    Exit.UNCHECKED: "unchecked",
}


@command("verify")
@click.argument("path", metavar="PATH")
@trust_options(several=True)
@evidence_options()
@option(
    "--digests",
    type=click.Choice(["any", "sha256", "both"]),
    default="any",
    show_default=True,
    help="Digest by which content is checked",
)
@option("--deep", is_flag=True, help="Check BLAKE3 and SHA-256, as `--digests both`")
@pass_console
def verify(
    console: Console,
    path: str,
    *,
    key: tuple[str, ...],
    signature: str | None,
    claims: tuple[str, ...],
    digests: str,
    deep: bool,
) -> None:
    """Check who signed a model or a dataset, and that every name and byte is as signed."""
    from weightmark.attestations.verification import VerifyOptions, examine

    with console.progress(None) as progress:
        examination = examine(
            path,
            load_trust(key),
            options=VerifyOptions(digests="both" if deep else digests),
            signature=Path(signature) if signature else None,
            claims=[Path(claim) for claim in claims],
            progress=progress,
            jobs=console.jobs,
        )
    console.finish(_document(path, examination.report))


def load_trust(keys: Sequence[str]) -> "Trust | None":
    """Return the signers that the options name, or None when they name none."""
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.trust import Trust

    return Trust.in_keys([PublicKey.load(key) for key in keys]) if keys else None


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
            "outside": outside_facts(report.artifact),
            "uncovered": list(report.verified.uncovered) if report.verified else [],
        },
    )
