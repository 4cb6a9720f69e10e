"""Object stores that speak S3: `s3://bucket/prefix`, listed and read through `s3fs`.

A store promises no digest: an ETag is one only for objects that came in one piece, and a checksum is
what the uploader said. So nothing is believed but that an object did not change since it was listed:
each is asked for by its ETag, and the digest over the whole list pins the address.
"""

import hashlib
import re
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from weightmark.errors import (
    CallError,
    ExtraMissingError,
    LimitError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.sources.addresses import is_private_way, printable_address, printable_uri
from weightmark.provenance.sources.interface import (
    MAX_PARTS,
    Member,
    Part,
    Snapshot,
    TransferBrokenError,
)
from weightmark.provenance.sources.patience import patiently
from weightmark.values import dataclass

if TYPE_CHECKING:
    from s3fs import S3FileSystem

__all__ = ["ObjectAddress", "ObjectStoreSource"]

_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\Z")
_PINNED = re.compile(r"\?listing=(?P<digest>[0-9a-f]{64})\Z")
_BLOCK = 1024 * 1024
_SECONDS = 30
_MOST_PAGES = 10_000
_DENIED = frozenset(["AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
_ABSENT = frozenset(["NoSuchBucket", "NoSuchKey", "404"])
_MOVED = frozenset(["412", "PreconditionFailed"])


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """Objects of one bucket below a prefix."""

    bucket: str
    """name of the bucket"""
    prefix: str
    """key of an object, or what the keys of several begin with before a slash; empty for all"""
    listing: str = ""
    """digest over names, sizes and ETags that pins it; empty for what is there now"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI; raises `CallError` for anything else."""
        pinned = _PINNED.search(uri)
        bare = uri[: pinned.start()] if pinned else uri
        scheme, _, rest = bare.partition("://")
        bucket, _, prefix = rest.partition("/")
        if (
            scheme != "s3"
            or not _BUCKET.match(bucket)
            or ".." in bucket
            or not prefix.isprintable()
        ):
            raise CallError(
                f"`{printable_uri(uri)}` is no address in an object store",
                fix="write `s3://bucket/prefix`",
            )
        return cls(bucket, prefix.strip("/"), pinned["digest"] if pinned else "")

    @property
    def uri(self) -> str:
        """The canonical spelling, without the pin."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def at(self, listing: str) -> str:
        """Return the address that is pinned to a listing."""
        return f"{self.uri}?listing={listing}"


class ObjectStoreSource:
    """What lies below one prefix; credentials and endpoint are those of the AWS client."""

    def __init__(self, uri: str) -> None:
        """Read the address; raises `CallError`, and `ExtraMissingError` without `s3fs`."""
        self._asked = ObjectAddress.parse(uri)
        self._uri = uri
        self._tags: dict[str, str] = {}
        self._store = _store()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the connections to the client, which closes them when it is no longer used."""

    def resolve(self) -> Snapshot:
        """List the objects; raises `PromiseBrokenError` when a pinned address leads to others by now."""
        patiently(self._require_private)
        parts = tuple(self._parts())
        lines = sorted(f"{self._tags[one.location]} {one.size} {one.path}\n" for one in parts)
        listing = hashlib.sha256("".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
        if self._asked.listing not in ("", listing):
            raise PromiseBrokenError(
                f"`{self._asked.uri}` holds other objects than those that were pinned",
                why=f"the digest over their names, sizes and ETags is {listing} by now",
                fix="look at what changed, then pin it anew with `weightmark lock update`",
            )
        return Snapshot.of(self._uri, self._asked.at(listing), parts, digest={})

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        """Yield an object, if it is still the one that was listed."""
        from fsspec.asyn import sync

        where = f"s3://{self._asked.bucket}/{part.location}"
        if part.size is not None and offset and offset >= part.size:
            return
        wanted = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self._call("get_object", where, Key=part.location, IfMatch=self._tags[part.location], **wanted)  # fmt: skip
        if offset and not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
            raise NetworkError(f"`{where}` answered with another range than was asked for")
        body = answer["Body"]
        try:
            while block := sync(self._store.loop, body.read, _BLOCK):
                yield block
        except Exception as error:
            raise _translated(error, where) from error
        finally:
            body.close()

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam's signature
        """A store holds files as they stand."""
        raise UnsupportedError(f"`{part.label}` is a file as it stands")

    def _require_private(self) -> None:
        """Refuse an endpoint without TLS: a session token would be read on the way."""
        try:
            self._store.connect()
            endpoint = str(self._store.s3.meta.endpoint_url)
        except Exception as error:
            raise _translated(error, self._asked.uri) from error
        if not is_private_way(endpoint):
            raise NetworkError(
                f"the endpoint `{printable_address(endpoint)}` has no TLS",
                why="whoever is on the way could read the session token",
                fix="name an `https://` endpoint in `AWS_ENDPOINT_URL`",
            )

    def _parts(self) -> Iterator[Part]:
        prefix = self._asked.prefix
        for one in self._objects():
            key, size, tag = one.get("Key"), one.get("Size"), one.get("ETag")
            if not isinstance(key, str) or type(size) is not int or not isinstance(tag, str):
                raise MalformedError(
                    f"`{self._asked.uri}` lists an object without key, size or ETag"
                )
            single = key == prefix
            if not single and prefix and not key.startswith(f"{prefix}/"):
                continue
            if key.endswith("/") and size == 0:
                continue
            self._tags[key] = tag
            path = key.rpartition("/")[2] if single else key[len(prefix) + bool(prefix) :]
            yield Part(path, size, {}, location=key)

    def _objects(self) -> Iterator[dict[str, Any]]:
        """Yield all objects whose keys begin with the prefix, page by page."""
        more: dict[str, str] = {}
        count = 0
        for _ in range(_MOST_PAGES):
            asked = {"Prefix": self._asked.prefix, **more}
            page = patiently(lambda: self._call("list_objects_v2", self._asked.uri, **asked))  # noqa: B023 - called before the next turn
            found = page.get("Contents", [])
            yield from found
            count += len(found)
            token = page.get("NextContinuationToken")
            if not page.get("IsTruncated"):
                return
            if count > MAX_PARTS or not isinstance(token, str):
                break
            more = {"ContinuationToken": token}
        raise LimitError(f"`{self._asked.uri}` lists too many objects")

    def _call(self, method: str, where: str, **words: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._store.call_s3(method, Bucket=self._asked.bucket, **words)
        except Exception as error:
            raise _translated(error, where) from error
        return answer


def _store() -> "S3FileSystem":
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise ExtraMissingError(
            "`s3://` needs `s3fs`, which is not installed",
            fix="run `pip install weightmark[object-store]`",
        ) from error
    patience = {"connect_timeout": _SECONDS, "read_timeout": _SECONDS}
    return S3FileSystem(skip_instance_cache=True, use_listings_cache=False, config_kwargs=patience)


def _translated(error: Exception, where: str) -> Exception:
    """Sort what the client said: what may be tried again, and what may not."""
    if isinstance(error, WeightmarkError):
        return error
    code = _code(error)
    if code in _MOVED:
        return PromiseBrokenError(
            f"`{where}` changed since it was listed", fix="see who writes there, and fetch it again"
        )
    if code in _ABSENT or isinstance(error, FileNotFoundError):
        return NetworkError(f"`{where}` is not there", fix="check the bucket and the prefix")
    if code in _DENIED or isinstance(error, PermissionError):
        return NetworkError(
            f"`{where}` gives no access ({code or 'denied'})",
            fix="check the credentials of the AWS client",
        )
    if type(error).__name__ in {"NoCredentialsError", "ProfileNotFound", "PartialCredentialsError"}:
        return NetworkError(
            f"there are no credentials for `{where}`",
            fix="set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`",
        )
    return TransferBrokenError(f"`{where}` broke off or did not answer: {type(error).__name__}")


def _code(error: Exception) -> str:
    """Return the code of S3 behind what the client raised; empty for none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
