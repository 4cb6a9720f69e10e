"""What the MLflow of the environment knows: where a version's files lie, and its tags."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from weightmark.errors import (
    ExtraMissingError,
    MalformedError,
    NetworkError,
    SettingsError,
    UnsupportedError,
    WeightmarkError,
)
from weightmark.provenance.names import path_problem
from weightmark.provenance.sources.addresses import is_private_way, printable_address
from weightmark.provenance.sources.mlflow_registry.address import SCHEME, MlflowAddress
from weightmark.provenance.sources.mlflow_registry.place import Place, is_server

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["Registry"]

_MOST_STEPS = 5

T = TypeVar("T")


class Registry:
    """The servers that `MLFLOW_TRACKING_URI` and `MLFLOW_REGISTRY_URI` name, and the caller's right to them."""

    def __init__(self) -> None:
        """Take the servers from where MLflow takes them; raises `SettingsError`, `ExtraMissingError`, `NetworkError`."""
        self.tracking = os.environ.get("MLFLOW_TRACKING_URI", "")
        if not self.tracking:
            raise SettingsError(
                "`mlflow:` does not say which server",
                why="without one MLflow would look in the current folder",
                fix="set `MLFLOW_TRACKING_URI=https://HOST`",
            )
        self.registry = os.environ.get("MLFLOW_REGISTRY_URI") or self.tracking
        for place in (self.tracking, self.registry):
            # an open-source Unity Catalog is named `uc:http://…`
            bare = place.removeprefix("uc:")
            if is_server(bare) and not is_private_way(bare):
                raise NetworkError(
                    f"the MLflow server `{printable_address(bare)}` has no TLS",
                    why="whoever is on the way could read the token",
                    fix="name an `https://` address in `MLFLOW_TRACKING_URI`",
                )
        self._client = _client(self.tracking, self.registry)

    def pinned(self, address: MlflowAddress) -> MlflowAddress:
        """Return the version that an alias stands for now; raises `NetworkError`."""
        if address.is_pinned:
            return address
        found = self._ask(
            lambda: self._client.get_model_version_by_alias(address.name, address.alias),
            address.uri,
        )
        return address.at(str(found.version))

    def place(self, address: MlflowAddress) -> Place:
        """Return where the files lie, which is asked for once: a second answer may be another one.

        Raises `NetworkError`, `MalformedError`, `UnsupportedError` for a place that leads elsewhere.
        """
        for _ in range(_MOST_STEPS):
            found = self._step(address)
            if urlsplit(found).scheme not in ("runs", "models"):
                return Place.of(found, tracking=self.tracking, registry=self.registry)
            address = self._following(found)
        raise MalformedError(f"`{address.uri}` leads from one place to another without end")

    def tag(self, address: MlflowAddress, tags: Mapping[str, str]) -> None:
        """Write tags of a version; raises `NetworkError`, `UnsupportedError` for what has none."""
        if address.kind != "version":
            raise UnsupportedError(f"`{address.uri}` is no version of a registered model")
        for name, value in tags.items():
            self._ask(
                lambda name=name, value=value: self._client.set_model_version_tag(  # type: ignore[misc] # mypy knows no defaults of lambdas
                    address.name, address.version, name, value
                ),
                address.uri,
            )

    def add(self, address: MlflowAddress, place: Place, file: Path) -> None:
        """Put a file where the others of a version lie, under its own name, by MLflow's client; raises `NetworkError`."""
        from mlflow.store.artifact import artifact_repository_registry

        client: Any = artifact_repository_registry

        def put() -> None:
            store = client.get_artifact_repository(place.uri, tracking_uri=self.tracking)
            store.log_artifact(str(file))

        self._ask(put, address.uri)

    def _step(self, address: MlflowAddress) -> str:
        client, name = self._client, address.name
        if address.kind == "run":
            root = self._ask(lambda: client.get_run(name), address.uri).info.artifact_uri
            return f"{str(root).rstrip('/')}/{address.path}"
        if address.kind == "logged":
            model = self._ask(lambda: client.get_logged_model(name), address.uri)
            return str(model.artifact_location)
        return str(
            self._ask(
                lambda: client.get_model_version_download_uri(name, address.version), address.uri
            )
        )

    def _following(self, found: str) -> MlflowAddress:
        try:
            following = MlflowAddress.parse(f"{SCHEME}{found}")
        except WeightmarkError as error:
            raise MalformedError(
                f"`{found[:200]}`, which MLflow names as the place of the files, is none"
            ) from error
        return self.pinned(following)

    def _ask(self, call: Callable[[], T], where: str) -> T:
        from mlflow.exceptions import MlflowException
        from requests import RequestException

        try:
            return call()
        except (MlflowException, RequestException) as error:
            raise NetworkError(
                f"`{where}` could not be asked for: {_words(error)}",
                fix="check the name, `MLFLOW_TRACKING_URI` and the credentials of MLflow",
            ) from None


def _words(error: Any) -> str:
    code = str(getattr(error, "error_code", ""))
    return code if code.isascii() and code.replace("_", "").isalpha() else "no answer"


def _client(tracking: str, registry: str) -> "MlflowClient":
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError as error:
        raise ExtraMissingError(
            "`mlflow:` needs the client of MLflow, which is not installed",
            fix="run `pip install weightmark[mlflow]`",
        ) from error
    try:
        return MlflowClient(tracking_uri=tracking, registry_uri=registry)
    except (MlflowException, ImportError) as error:
        raise SettingsError(
            f"MLflow takes `{printable_address(tracking)}` for no server: {str(error)[:200]}",
            fix="name an `https://` address in `MLFLOW_TRACKING_URI`",
        ) from error


def require_relative(path: str, where: str) -> str:
    """Return a path that leads nowhere else; raises `MalformedError`."""
    problem = "is empty" if not path else path_problem(path)
    if problem:
        raise MalformedError(f"`{where}` lists a path that {problem}")
    return path
