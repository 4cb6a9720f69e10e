"""Which source a URI means."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from weightmark.errors import CallError, NetworkError, WeightmarkError
from weightmark.provenance.sources.addresses import printable_uri
from weightmark.provenance.sources.interface import Source

__all__ = [
    "address_key",
    "as_named",
    "asked_with",
    "bare_uri",
    "is_pin_of",
    "is_remote",
    "open_source",
    "pinned_address",
    "scheme_of",
]

_REMOTE = frozenset(["gs", "hf", "http", "https", "mlflow", "oci", "s3"])
_OBJECTS = frozenset(["gs", "s3"])
_WEB = frozenset(["http", "https"])
_MLFLOW = "mlflow:"
_PREFIX = "weightmark+"
"""what clusters write before an address"""
_KNOWN = (
    "`hf://owner/name@revision`, `oci://host/repository:tag`, `s3://bucket/prefix`, `gs://bucket/prefix`, "
    "`https://host/file`, `mlflow:models:/name/version` and local folders"
)


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI; empty for a path."""
    if uri.startswith(_MLFLOW):
        return "mlflow"
    scheme, separator, _ = uri.partition("://")
    return scheme if separator else ""


def is_remote(uri: str) -> bool:
    """Tell whether a word names something that has to be fetched."""
    return bool(scheme_of(uri))


def pinned_address(uri: str, name: str, value: str) -> str:
    """Return the pinned address of what `uri` names at the digest `name`:`value`; empty when it names no such thing.

    What the URI itself says of a revision does not matter: the digest does.
    """
    scheme = scheme_of(uri)
    try:
        if scheme == "hf" and name == "gitCommit":
            from weightmark.provenance.sources.huggingface.address import HubAddress

            return HubAddress.parse(uri).at(value).uri
        if scheme == "oci" and name == "sha256":
            from weightmark.provenance.sources.oci.reference import Reference

            return str(Reference.parse_place(uri).pinned(f"sha256:{value}"))
        if scheme in _WEB and name == "sha256":
            from weightmark.provenance.sources.web.address import WebAddress

            return WebAddress.parse(uri).at_sha256(value)
    except WeightmarkError:
        return ""
    return ""


def is_pin_of(uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
    """Tell whether `pinned` is of the very place that `uri` names, and is what `digest` pins there.

    A store of objects and a folder have no digest: they have to be the same place.
    """
    if digest:
        meant = [pinned_address(uri, name, value) for name, value in digest.items()]
        return meant == [pinned] and not _is_other_commit(uri, pinned)
    scheme = scheme_of(uri)
    if scheme in _OBJECTS:
        return _is_listing_of(uri, pinned)
    if scheme in _WEB:
        return _is_version_of(uri, pinned)
    if scheme == "mlflow":
        return _is_registered_as(uri, pinned)
    return not scheme and pinned == uri


def _is_other_commit(uri: str, pinned: str) -> bool:
    """Tell whether `uri` names a commit or bytes itself, and others."""
    if scheme_of(uri) in _WEB:
        from weightmark.provenance.sources.web.address import WebAddress

        named = WebAddress.parse(uri)
        return bool(named.sha256 or named.version) and named.uri != pinned
    if scheme_of(uri) != "hf":
        return False
    from weightmark.provenance.sources.huggingface.address import HubAddress

    asked = HubAddress.parse(uri)
    return asked.is_pinned and asked.uri != pinned


def _is_listing_of(uri: str, pinned: str) -> bool:
    from weightmark.provenance.sources.object_store.address import ObjectAddress

    try:
        asked, meant = ObjectAddress.parse(uri), ObjectAddress.parse(pinned)
    except WeightmarkError:
        return False
    return bool(meant.listing) and pinned == asked.at(asked.listing or meant.listing)


def _is_version_of(uri: str, pinned: str) -> bool:
    from weightmark.provenance.sources.web.address import WebAddress

    try:
        asked, meant = WebAddress.parse(uri), WebAddress.parse(pinned)
    except WeightmarkError:
        return False
    same = asked.place == meant.place and not meant.sha256 and not asked.sha256
    return same and asked.version in ("", meant.version)


def _is_registered_as(uri: str, pinned: str) -> bool:
    from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress

    try:
        asked, meant = MlflowAddress.parse(uri), MlflowAddress.parse(pinned)
    except WeightmarkError:
        return False
    same = (asked.kind, asked.name, asked.path) == (meant.kind, meant.name, meant.path)
    return same and meant.is_pinned and asked.version in ("", meant.version)


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
    if scheme_of(uri) not in _WEB:
        return uri
    from weightmark.provenance.sources.web.address import WebAddress

    return WebAddress.parse(uri).uri


def address_key(uri: str) -> str:
    """Return what is the same for every spelling of one address; raises `CallError` for what is none."""
    uri = as_named(uri)
    scheme = scheme_of(uri)
    if scheme == "hf":
        from weightmark.provenance.sources.huggingface.address import HubAddress

        return HubAddress.parse(uri).uri
    if scheme in _OBJECTS:
        from weightmark.provenance.sources.object_store.address import ObjectAddress

        found = ObjectAddress.parse(uri)
        return found.at(found.listing) if found.listing else found.uri
    return uri


def asked_with(uri: str, pinned: str) -> str:
    """Return the pinned address, asked for with the query of `uri`, which may be what opens it."""
    uri = bare_uri(uri)
    if scheme_of(uri) not in _WEB:
        return pinned
    query = urlsplit(uri).query
    return urlunsplit(urlsplit(pinned)._replace(query=query))


def open_source(uri: str, *, offline: bool = False) -> Source:
    """Return the source that `uri` names; `weightmark+` before it, as clusters write it, is left out.

    Raises `CallError` for a scheme that is not known and an address that is none, `NetworkError`
    for a remote one when no network may be used, `ExtraMissingError`.
    """
    as_named(uri)
    uri = bare_uri(uri)
    scheme = scheme_of(uri)
    if offline and scheme in _REMOTE:
        raise NetworkError(
            f"`{printable_uri(uri)}` cannot be fetched with `--offline`",
            fix="leave `--offline` out, or name a local folder",
        )
    if scheme == "hf":
        from weightmark.provenance.sources.huggingface.source import HuggingFaceSource

        return HuggingFaceSource(uri)
    if scheme == "oci":
        from weightmark.provenance.sources.oci.source import OciSource

        return OciSource(uri)
    if scheme in _OBJECTS:
        from weightmark.provenance.sources.object_store.source import ObjectStoreSource

        return ObjectStoreSource(uri)
    if scheme in _WEB:
        from weightmark.provenance.sources.web.source import WebSource

        return WebSource(uri)
    if scheme == "mlflow":
        from weightmark.provenance.sources.mlflow_registry.source import MlflowSource

        return MlflowSource(uri)
    if not scheme:
        from weightmark.provenance.sources.local import LocalSource

        return LocalSource(uri)
    raise CallError(f"`{scheme[:40]}://` is no source that is known", fix=f"known are {_KNOWN}")
