"""The committed lists are what the review allows, whatever is installed."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from weightmark.scanners.allow.names import Grade, permission

ROOT = Path(__file__).parents[2]
REVIEW = tomllib.loads((ROOT / "ci" / "allowlist" / "review.toml").read_text())
LISTS = {
    path.name: json.loads(path.read_text())
    for path in sorted((ROOT / "scanners" / "allow").glob("*.json"))
}
DENIED = LISTS.pop("dangerous.json")
NAMES = [
    (file, module, name, operations)
    for file, document in LISTS.items()
    for module, names in document["modules"].items()
    for name, operations in names.items()
]
OPERATION = re.compile(r"call(:[a-z-]+)?|new|build|items|append|add")
GADGETS = re.compile(
    r"(^|_)(eval|exec|compile|open|system|popen|getattr|setattr|attrgetter|itemgetter|methodcaller|"
    r"load|loads|loadtxt|genfromtxt|fromfile|memmap|frompyfunc|vectorize|read_\w+|rv_\w+|reduce|"
    r"resolve_name|import_module|_ufunc_reconstruct|LowLevelCallable|DMatrix|NDArrayWrapper)$"
)


def test_every_name_is_plain() -> None:
    for file, module, name, _ in NAMES:
        assert all(part.isidentifier() for part in module.split(".")), (file, module)
        assert name.isidentifier(), (file, name)
        assert not (name.startswith("__") and name.endswith("__")), (file, name)


def test_every_operation_is_known() -> None:
    for file, module, name, operations in NAMES:
        for word in operations.split():
            assert OPERATION.fullmatch(word), (file, module, name, word)


def test_no_known_gadget_stands_on_a_list() -> None:
    found = {f"{module}:{name}" for _, module, name, _ in NAMES if GADGETS.search(name)}
    assert found == set()


def test_nothing_is_both_allowed_and_denied() -> None:
    for file, module, name, _ in NAMES:
        assert name not in DENIED["names"].get(module, ()), (file, module, name)
        parts = module.split(".")
        parents = {".".join(parts[: count + 1]) for count in range(len(parts))}
        if file != "python.json":
            assert not parents & set(DENIED["modules"]), (file, module)


def test_exclusions_of_the_review_hold() -> None:
    for key, entry in REVIEW.items():
        for module, names in LISTS[f"{key}.json"]["modules"].items():
            for name in names:
                for pattern in entry.get("excluded", {}):
                    assert not re.search(pattern, f"{module}:{name}"), (key, module, name)


def test_names_of_the_review_stand_on_the_lists_as_reviewed() -> None:
    for key, entry in REVIEW.items():
        document = LISTS[f"{key}.json"]
        assert (document["grade"], document["library"]) == (entry["grade"], entry["library"])
        for module, names in entry["names"].items():
            for name, operations in names.items():
                assert document["modules"][module][name] == operations


def test_every_exclusion_has_a_reason_and_every_list_a_version() -> None:
    for entry in REVIEW.values():
        for reason in (*entry.get("excluded", {}).values(), *entry.get("hooks", {}).values()):
            assert len(reason.split()) > 1
    assert all(document["version"] for document in LISTS.values())


@pytest.mark.parametrize(
    ("module", "name", "grade"),
    [
        ("sklearn.svm._classes", "SVC", Grade.KNOWN), ("pandas.core.frame", "DataFrame", Grade.KNOWN),
        ("sklearn.svm._classes", "Other", Grade.UNKNOWN), ("sklearn.svm", "_classes", Grade.UNKNOWN),
        ("pandas.core.computation.scope", "Scope", Grade.DANGEROUS), ("numpy", "sum", Grade.SAFE),
        ("scipy.stats._continuous_distns", "norm_gen", Grade.UNKNOWN),
    ],
)  # fmt: skip
def test_grades(module: str, name: str, grade: Grade) -> None:
    assert permission(module, name).grade is grade
