"""Which source a URI means."""

import os
from collections.abc import Mapping

from weightmark.errors import CallError, NetworkError, WeightmarkError
from weightmark.provenance.hub_storage import is_hub_offline
from weightmark.provenance.sources.addresses import printable_uri
from weightmark.provenance.sources.interface import Source
from weightmark.provenance.sources.schemes import SCHEMES, Scheme

__all__ = [
    "address_key",
    "as_named",
    "asked_with",
    "bare_uri",
    "is_pin_of",
    "is_remote",
    "known_addresses",
    "open_source",
    "pinned_address",
    "scheme_of",
]

_MLFLOW = "mlflow:"
_PREFIX = "weightmark+"
"""what clusters write before an address"""


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI; empty for a path."""
    if uri.startswith(_MLFLOW):
        return "mlflow"
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else ""


def is_remote(uri: str) -> bool:
    """Tell whether a word names something that has to be fetched."""
    return bool(scheme_of(uri))


def known_addresses() -> str:
    """Return how addresses are written, one of each kind, for help and errors."""
    examples = [f"`{one.example}`" for one in dict.fromkeys(SCHEMES.values()) if one.names != ("",)]
    return f"{', '.join(examples)} and local folders"


def pinned_address(uri: str, name: str, value: str) -> str:
    """Return the pinned address of what `uri` names at the digest `name`:`value`; empty when it names no such thing.

    What the URI itself says of a revision does not matter: the digest does.
    """
    scheme = SCHEMES.get(scheme_of(uri))
    try:
        return scheme.rules.at(uri, name, value) if scheme else ""
    except WeightmarkError:
        return ""


def is_pin_of(uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
    """Tell whether `pinned` is of the very place that `uri` names, and is what `digest` pins there.

    A store of objects and a folder have no digest: they have to be the same place.
    """
    scheme = SCHEMES.get(scheme_of(uri))
    try:
        return scheme is not None and scheme.rules.is_pin(uri, pinned, digest)
    except WeightmarkError:
        return False


def bare_uri(uri: str) -> str:
    """Return an address without the `weightmark+` that clusters write before it."""
    return uri.removeprefix(_PREFIX)


def as_named(uri: str) -> str:
    """Return an address as locks and answers name it: without `weightmark+`, and a web address without its query.

    Raises `CallError` for what is no text that could be written down.
    """
    try:
        uri.encode()
    except UnicodeEncodeError as error:
        raise CallError(
            f"`{printable_uri(uri)}` is not UTF-8", fix="give the file or folder another name"
        ) from error
    uri = bare_uri(uri)
    scheme = SCHEMES.get(scheme_of(uri))
    return scheme.rules.printable(uri) if scheme else uri


def address_key(uri: str) -> str:
    """Return what is the same for every spelling of one address; raises `CallError` for what is none."""
    uri = as_named(uri)
    scheme = SCHEMES.get(scheme_of(uri))
    return scheme.rules.key(uri) if scheme else uri


def asked_with(uri: str, pinned: str) -> str:
    """Return the pinned address, asked for with the query of `uri`, which may be what opens it."""
    uri = bare_uri(uri)
    scheme = SCHEMES.get(scheme_of(uri))
    return scheme.rules.asked_with(uri, pinned) if scheme else pinned


def open_source(uri: str, *, offline: bool = False, current: bool = False) -> Source:
    """Return the source that `uri` names; `weightmark+` before it, as clusters write it, is left out.

    Without network (`offline`, and for the hub `HF_HUB_OFFLINE`) the cache of the hub's own client is
    read; not where the answer has to be `current`, as to what moved. Raises `CallError` for a scheme that
    is not known and an address that is none, `NetworkError` for what has to be asked for when no network
    may be used, `ExtraMissingError`.
    """
    as_named(uri)
    uri = bare_uri(uri)
    scheme = _known(uri)
    if not offline and not ("hf" in scheme.names and is_hub_offline(os.environ)):
        return scheme.rules.open(uri)
    kept = None if current and is_remote(uri) else scheme.rules.open_kept(uri)
    if kept is None:
        switch = "with `--offline`" if offline else "while `HF_HUB_OFFLINE` is set"
        raise NetworkError(
            f"`{printable_uri(uri)}` cannot be fetched {switch}",
            fix="allow the network, or name a local folder",
        )
    return kept


def _known(uri: str) -> Scheme:
    scheme = scheme_of(uri)
    if scheme not in SCHEMES:
        raise CallError(
            f"`{scheme[:40]}://` is no source that is known", fix=f"known are {known_addresses()}"
        )
    return SCHEMES[scheme]
