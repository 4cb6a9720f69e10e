"""Options of every command that signs keylessly, and the signer that they name."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weightmark.cli.options.common import option
from weightmark.errors import CallError, NetworkError

if TYPE_CHECKING:
    from weightmark.attestations.signers.keyless import KeylessSigner, SigstoreInstance

__all__ = ["KEYLESS_PARAMETERS", "keyless_options", "load_keyless_signer", "names_keyless"]

F = TypeVar("F", bound=Callable[..., Any])
_MAX_TOKEN = 65536
_PROVIDERS = ("github", "gitlab", "buildkite", "circleci", "gcp")
_OPTIONS = (
    option("--keyless", is_flag=True, help="Sign as who you are (Sigstore): CI job or login"),
    option(
        "--identity-token-file",
        metavar="FILE",
        type=click.Path(allow_dash=True),
        help="File with an identity token (OpenID Connect); `-` is the standard input",
    ),
    option(
        "--identity-token",
        metavar="TOKEN",
        help="The token itself; other users of the machine can see it, a file is safer",
        aliases=["--identity_token"],
    ),
    option(
        "--oidc-provider",
        type=click.Choice(_PROVIDERS),
        help="Take the identity of this CI system, whatever else is there",
    ),
    option("--oob", is_flag=True, help="Log in with a code from a browser on any machine"),
    option("--client-id", metavar="ID", help="Name of this client at the identity provider"),
    option(
        "--client-secret-file",
        metavar="FILE",
        type=click.Path(),
        help="File with the client's secret, where the provider wants one",
    ),
    option(
        "--staging",
        is_flag=True,
        help="Try it out at sigstage.dev: worth nothing",
        aliases=["--use_staging"],
    ),
    option(
        "--trust-config",
        metavar="FILE",
        type=click.Path(),
        help="Sign at the Sigstore instance of this ClientTrustConfig (JSON)",
        aliases=["--trust_config"],
    ),
    option(
        "--tuf-url", metavar="URL", help="Sign at the instance that this TUF repository describes"
    ),
    option("--tuf-root", metavar="FILE", type=click.Path(), help="First root of that repository"),
    option(
        "--rekor-version",
        type=click.Choice(["1", "2"]),
        help="Version of the log: 1 for older verifiers [default: what the instance prefers]",
    ),
)
KEYLESS_PARAMETERS = (
    "keyless",
    "identity_token_file",
    "identity_token",
    "oidc_provider",
    "oob",
    "client_id",
    "client_secret_file",
    "staging",
    "trust_config",
    "tuf_url",
    "tuf_root",
    "rekor_version",
)
"""the names under which the options arrive"""
_NAMING = ("keyless", "identity_token_file", "identity_token", "oidc_provider", "oob")
_PLACES = ("staging", "trust_config", "tuf_url")


def keyless_options() -> Callable[[F], F]:
    """Add the options of keyless signing; they arrive under `KEYLESS_PARAMETERS`."""

    def decorate(function: F) -> F:
        for add in reversed(_OPTIONS):
            function = add(function)
        return function

    return decorate


def names_keyless(given: Mapping[str, Any]) -> bool:
    """Tell whether the options name a keyless signer."""
    return any(given.get(name) for name in (*_NAMING, *_PLACES))


def load_keyless_signer(
    given: Mapping[str, Any], *, require_timestamp: bool = False, offline: bool = False
) -> "KeylessSigner":
    """Return the keyless signer that the options (`KEYLESS_PARAMETERS`) name.

    Without any of them it is the identity of the CI job or of whoever logs in. The network is used
    when the signer signs. Raises `CallError` when the options contradict each other and
    `NetworkError` when `offline` forbids it.
    """
    from weightmark.attestations.signers.keyless import KeylessSigner, TokenRequest
    from weightmark.attestations.signers.keyless.tokens import DEFAULT_CLIENT

    _refuse_contradictions(given)
    if offline:
        raise NetworkError(
            "keyless signing needs the network, and `--offline` forbids it",
            fix="sign with a key: `--key release.key`",
        )
    request = TokenRequest(
        token=_token(given),
        provider=given.get("oidc_provider"),
        out_of_band=bool(given.get("oob")),
        client_id=given.get("client_id") or DEFAULT_CLIENT,
        client_secret=_read(given["client_secret_file"], "client secret")
        if given.get("client_secret_file")
        else "",
        interactive=not os.environ.get("CI") and sys.stderr.isatty(),
    )
    instance = _instance(given)
    version = given.get("rekor_version")
    return KeylessSigner(
        instance,
        lambda: request.obtain(instance),
        rekor_version=int(version) if version else None,
        require_timestamp=require_timestamp,
    )


def _refuse_contradictions(given: Mapping[str, Any]) -> None:
    for names in (("identity_token", "identity_token_file", "oidc_provider", "oob"), _PLACES):
        named = [f"`--{name.replace('_', '-')}`" for name in names if given.get(name)]
        if len(named) > 1:
            raise CallError(f"{' and '.join(named)} exclude each other", fix="give one of them")
    if given.get("tuf_root") and not given.get("tuf_url"):
        raise CallError(
            "`--tuf-root` needs `--tuf-url`", why="a root alone does not say where to ask"
        )


def _instance(given: Mapping[str, Any]) -> "SigstoreInstance":
    from weightmark.attestations.signers.keyless import SigstoreInstance

    if given.get("trust_config"):
        return SigstoreInstance.from_trust_config(given["trust_config"])
    if given.get("tuf_url"):
        return SigstoreInstance.from_tuf(given["tuf_url"], given.get("tuf_root"))
    return SigstoreInstance.staging() if given.get("staging") else SigstoreInstance.public_good()


def _token(given: Mapping[str, Any]) -> str | None:
    if given.get("identity_token"):
        return str(given["identity_token"])
    path = given.get("identity_token_file")
    if not path:
        return None
    token = sys.stdin.read(_MAX_TOKEN) if path == "-" else _read(path, "identity token")
    if not token.strip():
        raise CallError(f"`{path}` holds no identity token", why="it is empty")
    return token


def _read(path: str, what: str) -> str:
    from weightmark.provenance.sidecars import read_named

    return read_named(Path(path), what, limit=_MAX_TOKEN).decode("utf-8", "replace").strip()
