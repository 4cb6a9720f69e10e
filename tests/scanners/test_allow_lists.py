"""The committed lists are what the review allows, whatever is installed."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import scan, stack_global, text, worst
from tools.allowlist.generate import digests
from weightmark.scanners.allow.names import Grade, permission
from weightmark.scanners.pickles.call_checks import CHECKS, STATES
from weightmark.scanners.scan import Outcome, Severity

ROOT = Path(__file__).parents[2]
REVIEW = tomllib.loads((ROOT / "tools" / "allowlist" / "review.toml").read_text())
LISTS = {
    path.name: json.loads(path.read_text())
    for path in sorted((ROOT / "scanners" / "allow").glob("*.json"))
}
DENIED = LISTS.pop("dangerous.json")
ACTING = LISTS.pop("acting.json")
SURVEYED = LISTS.pop("surveyed.json")
NAMES = [
    (file, module, name, operations)
    for file, document in LISTS.items()
    for module, names in document["modules"].items()
    for name, operations in names.items()
]
WRITTEN = json.loads((ROOT / "tools" / "allowlist" / "written.json").read_text())
PINS = ROOT / "tools" / "allowlist" / "requirements.in"
OPERATION = re.compile(
    r"apply|call(:[a-z-]+)?|new(:keep)?|build(:(dict|generator|image|native|script|self|temporary))?|get:[a-z0-9_,]+|items|append|add"
)
CHECKED = {("re", "_compile")}
"""names like those of gadgets whose arguments are checked by themselves"""
GADGETS = re.compile(
    r"(^|_)(eval|exec|compile|open|system|popen|getattr|setattr|attrgetter|itemgetter|methodcaller|"
    r"load|loads|loadtxt|genfromtxt|fromfile|memmap|frompyfunc|read_\w+|rv_(?!(continuous_|discrete_)?frozen|histogram|sample)\w+|reduce|"
    r"resolve_name|import_module|_ufunc_reconstruct|LowLevelCallable|DMatrix|NDArrayWrapper)$"
)


def test_every_name_is_plain() -> None:
    for file, module, name, _ in NAMES:
        assert all(part.isidentifier() for part in module.split(".")), (file, module)
        assert all(part.isidentifier() for part in name.split(".")), (file, name)
        for part in name.split("."):
            assert not (part.startswith("__") and part.endswith("__")), (file, name)


def test_a_dotted_name_is_one_method_of_a_class_on_the_same_list() -> None:
    for file, module, name, operations in NAMES:
        if "." in name:
            cls, _, member = name.partition(".")
            assert "." not in member, (file, name)
            assert cls in LISTS[file]["modules"][module] or module == "builtins", (file, name)
            assert "new" not in operations.split(), (file, name)


def test_every_package_finds_its_lists() -> None:
    for _, module, name, _ in NAMES:
        assert permission(module, name).grade in (Grade.SAFE, Grade.KNOWN), (module, name)


def test_every_check_of_the_lists_exists() -> None:
    own = {
        "any",
        "array-and-state",
        "arrow",
        "function-first",
        "nested-bytes",
        "pattern",
        "rebuild",
    }
    for _, module, name, _ in NAMES:
        allowed = permission(module, name)
        assert not allowed.call or allowed.call in {*CHECKS, *own}, (module, name)
        assert allowed.state in STATES, (module, name)


def test_every_operation_is_known() -> None:
    for file, module, name, operations in NAMES:
        for word in operations.split():
            assert OPERATION.fullmatch(word), (file, module, name, word)


def test_no_known_gadget_stands_on_a_list() -> None:
    found = {(module, name) for _, module, name, _ in NAMES if GADGETS.search(name)}
    assert found == CHECKED


def test_nothing_is_both_allowed_and_denied() -> None:
    for file, module, name, _ in NAMES:
        assert name not in DENIED["names"].get(module, ()), (file, module, name)
        parts = module.split(".")
        parents = {".".join(parts[: count + 1]) for count in range(len(parts))}
        if file not in ("dill.json", "python.json"):
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
        for module, names in entry.get("names", {}).items():
            for name, operations in names.items():
                assert document["modules"][module][name] == operations


@pytest.mark.parametrize("name", REVIEW)
def test_no_list_and_no_review_was_changed_by_hand(name: str) -> None:
    """What `tools/allowlist/generate.py` wrote last; run it again after a change of the review."""
    assert WRITTEN[name] == digests(name, REVIEW[name])


def test_every_list_but_the_two_of_our_own_was_written_by_the_script() -> None:
    assert {f"{name}.json" for name in WRITTEN} == set(LISTS) - {"python.json"}
    assert set(WRITTEN) == set(REVIEW)


def test_versions_are_those_that_the_script_installs() -> None:
    pins = dict(line.split("==") for line in PINS.read_text().splitlines())
    for entry_name, entry in REVIEW.items():
        assert LISTS[f"{entry_name}.json"]["version"] == pins[entry["requirement"]]


def test_names_in_dill_have_checks_of_their_own() -> None:
    for operations in LISTS["dill.json"]["modules"]["dill._dill"].values():
        assert operations.startswith("call:")
        assert operations not in ("call:plain", "call:sized")


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
        ("scipy.stats._continuous_distns", "norm_gen", Grade.KNOWN),
        ("scipy.stats._distn_infrastructure", "rv_continuous", Grade.UNKNOWN),
    ],
)  # fmt: skip
def test_grades(module: str, name: str, grade: Grade) -> None:
    assert permission(module, name).grade is grade


HONEST = (
    "\ndef _parse_args(self, low, high,  loc=0):\n    return (low, high, ), loc, 1\n"
    "\ndef _parse_args_rvs(self, low, high,  loc=0, size=None):\n"
    "    return self._argcheck_rvs(low, high,  loc, 1, size=size)\n"
    "\ndef _parse_args_stats(self, low, high,  loc=0, moments='mv'):\n"
    "    return (low, high, ), loc, 1, moments\n"
)
TEMPLATE = "_parse_arg_template"
P4 = b"\x80\x04"
RANDINT = ("scipy.stats._discrete_distns", "randint_gen")
DATA = ("statsmodels.base.data", "ModelData")
MODEL = ("catboost.core", "CatBoostClassifier")
SYSTEM = stack_global("os", "system")


def long_text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


def built(cls: tuple[str, str], *pairs: tuple[str, bytes]) -> bytes:
    """A pickle of one object with these attributes."""
    state = b"".join(text(key) + value for key, value in pairs)
    return P4 + stack_global(*cls) + b")\x81}(" + state + b"ub."


def distribution(template: str) -> bytes:
    return built(RANDINT, ("name", text("randint")), (TEMPLATE, long_text(template)))


def test_text_that_scipy_writes_itself_is_quiet() -> None:
    assert scan(distribution(HONEST)).outcome is Outcome.CLEAN


@given(st.integers(0, len(HONEST)), st.text(min_size=1, max_size=12))
def test_text_that_scipy_did_not_write_is_refused(place: int, more: str) -> None:
    changed = HONEST[:place] + more + HONEST[place:]
    names = re.findall(r"[(]self, (.*?)  ?loc", changed)
    if len(set(names)) != 1 or not re.fullmatch(r"(\w+, )*", names[0]):
        assert scan(distribution(changed)).outcome is Outcome.FINDINGS


ATTACKS = {
    "code after the template": distribution(HONEST + "import os; os.system('echo x')\n"),
    "code as a default": distribution(HONEST.replace("loc=0", "loc=__import__('os')", 1)),
    "code in place of a name": distribution(HONEST.replace("low", "low=print(1)")),
    "template that is too long to read": distribution(HONEST + "#" * 5000),
    "template set twice": built(
        RANDINT, (TEMPLATE, long_text(HONEST)), (TEMPLATE, long_text("import os"))
    ),
    "template under a computed key": P4
    + stack_global(*RANDINT)
    + b")\x81}"
    + stack_global("builtins", "str")
    + text(TEMPLATE)
    + b"\x85R"
    + text("import os")
    + b"sb.",
    "template in a tuple of pairs": P4
    + stack_global(*RANDINT)
    + b")\x81"
    + text(TEMPLATE)
    + text("import os")
    + b"\x86\x85b.",
    "template in a list of pairs": P4
    + stack_global(*RANDINT)
    + b")\x81]"
    + text(TEMPLATE)
    + text("import os")
    + b"\x86ab.",
    "template as a key of a pair of dicts": P4
    + stack_global(*RANDINT)
    + b")\x81}("
    + text(TEMPLATE)
    + b"N"
    + text("import os")
    + b"Nu}\x86b.",
    "template set after the state": P4
    + stack_global(*RANDINT)
    + b")\x81}\x94b"
    + b"h\x00"
    + text(TEMPLATE)
    + text("import os")
    + b"s0.",
    "formula that calls": built(
        DATA, ("restore_model_spec", b"\x88"), ("formula", text("y ~ __import__('os').getcwd()"))
    ),
    "formula with an attribute": built(DATA, ("formula", text("y ~ a.b"))),
    "formula in braces": built(DATA, ("formula", text("y ~ {a}"))),
    "method of a distribution that was not reviewed": P4
    + stack_global("builtins", "getattr")
    + stack_global(*RANDINT)
    + b")\x81"
    + text("__class__")
    + b"\x86R.",
    "method of an object whose state is set": P4
    + stack_global("builtins", "getattr")
    + stack_global(*RANDINT)
    + b")\x81}"
    + text("_entropy")
    + stack_global("numpy", "sum")
    + b"sb"
    + text("_entropy")
    + b"\x86R.",
    "method of a class": P4
    + stack_global("builtins", "getattr")
    + stack_global(*RANDINT)
    + text("_entropy")
    + b"\x86R.",
    "method of a namespace": P4
    + stack_global("builtins", "getattr")
    + stack_global("types", "SimpleNamespace")
    + b")\x81"
    + text("_entropy")
    + b"\x86R.",
    "vectorized command": built(("numpy", "vectorize"), ("pyfunc", SYSTEM)),
    "hook that is a command": built(
        ("torch.nn.modules.module", "_WrappedHook"), ("hook", SYSTEM), ("with_module", b"\x89")
    ),
    "model that is no bytes": built(MODEL, ("__model", stack_global("types", "SimpleNamespace"))),
    "model given as an object": built(
        MODEL, ("__model", stack_global("types", "SimpleNamespace") + b")\x81")
    ),
    "documentation that is a function": built(MODEL, ("__doc__", stack_global("numpy", "sum"))),
    "vectors in a file outside": built(
        ("gensim.models.word2vec", "Word2Vec"), ("__scipys", b"]" + text("../../x") + b"a")
    ),
    "vectors in a file that is named later": P4
    + stack_global("gensim.models.word2vec", "Word2Vec")
    + b")\x81}"
    + text("__scipys")
    + b"]\x94sb"
    + b"h\x00"
    + text("../../x")
    + b"a0.",
    "tuple that keeps a command": P4
    + stack_global("sklearn.impute._iterative", "_ImputerTriplet")
    + SYSTEM
    + b"\x85\x81.",
}  # fmt: skip


@pytest.mark.parametrize("case", ATTACKS)
def test_what_a_known_library_would_run_is_at_least_high(case: str) -> None:
    found = scan(ATTACKS[case])
    assert found.outcome is Outcome.FINDINGS, found
    assert worst(ATTACKS[case]) >= Severity.HIGH, found


def test_column_names_of_a_formula_are_quiet() -> None:
    for formula in ("y ~ a", "y ~ a + b", "y ~ a*b - 1", "y ~ a:b"):
        data = built(DATA, ("restore_model_spec", b"\x88"), ("formula", text(formula)))
        assert scan(data).outcome is Outcome.CLEAN, formula


def test_a_method_that_was_reviewed_does_not_excuse_other_attributes() -> None:
    """The same import of `getattr` serves an honest call first and another one after it."""
    getter = stack_global("builtins", "getattr") + b"\x94"
    honest = getter + stack_global(*RANDINT) + b")\x81" + text("_entropy") + b"\x86R0"
    other = b"h\x00" + stack_global("types", "SimpleNamespace") + text("mro") + b"\x86R."
    assert worst(P4 + honest + other) is Severity.CRITICAL
    stored = built(MODEL, ("func", b"h\x00"))[2:]
    assert worst(P4 + honest + stored) >= Severity.HIGH


def test_dotted_names_are_as_many_as_the_decision_says() -> None:
    dotted = [name for _, _, name, _ in NAMES if "." in name]
    decision = (ROOT / "docs" / "decisions" / "0007-dotted-names.md").read_text()
    assert f"There are {len(dotted)}," in decision
    assert all(name.count(".") == 1 for name in dotted)


@pytest.mark.parametrize(
    "name",
    [
        "OrderedDict.__base__", "OrderedDict.fromkeys", "OrderedDict.update", "OrderedDict.move_to_end.__globals__",
        "str.lower.__self__", "str.format", "str.lower.__class__", "str.lower.upper",
    ],
)  # fmt: skip
def test_any_other_dotted_name_of_a_listed_class_is_refused(name: str) -> None:
    module = "collections" if name.startswith("Ordered") else "builtins"
    assert worst(P4 + stack_global(module, name) + b".") >= Severity.HIGH
    assert worst(P4 + stack_global(module, name) + b")R.") >= Severity.HIGH


def test_the_survey_names_versions_and_known_marks() -> None:
    listed = (ROOT / "tools" / "allowlist" / "surveyed.in").read_text().split()
    assert sorted(SURVEYED["packages"]) == sorted(listed)
    mark = re.compile(r"(?:\w+|\*)(?:!|\(\)|\?)?")
    for package, row in SURVEYED["packages"].items():
        assert row["version"], package
        words = [word for names in row["modules"].values() for word in names.split()]
        assert all(map(mark.fullmatch, words)), package
    assert (ROOT / "scanners" / "allow" / "surveyed.json").stat().st_size < 1_000_000
