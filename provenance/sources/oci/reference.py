"""References: which manifest in which repository of which registry, written `oci://HOST/REPOSITORY:TAG`.

Grammar: OCI Distribution Specification 1.1, "Pulling manifests". Nothing is filled in: a reference
names a tag or a digest, so that nobody pulls `latest` without having said so.
"""

import ipaddress
import re
from typing import Self

from weightmark.errors import CallError, UnsupportedError
from weightmark.values import dataclass

__all__ = ["SCHEME", "Reference", "is_digest", "is_loopback"]

SCHEME = "oci://"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ANY_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_LAST_PORT = 65535
_MAX_REPOSITORY = 255
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
"""Docker Hub is named by one host and answers on another"""


@dataclass(frozen=True, slots=True)
class Reference:
    """One manifest, by tag or by digest."""

    registry: str
    """host and port, as written"""
    repository: str
    """name inside the registry, as `acme/model`"""
    tag: str = ""
    """a name that may move; empty when there is only a digest"""
    digest: str = ""
    """`sha256:<hex>` of the manifest; empty when there is only a tag"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read `oci://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.

        Raises `CallError`, without repeating what may be a password, and `UnsupportedError` for a
        digest that is no SHA-256.
        """
        found = cls.parse_place(uri)
        if not found.name:
            raise CallError(
                f"`{uri[:300]}` names neither a tag nor a digest",
                why="what it means would change with every push",
                fix=f"write `{found.place}:TAG` or `…@sha256:DIGEST`",
            )
        return found

    @classmethod
    def parse_place(cls, uri: str) -> Self:
        """Read a reference that may name a repository alone; raises as `parse`."""
        if not uri.startswith(SCHEME):
            raise CallError("a reference to a registry begins with `oci://`")
        registry, slash, rest = uri.removeprefix(SCHEME).partition("/")
        if "@" in registry:
            raise CallError(
                "the reference holds a user or a password",
                why="what stands in a URI ends in logs, locks and statements",
                fix="log in with `docker login` or `oras login`; their file is read",
            )
        named, _, digest = rest.partition("@")
        repository, _, tag = named.partition(":")
        _require_host(registry, has_path=bool(slash))
        _require_repository(repository)
        if tag and not _TAG.fullmatch(tag):
            raise CallError(
                f"`{tag[:140]}` is no tag", fix="a tag has letters, digits, `_`, `.`, `-`"
            )
        if digest:
            _require_digest(digest)
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """The digest where there is one, else the tag: what a registry is asked for."""
        return self.digest or self.tag

    @property
    def api(self) -> str:
        """The root of the registry's interface: plain HTTP on this machine only."""
        host = _DOCKER_HUB_API if self.registry == _DOCKER_HUB else self.registry
        scheme = "http" if is_loopback(host_of(self.registry)) else "https"
        return f"{scheme}://{host}/v2/"

    @property
    def path(self) -> str:
        """The repository as the registry knows it; Docker Hub keeps single names under `library/`."""
        if self.registry == _DOCKER_HUB and "/" not in self.repository:
            return f"library/{self.repository}"
        return self.repository

    @property
    def place(self) -> str:
        """The repository with its registry, for people and for `pinned`."""
        return f"{SCHEME}{self.registry}/{self.repository}"

    def pinned(self, digest: str) -> Self:
        """Return the same place by digest, which no push can move."""
        return type(self)(self.registry, self.repository, "", digest)

    def __str__(self) -> str:
        """Return the URI."""
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.place}{tag}{digest}"


def is_digest(text: str) -> bool:
    """Tell whether it is `sha256:` and 64 lowercase hex digits."""
    return _DIGEST.fullmatch(text) is not None


def host_of(registry: str) -> str:
    """Return the host of `HOST[:PORT]`, without the brackets of an IPv6 address."""
    host = registry if registry.endswith("]") else registry.rpartition(":")[0] or registry
    return host.strip("[]")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine: `localhost` or a loopback address, and no name that looks like one."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_host(registry: str, *, has_path: bool) -> None:
    match = _HOST.fullmatch(registry)
    if not match or int(match["port"] or 0) > _LAST_PORT or not has_path:
        raise CallError(
            f"`{registry[:200]}` is no registry",
            fix="write `oci://HOST/REPOSITORY:TAG`, with `:PORT` after the host if need be",
        )


def _require_repository(repository: str) -> None:
    if len(repository) > _MAX_REPOSITORY or not _REPOSITORY.fullmatch(repository):
        raise CallError(
            f"`{repository[:200]}` is no name of a repository",
            fix="it has lowercase letters and digits, parted by `/`, `.`, `_` or `-`",
        )


def _require_digest(digest: str) -> None:
    if _DIGEST.fullmatch(digest):
        return
    algorithm = digest.partition(":")[0]
    if algorithm != "sha256" and _ANY_DIGEST.fullmatch(digest):
        raise UnsupportedError(
            f"digests of the kind `{algorithm[:40]}` are not supported", fix="name it by `sha256:…`"
        )
    raise CallError(
        f"`{digest[:100]}` is no digest", fix="it is `sha256:` and 64 lowercase hex digits"
    )
