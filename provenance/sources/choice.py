"""Which source a URI means."""

from collections.abc import Mapping

from weightmark.errors import CallError, NetworkError, WeightmarkError
from weightmark.provenance.sources.addresses import printable_uri
from weightmark.provenance.sources.interface import Source

__all__ = ["is_pin_of", "is_remote", "open_source", "pinned_address", "scheme_of"]

_REMOTE = ("hf", "oci", "s3")


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI; empty for a path."""
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
    if scheme_of(uri) == "s3":
        return _is_listing_of(uri, pinned)
    return not scheme_of(uri) and pinned == uri


def _is_other_commit(uri: str, pinned: str) -> bool:
    """Tell whether `uri` names a commit itself, and another one."""
    if scheme_of(uri) != "hf":
        return False
    from weightmark.provenance.sources.huggingface.address import HubAddress

    asked = HubAddress.parse(uri)
    return asked.is_pinned and asked.uri != pinned


def _is_listing_of(uri: str, pinned: str) -> bool:
    from weightmark.provenance.sources.object_store import ObjectAddress

    try:
        asked, meant = ObjectAddress.parse(uri), ObjectAddress.parse(pinned)
    except WeightmarkError:
        return False
    return bool(meant.listing) and pinned == asked.at(asked.listing or meant.listing)


def open_source(uri: str, *, offline: bool = False) -> Source:
    """Return the source that `uri` names; `weightmark+` before it, as clusters write it, is left out.

    Raises `CallError` for a scheme that is not known and an address that is none, `NetworkError`
    for a remote one when no network may be used, `ExtraMissingError`.
    """
    uri = uri.removeprefix("weightmark+")
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
    if scheme == "s3":
        from weightmark.provenance.sources.object_store import ObjectStoreSource

        return ObjectStoreSource(uri)
    if not scheme:
        from weightmark.provenance.sources.local import LocalSource

        return LocalSource(uri)
    raise CallError(
        f"`{scheme[:40]}://` is no source that is known",
        fix="known are `hf://owner/name@revision`, `oci://host/repository:tag`, `s3://bucket/prefix` and local folders",
    )
