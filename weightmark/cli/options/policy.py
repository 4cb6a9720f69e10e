"""Options of commands that judge by a policy, and the policy that they mean."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.cli.options.trust import load_trust
from weightmark.patterns import lazy_pattern
from weightmark.values import dataclass

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
_SHA256 = lazy_pattern(r"(?:sha256:)?([0-9a-f]{64})\Z")
_PINS = ("policy_key", "policy_digest", "policy_min_revision")


@dataclass(frozen=True, slots=True)
class PolicyPin:
    """How a call makes sure that the policy is the one that is meant."""

    key: str | None = None
    """public key that must have signed it"""
    digest: str | None = None
    """SHA-256 of its text"""
    min_revision: int | None = None
    """the least revision that counts; None for the newest that was seen here"""

    def require(self, path: str, word: str, policy: "Policy") -> None:
        """Refuse a policy that is not the one that is meant, for judging the artifact at `path`.

        Raises `PolicyError` where the pin makes no sense, `TamperedError` for another policy or an older one, and what
        verifying its signature raises.
        """
        if self.digest:
            _require_digest(self.digest, policy, signed=self.key is not None)
        if self.key:
            _require_signed(path, word, policy, self.key, self.min_revision)
        elif self.min_revision is not None:
            from weightmark.errors import PolicyError

            raise PolicyError(
                "`--policy-min-revision` is about a signed policy",
                why="whoever edits a text that nobody signed edits its revision as well",
                fix="name its owner with `--policy-key FILE`, or pin the text with `--policy-digest`",
            )


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
    """Add `--policy-key`, `--policy-digest` and `--policy-min-revision`; they arrive together as `pin: PolicyPin`."""

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
            "--policy-min-revision",
            metavar="N",
            type=click.IntRange(1),
            help="The signed policy has to be of this revision or a later one, whatever was seen here",
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


def _require_digest(said: str, policy: "Policy", *, signed: bool) -> None:
    from weightmark.errors import PolicyError, TamperedError

    found = _SHA256.match(said)
    if found is None:
        raise PolicyError(
            "`--policy-digest` names no SHA-256",
            fix="write `sha256:` and 64 lowercase hexadecimal digits, as `policy check` prints it",
        )
    if found[1] != policy.sha256:
        raise TamperedError(
            f"the policy `{policy.source}` is not the one that was pinned",
            why=f"pinned is sha256:{found[1]}, and this is sha256:{policy.sha256}",
            fix="get the pinned policy, or pin this one once you have read it",
        )
    if policy.files and not signed:
        raise PolicyError(
            f"the policy names `{min(policy.files)[:200]}`, which its digest says nothing of",
            why="whoever replaces that file says whom the pinned text trusts",
            fix="write keys into the policy itself as PEM, or have it signed: `--policy-key` covers what it names",
        )


def _require_signed(
    path: str, word: str, policy: "Policy", key: str, min_revision: int | None
) -> None:
    from datetime import UTC, datetime

    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.outside import require_outside
    from weightmark.attestations.policy.revisions import RevisionMemory
    from weightmark.attestations.policy.signature import verify_policy
    from weightmark.attestations.trust import Trust
    from weightmark.errors import PolicyError, TamperedError

    if policy.is_preset:
        raise PolicyError(
            f"the preset `{word}` is signed by nobody", fix="leave `--policy-key` out"
        )
    require_outside(Path(path), Path(key), "the key of the policy's owner")
    trust = Trust.in_keys([PublicKey.load(key)])
    verified = verify_policy(Path(word), policy, trust, now=datetime.now(UTC))
    if min_revision is None:
        RevisionMemory.of_user().admit(verified, policy)
    elif policy.revision < min_revision:
        raise TamperedError(
            f"the policy `{word}` is revision {policy.revision}, and {min_revision} is the least that counts",
            why="its owner signed it, and a later one in its place",
            fix="get the present policy and its signature from their owner",
        )
