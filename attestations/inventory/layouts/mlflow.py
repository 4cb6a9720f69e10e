"""Models of MLflow: a folder with an `MLmodel`, wherever a run, a registry or a download put it."""

import re

from weightmark.attestations.inventory.interface import Claimed, Folder, Place
from weightmark.provenance.sources.interface import ArtifactKind

__all__ = ["MlflowLayout"]

_RUN = re.compile(r"/(?P<experiment>[^/]+)/(?P<run>[0-9a-f]{32})/artifacts/(?P<path>.+)\Z")
_LOGGED = re.compile(r"/(?P<experiment>[^/]+)/models/(?P<model>m-[0-9a-f]{32})/artifacts\Z")


class MlflowLayout:
    """The folder of the `MLmodel` is the artifact."""

    def claim(self, folder: Folder) -> Claimed | None:
        """Return the model whose folder this is."""
        if "MLmodel" not in folder.files:
            return None
        place = Place(
            str(folder.path),
            folder.relative or ".",
            "mlflow",
            ArtifactKind.MODEL,
            _name(folder.path.as_posix()),
        )
        return Claimed((place,), frozenset(folder.folders), frozenset(folder.files))


def _name(path: str) -> str:
    run, logged = _RUN.search(path), _LOGGED.search(path)
    if logged:
        return f"models:/{logged['model']}"
    return f"runs:/{run['run']}/{run['path']}" if run else ""
