"""Options of every command that believes signatures: whom to trust, in the same words everywhere."""

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import FILE_OR_URI, option

if TYPE_CHECKING:
    from weightmark.attestations.trust import Trust
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = [
    "TRUST_FLAGS",
    "load_trust",
    "require_outside",
    "trust_choice_options",
    "trust_directory",
]

F = TypeVar("F", bound=Callable[..., Any])


class _NameOrFile(click.types.StringParamType):
    """A name in the user's configuration, or a trust file; only the second is relative to a settings file."""

    name = "name|file"

    def anchor(self, value: str, directory: Path) -> str:
        """Return `value` as it is meant when a settings file in `directory` says it."""
        from weightmark.attestations.trust.trust_file import is_trust_file

        return str(directory / value) if is_trust_file(value) else value


def _several(*names: str, **attrs: Any) -> Callable[[Any], Any]:
    return option(*names, multiple=True, **attrs)


_OPTIONS = (
    _several(
        "--key",
        metavar="FILE|URI",
        type=FILE_OR_URI,
        aliases=("--public-key", "--public_key"),
        help="Public key of the signer that you trust; may be given several times, any one suffices",
    ),
    _several(
        "--rotation",
        metavar="FILE",
        type=click.Path(),
        help="Follow `weightmark key rotate` from a key that you trust to the next",
    ),
    _several(
        "--identity",
        metavar="NAME",
        aliases=("--certificate-identity", "--cert-identity"),
        help="Mail address or workflow that signed keyless, exactly; needs `--issuer`",
    ),
    _several(
        "--identity-glob",
        metavar="PATTERN",
        help="The same with `*` (all but `/`), `**` (all) and `?`",
    ),
    _several(
        "--identity-regex",
        metavar="REGEX",
        aliases=("--certificate-identity-regexp", "--cert-identity-regex"),
        help="The same as a regular expression over the whole name",
    ),
    option(
        "--issuer",
        metavar="URL",
        once=True,
        aliases=(
            "--certificate-oidc-issuer",
            "--cert-oidc-issuer",
            "--identity-provider",
            "--identity_provider",
        ),
        help="Where that identity logged in, exactly",
    ),
    option(
        "--repo",
        metavar="OWNER/NAME",
        aliases=("-R",),
        help="Trust workflows of this GitHub repository",
    ),
    option("--owner", metavar="OWNER", help="Trust workflows of this owner's GitHub repositories"),
    option(
        "--signer-workflow",
        metavar="OWNER/NAME/PATH",
        help="With `--repo` or `--owner`: only this workflow may sign, `@REF` for one ref",
    ),
    _several(
        "--cert-chain",
        metavar="FILE",
        type=click.Path(),
        aliases=("--certificate-chain", "--certificate_chain", "--ca-roots"),
        help="Authorities (PEM, root or intermediate) under which the signer's certificate stands",
    ),
    option("--cert-subject", metavar="NAME", help="Subject of that certificate (RFC 4514 or CN)"),
    option("--cert-san", metavar="NAME", help="Alternative name of that certificate"),
    option(
        "--cert-fingerprint",
        metavar="SHA256",
        help="Fingerprint of that certificate, or its signer as answers name it: `certificate:<hex>`",
    ),
    option("--cert-any", is_flag=True, help="Any certificate under these authorities"),
    _several(
        "--trust",
        metavar="NAME|FILE",
        type=_NameOrFile(),
        help="Trust file: a name in your configuration, or a file (with `/` or `.toml`)",
    ),
    option(
        "--trusted-root",
        metavar="FILE",
        type=click.Path(),
        aliases=("--custom-trusted-root",),
        help="Trusted root of another Sigstore instance than the public one",
    ),
    option(
        "--trust-config",
        metavar="FILE",
        type=click.Path(),
        aliases=("--trust_config",),
        help="The same as a client trust configuration of `sigstore` or `model_signing`",
    ),
    option(
        "--staging",
        is_flag=True,
        aliases=("--use-staging", "--use_staging"),
        help="Sigstore's staging instance",
    ),
    _several(
        "--tsa-chain",
        metavar="FILE",
        type=click.Path(),
        aliases=("--timestamp-certificate-chain",),
        help="Chain of a timestamp authority (PEM) whose clock proves when keys and certificates signed",
    ),
)
_FIELDS = {
    "key": "keys",
    "rotation": "rotations",
    "identity": "identities",
    "identity_glob": "identity_globs",
    "identity_regex": "identity_regexes",
    "issuer": "issuer",
    "repo": "repository",
    "owner": "owner",
    "signer_workflow": "signer_workflow",
    "cert_chain": "cert_chains",
    "cert_subject": "cert_subject",
    "cert_san": "cert_san",
    "cert_fingerprint": "cert_fingerprint",
    "cert_any": "cert_any",
    "trust": "trust",
    "trusted_root": "trusted_root",
    "trust_config": "trust_config",
    "staging": "staging",
    "tsa_chain": "tsa_chains",
}
_SECTION = "Whom to trust"
TRUST_FLAGS = tuple(name.replace("_", "-") for name in _FIELDS)
"""the flags without dashes, as settings files spell them"""


def trust_choice_options(*, without: Collection[str] = ()) -> Callable[[F], F]:
    """Add every option that says whom to trust; they arrive together as `choice: TrustChoice`.

    It stands below the other options of the command, because it takes what it adds out of the call.
    `without` names flags, as in `TRUST_FLAGS`, that mean nothing to the command.
    """
    left_out = {flag.replace("-", "_") for flag in without}
    names = [name for name in _FIELDS if name not in left_out]

    def decorate(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            said = {name: given.pop(name) for name in names}
            return function(*args, choice=_choice(said), **given)

        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.name != "choice"]
        added = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        ordered = sorted([*kept, *added], key=lambda one: one.kind)
        call.__signature__ = own.replace(parameters=ordered)  # type: ignore[attr-defined] # functions take it
        decorated: Any = call
        for name, add in reversed(list(zip(_FIELDS, _OPTIONS, strict=True))):
            if name not in left_out:
                decorated = add(decorated)
                decorated.__click_params__[-1].section = _SECTION
        return decorated  # type: ignore[no-any-return] # a function with more options

    return decorate


def load_trust(choice: "TrustChoice", artifact: str) -> "Trust | None":
    """Return the trust that the options mean, or None when they name nobody.

    Raises `CallError` when a file that configures the judge lies in the `artifact` being judged.
    """
    require_outside(choice, artifact)
    return choice.load(trust_directory(), artifact=Path(artifact))


def require_outside(choice: "TrustChoice", artifact: str) -> None:
    """Refuse files of the choice that lie in the artifact being judged; raises `CallError`."""
    from weightmark.attestations.outside import require_outside as refuse_inside

    for what, place in choice.files:
        if "://" not in str(place):
            refuse_inside(Path(artifact), Path(place), what)


def trust_directory() -> Path:
    """Return the folder with the user's trust files."""
    from weightmark.cli.places import config_directory

    return config_directory() / "trust"


def _choice(said: Mapping[str, Any]) -> "TrustChoice":
    from weightmark.attestations.trust.selection import TrustChoice

    given = {_FIELDS[name]: value for name, value in said.items() if value}
    return TrustChoice(**given)
