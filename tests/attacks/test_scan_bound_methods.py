"""Methods that honest pickles get from objects, and classes that they merge: no way leads to another one."""

import pytest

from tests.attacks.scan_builders import SYSTEM, rules, scan, stack_global, text, worst
from weightmark.scanners.findings import Outcome, Severity

P4 = b"\x80\x04"
GETATTR = stack_global("builtins", "getattr")
PARTIAL = stack_global("functools", "partial")
STEMMER = stack_global("nltk.stem.snowball", "EnglishStemmer") + b")\x81"
RANDOM = stack_global("random", "Random") + b")R"
SPACE = stack_global("bayes_opt.target_space", "TargetSpace") + b")\x81"
KERNEL = stack_global("sklearn.gaussian_process.kernels", "Matern") + b")\x81"
WRAP = stack_global("bayes_opt.parameter", "wrap_kernel")
GETTER = stack_global("torch_geometric.data.batch", "DynamicInheritanceGetter")
BATCH = stack_global("torch_geometric.data.batch", "Batch")
GRAPH = stack_global("torch_geometric.data.data", "Data")
UNKNOWN = stack_global("some.library", "helper")
MANY = [(f"k{at}", b"K\x01") for at in range(20)]


def state(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"ub"


def got(target: bytes, name: str) -> bytes:
    return GETATTR + target + text(name) + b"\x86R"


def test_the_stem_of_a_stemmer_with_plain_state_is_quiet() -> None:
    stemmer = STEMMER + state(("stopwords", b"]"))
    assert scan(P4 + got(stemmer, "stem") + b".").outcome is Outcome.CLEAN


HIDING = {
    "the very name": state(("stem", b"K\x01")),
    "the name behind more keys than are known": state(*MANY, ("stem", b"K\x01")),
    "a name in slots": b"N" + state(("stem", b"K\x01"))[:-1] + b"\x86b",
    "a computed name": b"}(" + stack_global("builtins", "str") + b")R" + b"K\x01ub",
}


@pytest.mark.parametrize("case", HIDING)
def test_a_method_that_an_attribute_may_hide_is_not_got(case: str) -> None:
    assert worst(P4 + got(STEMMER + HIDING[case], "stem") + b".") >= Severity.HIGH


@pytest.mark.parametrize("name", ["__class__", "__init__", "stem.__globals__", "stemmer", ""])
def test_nothing_but_the_reviewed_method_is_got(name: str) -> None:
    for target in (STEMMER, RANDOM, SPACE):
        assert worst(P4 + got(target, name) + b".") >= Severity.HIGH


@pytest.mark.parametrize("name", ["seed", "setstate", "getrandbits", "__reduce__"])
def test_of_a_random_generator_nothing_but_a_number_is_got(name: str) -> None:
    assert worst(P4 + PARTIAL + got(RANDOM, name) + b"\x85R.") >= Severity.HIGH


def test_a_random_generator_whose_state_may_be_attributes_gives_nothing() -> None:
    odd = RANDOM + b"N" + state(("gauss", stack_global("builtins", "print")))[:-1] + b"\x86b"
    assert worst(P4 + got(odd, "gauss") + b".") >= Severity.HIGH


def test_a_reviewed_method_is_not_got_from_what_an_unknown_call_gave() -> None:
    assert worst(P4 + got(UNKNOWN + b")R", "gauss") + b".") >= Severity.HIGH


KERNELS = {
    "a function that runs a command": KERNEL + SYSTEM,
    "an unknown function": KERNEL + UNKNOWN,
    "what an unknown function gave": KERNEL + UNKNOWN + b")R",
    "an object in the place of the kernel": SPACE + got(SPACE, "kernel_transform"),
    "a class in the place of the kernel": KERNEL[:-2] + got(SPACE, "kernel_transform"),
    "nothing": KERNEL + b"N",
}


@pytest.mark.parametrize("case", KERNELS)
def test_a_kernel_is_wrapped_with_nothing_but_a_method_of_a_space(case: str) -> None:
    assert worst(P4 + WRAP + KERNELS[case] + b"\x86R.") >= Severity.HIGH


def test_a_space_whose_method_is_hidden_by_an_object_is_refused() -> None:
    hidden = SPACE + state(*MANY, ("kernel_transform", KERNEL))
    assert "PKL005" in rules(P4 + WRAP + KERNEL + got(hidden, "kernel_transform") + b"\x86R.")


BATCHES = {
    "a class of another library": BATCH + stack_global("sklearn.base", "BaseEstimator"),
    "an unknown class": BATCH + UNKNOWN,
    "a command": BATCH + SYSTEM,
    "a command in the place of the batch": SYSTEM + GRAPH,
    "an object": BATCH + GRAPH + b")\x81",
    "one class alone": BATCH,
    "three classes": BATCH + GRAPH + GRAPH,
}


@pytest.mark.parametrize("case", BATCHES)
def test_a_batch_is_made_of_nothing_but_classes_of_graphs(case: str) -> None:
    assert worst(P4 + GETTER + b")\x81(" + BATCHES[case] + b"tR.") >= Severity.HIGH


def test_what_makes_a_batch_has_no_state() -> None:
    made = GETTER + b")\x81" + state(("x", b"K\x01")) + b"(" + BATCH + GRAPH + b"tR."
    assert worst(P4 + made) >= Severity.HIGH


@pytest.mark.parametrize("name", ["DataFrame", "Series"])
def test_a_table_that_the_pickle_calls_itself_is_a_finding(name: str) -> None:
    table = stack_global("pandas", name) + text("x") + b"\x85R."
    assert worst(P4 + table) >= Severity.HIGH


def test_an_old_name_of_the_maker_of_arrays_makes_nothing_but_arrays() -> None:
    maker = b"cnumpy.core._internal\n_reconstruct\n"
    for cls in (SYSTEM, b"csome.library\nhelper\n"):
        assert worst(b"\x80\x02" + maker + cls + b"K\x00\x85U\x01b\x87R.") >= Severity.HIGH


PATTERN = stack_global("re", "_compile") + text("a+") + b"K\x20\x86R"


@pytest.mark.parametrize("name", ["findall", "match", "split"])
def test_a_method_of_a_compiled_pattern_is_kept_and_not_called(name: str) -> None:
    method = got(PATTERN, name)
    assert scan(P4 + method + b".").outcome is Outcome.CLEAN
    assert worst(P4 + method + text("a") + b"\x85R.") >= Severity.HIGH


@pytest.mark.parametrize("name", ["sub", "__class__", "__reduce_ex__", "scanner"])
def test_what_else_a_compiled_pattern_has_is_refused(name: str) -> None:
    assert worst(P4 + got(PATTERN, name) + b".") >= Severity.HIGH


@pytest.mark.parametrize("overloads", [b"}" + text("forward") + b"]s", b"K\x01", SYSTEM, b"]"])
def test_a_module_that_was_scripted_has_no_overloads(overloads: bytes) -> None:
    """`torch.jit.script` leaves an empty dict in the module that it read; another one names methods to compile."""
    module = stack_global("torch.nn.modules.linear", "Identity") + b")\x81"
    assert scan(P4 + module + state(("__overloads__", b"}")) + b".").outcome is Outcome.CLEAN
    data = P4 + module + state(("__overloads__", overloads)) + b"."
    assert worst(data) >= Severity.HIGH, scan(data)


def test_nothing_goes_into_the_overloads_afterwards() -> None:
    module = stack_global("torch.nn.modules.linear", "Identity") + b")\x81"
    late = (
        P4
        + b"}\x940"
        + module
        + state(("__overloads__", b"h\x00"))
        + b"0h\x00"
        + text("x")
        + SYSTEM
        + b"s."
    )
    assert worst(late) >= Severity.HIGH


def test_the_settings_of_a_quantization_are_plain_and_not_called() -> None:
    mapping = stack_global("torch.ao.quantization.qconfig_mapping", "QConfigMapping") + b")\x81"
    assert worst(P4 + mapping + state(("global_qconfig", b"N")) + b".") <= Severity.LOW
    assert worst(P4 + mapping + state(("global_qconfig", SYSTEM)) + b".") >= Severity.HIGH
    assert worst(P4 + got(mapping, "set_global") + b".") >= Severity.HIGH
