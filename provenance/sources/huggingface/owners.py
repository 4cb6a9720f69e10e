"""What an owner has on the hub: the repositories of an organisation or a user, as its API lists them."""

import re
from collections.abc import Iterator
from urllib.parse import quote

from weightmark.errors import CallError, MalformedError
from weightmark.provenance.sources.addresses import printable_address, printable_uri
from weightmark.provenance.sources.huggingface.address import HubAddress
from weightmark.provenance.sources.huggingface.connection import HubConnection
from weightmark.provenance.sources.huggingface.listing import MAX_ANSWER
from weightmark.provenance.sources.paging import entries_of
from weightmark.provenance.sources.patience import patiently
from weightmark.provenance.strict_json import parse_json

__all__ = ["owner_of", "repositories_of"]

_OWNER = re.compile(r"hf://(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9])?)/?\Z")
_FOLDERS = ("models", "datasets", "spaces")
_MOST = 100_000


def owner_of(uri: str) -> str:
    """Return the owner that `hf://OWNER` names; empty for any other address."""
    found = _OWNER.match(uri)
    return found["owner"] if found and found["owner"] not in _FOLDERS else ""


def repositories_of(owner: str) -> tuple[HubAddress, ...]:
    """Return every model, dataset and space of an owner that the caller may see, at `main`, sorted.

    Raises `NetworkError`, `MalformedError` for an answer that names somebody else's, `LimitError`,
    and `ExtraMissingError` without the hub's client.
    """
    if not owner_of(f"hf://{owner}"):
        raise CallError(f"`{printable_uri(owner)}` is no owner on the hub")
    hub = HubConnection()
    found = [
        HubAddress(folder, name, "main")
        for folder in _FOLDERS
        for name in _names(hub, owner, folder)
    ]
    return tuple(sorted(set(found), key=lambda one: one.uri))


def _names(hub: HubConnection, owner: str, folder: str) -> Iterator[str]:
    url = f"{hub.endpoint}/api/{folder}?author={quote(owner, safe='')}&limit=1000"

    def page(url: str) -> tuple[list[str], str]:
        data, following = patiently(lambda: hub.answer(url))
        return _read(data, owner, folder, printable_address(url)), following

    return entries_of(page, url, most=_MOST, where=printable_address(url))


def _read(data: bytes, owner: str, folder: str, where: str) -> list[str]:
    entries = parse_json(data, what=f"the answer of `{where}`", max_size=MAX_ANSWER)
    if not isinstance(entries, list):
        raise MalformedError(f"the answer of `{where}` is no list")
    names = []
    for entry in entries:
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not _is_of(name, owner, folder):
            raise MalformedError(f"`{where}` lists something that is no repository of `{owner}`")
        names.append(name)
    return names


def _is_of(name: str, owner: str, folder: str) -> bool:
    """Tell whether a name is that of a repository of the owner, whatever the case of the owner's name."""
    try:
        parsed = HubAddress.parse(f"hf://{folder}/{name}")
    except CallError:
        return False
    own = parsed.repository.lower().startswith(f"{owner.lower()}/")
    return own and parsed.repository == name
