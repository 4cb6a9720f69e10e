"""What an attacker does with each name that honest files need: every test is one way that must stay shut."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, SYSTEM, rules, scan, stack_global, text, worst
from weightmark.scanners.findings import Outcome, Severity

P4 = b"\x80\x04"
UNKNOWN = stack_global("some.library", "helper")
LOADER = stack_global("torch.storage", "_load_from_bytes")
INNER = b"C" + bytes([len(EVIL)]) + EVIL
GETATTR = stack_global("builtins", "getattr")
PARTIAL = stack_global("functools", "partial")
ZONE = stack_global("zoneinfo", "ZoneInfo")


def call(module: str, name: str, *arguments: bytes) -> bytes:
    return stack_global(module, name) + b"(" + b"".join(arguments) + b"tR"


def new(module: str, name: str) -> bytes:
    return stack_global(module, name) + b")\x81"


def state(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def long_bytes(value: bytes) -> bytes:
    return b"B" + struct.pack("<I", len(value)) + value


def member(module: str, cls: str, name: str) -> bytes:
    """`getattr(cls, name)`, as older protocols save a method of a class."""
    return GETATTR + stack_global(module, cls) + text(name) + b"\x86R"


MEMBERS = {
    "init of an interpolator": ("scipy.interpolate._interpolate", "interp1d", "__init__"),
    "globals of a reviewed method": ("scipy.interpolate._interpolate", "interp1d", "_call_linear.__globals__"),
    "subclasses of a reviewed class": ("zoneinfo", "ZoneInfo", "__subclasses__"),
    "file of a time zone": ("zoneinfo", "ZoneInfo", "from_file"),
    "tensor in a file": ("torch._C", "_VariableFunctionsClass", "from_file"),
    "format of a text": ("builtins", "str", "format"),
    "format with a mapping": ("builtins", "str", "format_map"),
    "method of an unreviewed class": ("some.library", "interp1d", "_call_linear"),
    "method of a scheduler": ("torch.optim.lr_scheduler", "CyclicLR", "load_state_dict"),
}  # fmt: skip


@pytest.mark.parametrize("case", MEMBERS)
def test_only_a_reviewed_method_of_a_class_is_reached_by_getattr(case: str) -> None:
    module, cls, name = MEMBERS[case]
    assert worst(P4 + member(module, cls, name) + b".") >= Severity.HIGH


@pytest.mark.parametrize("case", MEMBERS)
def test_only_a_reviewed_method_of_a_class_is_reached_by_a_dotted_name(case: str) -> None:
    module, cls, name = MEMBERS[case]
    assert "PKL005" in rules(P4 + stack_global(module, f"{cls}.{name}") + b".")


def test_a_reviewed_method_is_never_called_on_what_it_was_not_reviewed_for() -> None:
    method = member("scipy.interpolate._interpolate", "interp1d", "_call_linear")
    assert rules(P4 + method + text("x") + b"\x85R.") & {"PKL002", "PKL016"}


def test_a_member_is_not_taken_from_an_object_in_the_place_of_a_class() -> None:
    odd = new("types", "SimpleNamespace") + state(("_unpickle", SYSTEM)) + b"b"
    assert (
        worst(P4 + GETATTR + odd + text("_unpickle") + b"\x86R" + text("UTC") + b"\x85R.")
        >= Severity.HIGH
    )


ZONES = [
    "../../etc/passwd",
    "/etc/passwd",
    "..",
    "a//b",
    "C:/x",
    "a\\b",
    "",
    "a/../b",
    "x" * 33,
    "é",
    "a\0b",
    "a/b/c/d/e",
]


@pytest.mark.parametrize("key", ZONES)
def test_a_time_zone_key_that_is_a_path_is_refused(key: str) -> None:
    unpickle = stack_global("zoneinfo", "ZoneInfo._unpickle") + text(key) + b"K\x01\x86R."
    assert "PKL016" in rules(P4 + unpickle)
    older = member("zoneinfo", "ZoneInfo", "_unpickle") + text(key) + b"K\x01\x86R."
    assert "PKL016" in rules(P4 + older)


def test_a_time_zone_key_is_a_text_that_the_pickle_holds() -> None:
    made = call("builtins", "str", text("UTC"))
    assert "PKL016" in rules(P4 + ZONE + made + b"\x85R.")
    assert "PKL016" in rules(P4 + ZONE + stack_global("os", "environ") + b"\x85R.")


SLOW = [
    "(a+)+$",
    "(a*)*b",
    "([a-z]+)*$",
    "(?:a+)+",
    "((a+))+",
    "(a|b+)+",
    "(?:x*y*)*",
    "(a{1,999})+",
    "(.*)*",
    "(?:(?:a+)?)+",
    "(a+?)+?",
]


@pytest.mark.parametrize("pattern", SLOW)
def test_an_expression_that_repeats_its_repetition_is_refused(pattern: str) -> None:
    assert "PKL016" in rules(P4 + call("re", "_compile", text(pattern), b"K\x20") + b".")


QUICK = [
    r"(?u)\b\w\w+\b",
    r"(?:\w+\.)+\w+",
    r"'s|'t| ?\w+|\s+(?!\S)|\s+",
    r"^[a-z]+(-\d{2,4})?$",
    r"(ab)+",
    r"(?:[^,]*,)*",
]


@pytest.mark.parametrize("pattern", QUICK)
def test_an_expression_as_tokenizers_use_it_is_quiet(pattern: str) -> None:
    assert (
        scan(P4 + call("re", "_compile", text(pattern), b"K\x20") + b".").outcome is Outcome.CLEAN
    )


@pytest.mark.parametrize(
    "arguments",
    [
        (text("("), b"K\x00"), (text("a"), b"J\xff\xff\xff\x7f"), (text("x" * 255) * 1, SYSTEM), (b"C\x01(", b"K\x00"),
        (), (text("a"), b"K\x00", b"K\x00"), (b"X" + struct.pack("<I", 70_000) + b"a" * 70_000, b"K\x00"), (text("(" * 200), b"K\x00"),
    ],
)  # fmt: skip
def test_an_expression_that_cannot_be_judged_is_refused(arguments: tuple[bytes, ...]) -> None:
    assert worst(P4 + call("re", "_compile", *arguments) + b".") >= Severity.HIGH


@given(st.text(alphabet="ab()[]{}|*+?.^$\\-,0123456789<>=!:P", max_size=40), st.integers(0, 1024))
def test_no_expression_breaks_the_scanner(pattern: str, flags: int) -> None:
    data = P4 + call("re", "_compile", text(pattern), number(flags)) + b"."
    assert scan(data).outcome in {Outcome.CLEAN, Outcome.FINDINGS}


ARRAYS = {
    "type is another class": (stack_global("builtins", "bytearray"), text("d"), b"K\x10", long_bytes(bytes(8))),
    "type is dangerous": (SYSTEM, text("d"), b"K\x10", long_bytes(bytes(8))),
    "code is no code": (stack_global("array", "array"), text("O"), b"K\x10", long_bytes(bytes(8))),
    "code is long": (stack_global("array", "array"), text("dd"), b"K\x10", long_bytes(bytes(8))),
    "format does not exist": (stack_global("array", "array"), text("d"), b"K\x16", long_bytes(bytes(8))),
    "format is negative": (stack_global("array", "array"), text("d"), number(-1), long_bytes(bytes(8))),
    "format is a text": (stack_global("array", "array"), text("d"), text("16"), long_bytes(bytes(8))),
    "items are a function": (stack_global("array", "array"), text("d"), b"K\x10", SYSTEM),
    "items are an object": (stack_global("array", "array"), text("d"), b"K\x10", new("types", "SimpleNamespace")),
    "too few": (stack_global("array", "array"), text("d")),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_an_array_of_another_type_than_it_says_is_refused(case: str) -> None:
    assert worst(P4 + call("array", "_array_reconstructor", *ARRAYS[case]) + b".") >= Severity.HIGH


@pytest.mark.parametrize("code", [text("O"), text(""), b"K\x01", text("dd"), SYSTEM])
def test_an_array_with_an_odd_type_code_is_refused(code: bytes) -> None:
    assert worst(P4 + call("array", "array", code, b"]") + b".") >= Severity.HIGH


FACTORIES = {
    "a loader": stack_global("collections", "defaultdict") + LOADER + b"\x85R.",
    "a partial of a command": stack_global("collections", "defaultdict") + PARTIAL + SYSTEM + b"\x85R\x85R.",
    "a partial of an unknown function": stack_global("collections", "defaultdict") + PARTIAL + UNKNOWN + b"\x85R\x85R.",
    "a partial without state": stack_global("collections", "defaultdict")
    + PARTIAL + stack_global("builtins", "int") + b"\x85R\x85R.",
    "a partial that is set to a command": stack_global("collections", "defaultdict")
    + PARTIAL + stack_global("builtins", "int") + b"\x85R(" + SYSTEM + b"(" + text("echo x") + b"t}Ntb\x85R.",
    "a partial that is set twice": stack_global("collections", "defaultdict")
    + PARTIAL + stack_global("builtins", "int") + b"\x85R\x94(" + stack_global("builtins", "int") + b")}Ntb"
    + b"(" + SYSTEM + b"(" + text("echo x") + b"t}Ntb\x85R.",
    "a partial set again from the memo": PARTIAL + stack_global("builtins", "int") + b"\x85R\x94("
    + stack_global("builtins", "int") + b")}Ntb0" + stack_global("collections", "defaultdict") + b"h\x00\x85R0"
    + b"h\x00(" + UNKNOWN + b")}Ntb.",
    "a dictionary of dictionaries of loaders": PARTIAL + stack_global("collections", "defaultdict") + b"\x85R("
    + stack_global("collections", "defaultdict") + LOADER + b"\x85}Ntb.",
    "a partial of a partial of a command": PARTIAL + PARTIAL + SYSTEM + b"\x86R.",
    "a result of an unknown call": stack_global("collections", "defaultdict") + UNKNOWN + b")R\x85R.",
}  # fmt: skip


@pytest.mark.parametrize("case", FACTORIES)
def test_a_default_is_made_by_nothing_but_a_harmless_function(case: str) -> None:
    assert worst(P4 + FACTORIES[case]) >= Severity.HIGH, scan(P4 + FACTORIES[case])


def buffer(raw: bytes) -> bytes:
    return call("pyarrow.lib", "py_buffer", long_bytes(raw))


def column(kind: bytes, length: int, first: int, *buffers: bytes) -> bytes:
    parts = kind + number(length) + number(0) + number(first) + b"](" + b"".join(buffers) + b"e]Nt"
    return P4 + stack_global("pyarrow.lib", "_restore_array") + b"((" + parts + b"tR."


def alias(name: str) -> bytes:
    return call("pyarrow.lib", "type_for_alias", text(name))


def offsets(*values: int) -> bytes:
    return buffer(struct.pack(f"<{len(values)}q", *values))


TEXTS = alias("large_string")
COLUMNS = {
    "numbers beyond the buffer": column(alias("int64"), 1000, 0, b"N", buffer(bytes(8))),
    "first number beyond the buffer": column(alias("int64"), 1, 1000, b"N", buffer(bytes(8))),
    "negative length": column(alias("int64"), -1, 0, b"N", buffer(bytes(8))),
    "negative first": column(alias("int64"), 1, -8, b"N", buffer(bytes(8))),
    "no numbers at all": column(alias("int64"), 1, 0, b"N", b"N"),
    "which are there is too short": column(alias("int64"), 64, 0, buffer(b"\1"), buffer(bytes(512))),
    "text beyond the buffer": column(TEXTS, 1, 0, b"N", offsets(0, 1 << 40), buffer(b"a")),
    "text before the buffer": column(TEXTS, 1, 0, b"N", offsets(-64, 1), buffer(b"a")),
    "text of negative length": column(TEXTS, 2, 0, b"N", offsets(0, 9, 1), buffer(b"a")),
    "offset back and forth": column(TEXTS, 3, 0, b"N", offsets(0, 9, 0, 1), buffer(b"a")),
    "too few offsets": column(TEXTS, 2, 0, b"N", offsets(0, 1), buffer(b"a")),
    "offsets of the other width": column(alias("string"), 3, 0, b"N", offsets(0, 1 << 33), buffer(b"a")),
    "more buffers than the type has": column(alias("int8"), 1, 0, b"N", buffer(b"a"), buffer(b"a")),
    "a type that is not understood": column(alias("extension"), 1, 0, b"N", buffer(bytes(16))),
    "a type with columns inside": column(call("pyarrow.lib", "list_", alias("int8")), 1, 0, b"N", offsets(0, 99)),
    "a type that is no type": column(text("int8"), 1, 0, b"N", buffer(b"a")),
    "a buffer that is a text": column(alias("int8"), 1, 0, b"N", text("a")),
    "a buffer that is an array of numpy": column(alias("int8"), 1, 0, b"N", new("numpy", "ndarray")),
    "a buffer of unknown length": column(alias("int8"), 1, 0, b"N", call("pyarrow.lib", "py_buffer", b"K\x08")),
    "a bytearray of a number": column(
        alias("int8"), 1, 0, b"N", call("pyarrow.lib", "py_buffer", call("builtins", "bytearray", b"K\x01"))
    ),
    "an extension type": P4 + call("pyarrow.lib", "UnknownExtensionType", alias("int8"), INNER) + b".",
    "an extension type of Python": P4 + new("pyarrow.lib", "PyExtensionType") + b".",
    "memory of somebody else": P4 + call("pyarrow.lib", "foreign_buffer", number(0), number(8)) + b".",
    "a file": P4 + call("pyarrow.lib", "memory_map", text("/etc/passwd")) + b".",
}  # fmt: skip


@pytest.mark.parametrize("case", COLUMNS)
def test_a_column_that_reaches_over_its_buffers_is_refused(case: str) -> None:
    assert worst(COLUMNS[case]) >= Severity.HIGH, scan(COLUMNS[case])


def test_a_column_inside_its_buffers_is_quiet() -> None:
    for honest in (
        column(alias("int64"), 3, 1, buffer(b"\7"), buffer(bytes(32))),
        column(TEXTS, 2, 0, b"N", offsets(0, 1, 3), buffer(b"abc")),
        column(TEXTS, 0, 0, b"N", b"N", b"N"),
        column(alias("bool"), 9, 0, b"N", buffer(bytes(2))),
    ):
        assert scan(honest).outcome is Outcome.CLEAN, scan(honest)


@given(st.lists(st.integers(-2, 12), min_size=1, max_size=6), st.integers(0, 6), st.integers(0, 2))
def test_offsets_are_believed_only_where_they_rise_inside_the_bytes(
    values: list[int], length: int, first: int
) -> None:
    used = values[: first + length + 1]
    honest = length + first == 0 or (
        len(used) == first + length + 1 and used == sorted(used) and used[0] >= 0 and used[-1] <= 8
    )
    found = scan(column(TEXTS, length, first, b"N", offsets(*values), buffer(b"12345678")))
    assert (found.outcome is Outcome.CLEAN) is honest


OBJECTS = {
    "object of another registered class": new("torch", "ScriptObject")
    + b"K\x01" + text("__torch__.torch.classes.profiling.SourceStats") + b"\x86b.",
    "object of a class of the file": new("torch", "ScriptObject") + b"K\x01" + text("__torch__.Model") + b"\x86b.",
    "object with one part": new("torch", "ScriptObject") + b"K\x01\x85b.",
    "object whose class is computed": new("torch", "ScriptObject") + b"K\x01" + call("builtins", "str", text("x")) + b"\x86b.",
    "picture larger than memory": new("PIL.Image", "Image")
    + b"](}" + text("L") + number(1 << 30) + number(1 << 30) + b"\x86NC\x00eb.",
    "picture of negative size": new("PIL.Image", "Image") + b"](}" + text("L") + number(-1) + number(-1) + b"\x86NC\x00eb.",
    "picture with attributes": new("PIL.Image", "Image") + state(("load", UNKNOWN)) + b"b.",
    "configuration that names code elsewhere": new("transformers.configuration_utils", "PreTrainedConfig")
    + state(("auto_map", state(("AutoModel", text("who/what--code.Model"))))) + b"b.",
    "configuration set by pairs": new("transformers.configuration_utils", "PreTrainedConfig") + b"N" + state(("a", b"N")) + b"\x86b.",
    "pipeline of somebody else": new("diffusers.schedulers.scheduling_ddpm", "DDPMScheduler")
    + state(("forward", UNKNOWN)) + b"b.",
    "table in a file": new("datasets.table", "MemoryMappedTable") + state(("path", text("/etc/passwd"))) + b"b.",
    "tables of tables": new("datasets.table", "ConcatenationTable") + state(("blocks", b"]")) + b"b.",
    "vocabulary in a file": new("transformers.models.xlm.tokenization_xlm", "XLMTokenizer") + state(("vocab_file", text("/etc/passwd"))) + b"b.",
    "class of a model from its state": new("torch.nn.modules.module", "Module") + state(("__class__", SYSTEM)) + b"b.",
    "hook of a quantized layer": new("torch.ao.nn.quantized.dynamic.modules.linear", "Linear")
    + state(("_forward_pre_hooks", state(("a", UNKNOWN)))) + b"b.",
    "function of a loader of data": new("torch.utils.data.dataloader", "DataLoader") + state(("collate_fn", UNKNOWN)) + b"b.",
    "function of a data collator": new("transformers.data.data_collator", "DataCollatorWithPadding")
    + state(("torch_call", SYSTEM)) + b"b.",
    "average by a function": new("torch.optim.swa_utils", "AveragedModel") + state(("avg_fn", UNKNOWN)) + b"b.",
    "observer of a function": new("torch.ao.quantization.observer", "_PartialWrapper") + state(("p", UNKNOWN)) + b"b.",
    "output with attributes": call("transformers.modeling_outputs", "BaseModelOutput", b"](" + text("__setstate__") + LOADER + b"\x86e")
    + INNER + b"b.",
    "dictionary that is frozen around a loader": call("diffusers.configuration_utils", "FrozenDict", state(("append", LOADER))) + INNER + b"a.",
    "bunch that is its own attributes": new("statsmodels.tools.tools", "Bunch") + b"\x94" + text("__setstate__") + LOADER + b"sh\x00b.",
    "bunch that hides a method": new("statsmodels.tools.tools", "Bunch") + b"\x94" + text("append") + b"K\x01sh\x00b.",
    "bunch that is another one": new("statsmodels.tools.tools", "Bunch") + new("statsmodels.tools.tools", "Bunch") + b"b.",
    "state space with a function": call("statsmodels.tsa.statespace._initialization", "dInitialization", UNKNOWN) + b".",
    "masked constant that is changed": call("numpy.ma.core", "MaskedConstant") + state(("fill_value", b"K\x01")) + b"b.",
    "time zone with attributes": ZONE + text("UTC") + b"\x85R" + state(("utcoffset", UNKNOWN)) + b"b.",
    "type of texts with objects": call("numpy._core._internal", "_convert_to_stringdtype_kwargs", b"K\x01", SYSTEM) + b".",
}  # fmt: skip


@pytest.mark.parametrize("case", OBJECTS)
def test_a_reviewed_class_takes_no_state_that_runs_or_reads_anything(case: str) -> None:
    assert worst(P4 + OBJECTS[case]) >= Severity.HIGH, scan(P4 + OBJECTS[case])


CALLS = [
    ("scipy.stats._qmc", "Sobol"), ("torch.utils.data.dataloader", "DataLoader"), ("datasets.arrow_dataset", "Dataset"),
    ("transformers.models.bert.modeling_bert", "BertModel"), ("transformers.modeling_utils", "PreTrainedModel.from_pretrained"),
    ("transformers.tokenization_utils_tokenizers", "TokenizersBackend"), ("transformers.training_args", "TrainingArguments"),
    ("sentence_transformers.sentence_transformer.model", "SentenceTransformer"), ("diffusers.pipelines.pipeline_utils", "DiffusionPipeline"),
    ("transformers.pipelines", "pipeline"), ("transformers.trainer", "Trainer"), ("datasets.load", "load_dataset"), ("diffusers.loaders.utils", "AttnProcsLayers"),
    ("diffusers.utils.dynamic_modules_utils", "get_class_from_dynamic_module"), ("transformers.dynamic_module_utils", "get_class_in_module"),
    ("PIL.ImageShow", "WindowsViewer"), ("PIL.Image", "open"), ("PIL.ImageMath", "unsafe_eval"), ("PIL.ImageGrab", "grab"),
    ("torch.ao.quantization.fx.convert", "convert"), ("torch.utils.data.datapipes.iter.callable", "MapperIterDataPipe"),
    ("pandas", "ArrowDtype"), ("pyarrow.lib", "OSFile"), ("builtins", "iter"), ("builtins", "map"), ("builtins", "type"),
    ("operator", "pow"), ("operator", "itemgetter"), ("builtins", "reversed"), ("re", "compile"), ("re", "sub"), ("zoneinfo", "reset_tzpath"),
    ("random", "SystemRandom"), ("ipaddress", "collapse_addresses"), ("array", "array.fromfile"),
    ("sklearn.compose._column_transformer", "make_column_selector"), ("numpy", "einsum_path"), ("numpy", "fromiter"),
]  # fmt: skip


@pytest.mark.parametrize("pair", CALLS)
def test_a_function_beside_a_reviewed_name_cannot_be_called(pair: tuple[str, str]) -> None:
    data = P4 + stack_global(*pair) + b"(" + text("echo x") + b"tR."
    assert worst(data) >= Severity.HIGH, scan(data)


def objects_array(inner: bytes, first: bytes = b"") -> bytes:
    """A joblib dump of an array of objects, behind what stands in the memo first."""
    from tests.attacks.test_scan_library_gadgets import EIGHT, dtype, wrapper

    return P4 + first + wrapper(EIGHT, dtype("O8", 63))[2:] + inner + b"e."


def memo_call(module: int, name: int) -> bytes:
    return b"h" + bytes([module]) + b"h" + bytes([name]) + b"\x93" + text("echo x") + b"\x85R."


NUMPY_INSIDE = P4 + text("numpy") + b"\x94" + text("float64") + b"\x94"


def test_names_from_the_memo_of_an_array_of_objects_are_judged_for_plain_pickle_as_well() -> None:
    """`joblib.load` reads `numpy.float64`; plain pickle takes both names from the outer memo."""
    outer = text("os") + b"\x940" + text("system") + b"\x940"
    assert worst(objects_array(NUMPY_INSIDE + memo_call(0, 1), outer)) >= Severity.HIGH
    outer = text("some.library") + b"\x940" + text("helper") + b"\x940"
    assert worst(objects_array(NUMPY_INSIDE + memo_call(0, 1), outer)) >= Severity.HIGH


def test_a_dangerous_module_before_the_same_name_is_seen() -> None:
    outer = text("subprocess") + b"\x940"
    inner = P4 + text("numpy") + b"\x94h\x00" + text("float64") + b"\x93K\x01\x85R."
    assert worst(objects_array(inner, outer)) >= Severity.HIGH


def test_an_unknown_name_in_an_array_of_objects_is_no_twin_of_an_allowed_one() -> None:
    outer = text("numpy") + b"\x940"
    inner = P4 + text("some.library") + b"\x94h\x00" + text("helper") + b"\x93K\x01\x85R."
    assert worst(objects_array(inner, outer)) >= Severity.HIGH


def test_an_array_of_objects_that_breaks_off_is_still_read_on() -> None:
    outer = text("os") + b"\x940" + text("system") + b"\x940"
    inner = NUMPY_INSIDE + b"h\x00h\x01\x93" + text("echo x") + b"\x85R\xff"
    assert worst(objects_array(inner, outer)) >= Severity.HIGH
