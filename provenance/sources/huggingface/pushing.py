"""Writing to the hub: one commit on a branch, through the hub's own client, on top of a known parent."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from weightmark.errors import CallError, NetworkError, read_failure
from weightmark.provenance.names import escape_path
from weightmark.provenance.sources.addresses import is_private_way, printable_address
from weightmark.provenance.sources.huggingface.address import COMMIT, HubAddress
from weightmark.provenance.sources.huggingface.connection import HubConnection

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["HubBranch"]

_DENIED = frozenset([401, 403])
_MOVED = 412
_TYPES = {"models": "model", "datasets": "dataset", "spaces": "space"}

T = TypeVar("T")


class HubBranch:
    """One branch of one repository, and the caller's right to write there."""

    def __init__(self, address: HubAddress) -> None:
        """Name a branch; raises `CallError` for a commit, `NetworkError` without TLS, `ExtraMissingError`."""
        if address.is_pinned:
            raise CallError(
                f"`{address.uri}` is a commit, and nothing is added to one",
                fix="name a branch, as `@main`",
            )
        self._address = address
        self._endpoint = HubConnection().endpoint
        if not is_private_way(self._endpoint):
            raise NetworkError(
                f"the hub `{printable_address(self._endpoint)}` has no TLS",
                why="whoever is on the way could read the token",
                fix="name an `https://` address in `HF_ENDPOINT`",
            )

    def commit(
        self,
        parent: str,
        additions: Mapping[str, Path | bytes],
        deletions: Collection[str],
        message: str,
    ) -> str:
        """Add and delete files in one commit on `parent`; return its name, 40 hex digits.

        Raises `NetworkError` when the hub refuses, and when somebody else committed meanwhile, and
        `CallError` for a name that the hub's client does not take (`.git/…` and `.cache/…` in any folder).
        """
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, utils

        quiet: Any = utils
        quiet.disable_progress_bars()
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(
                self._operation(CommitOperationAdd, path, additions[path])
                for path in sorted(additions)
            ),
            *(self._operation(CommitOperationDelete, path, False) for path in sorted(deletions)),
        ]
        done = self._ask(
            lambda: self._client().create_commit(
                self._address.repository,
                operations,
                commit_message=message,
                repo_type=_TYPES[self._address.folder],
                revision=self._address.revision,
                parent_commit=parent,
            )
        )
        if not COMMIT.match(str(done.oid)):
            raise NetworkError(f"`{printable_address(self._endpoint)}` names no commit")
        return str(done.oid)

    def _operation(self, make: Callable[[str, Any], T], path: str, content: object) -> T:
        """Return one step of a commit, before anything of it is sent."""
        try:
            return make(path, content)
        except ValueError as error:
            raise CallError(
                f"`{escape_path(path)}` can't be put on the hub",
                why=str(error).partition("\n")[0][:300],
                fix="push a folder without it, and sign that first",
            ) from error
        except OSError as error:
            raise read_failure(path, error) from error

    def _client(self) -> "HfApi":
        from huggingface_hub import HfApi

        return HfApi(endpoint=self._endpoint)

    def _ask(self, call: Callable[[], T]) -> T:
        import httpx2
        from huggingface_hub.errors import HfHubHTTPError

        where = self._address.uri
        try:
            return call()
        except HfHubHTTPError as error:
            raise _refused(where, error.response.status_code) from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, RuntimeError, ValueError) as error:
            raise NetworkError(
                f"`{where}` could not be written: {type(error).__name__}",
                why=str(error).partition("\n")[0][:200],
                fix="try again; what was uploaded is not uploaded twice",
            ) from None


def _refused(where: str, status: int) -> NetworkError:
    if status == _MOVED:
        return NetworkError(
            f"somebody else committed to `{where}` meanwhile", fix="look at it, and push again"
        )
    if status in _DENIED:
        return NetworkError(
            f"`{where}` may not be written (status {status})",
            fix="set `HF_TOKEN` to a token that may write there",
        )
    return NetworkError(
        f"`{where}` could not be written (status {status})",
        fix="check owner, name and branch; make the repository with `hf repo create`",
    )
