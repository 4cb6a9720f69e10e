"""Each test is one way to slip through the lists of known library names."""

import pickle
import struct

import pytest

from tests.attacks.scan_builders import EVIL, SYSTEM, rules, scan, stack_global, text, worst
from weightmark.scanners.findings import Outcome, Severity

P4 = b"\x80\x04"
LOADER = stack_global("torch.storage", "_load_from_bytes")
INNER = b"C" + bytes([len(EVIL)]) + EVIL


def new(module: str, name: str) -> bytes:
    return stack_global(module, name) + b")\x81"


def state(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"


TRANSFORMER = new("sklearn.preprocessing._function_transformer", "FunctionTransformer")
FOREST = new("sklearn.ensemble._forest", "RandomForestClassifier")
NAMESPACE = new("types", "SimpleNamespace")
PARTIAL = stack_global("functools", "partial") + stack_global("builtins", "int") + b"\x85R"

GADGETS = {
    "function transformer runs a command": P4 + TRANSFORMER + state(("func", SYSTEM)) + b"b.",
    "function transformer runs an unknown function": P4
    + TRANSFORMER
    + state(("func", stack_global("some.library", "helper")))
    + b"b.",
    "function deep inside the state": P4
    + FOREST
    + state(("a", b"]" + state(("b", stack_global("some.library", "helper"))) + b"a"))
    + b"b.",
    "method of an estimator replaced": P4
    + FOREST
    + state(("predict", stack_global("pandas", "read_pickle")))
    + b"b.",
    "instance attribute that the loader calls": P4
    + NAMESPACE
    + state(("__setstate__", LOADER))
    + b"b"
    + INNER
    + b"b.",
    "the same on an estimator": P4 + FOREST + state(("__setstate__", LOADER)) + b"b" + INNER + b"b.",
    "the same through an ordered dict": P4
    + NAMESPACE
    + stack_global("collections", "OrderedDict")
    + b")R("
    + text("__setstate__")
    + LOADER
    + b"ub"
    + INNER
    + b"b.",
    "the same through a dict call": P4
    + NAMESPACE
    + stack_global("builtins", "dict")
    + b"(]("
    + text("__setstate__")
    + LOADER
    + b"\x86etRb"
    + INNER
    + b"b.",
    "the same with a computed key": P4
    + NAMESPACE
    + b"}"
    + stack_global("builtins", "str")
    + text("__setstate__")
    + b"\x85R"
    + LOADER
    + b"sb"
    + INNER
    + b"b.",
    "partial whose function is set later": P4 + PARTIAL + b"(" + SYSTEM + b"(" + text("echo x") + b"t}Ntb.",
    "partial of a loader, set later": P4 + PARTIAL + b"(" + LOADER + INNER + b"\x85}Ntb.",
    "partial with attributes that the loader calls": P4
    + PARTIAL
    + b"("
    + stack_global("builtins", "int")
    + b")}"
    + state(("__setstate__", LOADER))
    + b"tb"
    + INNER
    + b"b.",
    "loader handed over uncalled": P4 + FOREST + state(("predict", LOADER)) + b"b.",
    "append of a bunch is an item": P4
    + new("sklearn.utils._bunch", "Bunch")
    + text("append")
    + LOADER
    + b"s"
    + INNER
    + b"a.",
    "extend of a result is an item": P4
    + new("scipy.optimize._optimize", "OptimizeResult")
    + text("extend")
    + LOADER
    + b"s"
    + INNER
    + b"a.",
    "append of an ordered dict is an attribute": P4
    + stack_global("collections", "OrderedDict")
    + b")R"
    + state(("append", LOADER))
    + b"b"
    + INNER
    + b"a.",
    "scipy executes text in a distribution's state": P4
    + new("scipy.stats._continuous_distns", "norm_gen")
    + state(("_parse_arg_template", text("import os; os.system('echo x')")))
    + b"b.",
    "reconstructor runs the constructor of a library class": P4
    + stack_global("copyreg", "_reconstructor")
    + b"("
    + stack_global("xgboost.core", "Booster") * 2
    + b"}tR.",
    "unknown class through pandas": P4
    + stack_global("pandas.core.indexes.base", "_new_Index")
    + b"("
    + stack_global("subprocess", "Popen")
    + state(("args", text("echo x")))
    + b"tR.",
    "namespace as the array of a block": P4
    + stack_global("pandas._libs.internals", "_unpickle_block")
    + NAMESPACE
    + state(("dtype", text("O")))
    + b"bK\x00K\x01\x87R.",
    "function in the array of a block": P4
    + stack_global("pandas._libs.internals", "_unpickle_block")
    + new("pandas.arrays", "StringArray")
    + state(("dtype", LOADER))
    + b"bK\x00K\x01\x87R.",
    "unknown class through numpy": P4
    + stack_global("numpy.ma.core", "_mareconstruct")
    + b"("
    + stack_global("numpy", "memmap") * 2
    + b")"
    + text("b")
    + b"tR.",
    "unknown class through a distance": P4
    + stack_global("sklearn.metrics._dist_metrics", "newObj")
    + b"("
    + stack_global("some.library", "Thing")
    + b"tR.",
}  # fmt: skip


@pytest.mark.parametrize("case", GADGETS)
def test_gadget_through_a_known_library_is_at_least_high(case: str) -> None:
    found = scan(GADGETS[case])
    assert worst(GADGETS[case]) >= Severity.HIGH, found
    assert found.outcome is Outcome.FINDINGS


SEEN_AS = {
    "function transformer runs an unknown function": "PKL017",
    "function deep inside the state": "PKL017",
    "instance attribute that the loader calls": "PKL005",
    "the same on an estimator": "PKL005",
    "the same through an ordered dict": "PKL008",
    "the same through a dict call": "PKL008",
    "the same with a computed key": "PKL005",
    "partial with attributes that the loader calls": "PKL005",
    "append of a bunch is an item": "PKL009",
    "extend of a result is an item": "PKL009",
    "append of an ordered dict is an attribute": "PKL009",
    "scipy executes text in a distribution's state": "PKL008",
    "reconstructor runs the constructor of a library class": "PKL016",
}


@pytest.mark.parametrize("case", SEEN_AS)
def test_gadget_is_seen_for_what_it_is(case: str) -> None:
    assert SEEN_AS[case] in rules(GADGETS[case])


CALLS = [
    ("numpy", "frompyfunc"), ("numpy", "vectorize"), ("numpy", "memmap"), ("numpy", "fromfile"),
    ("numpy.core", "_ufunc_reconstruct"), ("numpy._core", "_ufunc_reconstruct"),
    ("numpy", "load"), ("numpy", "apply_along_axis"), ("numpy", "log1p"), ("numpy", "asarray"),
    ("scipy", "LowLevelCallable"), ("scipy._lib._ccallback", "LowLevelCallable"),
    ("scipy.io._mmio", "mmread"), ("scipy.stats._distn_infrastructure", "rv_frozen"),
    ("pandas", "eval"), ("pandas", "read_pickle"), ("pandas.core.computation.eval", "eval"),
    ("pandas.core.computation.engines", "PythonEngine"), ("pandas.io.pickle", "read_pickle"),
    ("pandas", "HDFStore"), ("pandas", "DataFrame"), ("pandas.core.frame", "DataFrame"),
    ("xgboost.core", "Booster"), ("xgboost.core", "DMatrix"), ("xgboost.sklearn", "XGBClassifier"),
    ("lightgbm.basic", "Booster"), ("lightgbm.basic", "Dataset"), ("lightgbm.dask", "DaskLGBMClassifier"),
    ("joblib", "load"), ("joblib.numpy_pickle", "load"), ("joblib.memory", "Memory"),
    ("joblib.numpy_pickle", "NumpyArrayWrapper"), ("joblib.numpy_pickle_compat", "NDArrayWrapper"),
    ("joblib.numpy_pickle_compat", "ZNDArrayWrapper"), ("joblib.numpy_pickle", "_unpickle"),
    ("sklearn.datasets._base", "_fetch_remote"), ("sklearn.utils._show_versions", "show_versions"),
    ("sklearn.metrics._dist_metrics", "PyFuncDistance64"), ("sklearn.metrics.pairwise", "pairwise_distances"),
    ("sklearn.preprocessing._function_transformer", "FunctionTransformer"),
    ("sklearn.metrics._scorer", "make_scorer"), ("sklearn.pipeline", "Pipeline"),
]  # fmt: skip


@pytest.mark.parametrize("pair", CALLS)
def test_library_function_that_reaches_out_cannot_be_called(pair: tuple[str, str]) -> None:
    data = P4 + stack_global(*pair) + b"(" + text("echo x") + b"tR."
    assert rules(data) & {"PKL001", "PKL002", "PKL016"}, scan(data)
    assert worst(data) >= Severity.HIGH


def wrapper(shape: bytes, kind: bytes, *, aligned: bool = True) -> bytes:
    """A list that holds a wrapper; the array follows."""
    return (
        P4 + b"](" + new("joblib.numpy_pickle", "NumpyArrayWrapper")
        + state(("subclass", stack_global("numpy", "ndarray")), ("shape", shape), ("order", text("C")),
                ("dtype", kind), ("allow_mmap", b"\x89"),
                ("numpy_array_alignment_bytes", b"K\x10" if aligned else b"N")) + b"b"
    )  # fmt: skip


def dtype(descriptor: str, flags: int = 0, size: int = -1) -> bytes:
    numbers = struct.pack("<ci", b"J", size) + struct.pack("<ci", b"J", -1) + b"K" + bytes([flags])
    made = stack_global("numpy", "dtype") + b"(" + text(descriptor) + b"\x89\x88tR"
    return made + b"(K\x03" + text("<") + b"NNN" + numbers + b"tb"


EIGHT = b"K\x08\x85"
BYTES = wrapper(EIGHT, dtype("u1")) + b"\x02\xff\xff"
CALL = stack_global("os", "system") + b"(" + text("echo x") + b"tR"


def test_honest_wrapper_is_clean_whatever_the_array_holds() -> None:
    assert scan(BYTES + EVIL[:8] + b"e.").outcome is Outcome.CLEAN


REMEMBERED = P4 + NAMESPACE + b"\x940" + stack_global("some.library", "helper") + b"\x940"
REMEMBERED += text("__setstate__") + b"\x940"
ARMING = b"h\x00}h\x02h\x01sb"
"""Sets an attribute of the first memo entry: the name is the third, the value the second."""
JOBLIB = {
    "call after the array": BYTES + bytes(8) + CALL + b"e.",
    "pickle in an array of objects": wrapper(EIGHT, dtype("O8", 63)) + EVIL + b"e.",
    "call after an array of objects": wrapper(EIGHT, dtype("O8", 63)) + pickle.dumps([1]) + CALL + b"e.",
    "type says bytes and flags say objects": wrapper(EIGHT, dtype("u1", 63)) + EVIL + b"e.",
    "type says objects and flags say bytes": wrapper(EIGHT, dtype("O8", 0)) + bytes(8) + b"e.",
    "array that plain pickle runs": wrapper(b"K\x64\x85", dtype("u1"), aligned=False)
    + (CALL + b"e.").ljust(100, b"\0")
    + b"e.",
    "padding that plain pickle runs": wrapper(EIGHT, dtype("u1")) + b"N0" + (CALL + b"e.").ljust(85, b"\0") + b"e.",
    "objects that plain pickle reads on": wrapper(EIGHT, dtype("O8", 63))
    + P4 + b"N0" + CALL + b"e.",
    "array that plain pickle runs, with a name from the memo": P4
    + SYSTEM
    + b"\x940"
    + wrapper(b"K\x64\x85", dtype("u1"), aligned=False)
    + (b"h\x00" + text("echo x") + b"\x85Re.").ljust(100, b"\0")
    + b"e.",
    "array that plain pickle runs, with a loader from the memo": P4
    + LOADER
    + b"\x940"
    + wrapper(b"K\x64\x85", dtype("u1"), aligned=False)
    + (b"h\x00" + INNER + b"\x85Re.").ljust(100, b"\0")
    + b"e.",
    "array that plain pickle runs, with an unknown name from the memo": REMEMBERED
    + wrapper(b"K\x64\x85", dtype("u1"), aligned=False)
    + (ARMING + text("echo x") + b"b0e.").ljust(100, b"\0")
    + b"e.",
    "objects that plain pickle arms with an unknown name from the memo": REMEMBERED
    + wrapper(EIGHT, dtype("O8", 63))
    + NAMESPACE + b"\x940" + stack_global("builtins", "int") + b"\x940" + text("x") + b"\x940"
    + ARMING + b"."
    + b"e.",
    "objects that are state": P4
    + NAMESPACE
    + wrapper(EIGHT, dtype("O8", 63))[4:]
    + P4
    + state(("__setstate__", LOADER))
    + b".b.",
    "objects that are a function": P4
    + wrapper(EIGHT, dtype("O8", 63))[4:]
    + P4
    + stack_global("builtins", "eval")
    + b"."
    + text("1")
    + b"\x85R.",
    "negative shape": wrapper(b"J\xff\xff\xff\xff\x85", dtype("u1")) + b"\x01\xff" + b"e.",
}  # fmt: skip


@pytest.mark.parametrize("case", JOBLIB)
def test_joblib_array_hides_nothing(case: str) -> None:
    assert worst(JOBLIB[case]) >= Severity.HIGH, scan(JOBLIB[case])


UNCLEAR = {
    "shape beyond the file": wrapper(b"J\xff\xff\xff\x7f\x85", dtype("u1")) + b"\x01\xff" + b"e.",
    "shape is a text": wrapper(text("8"), dtype("u1")) + b"\x01\xff" + bytes(8) + b"e.",
    "shape of fractions": wrapper(b"G" + bytes(8) + b"\x85", dtype("u1")) + b"\x01\xff" + b"e.",
    "type is a text": wrapper(EIGHT, text("u1")) + b"\x01\xff" + bytes(8) + b"e.",
    "type of several parts": wrapper(EIGHT, dtype("u1,O")) + b"\x01\xff" + bytes(8) + b"e.",
    "no dtype at all": P4 + new("joblib.numpy_pickle", "NumpyArrayWrapper") + b"}b" + b".",
    "cut off in the array": BYTES + bytes(3),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_joblib_array_that_is_not_understood_is_never_clean(case: str) -> None:
    found = scan(UNCLEAR[case])
    assert found.outcome is not Outcome.CLEAN
    assert found.problems


def test_type_that_contains_itself_does_not_recurse_for_ever() -> None:
    made = stack_global("numpy", "dtype") + b"(" + text("V8") + b"\x89\x88tR\x94"
    looped = made + b"(K\x03" + text("|") + b"N)}" + text("a") + b"h\x00K\x00\x86sK\x08K\x01K\x10tb"
    found = scan(wrapper(EIGHT, looped) + b"\x01\xff" + bytes(64) + b"e.")
    assert found.outcome is not Outcome.CLEAN


CODE = (
    b"(K\x00K\x00K\x00K\x00K\x01K\x03C\x04d\x01S\x00"
     b"N" + text("echo x") + b"\x86" + text("os") + text("system") + b"\x86)"
    + text("file") + text("name") + b"K\x01C\x00tR."
)  # fmt: skip


@pytest.mark.parametrize(
    "maker",
    [
        stack_global("types", "CodeType"),
        stack_global("dill._dill", "_create_code"),
        stack_global("cloudpickle.cloudpickle", "_builtin_type") + b"(" + text("CodeType") + b"tR",
    ],
)
def test_function_by_value_is_shown_with_its_names_and_constants(maker: bytes) -> None:
    found = [finding for finding in scan(P4 + maker + CODE).findings if finding.rule == "PKL019"]
    assert len(found) == 1
    assert "os, system" in found[0].detail
    assert "'echo x'" in found[0].detail


def test_second_reading_leaves_no_trace_in_the_first() -> None:
    """What plain pickle would put into a dict does not become part of a wrapper's state."""
    made = P4 + b"}\x940" + wrapper(b"K\x64\x85", dtype("u1"), aligned=False)
    ran = (b"h\x00(" + text("__class__") + b"Nu0e.").ljust(100, b"\0")
    assert scan(made + ran + NAMESPACE + b"h\x00be.").outcome is Outcome.CLEAN
