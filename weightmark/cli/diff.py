"""`weightmark diff`: what changed between two models, or proof that the weights did not."""

from pathlib import Path

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import option

__all__ = ["diff"]


@command("diff", formats=("text", "json", "markdown"))
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@option("--exit-code", is_flag=True, help="Exit with 1 when anything differs")
@option(
    "--weights-only",
    is_flag=True,
    help="Compare tensors alone, and exit with 1 unless their values are the same",
)
@pass_console
def diff(console: Console, before: str, after: str, *, exit_code: bool, weights_only: bool) -> None:
    """Show what changed between two models or datasets.

    Files, tensors, configuration keys, tokenizer and claims are compared; claims are not verified.
    Markdown reads as release notes. With `--weights-only` the formats may differ: it shows that a conversion kept every value, or
    names the tensors that it did not keep.
    """
    from weightmark.cli.diff_document import document
    from weightmark.cli.diff_reading import compare

    with console.progress(None) as progress:
        comparison = compare(
            Path(before),
            Path(after),
            weights_only=weights_only,
            progress=progress,
            jobs=console.jobs,
        )
    answer = document(before, after, comparison, exit_code=exit_code)
    if console.format == "markdown":
        from weightmark.cli.diff_notes import release_notes

        answer = console.told(answer)
        console.write(release_notes(before, after, answer))
        raise SystemExit(int(answer.exit))
    console.finish(answer)
