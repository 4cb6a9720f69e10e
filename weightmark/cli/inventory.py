"""`weightmark inventory`: which models and datasets there are, and which are asked for by name."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.inventory_document import Asked, inventory_document
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.evidence import fail_on_option
from weightmark.cli.options.ledger import open_ledger
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError, NetworkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from weightmark.attestations.inventory.state import State

__all__ = ["inventory"]


@command("inventory", formats=("text", "json", "jsonl"))
@click.argument("paths", metavar="PATH|hf-cache|hf://OWNER...", nargs=-1, required=True)
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
    help="Examine on the workers of this Dask cluster, as `tcp://host:8786`; they see the same files, and the hub",
)
@option(
    "--no-fetch", is_flag=True, help="Fetch nothing from the hub: list what it says, unexamined"
)
@pass_console
@stoppable
def inventory(
    console: Console,
    paths: tuple[str, ...],
    *,
    ledger: str | None,
    fail_on: str,
    exit_code: bool,
    resume: str | None,
    table: str | None,
    scheduler: str | None,
    no_fetch: bool,
) -> None:
    """List every model and dataset below each PATH, and every reference to one in code and manifests.

    Found are caches of Hugging Face, torch.hub, Keras, Ollama, llama.cpp and MLflow, and plain trees;
    `hf-cache` is the cache of this user, and so are `ollama-cache`, `torch-cache`, `keras-cache` and
    `llama-cpp-cache`. Of `hf://OWNER` every repository is fetched, one after the
    other, and removed again. Nothing is loaded or executed, and no claim is verified: use `weightmark
    verify` or `gate` for that.
    """
    from weightmark.attestations.inventory.csv_form import to_csv
    from weightmark.attestations.inventory.hub import take_hub_inventory
    from weightmark.attestations.inventory.inventory import Inventory, take_inventory
    from weightmark.provenance.atomic import replace_files
    from weightmark.scanners.findings import Severity

    roots = [_root(console, path) for path in dict.fromkeys(paths)]
    with ExitStack() as stack:
        log = stack.enter_context(open_ledger(ledger)) if ledger else None
        state = stack.enter_context(_state(roots, resume)) if resume else None
        executor = _executor(console, stack, scheduler) if scheduler else None
        progress = stack.enter_context(console.progress(None))
        parts = []
        for path, root in zip(dict.fromkeys(paths), roots, strict=True):
            common: dict[str, Any] = {"state": state, "ledger": log, "progress": progress}
            common |= {"jobs": console.jobs, "executor": executor}
            if isinstance(root, Path):
                one = take_inventory(root, **common)
                parts.append((path if len(roots) > 1 else "", one))
            else:
                of_owner = take_hub_inventory(root.owner, fetch=not no_fetch, **common)
                parts.append(("", of_owner))
                if not of_owner.artifacts:
                    console.note(
                        f"the hub lists nothing of `{root.owner}`: there is no such owner, or nothing that your token may see"
                    )
        found = Inventory.joined(parts)
        origin = log.origin if log else ""
    if table:
        replace_files({Path(table).resolve(): to_csv(found).encode("utf-8", "backslashreplace")})
    remembered = sum(one.remembered for one in found.artifacts)
    if remembered:
        console.note(f"{remembered} of {len(found.artifacts)} not read again, by `{resume}`")
    console.finish(
        inventory_document(found, Asked(tuple(paths), Severity.parse(fail_on), exit_code, origin))
    )


def _executor(console: Console, stack: ExitStack, scheduler: str) -> "Executor":
    from weightmark.provenance.executors import open_executor

    if console.offline:
        raise NetworkError(
            f"the scheduler at `{scheduler}` cannot be reached with `--offline`",
            fix="leave one of them out",
        )
    return stack.enter_context(open_executor(scheduler))


@dataclass(frozen=True, slots=True)
class _Owner:
    """Somebody on the hub."""

    owner: str


def _root(console: Console, path: str) -> Path | _Owner:
    from weightmark.attestations.inventory.layouts import CACHES
    from weightmark.provenance.sources.addresses import printable_uri
    from weightmark.provenance.sources.huggingface.owners import owner_of

    owner = owner_of(path)
    if owner and console.offline:
        raise NetworkError(
            f"`{path}` cannot be listed with `--offline`", fix="leave one of them out"
        )
    if owner:
        return _Owner(owner)
    if path in CACHES:
        root = CACHES[path](os.environ)
        if not root.exists():
            raise CallError(
                f"`{root}`, which `{path}` stands for, does not exist",
                why="whoever fills that cache has fetched nothing, or keeps it elsewhere",
                fix="name the folder itself",
            )
        return root
    root = Path(path)
    if not root.exists():
        fix = "write `hf://OWNER`, or pull it first" if "://" in path else "check the path"
        raise CallError(f"`{printable_uri(path)}` does not exist", fix=fix)
    return root


def _state(roots: "Sequence[Path | _Owner]", resume: str) -> "State":
    """Open the state file, which must not come with what it is about."""
    from weightmark.attestations.inventory.state import State
    from weightmark.scanners.scan import rules_digest

    for root in roots:
        if isinstance(root, Path):
            _require_state_outside(root, Path(resume))
    return State.open(Path(resume), rules=rules_digest())


def _require_state_outside(root: Path, state: Path) -> None:
    from weightmark.attestations.outside import require_outside

    try:
        require_outside(root, state, "the state file", where="in what is looked through")
    except CallError as error:
        raise CallError(
            error.what,
            why="what it says is believed, so whoever fills that folder could write the answer",
            fix="name a file outside of it that only you can write",
        ) from error
