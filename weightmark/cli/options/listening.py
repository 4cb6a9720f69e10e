"""`--host`, `--port`, `--tls-cert`, `--tls-key`: where a command serves."""

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import click

from weightmark.cli.options.common import option
from weightmark.errors import CallError, UnsupportedError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from weightmark.cli.console import Console

__all__ = ["Listening", "ListeningValues", "listening_options"]

F = TypeVar("F", bound=Callable[..., Any])
_NAMES = ("host", "port", "tls_cert", "tls_key")


class ListeningValues(TypedDict):
    """The options as the command gets them."""

    host: str
    """address"""
    port: int
    """0 takes a free one"""
    tls_cert: str | None
    """file of the certificate chain"""
    tls_key: str | None
    """file of its private key"""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen."""

    host: str
    """address"""
    port: int
    """0 takes a free one"""
    tls: tuple[Path, Path] | None
    """certificate chain and private key; None for http"""

    @classmethod
    def of(
        cls,
        console: "Console",
        what: str,
        **given: Unpack[ListeningValues],
    ) -> "Listening":
        """Read the options; raises `CallError` for half a pair, `UnsupportedError` when offline. `what` is served."""
        if console.offline:
            raise UnsupportedError(f"{what} cannot be served with `--offline`")
        certificate, key = given["tls_cert"], given["tls_key"]
        if bool(certificate) != bool(key):
            raise CallError("`--tls-cert` and `--tls-key` go together")
        tls = (Path(certificate), Path(key)) if certificate and key else None
        return cls(given["host"], given["port"], tls)

    def serve(self, console: "Console", app: "Starlette") -> None:
        """Serve until stopped; says where on stderr."""
        from weightmark.provenance.serving.listening import serve

        serve(
            app,
            self.host,
            self.port,
            tls=self.tls,
            ready=lambda url: console.note(f"listening on {url}"),
        )


def listening_options(port: int) -> Callable[[F], F]:
    """Add the options, which arrive as `**listening: Unpack[ListeningValues]`; `port` is the usual one."""
    options = (
        option("--host", default="127.0.0.1", show_default=True, help="Address to listen on"),
        option(
            "--port",
            type=click.IntRange(min=0, max=65535),
            default=port,
            show_default=True,
            help="Port to listen on; 0 takes a free one",
        ),
        option(
            "--tls-cert", metavar="FILE", type=click.Path(), help="Certificate chain, for https"
        ),
        option(
            "--tls-key", metavar="FILE", type=click.Path(), help="Private key of the certificate"
        ),
    )

    def add(function: F) -> F:
        @wraps(function)
        def call(*args: Any, **given: Any) -> Any:
            return function(*args, **given)

        own = inspect.signature(function)
        kept = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        named = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in _NAMES]
        call.__signature__ = own.replace(parameters=[*kept, *named])  # type: ignore[attr-defined] # functions take it
        decorated: Any = call
        for one in reversed(options):
            decorated = one(decorated)
        return decorated  # type: ignore[no-any-return] # a function with more options

    return add
