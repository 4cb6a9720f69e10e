"""MLflow's `MLmodel` and `MLproject`: which module loads the model, and which commands are run."""

from collections.abc import Iterator
from typing import Any

from weightmark.scanners.repository.configurations import Hit
from weightmark.scanners.repository.documents import JsonObject, walk
from weightmark.scanners.repository.paths import leaves

__all__ = ["is_mlflow_model", "judge_mlflow_model", "judge_mlflow_project"]

_CODE_KEYS = frozenset({"code", "code_paths", "model_code_path"})
_PATH_KEYS = frozenset(
    [
        "artifact_path",
        "conda",
        "data",
        "env",
        "model_data",
        "model_path",
        "path",
        "pickled_model",
        "python_model",
        "virtualenv",
    ]
)
_ORIGINS = frozenset({"uri"})


def is_mlflow_model(document: Any) -> bool:
    """Tell whether a document is an `MLmodel` file."""
    return isinstance(document, JsonObject) and "flavors" in document.keys


def judge_mlflow_model(document: Any) -> Iterator[Hit]:
    """Yield what `mlflow.pyfunc.load_model` would run or read outside the model's folder."""
    for field in walk(document):
        if not field.pointer.startswith("flavors/") or not field.value:
            continue
        if field.key in _CODE_KEYS and isinstance(field.value, str | list):
            yield Hit("REP001", f"`{field.pointer}`: {field.value}"[:120])
        elif isinstance(field.value, str) and _names_outside(field.key, field.value):
            yield Hit("REP004", f"`{field.pointer}`: {field.value}"[:120])


def _names_outside(key: str, value: str) -> bool:
    """Tell a path that leaves the folder; `uri` only says where a file was copied from."""
    climbs = key not in _ORIGINS and ".." in value.replace("\\", "/").split("/")
    return climbs or (key in _PATH_KEYS and leaves(value))


def judge_mlflow_project(document: Any) -> Iterator[Hit]:
    """Yield the commands that `mlflow run` gives to a shell (MLflow, `projects/_project_spec.py`)."""
    for field in walk(document):
        if field.key == "command" and field.pointer.startswith("entry_points/") and field.value:
            yield Hit("REP001", f"`{field.pointer}`: {field.value}"[:120])
