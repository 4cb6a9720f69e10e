"""Addresses in MLflow, as MLflow writes them, behind `mlflow:`.

`mlflow:models:/NAME/VERSION`, `mlflow:models:/NAME@ALIAS`, `mlflow:models:/m-ID`, `mlflow:runs:/RUN/PATH`.
"""

import re
from typing import Self

from weightmark.errors import CallError
from weightmark.provenance.names import path_problem
from weightmark.values import dataclass

__all__ = ["SCHEME", "MlflowAddress"]

SCHEME = "mlflow:"
_NAME = re.compile(r"[^/:@\x00-\x1f\x7f]{1,256}\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_LOGGED = re.compile(r"m-[A-Za-z0-9]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class MlflowAddress:
    """A version of a registered model, a logged model, or something that a run logged."""

    kind: str
    """`version`, `logged` or `run`"""
    name: str
    """name of the registered model, or id of the logged model or the run"""
    version: str = ""
    """number; empty for an alias, and for what has no versions"""
    alias: str = ""
    """what the registry calls one version for now"""
    path: str = ""
    """what of a run: a relative path"""

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Read a URI; raises `CallError` for anything else."""
        word, _, rest = uri.removeprefix(SCHEME).partition(":/")
        found = None
        if uri.startswith(SCHEME) and word == "models":
            found = cls._model(rest)
        elif uri.startswith(SCHEME) and word == "runs":
            run, _, path = rest.partition("/")
            path = path.strip("/")
            if _ID.match(run) and path and not path_problem(path):
                found = cls("run", run, path=path)
        if found is None:
            raise CallError(
                f"`{uri[:200]}` is no address in MLflow",
                fix="write `mlflow:models:/NAME/VERSION`, `mlflow:models:/NAME@ALIAS` or `mlflow:runs:/RUN/PATH`",
            )
        return found

    @classmethod
    def _model(cls, rest: str) -> Self | None:
        name, slash, version = rest.partition("/")
        if not slash and _LOGGED.match(name):
            return cls("logged", name)
        if slash and _NAME.match(name) and _NUMBER.match(version):
            return cls("version", name, version)
        name, at, alias = rest.partition("@")
        if at and _NAME.match(name) and _ID.match(alias):
            return cls("version", name, alias=alias)
        return None

    @property
    def is_pinned(self) -> bool:
        """Whether it names one thing for ever, as far as MLflow promises that."""
        return not self.alias

    def at(self, version: str) -> Self:
        """Return the version that an alias stands for; raises `CallError` for what is no number."""
        return type(self).parse(f"{SCHEME}models:/{self.name}/{version}")

    @property
    def uri(self) -> str:
        """The canonical spelling."""
        if self.kind == "run":
            return f"{SCHEME}runs:/{self.name}/{self.path}"
        tail = f"@{self.alias}" if self.alias else f"/{self.version}" if self.version else ""
        return f"{SCHEME}models:/{self.name}{tail}"
