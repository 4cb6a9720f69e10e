"""The artifact server of MLflow: files behind the tracking server, listed and read with the client's own calls."""

import posixpath
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from weightmark.errors import LimitError, MalformedError, NetworkError
from weightmark.provenance.bounded_time import within
from weightmark.provenance.sources.addresses import is_same_origin, printable_address
from weightmark.provenance.sources.interface import MAX_PARTS, Part, TransferBrokenError
from weightmark.provenance.sources.mlflow_registry.registry import require_relative
from weightmark.provenance.sources.patience import patiently
from weightmark.provenance.strict_json import parse_object

if TYPE_CHECKING:
    from requests import Response

__all__ = ["ArtifactServer"]

_SERVICE = "/api/2.0/mlflow-artifacts/artifacts"
_BLOCK = 1024 * 1024
_SECONDS = 30
_ANSWER_SECONDS = 120.0
_LARGEST = 64 * 1024 * 1024
_DEEPEST = 100
_MOST_FOLDERS = 100_000
_NO_HEADERS: Mapping[str, str] = {}
_OK, _TOO_MANY, _ERROR = 200, 429, 500


class ArtifactServer:
    """One folder behind it."""

    def __init__(self, tracking: str, place: str) -> None:
        """Name the tracking server and `mlflow-artifacts:/…`; raises `NetworkError` when it leads to another host."""
        parts = urlsplit(place)
        self._root = parts.path.strip("/")
        self._service = f"{tracking.rstrip('/')}{_SERVICE}"
        self._where = f"{printable_address(self._service)}/{self._root}"
        require_relative(self._root, self._where)
        if parts.netloc and not is_same_origin(
            f"{urlsplit(tracking).scheme}://{parts.netloc}/", tracking
        ):
            raise NetworkError(
                f"the files lie on another server than `{printable_address(tracking)}`",
                why="the credentials are for the server that was asked",
                fix=f"name `{parts.netloc[:200]}` in `MLFLOW_TRACKING_URI`, if you trust it",
            )

    def parts(self) -> Iterator[Part]:
        """Yield every file below the folder; raises `NetworkError`, `MalformedError`, `LimitError`."""
        pending, folders, count = [""], 0, 0
        while pending:
            folder = pending.pop()
            folders += 1
            for path, size in self._listed(folder):
                if size is None:
                    pending.append(path)
                else:
                    count += 1
                    yield Part(path, size, {}, location=path)
            if count > MAX_PARTS or folders > _MOST_FOLDERS or folder.count("/") > _DEEPEST:
                raise LimitError(f"`{self._where}` lists too much")

    def read(self, part: Part, offset: int) -> Generator[bytes, None, None]:
        """Yield a file, from its beginning only; raises `TransferBrokenError`, `NetworkError`."""
        if offset:
            raise NetworkError(
                f"`{self._where}` broke off, and does not tell versions of a file apart",
                fix="pull it again; a file that broke off is fetched from its beginning",
            )
        path = quote(posixpath.join(self._root, part.location), safe="/")
        with self._get(f"/{path}", {}, {}) as response:
            self._require(response)
            yield from self._blocks(response)

    def put(self, name: str, data: bytes) -> None:
        """Write a file beside the others; raises `NetworkError`, for a redirect too: the token stays with the server."""
        path = quote(posixpath.join(self._root, name), safe="/")

        def send() -> None:
            with self._ask("PUT", f"/{path}", data=data) as response:
                self._require(response)

        patiently(send)

    def _listed(self, folder: str) -> Iterator[tuple[str, int | None]]:
        """Yield paths relative to the root, with sizes; folders have none."""
        asked = posixpath.join(self._root, folder) if folder else self._root
        data = patiently(lambda: self._answer({"path": asked}))
        found = parse_object(data, what=f"the list of `{self._where}`", max_size=_LARGEST)
        files = found.get("files", [])
        if not isinstance(files, list):
            raise MalformedError(f"the list of `{self._where}` is none")
        for one in files:
            name, size = self._entry(one)
            yield (f"{folder}/{name}" if folder else name), size

    def _entry(self, one: Any) -> tuple[str, int | None]:
        members = one if isinstance(one, dict) else {}
        name, folder, size = (members.get(key) for key in ("path", "is_dir", "file_size"))
        if not isinstance(name, str) or folder not in (None, False, True):
            raise MalformedError(f"`{self._where}` lists something without path")
        require_relative(name, self._where)
        if folder:
            return name, None
        # int64 is text in the JSON of protocol buffers, and 0 may be left out
        text = "0" if size is None else str(size) if type(size) in (int, str) else ""
        if "/" in name or not text.isascii() or not text.isdigit() or len(text) > 19:  # noqa: PLR2004 - digits of 64 bits
            raise MalformedError(f"`{self._where}` lists a file without size")
        return name, int(text)

    def _answer(self, asked: Mapping[str, str]) -> bytes:
        data, end = bytearray(), time.monotonic() + _ANSWER_SECONDS
        with self._get("", {}, asked) as response:
            self._require(response)
            for block in self._blocks(response):
                data += block
                if len(data) > _LARGEST or time.monotonic() > end:
                    raise LimitError(f"the list of `{self._where}` is too long, or takes too long")
        return bytes(data)

    def _get(
        self, path: str, headers: Mapping[str, str], asked: Mapping[str, str]
    ) -> AbstractContextManager["Response"]:
        more: dict[str, Any] = {"params": dict(asked)} if asked else {}
        return self._ask("GET", path, headers, stream=True, **more)

    @contextmanager
    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] = _NO_HEADERS, **more: Any
    ) -> Iterator["Response"]:
        from mlflow.exceptions import MlflowException
        from mlflow.utils import credentials, rest_utils

        client: Any = rest_utils
        rights: Any = credentials

        def ask() -> "Response":
            response: Response = client.http_request(
                rights.get_default_host_creds(self._service),
                path,
                method,
                max_retries=0,
                timeout=_SECONDS,
                extra_headers={"Accept-Encoding": "identity", **headers},
                raise_on_status=False,
                allow_redirects=False,
                **more,
            )
            return response

        try:
            response = within(_ANSWER_SECONDS, ask)
        except (MlflowException, TimeoutError) as error:
            raise TransferBrokenError(
                f"`{self._where}` did not answer: {type(error.__cause__ or error).__name__}"
            ) from None
        with response:
            yield response

    def _require(self, response: "Response") -> None:
        status = response.status_code
        if status == _TOO_MANY or status >= _ERROR:
            raise TransferBrokenError(f"`{self._where}` answered with status {status}")
        if status != _OK:
            raise NetworkError(
                f"`{self._where}` answered with status {status}",
                fix="check the address and the credentials of MLflow",
            )
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise NetworkError(f"`{self._where}` encodes what it sends")

    def _blocks(self, response: "Response") -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError

        expected, size = response.headers.get("Content-Length", ""), 0
        try:
            while block := response.raw.read1(_BLOCK, decode_content=False):
                size += len(block)
                yield block
        except (HTTPError, OSError) as error:
            raise TransferBrokenError(
                f"`{self._where}` broke off: {type(error).__name__}"
            ) from error
        if expected.isascii() and expected.isdigit() and size < int(expected):
            raise TransferBrokenError(f"`{self._where}` broke off too early")
