"""Options of commands that judge by a policy, and the policy that they mean."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.attestations.policy.pin import PolicyPin
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import load_trust

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = [
    "ANY_POLICY",
    "PolicyPin",
    "environment_option",
    "load_rules",
    "mode_option",
    "policy_option",
    "policy_pin_options",
]

F = TypeVar("F", bound=Callable[..., object])
_PINS = ("policy_key", "policy_digest", "policy_name", "policy_min_revision")


ANY_POLICY = PolicyPin()
"""nothing is said beside the path"""


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


def policy_pin_options() -> Callable[[F], F]:
    """Add `--policy-key`, `--policy-digest`, `--policy-name` and `--policy-min-revision`; they arrive as `pin: PolicyPin`."""

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            return function(*args, pin=PolicyPin(*(given.pop(name) for name in _PINS)), **given)

        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.name != "pin"]
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in _PINS]
        ordered = sorted([*kept, *added], key=lambda one: one.kind)
        call.__signature__ = own.replace(parameters=ordered)  # type: ignore[attr-defined] # functions take it
        decorated: Any = call
        for add in reversed(_pin_options()):
            decorated = add(decorated)
        return decorated  # type: ignore[no-any-return] # a function with more options

    return decorate


def _pin_options() -> list[Callable[[F], F]]:
    return [
        option(
            "--policy-key",
            metavar="FILE",
            type=click.Path(),
            help="Public key that must have signed the policy file (`policy sign`); an older revision than was seen is refused",
        ),
        option(
            "--policy-digest",
            metavar="SHA256",
            help="The policy has to be the text of this digest, `sha256:…`",
        ),
        option(
            "--policy-name",
            metavar="NAME",
            help="The signed policy has to be the one that its owner calls so, whatever was seen here",
        ),
        option(
            "--policy-min-revision",
            metavar="N",
            type=click.IntRange(1),
            help="The policy of `--policy-name` has to be of this revision or a later one, whatever was seen here",
        ),
    ]


def load_rules(
    path: str,
    word: str,
    *,
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    env: str | None = None,
    pin: PolicyPin = ANY_POLICY,
) -> "Policy":
    """Return the policy that a call means for the artifact at `path`.

    Raises `PolicyError` and `CallError`, and what `PolicyPin.require` raises.
    """
    from weightmark.attestations.policy.choices import Mode
    from weightmark.attestations.policy.load import load_policy
    from weightmark.scanners.findings import Severity

    policy = load_policy(word, artifact=Path(path), environment=env or "")
    pin.require(path, word, policy)
    policy.require_alone(said=not choice.is_empty)
    policy = policy.with_trust(load_trust(choice, path))
    policy = policy.with_fail_on(Severity.parse(fail_on) if fail_on else None)
    return policy.with_mode(Mode(mode) if mode else None)
