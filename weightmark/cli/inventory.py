"""`weightmark inventory`: which models and datasets there are, and which are asked for by name."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.inventory_document import Asked, inventory_document
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.evidence import fail_on_option
from weightmark.cli.options.ledger import open_ledger
from weightmark.errors import CallError, NetworkError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from weightmark.attestations.inventory.state import State

__all__ = ["inventory"]

_HUB_CACHE = "hf-cache"


@command("inventory", formats=("text", "json", "jsonl"))
@click.argument("path", metavar="PATH|hf-cache")
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger to ask about each artifact")
@fail_on_option("An artifact is at risk from this severity on")
@option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 for what is at risk, revoked, spoiled or not pinned, with 4 for what could not be checked",
)
@option(
    "--resume",
    metavar="FILE",
    type=click.Path(),
    help="Remember in FILE what was read, and read only what changed since",
)
@option("--csv", "table", metavar="FILE", type=click.Path(), help="Write a line an artifact as CSV")
@option(
    "--scheduler",
    metavar="ADDRESS",
    help="Examine on the workers of this Dask cluster, as `tcp://host:8786`; they see the same files",
)
@pass_console
def inventory(
    console: Console,
    path: str,
    *,
    ledger: str | None,
    fail_on: str,
    exit_code: bool,
    resume: str | None,
    table: str | None,
    scheduler: str | None,
) -> None:
    """List every model and dataset below PATH, and every reference to one in code and manifests.

    Found are caches of Hugging Face, torch.hub, Keras, Ollama, llama.cpp and MLflow, and plain trees;
    `hf-cache` is the cache of this user. Nothing is loaded or executed, and no claim is verified: use
    `weightmark verify` or `gate` for that.
    """
    from weightmark.attestations.inventory.csv_form import to_csv
    from weightmark.attestations.inventory.inventory import hub_cache, take_inventory
    from weightmark.provenance.atomic import replace_files
    from weightmark.scanners.findings import Severity

    root = hub_cache() if path == _HUB_CACHE else Path(path)
    if not root.exists():
        raise CallError(f"`{root}` does not exist", fix="check the path")
    with ExitStack() as stack:
        log = stack.enter_context(open_ledger(ledger)) if ledger else None
        state = stack.enter_context(_state(root, resume)) if resume else None
        executor = _executor(console, stack, scheduler) if scheduler else None
        progress = stack.enter_context(console.progress(None))
        found = take_inventory(
            root, state=state, ledger=log, executor=executor, progress=progress, jobs=console.jobs
        )
        origin = log.origin if log else ""
    if table:
        replace_files({Path(table).resolve(): to_csv(found).encode("utf-8", "backslashreplace")})
    remembered = sum(one.remembered for one in found.artifacts)
    if remembered:
        console.note(f"{remembered} of {len(found.artifacts)} not read again, by `{resume}`")
    console.finish(
        inventory_document(found, Asked(path, Severity.parse(fail_on), exit_code, origin))
    )


def _executor(console: Console, stack: ExitStack, scheduler: str) -> "Executor":
    from weightmark.provenance.executors import open_executor

    if console.offline:
        raise NetworkError(
            f"the scheduler at `{scheduler}` cannot be reached with `--offline`",
            fix="leave one of them out",
        )
    return stack.enter_context(open_executor(scheduler))


def _state(root: Path, resume: str) -> "State":
    """Open the state file, which must not come with what it is about."""
    from weightmark.attestations.inventory.state import State
    from weightmark.attestations.outside import require_outside
    from weightmark.scanners.scan import rules_digest

    require_outside(root, Path(resume), "the state file")
    return State.open(Path(resume), rules=rules_digest())
