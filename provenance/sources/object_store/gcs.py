"""Google Cloud Storage: the JSON API, with the session and the credentials of `gcsfs`.

An object is asked for by its generation, a number that Google gives to each version of it for ever.
Redirects are not followed, so that the token goes nowhere else, and nothing is decoded on the way.
"""

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from weightmark.errors import (
    ExtraMissingError,
    LimitError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    UnsupportedError,
)
from weightmark.provenance.sources.addresses import is_private_way, printable_address
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.object_store.interface import StoredObject, require_tag
from weightmark.provenance.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiohttp import ClientResponse
    from gcsfs.core import GCSFileSystem

__all__ = ["GcsStore"]

_BLOCK = 1024 * 1024
_SECONDS = 30
_PAGE_SECONDS = 120.0
_LARGEST_PAGE = 64 * 1024 * 1024
_FIELDS = "items(name,size,generation,contentEncoding),nextPageToken"
_OK, _PARTIAL, _NOT_FOUND, _UNSATISFIABLE, _TOO_MANY, _ERROR = 200, 206, 404, 416, 429, 500
_DENIED = frozenset([401, 403])


class GcsStore:
    """What the Google client of the environment reaches; `STORAGE_EMULATOR_HOST` names another endpoint."""

    def __init__(self) -> None:
        """Take credentials and endpoint of the Google client; raises `ExtraMissingError`."""
        self._client = _client()

    def require_private(self) -> None:
        """Refuse an endpoint without TLS: a token would be read on the way."""
        endpoint = str(self._client._location)  # noqa: SLF001 - the client has no other name for it
        if not is_private_way(endpoint):
            raise NetworkError(
                f"the endpoint `{printable_address(endpoint)}` has no TLS",
                why="whoever is on the way could read the token",
                fix="name an `https://` endpoint in `STORAGE_EMULATOR_HOST`, or unset it",
            )

    def page(self, bucket: str, prefix: str, token: str) -> tuple[list[StoredObject], str]:
        """List by `objects.list`."""
        where = f"gs://{bucket}/{prefix}"
        asked = {"prefix": prefix, "fields": _FIELDS} | ({"pageToken": token} if token else {})
        with self._get(f"storage/v1/b/{quote(bucket, safe='')}/o", asked, {}, where) as answer:
            data = b"".join(self._bounded(answer, where))
        page = parse_object(data, what=f"the list of `{where}`", max_size=_LARGEST_PAGE)
        items, following = page.get("items", []), page.get("nextPageToken", "")
        if not isinstance(items, list) or not isinstance(following, str):
            raise MalformedError(f"the list of `{where}` is none")
        return [_listed(one, where) for one in items], following

    def read(self, bucket: str, one: StoredObject, offset: int) -> Generator[bytes, None, None]:
        """Yield what `objects.get` answers for this generation."""
        where = f"gs://{bucket}/{one.key}"
        asked = {"alt": "media", "generation": one.tag}
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        path = f"download/storage/v1/b/{quote(bucket, safe='')}/o/{quote(one.key, safe='')}"
        with self._get(path, asked, ranged, where) as answer:
            if answer.headers.get("Content-Encoding", "identity") != "identity":
                raise NetworkError(f"`{where}` encodes what it sends")
            _require_range(answer, offset, where)
            require_tag(answer.headers.get("X-Goog-Generation"), one.tag, where)
            yield from self._blocks(answer, where)

    @contextmanager
    def _get(
        self, path: str, asked: dict[str, str], headers: dict[str, str], where: str
    ) -> "Iterator[ClientResponse]":
        from fsspec.asyn import sync

        url = f"{self._client._location}/{path}?{urlencode(asked)}"  # noqa: SLF001 - as above
        try:
            answer = sync(self._client.loop, _request, self._client, url, headers)
        except Exception as error:
            raise _translated(error, where) from error
        try:
            _require_good(answer.status, where, read=asked.get("alt") == "media")
            yield answer
        finally:
            self._client.loop.call_soon_threadsafe(answer.close)

    def _blocks(self, answer: "ClientResponse", where: str) -> Generator[bytes, None, None]:
        from fsspec.asyn import sync

        while True:
            try:
                block = sync(self._client.loop, answer.content.read, _BLOCK)
            except Exception as error:
                raise _translated(error, where) from error
            if not block:
                return
            yield block

    def _bounded(self, answer: "ClientResponse", where: str) -> Generator[bytes, None, None]:
        size, end = 0, time.monotonic() + _PAGE_SECONDS
        for block in self._blocks(answer, where):
            size += len(block)
            if size > _LARGEST_PAGE or time.monotonic() > end:
                raise LimitError(f"the list of `{where}` is too long, or takes too long")
            yield block


async def _request(client: "GCSFileSystem", url: str, headers: dict[str, str]) -> "ClientResponse":
    from aiohttp import ClientTimeout
    from yarl import URL

    await client._set_session()  # noqa: SLF001 - what every call of the client begins with
    sent = {"Accept-Encoding": "identity", "User-Agent": "weightmark", **headers}
    client.credentials.apply(sent)
    answer: ClientResponse = await client.session.get(
        URL(url, encoded=True),
        headers=sent,
        allow_redirects=False,
        auto_decompress=False,
        timeout=ClientTimeout(total=None, sock_connect=_SECONDS, sock_read=_SECONDS),
    )
    return answer


def _listed(one: Any, where: str) -> StoredObject:
    members = one if isinstance(one, dict) else {}
    key, size, generation = (members.get(name) for name in ("name", "size", "generation"))
    if not isinstance(key, str) or not _is_number(size) or not _is_number(generation):
        raise MalformedError(f"`{where}` lists an object without name, size or generation")
    if members.get("contentEncoding", "") not in ("", "identity"):
        raise UnsupportedError(
            f"`gs://…/{key[:200]}` is stored compressed",
            why="some clients would read other bytes than were stored",
            fix="upload it again without `Content-Encoding`",
        )
    return StoredObject(key, int(str(size)), str(generation))


def _is_number(text: object) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004 - digits of 64 bits


def _require_good(status: int, where: str, *, read: bool) -> None:
    if status in (_OK, _PARTIAL):
        return
    if status == _NOT_FOUND and read:
        raise PromiseBrokenError(
            f"`{where}` changed since it was listed", fix="see who writes there, and fetch it again"
        )
    if status == _NOT_FOUND:
        raise NetworkError(f"`{where}` is not there", fix="check the bucket and the prefix")
    if status in _DENIED:
        raise NetworkError(
            f"`{where}` gives no access (status {status})",
            fix="log in with `gcloud auth application-default login`, or name a key file in `GOOGLE_APPLICATION_CREDENTIALS`",
        )
    if status == _TOO_MANY or status >= _ERROR:
        raise TransferBrokenError(f"`{where}` answered with status {status}")
    raise NetworkError(f"`{where}` answered with status {status}")


def _require_range(answer: "ClientResponse", offset: int, where: str) -> None:
    said = answer.headers.get("Content-Range", "")
    if offset and (answer.status != _PARTIAL or not said.startswith(f"bytes {offset}-")):
        raise NetworkError(f"`{where}` answered with another range than was asked for")
    if not offset and answer.status != _OK:
        raise NetworkError(f"`{where}` answered with a range, and none was asked for")


def _client() -> "GCSFileSystem":
    try:
        from gcsfs.core import GCSFileSystem
        from google.auth.exceptions import DefaultCredentialsError
    except ImportError as error:
        raise ExtraMissingError(
            "`gs://` needs `gcsfs`, which is not installed",
            fix="run `pip install weightmark[gcs]`",
        ) from error
    emulated = os.environ.get("STORAGE_EMULATOR_HOST", "") not in ("", "default")
    options = {"project": "", "skip_instance_cache": True, "use_listings_cache": False}
    try:
        # the name of one way only: the client would try others, and unpickle a cache among them
        return GCSFileSystem(token="anon" if emulated else "google_default", **options)
    except DefaultCredentialsError:
        return GCSFileSystem(token="anon", **options)  # noqa: S106 - the name of a way to log in


def _translated(error: Exception, where: str) -> Exception:
    """Sort what the client said: what may be tried again, and what may not."""
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return NetworkError(
            f"the credentials for `{where}` are refused: {type(error).__name__}",
            fix="log in with `gcloud auth application-default login`",
        )
    return TransferBrokenError(f"`{where}` broke off or did not answer: {type(error).__name__}")
