"""The allowlist and the denylist, read from the data files beside this module when a name needs them."""

from enum import Enum
from functools import cache
from itertools import chain

from weightmark.scanners.allow.surveyed import Reach, reach, survey_data
from weightmark.values import dataclass

__all__ = ["Grade", "Permission", "data_digest", "permission"]

_PYTHON = ("python.json",)
_LISTS: dict[str, tuple[str, ...]] = {
    "PIL": ("pillow.json",),
    "accelerate": ("accelerate.json",),
    "catboost": ("catboost.json",),
    "datasets": ("datasets.json",),
    "dateutil": ("pandas.json",),
    "diffusers": ("diffusers.json",),
    "dill": ("dill.json",),
    "gensim": ("gensim.json",),
    "imblearn": ("imblearn.json",),
    "joblib": ("joblib.json",),
    "lightgbm": ("lightgbm.json",),
    "numpy": ("numpy.json", "scipy.json"),
    "optuna": ("optuna.json",),
    "pandas": ("pandas.json",),
    "pyarrow": ("pyarrow.json",),
    "scipy": ("scipy.json",),
    "sentence_transformers": ("sentence_transformers.json",),
    "sklearn": ("sklearn.json",),
    "statsmodels": ("statsmodels.json",),
    "tokenizers": ("tokenizers.json",),
    "torch": ("torch.json", "torch_modules.json", "torch_quantization.json"),
    "transformers": ("transformers.json",),
    "xgboost": ("xgboost.json",),
}
"""the lists that hold names of a package; those of any other one stand in Python's own"""
_OWN = (
    "albumentations",
    "arch",
    "arviz",
    "bayes_opt",
    "botorch",
    "category_encoders",
    "causalml",
    "chemprop",
    "cmdstanpy",
    "coreforecast",
    "darts",
    "deap",
    "econml",
    "einops",
    "feature_engine",
    "featuretools",
    "gpytorch",
    "gymnasium",
    "hdbscan",
    "hmmlearn",
    "hyperopt",
    "implicit",
    "interpret",
    "kmodes",
    "kornia",
    "lifelines",
    "lightning",
    "lightning_fabric",
    "mlforecast",
    "mlxtend",
    "monai",
    "networkx",
    "ngboost",
    "nltk",
    "omegaconf",
    "peft",
    "pgmpy",
    "pmdarima",
    "prophet",
    "pynndescent",
    "pyod",
    "pytorch_lightning",
    "pytorch_tabnet",
    "pytz",
    "river",
    "segmentation_models_pytorch",
    "shap",
    "sklearn_crfsuite",
    "skmultilearn",
    "skopt",
    "sksurv",
    "sktime",
    "slicer",
    "stable_baselines3",
    "stanio",
    "statsforecast",
    "surprise",
    "timm",
    "torch_geometric",
    "torchmetrics",
    "torchvision",
    "trl",
    "tslearn",
    "ultralytics",
    "umap",
    "woodwork",
    "xarray",
)
"""packages that have one list, of their own name"""
_LISTS |= {package: (f"{package}.json",) for package in _OWN}
_DANGEROUS = "dangerous.json"
_ACTING = "acting.json"


class Grade(Enum):
    """What is known about a name."""

    SAFE = "safe"
    """reviewed: plain data, tensors, arrays, containers"""
    KNOWN = "known"
    """reviewed: a class of a well-known library"""
    UNKNOWN = "unknown"
    """on no list"""
    DANGEROUS = "dangerous"
    """on the denylist: reaches code, files, processes or the network"""


@dataclass(frozen=True, slots=True)
class Permission:
    """What a pickle may do with one name besides importing it."""

    grade: Grade
    """what is known about the name"""
    call: str = ""
    """empty: not callable; `any`: with any arguments; else the check that its arguments must pass"""
    apply: bool = False
    """calling it with any data does no harm, though a pickle itself has no reason to: a function, a
    method or a value, or a class whose making does no more than keep or compute"""
    new: bool = False
    """make an instance without calling the class"""
    keeps: bool = False
    """making an instance keeps the arguments and looks up nothing on them, as a named tuple does"""
    build: bool = False
    """set the state of a result or instance"""
    state: str = ""
    """empty: any unarmed state; else the check that it must pass, for example `dict`: one dict, in which
    no text is code that is not the library's"""
    methods: frozenset[str] = frozenset()
    """names that may be got from an instance, unless its state may hide them"""
    items: bool = False
    """set items of a result or instance"""
    append: bool = False
    """append to a result or instance"""
    add: bool = False
    """add to a result or instance, as to a set"""
    unlisted: bool = False
    """a class on no list, of a package that is neither reviewed nor known to act, or that the survey saw: an
    object of such a class may be made from plain data, which is a finding of its own"""
    cleared: bool = False
    """an unlisted class of which the survey saw that loading an object reaches nothing"""
    makes: bool = False
    """a cleared class of which it saw that calling it with plain data reaches nothing either"""


UNKNOWN = Permission(Grade.UNKNOWN)
UNLISTED = Permission(Grade.UNKNOWN, unlisted=True)
CLEARED = Permission(Grade.UNKNOWN, unlisted=True, cleared=True)
MAKING = Permission(Grade.UNKNOWN, unlisted=True, cleared=True, makes=True)
DANGEROUS = Permission(Grade.DANGEROUS)
_BY_REACH: dict[Reach | None, Permission] = {
    Reach.ACTS: UNKNOWN,
    Reach.MAKES: MAKING,
    Reach.KEEPS: CLEARED,
}


def permission(module: str, name: str) -> Permission:
    """Return what is allowed for exactly this module and name; by default nothing."""
    allowed = _allowed(_LISTS.get(module.partition(".")[0], _PYTHON)).get((module, name))
    if allowed is not None:
        return allowed
    modules, names = _dangerous()
    if (module, name) in names or module in modules:
        return DANGEROUS
    parent = module
    while "." in parent:
        parent = parent.rpartition(".")[0]
        if parent in modules:
            return DANGEROUS
    return _unlisted(module, name)


def data_digest() -> str:
    """Return the SHA-256 of all lists, in hex."""
    import hashlib

    digest = hashlib.sha256()
    for name in sorted({*_PYTHON, *chain(*_LISTS.values()), _DANGEROUS, _ACTING}):
        data = _read(name)
        digest.update(f"{name} {len(data)}\n".encode())
        digest.update(data)
    data = survey_data()
    digest.update(f"survey {len(data)}\n".encode())
    digest.update(data)
    return digest.hexdigest()


def _read(name: str) -> bytes:
    from importlib.resources import files

    return files("weightmark.scanners.allow").joinpath(name).read_bytes()


@cache
def _allowed(files: tuple[str, ...]) -> dict[tuple[str, str], Permission]:
    import json

    table: dict[tuple[str, str], Permission] = {}
    for file in files:
        document = json.loads(_read(file))
        grade = Grade(document["grade"])
        for module, names in document["modules"].items():
            for name, operations in names.items():
                table[module, name] = _parse(grade, operations)
    return table


@cache
def _parse(grade: Grade, operations: str) -> Permission:
    words = {word.partition(":")[0]: word.partition(":")[2] for word in operations.split()}
    return Permission(
        grade,
        call=(words["call"] or "any") if "call" in words else "",
        apply="apply" in words or not words,
        new="new" in words,
        keeps=words.get("new") == "keep",
        build="build" in words,
        state=words.get("build", ""),
        methods=frozenset(filter(None, words.get("get", "").split(","))),
        items="items" in words,
        append="append" in words,
        add="add" in words,
    )


@cache
def _dangerous() -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    import json

    document = json.loads(_read(_DANGEROUS))
    names = {(module, name) for module, row in document["names"].items() for name in row}
    return frozenset(document["modules"]), frozenset(names)


def _unlisted(module: str, name: str) -> Permission:
    """Return what is allowed for a class of no list; a script's own classes are in `__main__`."""
    if not _may_hold_classes(module):
        return UNKNOWN
    package = module.partition(".")[0]
    found = reach(module, name)
    if found in _BY_REACH:
        return _BY_REACH[found]
    closed = package in _acting()[1] or (found is None and package in _LISTS)
    return UNKNOWN if closed else UNLISTED


def _may_hold_classes(module: str) -> bool:
    """Tell a module of a third party's package, and no entry point of one."""
    package, _, rest = module.partition(".")
    if module == "__main__":
        return True
    if package in _acting()[0] or package.startswith("_") or rest.rpartition(".")[2] == "__main__":
        return False
    return all(part.isidentifier() for part in module.split("."))


@cache
def _acting() -> tuple[frozenset[str], frozenset[str]]:
    """Return the packages of the standard library, and the others that act as a whole."""
    import json

    document = json.loads(_read(_ACTING))
    return frozenset(document["standard_library"]), frozenset(document["packages"])
