"""Options about `model.sig`: in which form it is written, and what of it is left aside."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from weightmark.cli.options.common import option

__all__ = ["ignore_paths_option", "oms_form_options", "oms_reading_options"]

F = TypeVar("F", bound=Callable[..., Any])


def ignore_paths_option(help_text: str) -> Callable[[F], F]:
    """Add `--ignore-paths`."""
    return option(
        "--ignore-paths",
        metavar="PATH",
        multiple=True,
        aliases=("--ignore_paths",),
        help=f"{help_text}, relative to the root; may be given several times",
    )


def oms_form_options() -> Callable[[F], F]:
    """Add `--oms-method`, `--oms-hash`, `--shard-size` and `--ignore-paths` to a command that signs."""
    added: tuple[Callable[[Any], Any], ...] = (
        option(
            "--oms-method",
            type=click.Choice(["files", "shards"]),
            default="files",
            show_default=True,
            help="What `model.sig` lists; the reference verifier knows `files` alone",
        ),
        option(
            "--oms-hash",
            type=click.Choice(["sha256", "blake2b", "blake3"]),
            default="sha256",
            show_default=True,
            help="Hash in `model.sig`; the reference verifier knows `sha256` alone",
        ),
        option(
            "--shard-size",
            metavar="BYTES",
            type=click.IntRange(min=1),
            help="Bytes a shard, with `--oms-method shards` (default: 1000000000)",
        ),
        ignore_paths_option("File or folder that `model.sig` leaves out"),
    )

    def add(function: F) -> F:
        for decorate in reversed(added):
            function = decorate(function)
        return function

    return add


def oms_reading_options() -> Callable[[F], F]:
    """Add `--ignore-paths`, `--ignore-unsigned-files` and `--allow-legacy` to a command that verifies."""
    added: tuple[Callable[[Any], Any], ...] = (
        ignore_paths_option("File or folder to leave out"),
        option(
            "--ignore-unsigned-files",
            is_flag=True,
            aliases=("--ignore_unsigned_files",),
            help="List files that nobody signed instead of failing, but for what a loader could open",
        ),
        option(
            "--allow-legacy",
            is_flag=True,
            help="Accept the weaker model signatures of 2024 (model-signing 0.2)",
        ),
    )

    def add(function: F) -> F:
        for decorate in reversed(added):
            function = decorate(function)
        return function

    return add
