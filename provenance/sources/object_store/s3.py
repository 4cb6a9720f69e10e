"""Stores that speak S3, through `s3fs`; an object is asked for by its ETag."""

from collections.abc import Generator
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from weightmark.errors import (
    ExtraMissingError,
    MalformedError,
    NetworkError,
    PromiseBrokenError,
    WeightmarkError,
)
from weightmark.provenance.sources.addresses import is_private_way, printable_address
from weightmark.provenance.sources.interface import TransferBrokenError
from weightmark.provenance.sources.object_store.interface import StoredObject, require_tag

if TYPE_CHECKING:
    from s3fs import S3FileSystem

__all__ = ["S3Store"]

_BLOCK = 1024 * 1024
_SECONDS = 30
_DENIED = frozenset(["AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
_ABSENT = frozenset(["NoSuchBucket", "NoSuchKey", "404"])
_ELSEWHERE = frozenset(["301", "302", "307", "308", "PermanentRedirect", "TemporaryRedirect"])
_MOVED = frozenset(["412", "PreconditionFailed"])


class S3Store:
    """What the AWS client of the environment reaches."""

    def __init__(self) -> None:
        """Take credentials and endpoint of the AWS client; raises `ExtraMissingError`."""
        self._client = _client()

    def require_private(self) -> None:
        """Refuse an endpoint without TLS: a session token would be read on the way."""
        try:
            self._client.connect()
            endpoint = str(self._client.s3.meta.endpoint_url)
        except Exception as error:
            raise _translated(error, "the object store") from error
        if not is_private_way(endpoint):
            raise NetworkError(
                f"the endpoint `{printable_address(endpoint)}` has no TLS",
                why="whoever is on the way could read the session token",
                fix="name an `https://` endpoint in `AWS_ENDPOINT_URL`",
            )

    def page(self, bucket: str, prefix: str, token: str) -> tuple[list[StoredObject], str]:
        """List by `ListObjectsV2`."""
        where = f"s3://{bucket}/{prefix}"
        more = {"ContinuationToken": token} if token else {}
        page = self._call("list_objects_v2", where, Bucket=bucket, Prefix=prefix, **more)
        found = [_listed(one, where) for one in page.get("Contents", [])]
        following = page.get("NextContinuationToken") if page.get("IsTruncated") else ""
        if not isinstance(following, str):
            raise MalformedError(f"`{where}` breaks off its list of objects")
        return found, following

    def read(self, bucket: str, one: StoredObject, offset: int) -> Generator[bytes, None, None]:
        """Yield what `GetObject` with `If-Match` answers."""
        from fsspec.asyn import sync

        where = f"s3://{bucket}/{one.key}"
        wanted = {"Range": f"bytes={offset}-"} if offset else {}
        answer = self._call("get_object", where, Bucket=bucket, Key=one.key, IfMatch=one.tag, **wanted)  # fmt: skip
        if offset and not str(answer.get("ContentRange", "")).startswith(f"bytes {offset}-"):
            raise NetworkError(f"`{where}` answered with another range than was asked for")
        body = answer["Body"]
        try:
            require_tag(answer.get("ETag"), one.tag, where)
            while block := sync(self._client.loop, body.read, _BLOCK):
                yield block
        except Exception as error:
            raise _translated(error, where) from error
        finally:
            body.close()

    def _call(self, method: str, where: str, **words: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client.call_s3(method, **words)
        except Exception as error:
            raise _translated(error, where) from error
        return answer


def _listed(one: dict[str, Any], where: str) -> StoredObject:
    key, size, tag = one.get("Key"), one.get("Size"), one.get("ETag")
    if not isinstance(key, str) or type(size) is not int or not isinstance(tag, str):
        raise MalformedError(f"`{where}` lists an object without key, size or ETag")
    return StoredObject(key, size, tag)


def _client() -> "S3FileSystem":
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise ExtraMissingError(
            "`s3://` needs `s3fs`, which is not installed",
            fix="run `pip install weightmark[object-store]`",
        ) from error
    config = {
        "connect_timeout": _SECONDS,
        "read_timeout": _SECONDS,
        "http_session_cls": _straight_session(),
        "retries": {"total_max_attempts": 1},  # what broke off is tried again by whoever asks
    }
    return S3FileSystem(skip_instance_cache=True, use_listings_cache=False, config_kwargs=config)


def _straight_session() -> type[Any]:
    """Return a session of the client that follows no redirect: it would take the session token along, to anywhere.

    The client gets the redirect instead, and knows those of the store's own regions.
    """
    from aiobotocore.httpsession import AIOHTTPSession  # type: ignore[import-untyped] # no types there

    class Straight(AIOHTTPSession):  # type: ignore[misc] # the library has no types here
        async def _get_session(self, proxy_url: str | None) -> SimpleNamespace:
            session = await super()._get_session(proxy_url)
            return SimpleNamespace(request=partial(session.request, allow_redirects=False))

    return Straight


def _translated(error: Exception, where: str) -> Exception:
    """Sort what the client said: what may be tried again, and what may not."""
    if isinstance(error, WeightmarkError):
        return error
    code = _code(error)
    if code in _MOVED:
        return PromiseBrokenError(
            f"`{where}` changed since it was listed", fix="see who writes there, and fetch it again"
        )
    broken = TransferBrokenError(f"`{where}` broke off or did not answer: {type(error).__name__}")
    return _refusal(error, code, where) or broken


def _refusal(error: Exception, code: str, where: str) -> NetworkError | None:
    """Return what asking again can't mend; None for all else."""
    if code in _ABSENT or isinstance(error, FileNotFoundError):
        return NetworkError(f"`{where}` is not there", fix="check the bucket and the prefix")
    if code in _ELSEWHERE:
        return NetworkError(
            f"`{where}` redirects to elsewhere, which is not followed ({code})",
            why="the credentials are for the endpoint that was asked",
            fix="name the region of the bucket in `AWS_REGION`, or its endpoint in `AWS_ENDPOINT_URL`",
        )
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
    return None


def _code(error: Exception) -> str:
    """Return the code of S3 behind what the client raised; empty for none."""
    for one in (error, error.__cause__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
    return ""
