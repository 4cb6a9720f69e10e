"""The table of address schemes: how each is written, opened, compared and pinned. A new source is one entry here.

Nothing of a source is imported before an address of its kind is named.
"""

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit, urlunsplit

from weightmark.provenance.sources.interface import Source
from weightmark.values import dataclass

__all__ = ["SCHEMES", "Scheme", "SchemeRules"]


class SchemeRules(Protocol):
    """What differs from one kind of address to another; addresses come without `weightmark+`."""

    def open(self, uri: str) -> Source:
        """Return the source; raises `CallError`, `ExtraMissingError`."""
        ...

    def open_kept(self, uri: str) -> Source | None:
        """Return the source that needs no network, where there is one; raises as `open`."""
        ...

    def printable(self, uri: str) -> str:
        """Return the address as it may be written down; raises `CallError` for what is none."""
        ...

    def key(self, uri: str) -> str:
        """Return what is the same for every spelling of the address; raises `CallError`."""
        ...

    def at(self, uri: str, name: str, value: str) -> str:
        """Return the address pinned to a digest, or nothing where that pins no such address; raises `CallError`."""
        ...

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        """Tell whether `pinned` is of the place that `uri` names, and is what `digest` pins there; raises `CallError`."""
        ...

    def asked_with(self, uri: str, pinned: str) -> str:
        """Return the pinned address with whatever of `uri` opens it and is written nowhere."""
        ...


@dataclass(frozen=True, slots=True)
class Scheme:
    """One kind of address."""

    names: tuple[str, ...]
    """what stands before `://`; of `mlflow` before `:`"""
    example: str
    """how such an address is written, for help and errors"""
    pinned_by: str
    """what pins it for ever, in words; empty where nothing does"""
    needs: str
    """the extra that has to be installed; empty for none"""
    rules: SchemeRules
    """what differs"""


class _Plain:
    """What holds wherever a scheme says nothing else."""

    def open_kept(self, uri: str) -> Source | None:  # noqa: ARG002 - the seam's signature
        return None

    def printable(self, uri: str) -> str:
        return uri

    def key(self, uri: str) -> str:
        return self.printable(uri)

    def at(self, uri: str, name: str, value: str) -> str:  # noqa: ARG002 - the seam's signature
        return ""

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        """Where a digest pins the address, the pinned one has to be the very address at it."""
        meant = [self.at(uri, name, value) for name, value in digest.items()]
        return bool(digest) and meant == [pinned]

    def asked_with(self, uri: str, pinned: str) -> str:  # noqa: ARG002 - the seam's signature
        return pinned


class _Folder(_Plain):
    """A folder on this machine: it has no pin, so it has to be the same one."""

    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.local import LocalSource

        return LocalSource(uri)

    def open_kept(self, uri: str) -> Source | None:
        return self.open(uri)

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        return not digest and pinned == uri


class _Hub(_Plain):
    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.huggingface.source import HuggingFaceSource

        return HuggingFaceSource(uri)

    def open_kept(self, uri: str) -> Source | None:
        from weightmark.provenance.sources.huggingface.cache import HubCacheSource

        return HubCacheSource(uri)

    def key(self, uri: str) -> str:
        from weightmark.provenance.sources.huggingface.address import HubAddress

        return HubAddress.parse(uri).uri

    def at(self, uri: str, name: str, value: str) -> str:
        from weightmark.provenance.sources.huggingface.address import HubAddress

        return HubAddress.parse(uri).at(value).uri if name == "gitCommit" else ""

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        from weightmark.provenance.sources.huggingface.address import HubAddress

        if not super().is_pin(uri, pinned, digest):
            return False
        asked = HubAddress.parse(uri)
        return not asked.is_pinned or asked.uri == pinned


class _Registry(_Plain):
    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.oci.source import OciSource

        return OciSource(uri)

    def at(self, uri: str, name: str, value: str) -> str:
        from weightmark.provenance.sources.oci.reference import Reference

        if name != "sha256":
            return ""
        return str(Reference.parse_place(uri).pinned(f"sha256:{value}"))


class _Objects(_Plain):
    """A store of objects: the digest over its list pins it, and no digest of in-toto's does."""

    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.object_store.source import ObjectStoreSource

        return ObjectStoreSource(uri)

    def key(self, uri: str) -> str:
        from weightmark.provenance.sources.object_store.address import ObjectAddress

        found = ObjectAddress.parse(uri)
        return found.at(found.listing) if found.listing else found.uri

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        from weightmark.provenance.sources.object_store.address import ObjectAddress

        if digest:
            return False
        asked, meant = ObjectAddress.parse(uri), ObjectAddress.parse(pinned)
        return bool(meant.listing) and pinned == asked.at(asked.listing or meant.listing)


class _Web(_Plain):
    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.web.source import WebSource

        return WebSource(uri)

    def printable(self, uri: str) -> str:
        """Leave the query out: it may be a secret."""
        from weightmark.provenance.sources.web.address import WebAddress

        return WebAddress.parse(uri).uri

    def at(self, uri: str, name: str, value: str) -> str:
        from weightmark.provenance.sources.web.address import WebAddress

        return WebAddress.parse(uri).at_sha256(value) if name == "sha256" else ""

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        from weightmark.provenance.sources.web.address import WebAddress

        asked = WebAddress.parse(uri)
        if digest:
            others = bool(asked.sha256 or asked.version) and asked.uri != pinned
            return super().is_pin(uri, pinned, digest) and not others
        meant = WebAddress.parse(pinned)
        same = asked.place == meant.place and not meant.sha256 and not asked.sha256
        return same and asked.version in ("", meant.version)

    def asked_with(self, uri: str, pinned: str) -> str:
        return urlunsplit(urlsplit(pinned)._replace(query=urlsplit(uri).query))


class _Mlflow(_Plain):
    def open(self, uri: str) -> Source:
        from weightmark.provenance.sources.mlflow_registry.source import MlflowSource

        return MlflowSource(uri)

    def is_pin(self, uri: str, pinned: str, digest: Mapping[str, str]) -> bool:
        from weightmark.provenance.sources.mlflow_registry.address import MlflowAddress

        if digest:
            return False
        asked, meant = MlflowAddress.parse(uri), MlflowAddress.parse(pinned)
        same = (asked.kind, asked.name, asked.path) == (meant.kind, meant.name, meant.path)
        return same and meant.is_pinned and asked.version in ("", meant.version)


_TABLE = (
    Scheme(("hf",), "hf://owner/name@revision", "the commit", "hub", _Hub()),
    Scheme(("oci",), "oci://host/repository:tag", "the digest of the manifest", "", _Registry()),
    Scheme(("s3",), "s3://bucket/prefix", "the list of its objects", "object-store", _Objects()),
    Scheme(("gs",), "gs://bucket/prefix", "the list of its objects", "gcs", _Objects()),
    Scheme(("https", "http"), "https://host/file", "SHA-256, or ETag and size", "", _Web()),
    Scheme(("mlflow",), "mlflow:models:/name/version", "the version", "mlflow", _Mlflow()),
    Scheme(("",), "a folder", "", "", _Folder()),
)
SCHEMES: Mapping[str, Scheme] = {name: one for one in _TABLE for name in one.names}
"""every kind of address by what stands before it; nothing before it is a path"""
