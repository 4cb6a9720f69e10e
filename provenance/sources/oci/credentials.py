"""Who one is to a registry: what `docker login`, `oras login` and CI jobs leave in Docker's configuration file.

Read: `auths` in `$DOCKER_CONFIG/config.json`, else in `~/.docker/config.json`, else in
`$REGISTRY_AUTH_FILE` (Podman, Skopeo). Helpers (`credHelpers`, `credsStore`) are programs that the
file names; none is run, and a registry that needs one is named in the error.
"""

import base64
import binascii
import os
import re
from dataclasses import field
from pathlib import Path
from typing import Any, Self

from weightmark.errors import CallError, MalformedError, UnsupportedError, WeightmarkError
from weightmark.provenance.sidecars import read_bounded
from weightmark.provenance.strict_json import parse_object
from weightmark.values import dataclass

__all__ = ["ANONYMOUS", "Credentials", "find_credentials"]

_MAX_FILE = 1024 * 1024
_MAX_SECRET = 64 * 1024
_DOCKER_HUB = frozenset(["docker.io", "index.docker.io", "registry-1.docker.io"])
_DOCKER_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "index.docker.io",
    "docker.io",
    "registry-1.docker.io",
)
_TOKEN_USER = "<token>"  # noqa: S105 - the user name that stands for "the password is a token"


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token that stands for them; all empty for nobody."""

    user: str = ""
    """the user's name"""
    password: str = field(default="", repr=False)
    """the password"""
    identity_token: str = field(default="", repr=False)
    """an OAuth 2 refresh token, to be exchanged at the token service"""
    registry_token: str = field(default="", repr=False)
    """a bearer token for the registry itself"""

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return tuple(
            one for one in (self.password, self.identity_token, self.registry_token) if one
        )

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header, or nothing."""
        if not self.password:
            return ""
        pair = f"{self.user}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    @classmethod
    def from_json(cls, value: object, what: str) -> Self:
        """Read one entry of `auths`; raises `MalformedError` without repeating anything of it."""
        if not isinstance(value, dict):
            raise MalformedError(f"{what} is no object")
        texts = {name: value.get(name) or "" for name in _ENTRY}
        if not all(isinstance(one, str) and len(one) <= _MAX_SECRET for one in texts.values()):
            raise MalformedError(f"{what} has fields of the wrong type")
        user, password = texts["username"], texts["password"]
        if texts["auth"]:
            user, password = _split(texts["auth"], what)
        if any(re.search(r"[\x00-\x1f\x7f]", one) for one in (user, password, *texts.values())):
            raise MalformedError(f"{what} holds control characters")
        token = texts["identitytoken"]
        if user == _TOKEN_USER and not token:
            user, password, token = "", "", password
        return cls(user, password, token, texts["registrytoken"])


_ENTRY = ("auth", "username", "password", "identitytoken", "registrytoken")

ANONYMOUS = Credentials()


def find_credentials(registry: str) -> Credentials:
    """Return what the user's files say for a registry, `ANONYMOUS` when they say nothing.

    Raises `UnsupportedError` when only a helper program knows, `CallError` for a file that is none.
    """
    for path in _places():
        document = _read(path)
        if document is None:
            continue
        found = _entry(document, registry, path)
        if found:
            return found
        helper = _helper(document, registry)
        if helper:
            raise UnsupportedError(
                f"the login for `{registry}` is kept by the program `docker-credential-{helper}`",
                why=f"`{path}` names it, and weightmark runs no program that a file names",
                fix="log in with a token into another file, and name its folder in `DOCKER_CONFIG`",
            )
    return ANONYMOUS


def _places() -> tuple[Path, ...]:
    own = os.environ.get("DOCKER_CONFIG")
    folder = Path(own) if own else Path("~/.docker").expanduser()
    other = os.environ.get("REGISTRY_AUTH_FILE")
    return (folder / "config.json", *([Path(other)] if other else []))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        data = read_bounded(path, limit=_MAX_FILE)
    except WeightmarkError as error:
        if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
            return None
        raise
    try:
        return parse_object(data, what=f"`{path}`", max_size=_MAX_FILE)
    except MalformedError as error:
        raise CallError(
            f"the registry logins in `{path}` can't be read",
            why=error.what,
            fix="mend the file, or log in again",
        ) from error


def _entry(document: dict[str, Any], registry: str, path: Path) -> Credentials | None:
    auths = document.get("auths")
    if not isinstance(auths, dict):
        return None
    for key in _keys(registry):
        if auths.get(key):
            return Credentials.from_json(auths[key], f"the login for `{registry}` in `{path}`")
    return None


def _helper(document: dict[str, Any], registry: str) -> str:
    """Name the program that keeps the login; a store for all registries counts when it lists this one."""
    helpers = document.get("credHelpers")
    if isinstance(helpers, dict) and isinstance(helpers.get(registry), str):
        return _printable(str(helpers[registry]))
    auths, store = document.get("auths"), document.get("credsStore")
    listed = isinstance(auths, dict) and any(key in auths for key in _keys(registry))
    return _printable(store) if isinstance(store, str) and listed else ""


def _printable(name: str) -> str:
    return re.sub(r"[^\w.-]", "?", name[:60])


def _keys(registry: str) -> tuple[str, ...]:
    """Return the names under which a login for the registry may stand: never another host's."""
    if registry in _DOCKER_HUB:
        return _DOCKER_HUB_KEYS
    return (
        registry,
        f"https://{registry}",
        f"https://{registry}/",
        f"https://{registry}/v2/",
        f"https://{registry}/v1/",
    )


def _split(auth: str, what: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        # the decoder's own words could repeat what it was given
        raise MalformedError(f"{what} is not `user:password` in base64") from None
    user, colon, password = text.partition(":")
    if not colon:
        raise MalformedError(f"{what} is not `user:password` in base64")
    return user, password.rstrip("\x00")
