"""`weightmark digest`: print the identity of an artifact."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from weightmark.cli.cached import from_cache
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.given import said_on_the_line
from weightmark.cli.options.receipts import fresh_option, kept_receipts, note_remembered
from weightmark.cli.render.interface import CheckLine, Document
from weightmark.errors import CallError, Exit
from weightmark.provenance.identification import Identification
from weightmark.provenance.names import escape_path
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.checks import Check
    from weightmark.provenance.reading.receipts import Receipts
    from weightmark.scanners.tensors.survey import TensorSurvey

__all__ = ["digest"]


@command("digest")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@option(
    "--sha256",
    is_flag=True,
    help="Add SHA-256 of every file, the OMS root and in-toto's dirHash",
)
@option("--files", is_flag=True, help="List every file as the manifest does")
@fresh_option()
@option("--tensors", is_flag=True, help="Add the digests of the weights and of every tensor")
@option(
    "--weights-only",
    is_flag=True,
    help="Print the digests of the weights and of every tensor alone, without an identity",
)
@option(
    "--prove",
    metavar="MEMBER",
    help="Write a proof that `FILE`, or `FILE!RECORD`, is or is not in it; RECORD is the line's text or the sample's key",
)
@option(
    "--key",
    metavar="FILE|URI",
    type=FILE_OR_URI,
    help="Private key that vouches for the proof, for records and for large trees",
)
@option(
    "--passphrase-file",
    metavar="FILE",
    type=click.Path(),
    help="File with the passphrase of the key (else WEIGHTMARK_PASSPHRASE, else a prompt)",
)
@pass_console
def digest(
    console: Console,
    paths: tuple[str, ...],
    *,
    sha256: bool,
    files: bool,
    fresh: bool,
    tensors: bool,
    weights_only: bool,
    prove: str | None,
    key: str | None,
    passphrase_file: str | None,
) -> None:
    """Print the identity of a model or a dataset.

    The identity changes exactly when a name, a size, a byte or the number of files changes. With
    `--offline`, PATH may be `hf://owner/name@REVISION`, out of the hub's cache. A proof by `--prove` is
    checked by `verify --proof`; writing one exits with 0 whether it shows presence or absence.

    Of tensors, `values` are a digest over their sorted types, shapes and bytes, `weights` one over
    their names as well.
    """
    paths = tuple(from_cache(console, path) for path in paths)
    if weights_only:
        _refuse_beside_weights(sha256=sha256, files=files, prove=prove is not None)
        _digest_weights(console, paths)
    flag = said_on_the_line("key", "passphrase_file")
    if prove is None and flag:
        raise CallError(
            f"`{flag}` signs a proof, and none is asked for",
            fix="add `--prove MEMBER`, or leave it out; `weightmark sign` signs an artifact",
        )
    if prove is not None:
        _prove(console, paths, prove, key, passphrase_file)
    with kept_receipts(paths, fresh=fresh or tensors) as receipts:
        found = [
            (path, _read(console, path, receipts, sha256=sha256, tensors=tensors)) for path in paths
        ]
    for path, one in found:
        _warn(console, path, one.identification)
    note_remembered(console, sum(one.identification.remembered for _, one in found))
    console.finish(
        Document(
            schema="weightmark/digest/v1",
            exit=Exit.worst(one.exit for _, one in found),
            checks=tuple(check for path, one in dict(found).items() for check in one.checks(path)),
            facts={}
            if console.format == "text"
            else {"artifacts": [one.facts(path) for path, one in found]},
            lines=tuple(line for path, one in found for line in one.lines(path, files=files)),
        )
    )


def _prove(
    console: Console, paths: tuple[str, ...], member: str, key: str | None, passphrase: str | None
) -> NoReturn:
    from weightmark.cli.membership import write_proof

    if len(paths) != 1:
        raise CallError("`--prove` takes one path", fix="name the artifact that holds the member")
    write_proof(console, paths[0], member, key, passphrase)


def _refuse_beside_weights(**asked: bool) -> None:
    for flag, is_asked in asked.items():
        if is_asked:
            raise CallError(
                f"`--weights-only` and `--{flag}` contradict each other",
                why="digests of files are left out with `--weights-only`",
                fix=f"use `--tensors` beside `--{flag}`",
            )


def _digest_weights(console: Console, paths: tuple[str, ...]) -> NoReturn:
    from weightmark.cli.tensor_documents import weights_document
    from weightmark.scanners.tensors.survey import survey_weights

    with console.progress(None) as progress:
        found = [
            (path, survey_weights(Path(path), progress=progress, jobs=console.jobs))
            for path in paths
        ]
    console.finish(weights_document(found, with_facts=console.format != "text"))


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of one artifact."""

    identification: Identification
    survey: "TensorSurvey | None"
    described: "tuple[Check, ...]" = ()

    @property
    def exit(self) -> Exit:
        codes = []
        if self.survey:
            from weightmark.cli.tensor_documents import survey_exit

            codes.append(survey_exit(self.survey))
        if self.described:
            from weightmark.cli.dataset_documents import description_exit

            codes.append(description_exit(self.described))
        return Exit.worst(codes) if codes else Exit.GOOD

    def checks(self, path: str) -> tuple[CheckLine, ...]:
        checks: tuple[CheckLine, ...] = ()
        if self.survey:
            from weightmark.cli.tensor_documents import survey_checks

            checks = tuple(survey_checks(path, self.survey))
        if not self.described:
            return checks
        from weightmark.cli.dataset_documents import description_lines

        return (*checks, *description_lines(self.described, f" {path}"))

    def facts(self, path: str) -> dict[str, Any]:
        facts = _facts(path, self.identification) | {"weights": None, "unread": None}
        if self.survey is None:
            return facts
        from weightmark.cli.tensor_documents import unread_facts, weight_set_facts

        weights = [weight_set_facts(one) for one in self.survey.sets]
        return facts | {"weights": weights, "unread": unread_facts(self.survey.unread)}

    def lines(self, path: str, *, files: bool) -> list[str]:
        lines = _lines(path, self.identification, files=files)
        if self.survey is None:
            return lines
        from weightmark.cli.tensor_documents import survey_lines

        return [*lines, *survey_lines(self.survey)]


def _read(
    console: Console, path: str, receipts: "Receipts | None", *, sha256: bool, tensors: bool
) -> _Found:
    from weightmark.provenance.identification import identify

    with console.progress(None) as progress:
        if not tensors:
            one = identify(
                Path(path),
                sha256=sha256,
                receipts=receipts,
                progress=progress,
                jobs=console.jobs,
            )
            return _Found(one, None, _described(one) if sha256 else ())
        from weightmark.scanners.tensors.survey import survey_tensors

        survey = survey_tensors(Path(path), sha256=sha256, progress=progress, jobs=console.jobs)
        found = survey.identification
        return _Found(found, survey, _described(found) if sha256 else ())


def _described(identification: Identification) -> "tuple[Check, ...]":
    from weightmark.attestations.dataset_checks import check_description
    from weightmark.provenance.reading.engine import FileDigests

    blake3 = {row.path: row.blake3 for row in identification.manifest.rows}
    sha256 = identification.sha256
    files = (
        FileDigests(entry, entry.size, blake3[entry.path], sha256[entry.path])
        for entry in identification.artifact.entries
    )
    return check_description(identification.artifact, files)


def _warn(console: Console, path: str, identification: Identification) -> None:
    for clash in identification.artifact.clashes:
        names = " and ".join(f"`{escape_path(name)}`" for name in clash.paths)
        console.note(f"{names} {clash.reason}; `sign` refuses this")
    for part in identification.artifact.outside:
        console.note(f"`{path}/{part.path}` is not part of the artifact ({part.files} files)")


def _facts(path: str, identification: Identification) -> dict[str, Any]:
    return {
        "path": path,
        "identity": identification.identity,
        "size": identification.manifest.total_size,
        "remembered": identification.remembered,
        "files": [
            _file_facts(row.path, row.size, row.blake3, identification)
            for row in identification.manifest.rows
        ],
        "outside": [
            {"path": part.path, "files": part.files} for part in identification.artifact.outside
        ],
        "oms_root": _named("sha256", identification.oms_root),
        "dir_hash": _named("dirHash", identification.dir_hash),
    }


def _file_facts(
    path: str, size: int, blake3: str, identification: Identification
) -> dict[str, Any]:
    return {
        "path": path,
        "size": size,
        "blake3": f"blake3:{blake3}",
        "sha256": _named("sha256", identification.sha256.get(path)),
    }


def _named(algorithm: str, digest: str | None) -> str | None:
    return f"{algorithm}:{digest}" if digest else None


def _lines(path: str, identification: Identification, *, files: bool) -> list[str]:
    lines = [f"{identification.identity}  {path}"]
    if identification.sha256:
        roots = (
            ("OMS root", "sha256", identification.oms_root),
            ("dirHash", "dirHash", identification.dir_hash),
        )
        lines += [
            f"  {title:<9} {_named(algorithm, digest)}"
            for title, algorithm, digest in roots
            if digest
        ]
        lines += [
            f"  sha256:{value}  {escape_path(name)}"
            for name, value in identification.sha256.items()
        ]
    if files:
        lines += [f"  {row.line().decode().rstrip()}" for row in identification.manifest.rows]
    return lines
