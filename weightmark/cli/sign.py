"""`weightmark sign`: scan, hash and sign a release."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.attestations.checks import counted
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import path_as_given
from weightmark.cli.gate.reports import (
    also_reported,
    read_reports,
    report_option,
    with_reports,
)
from weightmark.cli.options.common import option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import fail_on_option
from weightmark.cli.options.oms import oms_form_options
from weightmark.cli.options.receipts import fresh_option, kept_receipts, note_remembered
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder
from weightmark.cli.render.interface import CheckLine, Document, Outcome
from weightmark.errors import CallError, Exit
from weightmark.provenance.sizes import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weightmark.attestations.making.signing import SignResult
    from weightmark.scanners.findings import ScanReport

__all__ = ["sign"]

_REPORTS = ("text", "json", "sarif", "junit", "github", "markdown")
"""forms in which the answer may be written, too"""


@command("sign")
@click.argument("path", metavar="PATH")
@signer_options(several=True)
@option(
    "--add",
    is_flag=True,
    help="Add claims to `model.claims` only, and write no `model.sig`, not even over your own",
)
@fail_on_option("Refuse to sign from this severity on")
@option("--no-scan", is_flag=True, help="Do not scan; the scan claim then says so")
@option("--no-symlinks", is_flag=True, help="Refuse links inside the artifact")
@option(
    "--replace",
    is_flag=True,
    help="Overwrite `model.sig` of another signer; the claims of others stay",
)
@option(
    "--out",
    metavar="DIR",
    type=click.Path(),
    help="Write signature and claims there instead of beside the artifact",
)
@oms_form_options()
@fresh_option()
@report_option(_REPORTS)
@events_options()
@pass_console
def sign(
    console: Console,
    path: str,
    *,
    signer: SignerRequest,
    add: bool,
    fail_on: str,
    no_scan: bool,
    no_symlinks: bool,
    replace: bool,
    out: str | None,
    oms_method: str,
    oms_hash: str,
    shard_size: int | None,
    ignore_paths: tuple[str, ...],
    fresh: bool,
    report: tuple[str, ...],
) -> None:
    """Scan, hash and sign a model or a dataset in one read.

    Writes `model.sig` (OpenSSF Model Signing) and `model.claims` at its root, or `F.sig` and
    `F.claims` beside a single file F. Refuses what the scan finds unsafe.
    """
    if out:
        require_folder(Path(out))
    from weightmark.attestations.making.signing import SignOptions, sign_artifact
    from weightmark.attestations.predicates.oms import Serialization
    from weightmark.scanners.findings import Severity

    reports = read_reports(report, _REPORTS, others=(console.output,), judged=(path,))
    with also_reported(reports, console):
        _refuse_contradictions(
            add=add, replace=replace, form=(oms_method, oms_hash), ignore_paths=ignore_paths
        )
        first, *cosigners = signer.load(
            command=shlex.join(["sign", path, *(["--add"] if add else [])]), offline=console.offline
        )
        options = SignOptions(
            fail_on=Severity.parse(fail_on),
            scan=not no_scan,
            allow_links=not no_symlinks,
            replace=replace,
            out=Path(out) if out else None,
            add=add,
            secret_files=signer.choice.secret_files,
            oms=Serialization.of(oms_method, oms_hash, shard_size or 0),
            ignore_paths=ignore_paths,
        )
        with console.progress(None) as progress, kept_receipts([path], fresh=fresh) as receipts:
            result = sign_artifact(
                path,
                first,
                options,
                cosigners=cosigners,
                receipts=receipts,
                progress=progress,
                jobs=console.jobs,
            )
        for notice in (
            *result.notices,
            *_without_effect(
                result,
                oms_method=oms_method != "files",
                oms_hash=oms_hash != "sha256",
                shard_size=shard_size is not None,
                ignore_paths=bool(ignore_paths),
            ),
        ):
            console.note(notice)
        note_remembered(console, result.remembered)
    document = signed_document("weightmark/sign/v1", path, result)
    console.finish(with_reports(document, reports, lambda _, shown: shown, console.verbose))


def _refuse_contradictions(
    *, add: bool, replace: bool, form: tuple[str, str], ignore_paths: tuple[str, ...]
) -> None:
    if add and replace:
        raise CallError(
            "`--add` and `--replace` exclude each other",
            why="one keeps what others signed, and the other overwrites it",
            fix="give one of them",
        )
    if add and form != ("files", "sha256"):
        raise CallError(
            "`--add` writes no `model.sig`, so its form can't be chosen",
            fix="leave `--oms-method` and `--oms-hash` out",
        )
    if add and ignore_paths:
        raise CallError(
            "`--add` writes no `model.sig`, and only there can files be left out",
            why="claims cover every file",
            fix="leave `--ignore-paths` out",
        )


def _without_effect(result: "SignResult", **given: bool) -> "Iterator[str]":
    """Name the options for `model.sig` where another signer's is kept, and none is written."""
    name = result.artifact.sidecars.signature.name
    flags = [f"`--{flag.replace('_', '-')}`" for flag, said in given.items() if said]
    if flags and not any(path.name == name for path in result.written):
        yield f"{' and '.join(flags)} without effect: no `{name}` is written"


def signed_document(schema: str, given: str, result: "SignResult", *, stated: str = "") -> Document:
    """Say what was signed and where it was written.

    `given` is the path of the artifact as it was called; `stated` says what was stated instead of a
    scan, by whoever states one thing.
    """
    written = [path_as_given(path, result.artifact, given) for path in result.written]
    count, size = len(result.manifest.rows), human_bytes(result.manifest.total_size)
    checks = [
        CheckLine(
            Outcome.PASS,
            "files",
            f"{counted(count, 'file')}, {size}, {result.manifest.identity}",
        )
    ]
    if stated:
        checks.append(CheckLine(Outcome.PASS, "claim", stated))
    elif result.scan is not None:
        checks.append(_scan_line(result.scan))
    else:
        checks.append(CheckLine(Outcome.INFO, "scan", "not made (`--no-scan`), as the claim says"))
    checks.append(CheckLine(Outcome.PASS, "signature", f"by {result.signer}"))
    if result.cosigners:
        checks.append(CheckLine(Outcome.PASS, "cosigners", f"by {', '.join(result.cosigners)}"))
    if time := _time_summary(result):
        checks.append(CheckLine(Outcome.INFO, "time", time))
    return Document(
        schema=schema,
        exit=Exit.GOOD,
        verdict="signed",
        headline="wrote " + " and ".join(f"`{path}`" for path in written),
        checks=tuple(checks),
        facts={
            "path": given,
            "identity": result.manifest.identity,
            "files": count,
            "size": result.manifest.total_size,
            "signer": result.signer,
            "cosigners": list(result.cosigners),
            "scan": _scan_facts(result.scan) if result.scan else None,
            "written": written,
            "notices": list(result.notices),
        },
    )


def _time_summary(result: "SignResult") -> str:
    """Say by what the signatures can prove when they were made; empty when by nothing."""
    first = result.claims[0]
    stamps, entries = len(first.timestamps), len(first.log_entries)
    parts = (
        counted(stamps, "timestamp") if stamps else "",
        counted(entries, "log entry", "log entries") if entries else "",
    )
    said = " and ".join(part for part in parts if part)
    return f"{said} with each signature by {result.signer}" if said else ""


def _scan_line(report: "ScanReport") -> CheckLine:
    facts = _scan_facts(report)
    scanned, files, found = facts["scanned"], facts["files"], facts["findings"]
    if facts["result"] == "unsupported":
        summary = f"none of {counted(files, 'file')} is of a kind that is scanned"
        return CheckLine(Outcome.INFO, "scan", summary)
    many = f"{counted(found, 'finding')}, none that forbids signing"
    beside = f"{scanned} of {counted(files, 'file')} scanned, "
    return CheckLine(Outcome.PASS, "scan", f"{'' if scanned == files else beside}{many}")


def _scan_facts(report: "ScanReport") -> dict[str, Any]:
    """Return how much was scanned, and the result as the scan claim words it."""
    scanned = sum(file.outcome.value != "unsupported" for file in report.files)
    found = len(report.findings)
    result = "findings" if found else "clean"
    return {
        "scanned": scanned,
        "files": len(report.files),
        "findings": found,
        "result": result if scanned else "unsupported",
    }
