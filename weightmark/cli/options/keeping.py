"""Options of commands that keep decisions: the ledger, who signs, and who enters."""

from collections.abc import Callable
from typing import Any, TypeVar

from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.witnesses import witness_policy_option
from weightmark.cli.private_keys import passphrase_option

__all__ = ["keeping_options"]

F = TypeVar("F", bound=Callable[..., Any])


def keeping_options() -> Callable[[F], F]:
    """Add `--ledger`, `--witness-policy`, `--record`, `--submit-key`, `--signing-key` and `--passphrase-file`."""
    options = (
        option("--ledger", metavar="PATH", type=FILE_OR_URI, help="Ledger to consult"),
        witness_policy_option(),
        option("--record", is_flag=True, help="Enter each signed decision into the ledger"),
        option(
            "--submit-key",
            metavar="FILE",
            type=FILE_OR_URI,
            help="Key that submits the entry of `--record`, if it is not the signing key",
        ),
        option(
            "--signing-key",
            metavar="FILE",
            type=FILE_OR_URI,
            aliases=("--sign-key",),
            help="Private key that signs each decision",
        ),
        passphrase_option(),
    )

    def add(function: F) -> F:
        for one in reversed(options):
            function = one(function)
        return function

    return add
