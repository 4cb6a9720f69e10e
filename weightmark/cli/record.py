"""`weightmark record`: run a step, and sign from what its result was made."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.attestations.predicates.steps import STEPS
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import path_as_given
from weightmark.cli.options.common import option
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder
from weightmark.errors import CallError, FileChangedError

if TYPE_CHECKING:
    from weightmark.attestations.making.signing import SignResult
    from weightmark.attestations.recording.step import RecordedStep, StepRequest
    from weightmark.attestations.signers.key import KeySigner

__all__ = ["record"]


@command("record", formats=("text",), own_output=True)
@click.argument("words", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@option("--step", type=click.Choice(STEPS), required=True, help="What kind of step it is")
@option(
    "--input",
    "inputs",
    metavar="NAME=PATH",
    multiple=True,
    help="A model or dataset that goes in, as base=DIR or data=DIR; may be given several times",
)
@option(
    "--output",
    "outputs",
    metavar="PATH",
    type=click.Path(),
    multiple=True,
    required=True,
    help="What comes out; may be given several times",
)
@option(
    "--param",
    "parameters",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter that a verifier shall see; may be given several times",
)
@option(
    "--builder",
    metavar="URI",
    help="Who runs it (default: the CI's workflow, else a local builder)",
)
@signer_options()
@option(
    "--out",
    metavar="DIR",
    type=click.Path(),
    help="Write the claims there instead of beside the results",
)
@option(
    "--in-toto-link",
    metavar="DIR",
    type=click.Path(),
    help="Write a link for layouts of in-toto there as well; signed with the same key",
)
@pass_console
def record(
    console: Console,
    *,
    words: tuple[str, ...],
    step: str,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    parameters: tuple[str, ...],
    builder: str | None,
    signer: SignerRequest,
    out: str | None,
    in_toto_link: str | None,
) -> None:
    """Run a command, and sign what went in and what came out as SLSA provenance v1.

    Inputs are identified before and after; one that changed meanwhile is refused. Nothing is stated
    when the command fails. Exits with the command's own code. stdout belongs to the command.
    """
    from weightmark.attestations.layouts.links import require_link_signer
    from weightmark.attestations.loading.execution import Relay, require_command
    from weightmark.attestations.recording.step import StepRequest, record_step

    require_command(words)
    request = StepRequest(
        step=step,
        inputs={name: Path(path) for name, path in _pairs(inputs, "--input").items()},
        outputs=tuple(Path(one) for one in outputs),
        parameters=_pairs(parameters, "--param"),
        words=words,
        builder=builder or "",
    )
    for folder in (out, in_toto_link):
        if folder:
            require_folder(Path(folder))
    signers = signer.load(command=shlex.join(["record", "--step", step]), offline=console.offline)
    if len(signers) > 1:
        raise CallError(
            "a step is stated by one signer, and `--pq-key` names a second one",
            fix="leave it out, or state it once more with `weightmark attest`",
        )
    link_signer = require_link_signer(signers[0]) if in_toto_link else None
    with Relay() as relay:
        recorded = record_step(
            request,
            signers[0],
            lambda said: relay.run_as_said(said, {}),
            out=Path(out) if out else None,
            jobs=console.jobs,
        )
    if in_toto_link and link_signer and recorded.results:
        _write_link(Path(in_toto_link), request, recorded, link_signer, console)
    for result in recorded.results:
        given = _as_given(result, request.outputs)
        places = ", ".join(
            f"`{path_as_given(path, result.artifact, given)}`" for path in result.written
        )
        console.note(f"recorded `{step}` of {result.manifest.identity} in {places}")
        console.note(
            f"this says how `{given}` was made and signs no release: `weightmark sign {shlex.quote(given)}` does"
        )
    if recorded.results and step == "train" and not inputs:
        console.note(
            "the step names nothing that went in: a policy with `allowed_bases` takes it for training from nothing;"
            " name what it began with by `--input NAME=PATH`"
        )
    if recorded.code:
        console.note(f"the command ended with {recorded.code}, so nothing was stated")
    raise SystemExit(recorded.code)


def _as_given(result: "SignResult", outputs: Sequence[Path]) -> str:
    """Return how the caller called what came out."""
    same = (str(one) for one in outputs if one.resolve() == result.artifact.path.resolve())
    return next(same, str(result.artifact.path))


def _write_link(
    folder: Path,
    request: "StepRequest",
    recorded: "RecordedStep",
    signer: "KeySigner",
    console: Console,
) -> None:
    """Write what the statements say as a link; raises `FileChangedError` when a file says otherwise by now."""
    from weightmark.attestations.layouts.links import artifact_rules, link_name, sign_link
    from weightmark.attestations.recording.masking import masked_words
    from weightmark.provenance.atomic import replace_files
    from weightmark.provenance.identification import identify

    def rules(stated: "Mapping[Path, str]") -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for path, identity in stated.items():
            identified = identify(path, sha256=True, jobs=console.jobs)
            if identified.identity != identity:
                raise FileChangedError(
                    f"`{path}` changed since the step was stated",
                    why="a link that says otherwise than the statement helps nobody",
                    fix="run the step again where nothing else writes",
                )
            found |= artifact_rules(path, identified)
        return found

    made = (one.manifest.identity for one in recorded.results)
    products = rules(dict(zip(request.outputs, made, strict=True)))
    materials = rules({request.inputs[one.name]: one.identity for one in recorded.inputs})
    link = sign_link(request.step, materials, products, masked_words(request.words), signer)
    path = folder / link_name(request.step, signer.public)
    replace_files({path: link})
    console.note(f"wrote the link `{path}`")


def _pairs(said: Sequence[str], flag: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise CallError(f"`{flag} {one}` is not NAME=VALUE", fix=f"write `{flag} base=./base`")
        if name in pairs:
            raise CallError(f"`{flag} {name}` is said twice", fix="give each a name of its own")
        pairs[name] = value
    return pairs
