"""Names in configurations of other libraries, which their loaders import and call.

Sources: Haystack `Pipeline.from_dict`, Rasa `GraphSchema.from_dict`, Spark `DefaultParamsReader`, GluonTS
`serde.decode`, MLServer `ModelSettings`, BentoML `ModelInfo`, Lightning `_load_state`, AllenNLP
`Registrable.by_name`.
"""

import re
from collections.abc import Iterator

from weightmark.scanners.repository.class_names import is_target_class
from weightmark.scanners.repository.documents import Field, JsonObject, walk
from weightmark.scanners.repository.paths import base_name
from weightmark.values import dataclass

__all__ = ["IMPORTING_KEYS", "foreign_types", "is_imported_from_elsewhere"]

IMPORTING_KEYS = (
    rb"init_parameters|constructor_name|sparkVersion|__kind__|api_version|_instantiator"
    rb"|dataset_reader|\"implementation\"|\bcls\b"
)
"""a pattern of the keys that tell these documents"""

_CLASS = r"(?:\.[A-Za-z_]\w*)*\.[A-Z]\w*"
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class _Importing:
    """One key whose text a library imports."""

    key: str
    beside: frozenset[str]
    known: re.Pattern[str]
    file: str = ""


_IMPORTING = (
    _Importing(
        "type",
        frozenset({"init_parameters"}),
        re.compile(rf"haystack(?:_integrations|_experimental)?{_CLASS}"),
    ),
    _Importing("cls", frozenset({"kwargs"}), re.compile(r"\w*")),
    _Importing("uses", frozenset({"constructor_name"}), re.compile(rf"rasa{_CLASS}")),
    _Importing(
        "class",
        frozenset({"sparkVersion", "uid"}),
        re.compile(
            rf"(?:org\.apache\.spark\.ml|pyspark\.ml|xgboost\.spark|ml\.dmlc\.xgboost4j\.scala\.spark"
            rf"|com\.(?:johnsnowlabs|microsoft\.(?:azure\.synapse\.ml|ml\.spark))){_CLASS}"
        ),
    ),
    _Importing(
        "class",
        frozenset({"__kind__"}),
        re.compile(
            rf"gluonts{_CLASS}|builtins\.(?:frozenset|set|slice|tuple)|collections\.OrderedDict"
            r"|numpy\.(?:bool_|dtype|u?int\d{1,2}|float\d{2})|pathlib\.(?:Pure)?(?:Posix|Windows)?Path"
            r"|pandas\.(?:_libs\.tslibs\.\w+\.)?(?:Period|Timestamp)"
        ),
    ),
    _Importing(
        "implementation",
        frozenset(),
        re.compile(rf"mlserver(?:_[a-z]+)?{_CLASS}"),
        "model-settings.json",
    ),
    _Importing(
        "module",
        frozenset({"api_version", "signatures"}),
        re.compile(r"bentoml(?:\.[a-z_]\w*)*"),
    ),
    _Importing(
        "_instantiator",
        frozenset(),
        re.compile(r"(?:lightning\.pytorch|pytorch_lightning)\.cli\.instantiate_(?:class|module)"),
    ),
)


_KEYS = frozenset(one.key for one in _IMPORTING)
_ALLEN = frozenset({"dataset_reader", "model"})
_ALLEN_PACKAGES = frozenset({"allennlp", "allennlp_models"})


def is_imported_from_elsewhere(field: Field, path: str) -> bool:
    """Tell whether a field of the document at `path` names what its library would import from elsewhere."""
    value = field.value
    if field.key not in _KEYS or not isinstance(value, str):
        return False
    for one in _IMPORTING:
        told = field.key == one.key and one.beside <= field.owner.keys
        if told and one.file in {"", base_name(path)}:
            return not (one.known.fullmatch(value) or is_target_class(value))
    return False


def foreign_types(document: object) -> Iterator[Field]:
    """Yield each `type` in the configuration of an AllenNLP model that is a path to somebody else's class."""
    if not isinstance(document, JsonObject) or not document.keys >= _ALLEN:
        return
    for field in walk(document):
        if field.key != "type" or not isinstance(field.value, str):
            continue
        if _DOTTED.fullmatch(field.value) and field.value.split(".")[0] not in _ALLEN_PACKAGES:
            yield field
