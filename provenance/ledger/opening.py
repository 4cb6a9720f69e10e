"""From the words of `--ledger` to the place that they name."""

from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from weightmark.errors import CallError, UnsupportedError
from weightmark.provenance.ledger.home.folder import FolderHome
from weightmark.provenance.ledger.home.interface import Home
from weightmark.provenance.ledger.view.interface import CHECKPOINT, ViewFiles

__all__ = ["home_of", "view_of"]

_DATABASES = ("postgresql://", "postgres://")
_SERVERS = ("https://", "http://")


def home_of(place: Path | str, *, vkey: str = "", log_key: Path | None = None) -> Home:
    """Return where a ledger lives: a folder, a database URL, or a published view (folder or URL).

    An http(s) URL is of a service or of a view; behind `#` it may hold the key that the log must have.
    `vkey` is the key that a view must have; `log_key` is the file of the private key, for a writer
    whose ledger does not hold it. Raises `UnsupportedError` for another kind of URL.
    """
    text = str(place)
    if isinstance(place, str):
        _require_address(text)
    if isinstance(place, str) and text.startswith(_DATABASES):
        from weightmark.provenance.ledger.home.postgres import PostgresHome

        return PostgresHome(text, log_key=log_key)
    if isinstance(place, str) and text.startswith(_SERVERS):
        return _served(text, vkey)
    if isinstance(place, str) and "://" in text:
        from weightmark.provenance.ledger.home.view import ViewHome

        return ViewHome(view_of(text), vkey)
    folder = Path(place).absolute()
    if not (folder / "log.vkey").exists() and (folder / CHECKPOINT).exists():
        from weightmark.provenance.ledger.home.view import ViewHome

        return ViewHome(view_of(folder), vkey)
    return FolderHome(folder, log_key=log_key)


def _served(text: str, vkey: str) -> Home:
    """Return what stands at an http(s) URL: a service, or the files of a published view."""
    from weightmark.provenance.ledger.home.service import ServiceHome
    from weightmark.provenance.ledger.home.view import ViewHome
    from weightmark.provenance.ledger.service.client import ServiceClient

    url, _, named = text.partition("#")
    if named and vkey and named != vkey:
        raise CallError(
            "the key behind `#` of the ledger's address is another than the one named with `--log-key`",
            fix="name the key once",
        )
    client = ServiceClient(url)
    if url.startswith("http://") and not _is_loopback(url):
        raise CallError(
            f"`{client.name}` is not encrypted",
            why="what is sent there, and who asks for what, could be read on the way",
            fix="use `https://…`; `http://` is for this machine only",
        )
    about = client.about()
    if about is None:
        client.close()
        return ViewHome(view_of(url), vkey or named)
    return ServiceHome(view_of(url), vkey or named, client, about)


def _require_address(text: str) -> None:
    """Raise `CallError` for a URL whose parts cannot be told apart; it is not repeated, as it may hold a password."""
    try:
        if text.startswith(_SERVERS):
            _ = urlsplit(text.partition("#")[0]).port  # reading it checks it
        elif "://" in text:
            urlsplit(text)
    except ValueError as error:
        raise CallError(
            "the address of the ledger is no URL",
            why=str(error),
            fix="write it as `https://HOST:PORT/PATH#VKEY` or `postgresql://HOST/DATABASE`",
        ) from error


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def view_of(place: Path | str) -> ViewFiles:
    """Return the files of a view; raises `UnsupportedError` for a URL that is not http or https."""
    if isinstance(place, str):
        _require_address(place)
    if isinstance(place, str) and place.startswith(_SERVERS):
        from weightmark.provenance.ledger.view.web import WebView

        return WebView(place)
    if isinstance(place, str) and "://" in place:
        raise UnsupportedError(
            f"`{place.partition('://')[0][:40]}://` names no place that weightmark knows",
            fix="name a folder, `postgresql://…` or `https://…`",
        )
    from weightmark.provenance.ledger.view.folder import FolderView

    return FolderView(Path(place).absolute())
