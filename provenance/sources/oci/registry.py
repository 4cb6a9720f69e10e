"""One repository of a registry (OCI Distribution Specification 1.1): manifests, blobs, referrers."""

import re
from collections.abc import Generator, Mapping
from typing import Self
from urllib.parse import quote, urljoin

from weightmark.errors import (
    LimitError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
)
from weightmark.provenance.sources.addresses import origin_of
from weightmark.provenance.sources.oci.authorization import Authorization
from weightmark.provenance.sources.oci.credentials import Credentials, find_credentials
from weightmark.provenance.sources.oci.documents import (
    INDEX_TYPE,
    MANIFEST_TYPES,
    MAX_DOCUMENT,
    Descriptor,
    Index,
    Manifest,
    digest_of,
    parse_document,
)
from weightmark.provenance.sources.oci.messages import Answer, Body, Patience
from weightmark.provenance.sources.oci.reference import Reference, is_digest
from weightmark.provenance.sources.oci.transport import Transport

__all__ = ["READ", "WRITE", "Repository", "fallback_tag"]

READ = "pull"
WRITE = "pull,push"
_MAX_PAGES = 50
_MAX_REFERRERS = 10_000
_OK, _ACCEPTED = 200, 202
_WRITTEN = frozenset([200, 201, 202, 204])
"""201 by the specification; some registries say otherwise"""
_ABSENT = frozenset([404])
_NO_REFERRERS = frozenset([400, 404, 405])
"""what registries without the referrers API answer; Debian's `docker-registry` 2.8 says 404"""
_NEXT = re.compile(r'<([^<>]{1,4000})>\s*;[^,]*\brel="?next"?(?:\s|;|,|$)')


class Repository:
    """What a registry keeps under one name; a context manager, and several threads may use it."""

    def __init__(
        self,
        reference: Reference,
        *,
        access: str = READ,
        credentials: Credentials | None = None,
        patience: Patience | None = None,
    ) -> None:
        """Name the place; without `credentials` those of the user's files are taken (see `find_credentials`)."""
        self.reference = reference
        login = find_credentials(reference.registry) if credentials is None else credentials
        scope = f"repository:{reference.path}:{access}"
        self._transport = Transport(reference.api, Authorization(login, scope), patience=patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def document(self, name: str) -> tuple[Manifest | Index, bytes]:
        """Return a manifest or an index by tag or digest, parsed, and its bytes.

        Raises `NetworkError` when there is none that may be seen, `PromiseBrokenError` when it has another digest than
        asked for or announced, `MalformedError`, `NetworkError`.
        """
        found = self.find(name)
        if found is None:
            raise NetworkError(
                f"`{self.reference.place}` has no `{name}`",
                fix="check the repository and the tag; a registry also hides private repositories like this",
            )
        return found

    def digest_of_tag(self, tag: str) -> str:
        """Return the digest under a tag, nothing when there is none such; raises as `document`."""
        found = self.find(tag)
        return "" if found is None else found[0].digest

    def read(self, descriptor: Descriptor, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield a blob from `offset` on; its digest is not checked here. Raises as `Transport.stream`."""
        return self._transport.stream(self._blob(descriptor.digest), descriptor.size, offset)

    def blob(self, descriptor: Descriptor, *, most: int) -> bytes:
        """Return a small blob, checked; raises `LimitError` over `most` bytes, `PromiseBrokenError`, `NetworkError`."""
        what = f"the blob `{descriptor.digest}` of `{self.reference.place}`"
        if descriptor.size > most:
            raise LimitError(f"{what} is over {most} bytes")
        answer = self._transport.ask("GET", self._blob(descriptor.digest), most=most)
        if answer.status != _OK:
            raise self._refusal(answer)
        if len(answer.body) != descriptor.size or digest_of(answer.body) != descriptor.digest:
            raise PromiseBrokenError(
                f"{what} is not what its manifest promised",
                why=f"promised {descriptor.digest}, got {digest_of(answer.body)}",
            )
        return answer.body

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """Return what is attached to a manifest: by the referrers API, else by the fallback tag.

        Raises `MalformedError`, `LimitError`, `NetworkError`.
        """
        listed = self._referrers_by_api(digest)
        if listed is not None:
            return listed
        found = self.find(fallback_tag(digest))
        if found is None:
            return ()
        if not isinstance(found[0], Index):
            raise MalformedError(
                f"`{self.reference.place}:{fallback_tag(digest)}` is no list of referrers",
                why="the tag is kept for what is attached to a manifest (Distribution Specification, `Referrers Tag Schema`)",
            )
        return found[0].manifests

    def has_blob(self, digest: str) -> bool:
        """Tell whether the registry says that it holds a blob already; a refusal says no, and uploading finds out."""
        try:
            return self._transport.ask("HEAD", self._blob(digest), most=0).status == _OK
        except NetworkError:
            # storage to which a registry redirects often takes no HEAD
            return False

    def lacks(self, digest: str, size: int) -> bool:
        """Tell whether the registry says that it has no such blob, or one of another size; a refusal says neither."""
        place = self._blob(digest)
        try:
            answer = self._transport.ask("HEAD", place, most=0)
            if answer.status in _ABSENT:
                # some registries know no HEAD
                answer = self._transport.ask("GET", place, most=max(size, MAX_DOCUMENT))
                return answer.status in _ABSENT
        except (NetworkError, LimitError):
            return False
        said = answer.headers.get("content-length", "")
        return answer.status == _OK and said not in {"", str(size)}

    def put_blob(self, digest: str, body: Body) -> None:
        """Upload a blob in one piece; raises `NetworkError`, also when the registry finds another digest."""
        begun = self._transport.ask(
            "POST", f"{self.reference.path}/blobs/uploads/", most=MAX_DOCUMENT
        )
        place = begun.headers.get("location", "")
        if begun.status != _ACCEPTED or not place:
            raise self._refusal(begun)
        place = urljoin(urljoin(self.reference.api, f"{self.reference.path}/blobs/uploads/"), place)
        joint = "&" if "?" in place else "?"
        done = self._transport.ask(
            "PUT",
            f"{place}{joint}digest={quote(digest, safe='')}",
            most=MAX_DOCUMENT,
            headers={"Content-Type": "application/octet-stream"},
            body=body,
            once=True,
        )
        if done.status not in _WRITTEN:
            raise self._refusal(done)

    def put_document(self, name: str, data: bytes, media_type: str) -> Mapping[str, str]:
        """Write a manifest or an index under a tag or its digest; returns the answer's headers."""
        answer = self._transport.ask(
            "PUT",
            f"{self.reference.path}/manifests/{name}",
            most=MAX_DOCUMENT,
            headers={"Content-Type": media_type},
            body=Body.of(data),
        )
        if answer.status not in _WRITTEN:
            raise self._refusal(answer)
        said = answer.headers.get("docker-content-digest", "")
        if said and said != digest_of(data):
            raise PromiseBrokenError(
                f"`{self.reference.place}` keeps something else than was written",
                why=f"wrote {digest_of(data)}, it has {said[:100]}",
            )
        return answer.headers

    def find(self, name: str) -> tuple[Manifest | Index, bytes] | None:
        """Return as `document` what stands there; None when the registry says that nothing does."""
        answer = self._transport.ask(
            "GET",
            f"{self.reference.path}/manifests/{name}",
            most=MAX_DOCUMENT,
            headers={"Accept": ", ".join(MANIFEST_TYPES)},
        )
        if answer.status in _ABSENT:
            return None
        if answer.status != _OK:
            raise self._refusal(answer)
        what = f"`{self.reference.place}{'@' if is_digest(name) else ':'}{name}`"
        seen, announced = digest_of(answer.body), answer.headers.get("docker-content-digest", "")
        for promised in (
            name if is_digest(name) else "",
            announced if is_digest(announced) else "",
        ):
            if promised and promised != seen:
                raise PromiseBrokenError(
                    f"{what} is not what was promised",
                    why=f"promised {promised}, got {seen}",
                    fix="ask the registry itself, without mirror or cache; if it happens again, tell whoever runs it",
                )
        return parse_document(answer.body, answer.media_type, what), answer.body

    def _referrers_by_api(self, digest: str) -> tuple[Descriptor, ...] | None:
        """Return all pages; None when the registry has no such API."""
        path = f"{self.reference.path}/referrers/{digest}"
        found: list[Descriptor] = []
        for number in range(_MAX_PAGES):
            page = self._referrers_page(path)
            if page is None and not number:
                return None
            if page is None:
                raise NetworkError(f"`{self.reference.place}` lists its referrers only in part")
            listed, path = page
            found += listed
            if len(found) > _MAX_REFERRERS:
                raise LimitError(f"`{self.reference.place}` has over {_MAX_REFERRERS} referrers")
            if not path:
                return tuple(found)
        raise LimitError(f"`{self.reference.place}` lists referrers on over {_MAX_PAGES} pages")

    def _referrers_page(self, path: str) -> tuple[tuple[Descriptor, ...], str] | None:
        """Return one page and the address of the next; None when the registry has no such API."""
        answer = self._transport.ask("GET", path, most=MAX_DOCUMENT, headers={"Accept": INDEX_TYPE})
        if answer.status in _NO_REFERRERS:
            return None
        if answer.status != _OK:
            raise self._refusal(answer)
        if answer.media_type != INDEX_TYPE:
            return None
        index = parse_document(answer.body, INDEX_TYPE, f"the referrers at `{answer.url}`")
        if not isinstance(index, Index):
            raise MalformedError(f"`{answer.url}` is no list of referrers")
        following = _NEXT.search(answer.headers.get("link", ""))
        place = urljoin(urljoin(self.reference.api, path), following[1]) if following else ""
        if place and origin_of(place) != origin_of(self.reference.api):
            raise NetworkError(f"`{answer.url}` continues at another host")
        return index.manifests, place

    def _blob(self, digest: str) -> str:
        return f"{self.reference.path}/blobs/{digest}"

    def _refusal(self, answer: Answer) -> NetworkError:
        return NetworkError(
            f"`{answer.url}` could not be used: status {answer.status}",
            why=self._transport.words_of(answer.body),
            fix="check the address and whether you may use it",
        )


def fallback_tag(digest: str) -> str:
    """Return the tag under which referrers are listed where the API is missing: `sha256-<hex>`."""
    return digest.replace(":", "-")
