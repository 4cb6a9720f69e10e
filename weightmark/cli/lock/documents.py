"""What the commands about a lock share: its option, and its entries as JSON."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option

if TYPE_CHECKING:
    from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile

__all__ = ["artifact_facts", "chosen", "lock_option"]

F = TypeVar("F", bound=Callable[..., Any])


def lock_option() -> Callable[[F], F]:
    """Add `--lock`."""
    return option(
        "--lock",
        metavar="FILE",
        type=click.Path(),
        default="weightmark.lock",
        show_default=True,
        help="Lock file",
    )


def chosen(lock: "LockFile", uris: tuple[str, ...]) -> "tuple[LockedArtifact, ...]":
    """Return the entries that are named, all without a name; raises `CallError` for one that is not there."""
    return tuple(lock.find(uri) for uri in uris) if uris else lock.artifacts


def artifact_facts(artifact: "LockedArtifact") -> dict[str, Any]:
    """Return an entry as JSON."""
    return {
        "uri": artifact.uri,
        "pinned": artifact.pinned,
        "kind": artifact.kind.value,
        "identity": artifact.identity,
        "files": len(artifact.files),
        "size": sum(file.size for file in artifact.files),
    }
