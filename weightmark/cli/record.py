"""`weightmark record`: run a step, and sign from what its result was made."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from weightmark.attestations.predicates.steps import STEPS
from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option
from weightmark.cli.options.signers import SignerRequest, signer_options
from weightmark.cli.places import require_folder
from weightmark.errors import CallError

__all__ = ["record"]


@command("record", own_output=True)
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
) -> None:
    """Run a command, and sign what went in and what came out as SLSA provenance v1.

    Inputs are identified before and after; one that changed meanwhile is refused. Nothing is stated
    when the command fails. Exits with the command's own code. stdout belongs to the command.
    """
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
    if out:
        require_folder(Path(out))
    signers = signer.load(command=shlex.join(["record", "--step", step]), offline=console.offline)
    if len(signers) > 1:
        raise CallError(
            "a step is stated by one signer, and `--pq-key` names a second one",
            fix="leave it out, or state it once more with `weightmark attest`",
        )
    with Relay() as relay:
        code, results = record_step(
            request,
            signers[0],
            lambda said: relay.run_as_said(said, {}),
            out=Path(out) if out else None,
            jobs=console.jobs,
        )
    for result in results:
        places = ", ".join(f"`{path}`" for path in result.written)
        console.note(f"recorded `{step}` of {result.manifest.identity} in {places}")
    if code:
        console.note(f"the command ended with {code}, so nothing was stated")
    raise SystemExit(code)


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
