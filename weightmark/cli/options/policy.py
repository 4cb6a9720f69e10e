"""Options of commands that judge by a policy, and the policy that they mean."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.cli.options.trust import load_trust

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = [
    "environment_option",
    "load_rules",
    "mode_option",
    "policy_key_option",
    "policy_option",
]

F = TypeVar("F", bound=Callable[..., object])


class _PresetOrFile(click.types.StringParamType):
    """A preset, or a policy file; only the second is relative to a settings file."""

    name = "preset|file"

    def anchor(self, value: str, directory: Path) -> str:
        """Return `value` as it is meant when a settings file in `directory` says it."""
        from weightmark.attestations.policy.load import is_policy_file

        return str(directory / value) if is_policy_file(value) else value


def policy_option(*, required: bool = True, unless: str = "") -> Callable[[F], F]:
    """Add `--policy`; it arrives as `policy_word`.

    Where it is `required` it has to be said, but where `unless` is: an eager option that needs no
    policy. It is None where it is not said.
    """

    def require(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
        if value is None and not ctx.params.get(unless) and not ctx.resilient_parsing:
            raise click.MissingParameter(ctx=ctx, param=param)
        return value

    return option(
        "--policy",
        "policy_word",
        metavar="PRESET|FILE",
        type=_PresetOrFile(),
        required=required and not unless,
        callback=require if required and unless else None,
        help="`baseline`, `strict`, `airgapped`, `audit`, or a policy file (with `/` or `.toml`)",
    )


def mode_option(meanwhile: str) -> Callable[[F], F]:
    """Add `--mode`; `meanwhile` is what happens beside the warning, as `exits with 0`."""
    return option(
        "--mode",
        type=click.Choice(["enforce", "warn"]),
        help=f"`warn` says what would be denied and {meanwhile} (default: as the policy says)",
    )


def environment_option() -> Callable[[F], F]:
    """Add `--env`."""
    return option("--env", metavar="NAME", help="Environment of the policy file that is meant")


def policy_key_option() -> Callable[[F], F]:
    """Add `--policy-key`."""
    return option(
        "--policy-key",
        metavar="FILE",
        type=click.Path(),
        help="Public key that must have signed the policy file (`policy sign`)",
    )


def load_rules(
    path: str,
    word: str,
    *,
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    env: str | None = None,
    policy_key: str | None = None,
) -> "Policy":
    """Return the policy that a call means for the artifact at `path`.

    Raises `PolicyError` and `CallError`, and what verifying its signature raises when a key is named.
    """
    from weightmark.attestations.policy.choices import Mode
    from weightmark.attestations.policy.load import load_policy
    from weightmark.scanners.findings import Severity

    policy = load_policy(word, artifact=Path(path), environment=env or "")
    if policy_key:
        _require_signed(path, word, policy, policy_key)
    policy.require_alone(said=not choice.is_empty)
    policy = policy.with_trust(load_trust(choice, path))
    policy = policy.with_fail_on(Severity.parse(fail_on) if fail_on else None)
    return policy.with_mode(Mode(mode) if mode else None)


def _require_signed(path: str, word: str, policy: "Policy", key: str) -> None:
    from datetime import UTC, datetime

    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.outside import require_outside
    from weightmark.attestations.policy.signature import verify_policy
    from weightmark.attestations.trust import Trust
    from weightmark.errors import PolicyError

    if policy.is_preset:
        raise PolicyError(
            f"the preset `{word}` is signed by nobody", fix="leave `--policy-key` out"
        )
    require_outside(Path(path), Path(key), "the key of the policy's owner")
    trust = Trust.in_keys([PublicKey.load(key)])
    verify_policy(Path(word), policy, trust, now=datetime.now(UTC))
