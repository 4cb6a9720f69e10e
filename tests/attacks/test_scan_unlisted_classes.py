"""An object of a class that is on no list is a lesser finding only as long as nothing but plain data made it."""

import collections
import copyreg
import pickle
import sys
import types
from collections.abc import Callable, Iterator

import pytest

from tests.attacks.scan_builders import EVIL, rules, scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
MODEL = stack_global("somelab.models", "Net") + b")\x81"
LOADS = stack_global("torch.storage", "_load_from_bytes")
HIDDEN = b"C" + bytes([len(EVIL)]) + EVIL
GETATTR = stack_global("builtins", "getattr")


def one(module: str, name: str = "Thing") -> bytes:
    return P4 + stack_global(module, name) + b")\x81}" + text("x") + b"K\x01sb."


def holding(value: bytes, key: str = "x") -> bytes:
    return P4 + MODEL + b"}" + text(key) + value + b"sb."


STAYS_HIGH = {
    "a class of the standard library": one("tempfile", "_TemporaryFileCloser"),
    "a class of an older standard library": one("asyncore", "dispatcher"),
    "a class of a package that acts": one("apscheduler.job", "Job"),
    "a class that a reviewed library has and its list has not": one("sklearn.utils._x"),
    "a class below a dangerous module": one("requests.models", "Response"),
    "a private package": one("_speedups.core"),
    "a module that is no name": one("some lab"),
    "an attribute of a class": one("somelab.models", "Net.Inner"),
    "a dunder of a module": one("somelab.models", "__class__"),
    "made from an expression": P4 + stack_global("somelab.models", "Net") + text("f(x)") + b"\x85\x81.",
    "made from a path": P4 + stack_global("somelab.models", "Net") + text("/etc/x") + b"\x85\x81.",
    "made from an address": P4 + stack_global("somelab.models", "Net") + text("http://x") + b"\x85\x81.",
    "made from bytes": P4 + stack_global("somelab.models", "Net") + b"C\x01a\x85\x81.",
    "made from a function": P4 + stack_global("somelab.models", "Net") + LOADS + b"\x85\x81.",
    "made with keywords": P4 + stack_global("somelab.models", "Net") + b")}" + text("x") + b"K\x01s\x92.",
    "called": P4 + stack_global("somelab.models", "Net") + b")R.",
    "called by the oldest opcode": b"(isomelab.models\nNet\n.",
    "state is set twice": P4 + MODEL + b"}b}b.",
    "a dunder among the attributes": holding(b"K\x01", "__setstate__"),
    "a method's name among the attributes": holding(stack_global("builtins", "int"), "append"),
    "a loader among the attributes": holding(LOADS),
    "a loader deep in the attributes": holding(b"](" + LOADS + b"e"),
    "a loader that comes afterwards": P4 + MODEL + b"}\x94" + text("x") + b"]\x94sb0h\x01" + LOADS + b"a.",
    "a function of another package among the attributes": holding(stack_global("otherlab.x", "f")),
    "a function of its package, far down": P4 + MODEL + b"}("
    + b"".join(text(f"k{i}") + b"K\x01" for i in range(40)) + text("f") + stack_global("somelab.x", "f") + b"ub.",
    "attributes in pairs": P4 + MODEL + b"](" + text("__class__") + LOADS + b"\x86eb.",
    "attributes from another unknown object": P4 + MODEL + b"N" + MODEL + b"\x86b.",
    "items after the state": P4 + MODEL + b"}b" + text("x") + b"K\x01s.",
    "a loader among the items": P4 + MODEL + text("x") + LOADS + b"s.",
    "an item that is named like a method": P4 + MODEL + text("append") + b"K\x01s.",
    "a dunder of the object": P4 + GETATTR + MODEL + text("__init__") + b"\x86R.",
    "a method after the state was set": P4 + GETATTR + MODEL + b"}b" + text("run") + b"\x86R.",
    "its own method is called": P4 + GETATTR + MODEL + text("run") + b"\x86R)R.",
    "its own method is called with code": P4 + GETATTR + MODEL + text("run") + b"\x86R" + text("echo x") + b"\x85R.",
    "a computed method": P4 + GETATTR + MODEL + stack_global("builtins", "str") + b")R\x86R.",
    "called by a partial function": P4 + stack_global("functools", "partial") + MODEL + b"\x85R(" + MODEL + b")}Ntb.",
    "a factory of a dict": P4 + stack_global("collections", "defaultdict")
    + stack_global("somelab.models", "Net") + b"\x85R.",
    "a pickle in its bytes": holding(HIDDEN),
}  # fmt: skip


@pytest.mark.parametrize("case", STAYS_HIGH)
def test_what_is_more_than_plain_data_stays_high(case: str) -> None:
    assert worst(STAYS_HIGH[case]) >= Severity.HIGH, scan(STAYS_HIGH[case])


def act(self: object) -> object:
    """Be a method of the package's class."""
    return self


@pytest.fixture
def lab() -> Iterator[types.ModuleType]:
    """A package of which no list has ever heard."""
    module = types.ModuleType("somelab")
    own = {"__module__": "somelab"}
    relu = types.FunctionType(act.__code__, {}, "relu")
    relu.__module__, relu.__qualname__ = "somelab", "relu"
    vars(module).update(
        Net=type("Net", (), own | {"act": act}),
        Config=type("Config", (dict,), own),
        Layers=type("Layers", (list,), own),
        Shape=collections.namedtuple("Shape", "name width", module="somelab"),
        relu=relu,
    )
    sys.modules["somelab"] = module
    yield module
    del sys.modules["somelab"]


def net(lab: types.ModuleType, **attributes: object) -> object:
    made = lab.Net()
    made.__dict__.update(attributes)
    return made


def bound(lab: types.ModuleType) -> object:
    made = lab.Net()
    made.act_as = made.act
    return made


HONEST: dict[str, Callable[[types.ModuleType], object]] = {
    "a model of one's own": lambda lab: net(
        lab, name="a b", rate=0.1, sizes=[1, 2], table={"a": None}
    ),
    "one that holds another": lambda lab: net(lab, inner=net(lab, depth=2)),
    "one that keeps its own method": bound,
    "one that keeps a function of its package": lambda lab: net(lab, act=lab.relu),
    "a dict with another name": lambda lab: lab.Config(rate=0.1, layers=[1, 2]),
    "a list with another name": lambda lab: lab.Layers([1, 2]),
    "a named tuple": lambda lab: lab.Shape("wide", 7),
    "in a dict of numbers": lambda lab: {"config": lab.Config(a=1), "epoch": 3},
}


@pytest.mark.parametrize(
    ("case", "protocol"),
    [
        (case, protocol)
        for case in HONEST
        for protocol in range(6)
        if protocol > 1 or case != "a named tuple"  # before, its class is called
    ],
)
def test_a_class_of_ones_own_is_a_finding_and_not_a_refusal(
    case: str, protocol: int, lab: types.ModuleType
) -> None:
    data = pickle.dumps(HONEST[case](lab), protocol)
    assert scan(data).outcome is Outcome.FINDINGS
    assert rules(data) == {"PKL022"}
    assert worst(data) is Severity.MEDIUM


def test_the_script_that_was_run_may_hold_the_class() -> None:
    assert worst(one("__main__", "Net")) is Severity.MEDIUM


def test_a_pickle_by_an_extension_code_stays_refused(lab: types.ModuleType) -> None:
    copyreg.add_extension("somelab", "Net", 201)
    try:
        data = pickle.dumps(lab.Net(), 2)
    finally:
        copyreg.remove_extension("somelab", "Net", 201)
    assert worst(data) >= Severity.HIGH


REACHING = {
    "a path from the root": text("/etc/x"),
    "a path of a home": text("~/x"),
    "a path that climbs": text("../x"),
    "one that climbs later": text("a/../../x"),
    "a path of a drive": text("C:\\x"),
    "an address": text("https://example.com/x"),
    "an address of a store": text("s3://bucket/x"),
    "bytes": b"C\x06/etc/x",
    "long text": b"X" + (300).to_bytes(4, "little") + b"/" + b"x" * 299,
    "an old text": b"U\x06/etc/x",
    "encoded bytes": stack_global("_codecs", "encode") + text("/etc/x") + text("latin1") + b"\x86R",
    "a path object": stack_global("pathlib", "PosixPath") + text("x") + b"\x85R",
    "in a tuple": text("/etc/x") + b"\x85",
    "in a list": b"](" + text("/etc/x") + b"e",
    "in a dict": b"}" + text("where") + text("/etc/x") + b"s",
}


@pytest.mark.parametrize("case", REACHING)
def test_an_unknown_object_that_names_a_place_stays_high(case: str) -> None:
    """Real classes remove, open or fetch what an attribute names, when they are made or go away."""
    assert worst(holding(REACHING[case])) >= Severity.HIGH, scan(holding(REACHING[case]))


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("count", [7, 8, 9, 40, 1001])
def test_a_place_behind_many_attributes_is_seen(
    lab: types.ModuleType, protocol: int, count: int
) -> None:
    many: dict[str, object] = {f"k{number}": number for number in range(count)}
    harmless = pickle.dumps(net(lab, **many), protocol)
    assert worst(harmless) is Severity.MEDIUM
    assert worst(pickle.dumps(net(lab, **many, where="/etc/x"), protocol)) >= Severity.HIGH


def test_a_place_among_the_items_of_an_unknown_dict_is_seen() -> None:
    data = P4 + MODEL + text("x") + text("/etc/x") + b"s."
    assert worst(data) >= Severity.HIGH


CODE = {
    "a call of Python": "__import__('os').system('echo x')",
    "a call of a function that acts": "exec(payload)",
    "a call that opens": "open('x', 'w')",
    "a method of an object": "x.run()",
    "a command within a formula": "y + log(x.run())",
    "a call in capitals that acts": "Popen('id')",
    "an import": "from os import path",
    "an import on a later line": "x = 1\nimport subprocess",
    "an indented import": "    import os\n    os.system('x')",
    "a dunder of an object": "().__class__.__mro__",
    "a decorator": "@run\ndef f(): pass",
    "part of a function": "a): pass\n__import__('os')\ndef g(b",
    "too deep to be parsed": "-" * 4000 + "x.run()",
    "a dunder in a template": "{{ lipsum.__globals__ }}",
    "a hidden dunder in a template": "{{ x['__glo' ~ 'bals__'] }}",
    "a filter of a template": "{{ x|attr('y') }}",
    "a call in a template": "{% set y = x.popen('id') %}",
    "a shell's pipe": "curl example | sh",
    "a shell's command": "$(echo x)",
    "code behind much text": "# " + "x" * 3000 + "\nrun(x=open('y'))",
    "code far behind": "# " + "x" * 70_000 + "\nexec('x')",
    "a text too long for a look": "x" * ((1 << 20) + 1),
    "code in a long text": "# " + "x" * 5000 + "\nexec('x')",
}


def long_text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + len(raw).to_bytes(4, "little") + raw


@pytest.mark.parametrize("case", CODE)
def test_code_in_an_attribute_of_an_unknown_object_stays_high(case: str) -> None:
    code = long_text(CODE[case])
    many = b"".join(text(f"k{number}") + b"K\x01" for number in range(30))
    for data in (
        holding(code),
        holding(b"](" + code + b"e"),
        holding(code + b"\x85"),
        P4 + MODEL + b"}(" + many + text("x") + code + b"ub.",
        P4 + MODEL + text("x") + code + b"s.",
    ):
        assert worst(data) >= Severity.HIGH, scan(data)


def test_code_in_one_attribute_after_another_stays_high() -> None:
    one_by_one = b"".join(text(f"k{number}") + b"K\x01s" for number in range(30))
    data = P4 + MODEL + b"}" + one_by_one + text("x") + text("open('x', 'w')") + b"ssb."
    assert worst(data.replace(b"ssb.", b"sb.")) >= Severity.HIGH


def test_more_texts_than_are_looked_at_stay_high() -> None:
    many = b"".join(text(f"k{number}") + text("width (cm)") for number in range(400))
    assert worst(P4 + MODEL + b"}(" + many + b"ub.") >= Severity.HIGH


QUIET = [
    "y ~ a + b",
    "log(x) + np.exp(y)",
    "numpy.mean",
    "Linear.__init__",
    "__main__",
    "petal width (cm)",
    "Length (cm)",
    "Linear(in_features=3, out_features=2)",
    "Pipeline(steps=[('scaler', StandardScaler())])",
    "torch.Size([3, 4])",
    "datetime64[ns]",
    "A model. See the paper (Smith, 2020) for more; it imports nothing.",
    "Fit the model.\n\n    Parameters\n    ----------\n    x : array (n, m)\n    >>> fit(x)\n",
    "(?u)\\b\\w\\w+\\b|x$",
    "{{ name }}",
    "<class 'int'>",
    "a | b",
]


@pytest.mark.parametrize("words", QUIET)
def test_words_formulas_and_descriptions_of_objects_are_no_code(words: str) -> None:
    data = holding(long_text(words))
    assert worst(data) is Severity.MEDIUM, scan(data)


NET = stack_global("somelab.models", "Net")
STORE = P4 + NET + text("outputs") + b"\x85\x81"


def test_a_mapping_made_from_a_text_that_takes_items_is_high() -> None:
    """Such a class writes its items to a file of that name: `DictStore('outputs')['k'] = 'v'`."""
    assert worst(STORE + b".") is Severity.MEDIUM
    assert worst(STORE + text("k") + text("v") + b"s.") >= Severity.HIGH
    assert worst(P4 + NET + b"K\x01\x85\x81" + text("k") + text("v") + b"s.") is Severity.MEDIUM


@pytest.mark.parametrize("value", [b"K\x01", text("train"), text("two-words")])
def test_a_member_of_an_unknown_enum_is_medium(value: bytes) -> None:
    member = P4 + NET + value + b"\x85R"
    assert worst(member + b".") is Severity.MEDIUM
    for more in (b"}b", b"}" + text("x") + b"K\x01sb", text("x") + b"K\x01s", b"K\x01a", b")R"):
        assert worst(member + more + b".") >= Severity.HIGH, more


CALLED_WITH_MORE = {
    "a path": text("/etc/x"),
    "a file": text("x.txt"),
    "words": text("two words"),
    "code": text("f(x)"),
    "nothing": text(""),
    "yes or no": b"\x88",
    "bytes": b"C\x01a",
    "a list": b"]",
    "a function": LOADS,
}


@pytest.mark.parametrize("case", CALLED_WITH_MORE)
def test_an_unknown_class_called_with_more_than_a_members_value_is_high(case: str) -> None:
    assert worst(P4 + NET + CALLED_WITH_MORE[case] + b"\x85R.") >= Severity.HIGH


def test_an_unknown_function_called_with_a_number_is_high() -> None:
    assert worst(P4 + stack_global("somelab.models", "run") + b"K\x01\x85R.") >= Severity.HIGH


def test_a_named_tuple_of_lists_and_tuples_of_numbers_is_medium() -> None:
    made = P4 + NET + b"](K\x01K\x02eK\x01" + text("x") + b"\x86\x86\x81."
    assert worst(made) is Severity.MEDIUM


def test_a_list_in_a_named_tuple_takes_nothing_afterwards() -> None:
    for late in (text("/etc/x"), LOADS):
        data = P4 + b"]\x940" + NET + b"h\x00\x85\x81h\x00" + late + b"a."
        assert worst(data) >= Severity.HIGH, scan(data)
    assert worst(P4 + NET + b"](" + text("/etc/x") + b"e\x85\x81.") >= Severity.HIGH


def test_the_fields_of_a_frozen_dataclass_with_slots_are_plain() -> None:
    assert worst(P4 + MODEL + b"](K\x01" + text("x") + b"]eb.") is Severity.MEDIUM
    for item in (text("__class__") + b"K\x01\x86", LOADS, text("/etc/x"), text("exec('x')")):
        assert worst(P4 + MODEL + b"](K\x01" + item + b"eb.") >= Severity.HIGH, item


def test_words_with_a_stroke_are_no_places() -> None:
    for word in ("a/b", "n/a", "input/output ratio", "s/", "1/2"):
        assert worst(holding(text(word))) is Severity.MEDIUM, word
