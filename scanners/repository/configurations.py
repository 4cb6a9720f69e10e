"""Rules over one parsed configuration: Hugging Face, diffusers, sentence-transformers, MLflow, Keras.

Each rule takes a field wherever it stands, since loaders hand parts of a configuration on to
others. Sources: the loaders' own code, `from_pretrained` and `DiffusionPipeline.from_pretrained`,
`SentenceTransformer`, `mlflow.pyfunc.load_model`, `keras.saving.deserialize_keras_object`.
"""

import builtins
import re
from collections.abc import Iterator
from dataclasses import replace

from weightmark.scanners.findings import Severity
from weightmark.scanners.repository.class_names import (
    is_diffusers_library,
    is_instantiated_class,
    is_keras_module,
    is_layer_class,
    is_mlflow_module,
    is_sentence_module,
    is_speech_class,
    is_target_class,
    is_tensor_operation,
)
from weightmark.scanners.repository.documents import Field, JsonObject, walk
from weightmark.scanners.repository.imported_names import (
    IMPORTING_KEYS,
    foreign_types,
    is_imported_from_elsewhere,
)
from weightmark.scanners.repository.layer_lists import evaluated_texts
from weightmark.scanners.repository.paths import base_name, is_leftover, leaves
from weightmark.values import dataclass

__all__ = [
    "CONFIGURATION_NAMES",
    "MARKERS",
    "TELLING_KEYS",
    "Hit",
    "judge_configuration",
    "templates_of",
]

CONFIGURATION_NAMES = frozenset(
    {"dataset_dict.json", "model_index.json", "modular_model_index.json", "modules.json"}
)
"""files that loaders open by name, whatever their keys"""
MARKERS = frozenset(
    [
        "_class_name",
        "_data_files",
        "_diffusers_version",
        "_name_or_path",
        "activation_fn",
        "activation_function",
        "added_tokens_decoder",
        "architectures",
        "auto_map",
        "base_model_name_or_path",
        "bos_token",
        "bos_token_id",
        "_target_",
        "chat_template",
        "class_name",
        "custom_pipelines",
        "do_normalize",
        "eos_token",
        "eos_token_id",
        "feature_extractor_type",
        "flavors",
        "image_processor_type",
        "loader_module",
        "max_seq_length",
        "model_type",
        "peft_type",
        "pooling_mode_mean_tokens",
        "processor_class",
        "similarity_fn_name",
        "special_tokens",
        "tokenizer_class",
        "tool_class",
        "transformers_version",
        "trust_remote_code",
        "weight_map",
        "word_embedding_dimension",
    ]
)
"""keys that show a configuration whose rules are known here"""
TELLING_KEYS = (
    rb"auto_map|custom_pipelines|tool_class|trust_remote_code|attn_implementation|class_name"
    rb"|activation_f|loss_fct|sbert_ce_default|parent_library|_target_|nemo_version|megatron_core"
    rb"|loader_module|tokenizer_class|weight_map|_data_files|pretrained_cfg|chat_template"
    rb"|class_path|backbone|preprocessors|vocab_file|merges_file|tokenizer_file|spm_file|\"_data\""
    rb"|vocabulary|transformers_modules|diffusers_modules|flavors|searchpath|_implementation"
    rb"|custom_ops_library|:serialized:|weightsManifest|dataPath|template_format|Preprocess"
    rb"|transform_ops|custom_generate|instruction_template|" + IMPORTING_KEYS
)
"""a pattern of the keys that have a rule wherever they stand, for documents too long to parse"""

_CODE_KEYS = frozenset({"auto_map", "custom_pipelines", "tool_class"})
_LAYER_KEYS = frozenset(
    {"activation_fn", "activation_function", "loss_fct", "sbert_ce_default_activation_function"}
)
_TOKENIZER_FILES = frozenset(
    {"merges_file", "sp_model_file", "spm_file", "tokenizer_file", "vocab_file", "vocabulary_file"}
)
"""files that a tokenizer opens as its configuration says (`PreTrainedTokenizerBase._from_pretrained`)"""
_SOURCES = ("repo", "pretrained_model_name_or_path")
"""where a component of a modular pipeline comes from"""
_OTHER_MODELS = ("base_model_name_or_path", "adapters")
"""what PEFT loads besides: the model below an adapter, and the adapters that X-LoRA mixes"""
_TEMPLATES = frozenset({"chat_template", "chat_template_jinja", "instruction_template"})
_LISTED_FILES = (("paths", "weightsManifest/paths"), ("dataPath", "records/dataPath"))
"""weights that TensorFlow.js and MLC fetch by a path of their index"""
_CODE_MODULES = ("transformers_modules.", "diffusers_modules.")
_KERNELS = ("_implementation", "_implementation_internal")
"""endings of keys under which transformers looks for a kernel, of attention or experts, on the hub"""
_NATIVE = frozenset({"custom_op_library", "custom_ops_library"})
"""libraries that ONNX Runtime GenAI loads into its process"""
_NO_FUNCTIONS = frozenset({"engine", "models", "saving", "trainers"})
"""parts of Keras whose functions load and build models"""
_BUILTIN_TYPES = frozenset({"bool", "dict", "float", "int", "list", "slice", "str", "tuple"})
_JSONPICKLE_DATA = frozenset({"py/b64", "py/b85", "py/id", "py/set", "py/tuple"})
_JSONPICKLE_TYPES = frozenset(
    {
        "collections.OrderedDict",
        "datetime.date",
        "datetime.datetime",
        "datetime.time",
        "datetime.timedelta",
        "decimal.Decimal",
        "uuid.UUID",
    }
)
"""tags and classes of jsonpickle that make plain values"""
_HYDRA_PACKAGES = frozenset({"hydra", "hydra_plugins", "lightning", "nemo", "nemo_automodel"})
"""packages with configurations that come with a library"""
_KERAS_PACKAGES = frozenset({"keras", "keras_cv", "keras_hub", "keras_nlp", "tf_keras"})
"""packages under which a library of Keras's own makers registers its classes"""
_FALSE = frozenset({"", "0", "false", "n", "no", "none", "null", "off", "~"})
_IDENTIFIER = re.compile(r"[A-Z]\w*")
_SHOWN = 120
_PAIR = 2


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a rule saw in a configuration."""

    rule: str
    """rule id"""
    detail: str
    """the key and what it says"""
    severity: Severity | None = None
    """how bad it is, where that is not what the rule says"""


def judge_configuration(document: object, path: str) -> Iterator[Hit]:
    """Yield what the loaders of a configuration would do beyond reading data.

    `path` matters where a loader goes by the name of the file.
    """
    name = base_name(path)
    if name in {"model_index.json", "modular_model_index.json"}:
        yield from _pipeline_index(document)
    if name == "modules.json":
        yield from _sentence_modules(document)
    if name == "dataset_dict.json" and isinstance(document, JsonObject):
        splits = sorted({text for value in document.all("splits") for text in _texts(value)})
        yield from (Hit("REP004", _shown(f"split `{one}`")) for one in splits if leaves(one))
    if path.rpartition("!")[2].endswith("MAR-INF/MANIFEST.json"):
        yield from _served_archive(document)
    if isinstance(document, JsonObject) and "peft_type" in document.keys:
        others = (
            one for key in _OTHER_MODELS for value in document.all(key) for one in _texts(value)
        )
        for base in others:
            yield Hit("REP007", _shown(base), Severity.HIGH if leaves(base) else None)
    for pointer, said in evaluated_texts(document):
        yield Hit("REP001", _shown(f"`{pointer}`: {said}"))
    yield from (_hit("REP003", field, field.value) for field in foreign_types(document))
    for field in walk(document):
        yield from _remote_code(field)
        yield from _foreign_class(field, path)
        yield from _leaving_path(field)
        yield from _search_path(field)
        yield from _keras(field)
        yield from _operations(field)
        yield from _python_objects(field)
    yield from _repeated_keys(document)


def templates_of(document: object) -> Iterator[tuple[str, str]]:
    """Yield each chat template of a configuration with the path to it, and each prompt in Jinja."""
    for field in walk(document):
        if field.key not in _TEMPLATES and not _is_prompt(field):
            continue
        if isinstance(field.value, str):
            yield field.pointer, field.value
        elif isinstance(field.value, JsonObject):
            yield from ((field.pointer, text) for text in _texts(field.value))
        elif isinstance(field.value, list):
            entries = [item for item in field.value if isinstance(item, JsonObject)]
            yield from (
                (field.pointer, text)
                for item in entries
                for text in item.all("template")
                if isinstance(text, str)
            )


def _is_prompt(field: Field) -> bool:
    """Tell the template of a prompt of LangChain or Semantic Kernel that says that it is one of Jinja."""
    return field.key == "template" and "jinja2" in field.owner.all("template_format")


def _remote_code(field: Field) -> Iterator[Hit]:
    if field.key in _CODE_KEYS and any(_texts(field.value)):
        yield _hit("REP001", field, ", ".join(_texts(field.value)))
    elif field.key.endswith("trust_remote_code") and _is_true(field.value):
        yield _hit("REP002", field, "true")
    elif field.key.endswith(_KERNELS) and any("/" in text for text in _texts(field.value)):
        yield _hit("REP001", field, f"a kernel from `{', '.join(_texts(field.value))}`")
    elif field.key == "custom_generate" and any("/" in text for text in _texts(field.value)):
        yield _hit("REP001", field, ", ".join(_texts(field.value)))
    elif field.key in _NATIVE and any(_texts(field.value)):
        yield _hit("REP001", field, f"native code in {', '.join(_texts(field.value))}")
    elif field.key == "_class_name" and _names_code(field.value):
        yield _hit("REP001", field, ", ".join(_texts(field.value)))


def _foreign_class(field: Field, path: str) -> Iterator[Hit]:
    value = field.value
    if not isinstance(value, str):
        return
    dotted = "." in value or ":" in value
    outside = (
        (field.key in _LAYER_KEYS and dotted and not is_layer_class(value))
        or (field.key == "parent_library" and not is_diffusers_library(value))
        or (field.key == "_target_" and not is_target_class(value))
        or (_is_instantiated(field) and not is_instantiated_class(value))
        or (field.key == "megatron_core" and value.partition(".")[0] != "megatron")
        or (field.key == "loader_module" and not is_mlflow_module(value))
        or (field.key == "tokenizer_class" and dotted and not is_sentence_module(value))
        or (field.pointer.startswith("types/") and dotted and not is_sentence_module(value))
        or (_is_called(field) and dotted and not is_target_class(value))
        or (_is_speech_part(field) and dotted and not is_speech_class(value))
        or value.startswith(_CODE_MODULES)
        or is_imported_from_elsewhere(field, path)
    )
    if outside:
        yield _hit("REP003", field, value)


def _is_instantiated(field: Field) -> bool:
    """Tell the `target` that CompVis' `instantiate_from_config` and NeMo's `restore_from` import."""
    known = "params" in field.owner.keys or "nemo_version" in field.owner.keys
    return field.key == "target" and known and "." in str(field.value)


def _is_called(field: Field) -> bool:
    """Tell the `class_path` of LightningCLI, and the `_type` of torchao, which has no dots."""
    return field.key == "class_path" or (field.key == "_type" and "_data" in field.owner.keys)


def _is_speech_part(field: Field) -> bool:
    """Tell what `pyannote.audio` imports by its name: a pipeline, and what comes before it."""
    above = field.pointer.split("/")[:-1]
    return field.key == "name" and (above == ["pipeline"] or above[:1] == ["preprocessors"])


def _leaving_path(field: Field) -> Iterator[Hit]:
    if field.key in _TOKENIZER_FILES and isinstance(field.value, str) and leaves(field.value):
        weight = Severity.INFO if is_leftover(field.value) else None
        yield replace(_hit("REP004", field, field.value), severity=weight)
    if field.key == "backbone" and isinstance(field.value, str) and leaves(field.value):
        weight = Severity.INFO if is_leftover(field.value) else None
        yield replace(_hit("REP004", field, field.value), severity=weight)
    elif field.key == "file" and field.pointer.endswith("pretrained_cfg/file"):
        names = [text for text in _texts(field.value) if leaves(text)]
        yield from (_hit("REP004", field, name) for name in names)
    elif field.key in {"_data_files", "weight_map"} or _lists_files(field):
        for name in sorted({name for name in _texts(field.value) if leaves(name)}):
            yield _hit("REP004", field, name)


def _lists_files(field: Field) -> bool:
    return any(field.key == key and field.pointer.endswith(end) for key, end in _LISTED_FILES)


def _search_path(field: Field) -> Iterator[Hit]:
    """Judge where Hydra looks for further configurations: folders, and packages that it imports."""
    if not field.pointer.endswith("hydra/searchpath"):
        return
    for text in _texts(field.value):
        kind, _, rest = text.partition("://")
        if kind == "pkg" and rest.partition(".")[0] not in _HYDRA_PACKAGES:
            yield _hit("REP003", field, text)
        elif kind != "pkg" and leaves(rest or text):
            yield _hit("REP004", field, text)


def _pipeline_index(document: object) -> Iterator[Hit]:
    """Judge the components `[library, class]` of a diffusers pipeline."""
    if not isinstance(document, JsonObject):
        return
    for name, value in document.pairs:
        if leaves(name) or "/" in name:
            yield Hit("REP004", _shown(f"component `{name}`"))
        if not isinstance(value, list) or len(value) < _PAIR or name.startswith("_"):
            continue
        yield from _component(name, value)
        for given in (one for one in value[_PAIR:] if isinstance(one, JsonObject)):
            for hint in given.all("type_hint"):
                yield from _component(name, hint)
            for other in (one for key in _SOURCES for one in given.all(key)):
                if isinstance(other, str) and other:
                    yield Hit("REP007", _shown(other), Severity.HIGH if leaves(other) else None)


def _component(name: str, named: object) -> Iterator[Hit]:
    """Judge the library and the class of a component, which the pipeline imports."""
    if not isinstance(named, list) or len(named) < _PAIR:
        return
    library, kind = named[0], named[1]
    if not isinstance(library, str) or not isinstance(kind, str):
        return
    if not is_diffusers_library(library) or not _IDENTIFIER.fullmatch(kind):
        yield Hit("REP003", _shown(f"`{name}`: {library}, {kind}"))


def _sentence_modules(document: object) -> Iterator[Hit]:
    """Judge the list of modules that sentence-transformers imports and calls."""
    for entry in document if isinstance(document, list) else [document]:
        if not isinstance(entry, JsonObject):
            continue
        for kind in entry.all("type"):
            if not isinstance(kind, str) or not is_sentence_module(kind):
                yield Hit("REP003", _shown(f"`type`: {kind}"))
        for path in entry.all("path"):
            if isinstance(path, str) and leaves(path):
                yield Hit("REP004", _shown(f"`path`: {path}"))


def _served_archive(document: object) -> Iterator[Hit]:
    """Judge the manifest of a TorchServe archive, whose handler may be a file of the archive."""
    for field in walk(document):
        if field.key == "handler" and isinstance(field.value, str):
            if not field.value.replace("_", "").isalpha():
                yield _hit("REP001", field, field.value)
        elif field.key in {"modelFile", "requirementsFile"} and field.value:
            yield _hit("REP001", field, str(field.value))


def _keras(field: Field) -> Iterator[Hit]:
    owner, value = field.owner, field.value
    if field.key == "class_name":
        if str(value) in {"Lambda", "__lambda__", "TorchModuleWrapper", "TFSMLayer"}:
            yield _hit("KER001", field, str(value))
        elif isinstance(value, str) and owner.all("module") and not value.isidentifier():
            yield _hit("KER002", field, value)
        elif isinstance(value, str) and value.rpartition(">")[2] == "Lambda":
            yield _hit("KER001", field, value)
    elif field.key == "registered_name" and isinstance(value, str) and owner.all("class_name"):
        if value.partition(">")[0].lower() not in _KERAS_PACKAGES and ">" in value:
            yield _hit("KER004", field, value)
    elif field.key == "module" and isinstance(value, str) and owner.all("class_name"):
        if not _keras_allows(owner, value):
            names = ".".join([value, *map(str, owner.all("class_name"))])
            yield _hit("KER002", field, names)
    elif field.key == "vocabulary" and isinstance(value, str) and _is_of_layer(field):
        yield _hit("KER003", field, value)


def _is_of_layer(field: Field) -> bool:
    """Tell the settings of a Keras layer, by what stands beside or above them."""
    return bool(field.owner.keys & {"name", "dtype"}) or field.pointer.endswith("config/vocabulary")


def _operations(field: Field) -> Iterator[Hit]:
    """Judge the functions of TensorFlow that Keras 2 calls by name."""
    if field.key != "class_name" or field.value not in ("SlicingOpLambda", "TFOpLambda"):
        return
    for config in field.owner.all("config"):
        names = config.all("function") if isinstance(config, JsonObject) else ()
        for name in names:
            if not is_tensor_operation(str(name)):
                yield _hit("KER002", field, str(name))


def _keras_allows(owner: JsonObject, module: str) -> bool:
    kinds = owner.all("class_name")
    if module == "builtins":
        called = owner.all("config") if "function" in kinds else ()
        plain = all(kind == "function" or str(kind) in _BUILTIN_TYPES for kind in kinds)
        return plain and not any(hasattr(builtins, str(name)) for name in called)
    plain = all(kind == "function" or _IDENTIFIER.fullmatch(str(kind)) for kind in kinds)
    if "function" in kinds and not _NO_FUNCTIONS.isdisjoint(module.split(".")):
        return False
    return plain and is_keras_module(module)


def _python_objects(field: Field) -> Iterator[Hit]:
    if not field.key.startswith("py/") or field.key in _JSONPICKLE_DATA:
        return
    if _jsonpickle_type(field) not in _JSONPICKLE_TYPES:
        yield _hit("REP009", field, str(field.value))


def _jsonpickle_type(field: Field) -> str:
    """Return the class that a tag of jsonpickle names; what it is given stands below, for tags of its own."""
    made = field.value
    if field.key == "py/reduce" and isinstance(made, list) and made:
        first = made[0]
        made = (
            first.all("py/type")[0]
            if isinstance(first, JsonObject) and first.keys == {"py/type"}
            else ""
        )
    elif field.key not in {"py/object", "py/type"}:
        return ""
    return made if isinstance(made, str) else ""


def _repeated_keys(document: object) -> Iterator[Hit]:
    """Report keys that stand twice in the objects of one configuration."""
    seen: set[int] = set()
    for field in walk(document):
        if id(field.owner) in seen:
            continue
        seen.add(id(field.owner))
        if len(field.owner.keys) != len(field.owner.pairs):
            names = [name for name, _ in field.owner.pairs]
            twice = sorted({name for name in names if len(field.owner.all(name)) > 1})[:_PAIR]
            yield Hit("REP008", _shown(", ".join(f"`{name}`" for name in twice)))


def _is_true(value: object) -> bool:
    """Tell what Python takes for true, but for words that clearly mean the opposite."""
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE
    return isinstance(value, bool | int | float) and bool(value)


def _names_code(value: object) -> bool:
    return isinstance(value, list | JsonObject) or (
        isinstance(value, str) and not value.isidentifier()
    )


def _texts(value: object) -> Iterator[str]:
    """Yield every text below a value; a shared object once."""
    stack = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif id(item) not in seen:
            seen.add(id(item))
            stack.extend(_children(item))


def _children(item: object) -> list[object]:
    if isinstance(item, list):
        return item[::-1]
    return [value for _, value in item.pairs[::-1]] if isinstance(item, JsonObject) else []


def _hit(rule: str, field: Field, said: str) -> Hit:
    return Hit(rule, _shown(f"`{field.pointer}`: {said}"))


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:_SHOWN])
