"""Each test is one way to cheat a pickle scanner."""

import pickle
import struct

import pytest

from tests.attacks.scan_builders import (
    ECHO,
    EVIL,
    STATE_DICT,
    SYSTEM,
    rules,
    scan,
    stack_global,
    text,
    torch_zip,
    worst,
)
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
ARGS = b"(" + text("echo x") + b"tR."


@pytest.mark.parametrize(
    "module_name",
    [
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"),
        ("builtins", "eval"), ("builtins", "exec"), ("builtins", "getattr"), ("pty", "spawn"),
        ("runpy", "run_path"), ("importlib", "import_module"), ("ctypes", "CDLL"),
        ("pip", "main"), ("pip._internal", "main"), ("pkgutil", "resolve_name"), ("timeit", "timeit"),
        ("operator", "methodcaller"), ("_operator", "attrgetter"), ("webbrowser", "open"),
        ("socket", "create_connection"), ("shutil", "rmtree"), ("numpy", "load"),
        ("torch", "load"), ("torch.serialization", "load"), ("idlelib.pyshell", "ModifiedInterpreter"),
        ("asyncio.unix_events", "_UnixSubprocessTransport"), ("code", "InteractiveInterpreter"),
        ("builtins", "__import__"), ("bdb", "Bdb"), ("_pickle", "loads"), ("marshal", "loads"),
    ],
)  # fmt: skip
def test_dangerous_function_called(module_name: tuple[str, str]) -> None:
    data = P4 + stack_global(*module_name) + ARGS
    assert worst(data) == Severity.CRITICAL or "PKL005" in rules(data)
    assert worst(data) >= Severity.HIGH


@pytest.mark.parametrize(
    "module_name",
    [
        ("numpy.testing._private.utils", "anything"), ("torch.utils.collect_env", "get_env_info"),
        ("numpy.f2py.crackfortran", "getlincoef"), ("some.library", "helper"),
        ("torch.fx.graph_module", "_deserialize_graph_module"), ("collections", "namedtuple"),
        ("torch._utils", "_rebuild_other"), ("sklearn.linear_model", "LinearRegression"),
    ],
)  # fmt: skip
def test_unknown_function_called_is_high_whatever_library_it_is_in(
    module_name: tuple[str, str],
) -> None:
    assert "PKL002" in rules(P4 + stack_global(*module_name) + ARGS)


@pytest.mark.parametrize(
    "module_name",
    [
        ("collections", "OrderedDict.__reduce__"), ("collections", "OrderedDict.fromkeys"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"), ("numpy", "__builtins__"),
        ("torch", "storage.os.system"), ("collections", "__loader__"), ("collections", "abc.sys"),
        ("builtins", "list.__class__"), ("copyreg", "__newobj__"),
    ],
)  # fmt: skip
def test_attribute_or_dunder_below_an_allowed_module(module_name: tuple[str, str]) -> None:
    assert "PKL005" in rules(P4 + stack_global(*module_name) + b".")
    assert worst(P4 + stack_global(*module_name) + ARGS) >= Severity.HIGH


HIDDEN_CALLS = {
    "protocol 0 text": EVIL,
    "python 2 module name": b"c__builtin__\neval\n" + ECHO + b".",
    "python 2 commands": b"\x80\x02ccommands\ngetoutput\n" + ECHO + b".",
    "instance opcode": b"(S'echo x'\nios\nsystem\n.",
    "object opcode": b"(" + SYSTEM + b"S'echo x'\no.",
    "object popped at once": b"(" + SYSTEM + b"S'echo x'\no0N.",
    "result popped": EVIL[:-1] + b"0N.",
    "newobj": b"\x80\x02" + SYSTEM + b"S'echo x'\n\x85\x81.",
    "newobj_ex": P4 + SYSTEM + b"S'echo x'\n\x85}\x92.",
    "two million no-ops are a matter of degree": b"\x80\x02" + b"N0" * 50_000 + EVIL,
    "memo recalled": SYSTEM + b"p7\n0g7\n" + ECHO + b".",
    "stale memo replaced": b"ccollections\nOrderedDict\np1\n0" + SYSTEM + b"p1\n0g1\n" + ECHO + b".",
    "memoize counts entries": P4 + b"Nr\x05\0\0\0" + stack_global("os", "system") + b"\x940h\x01" + ECHO + b".",
    "names from the memo": P4 + text("os") + b"\x94" + text("system") + b"\x9400h\x00h\x01\x93" + ECHO + b".",
    "names pushed before noise": P4 + text("os") + text("system") + text("math") + b"0\x93" + ECHO + b".",
    "duplicated global": SYSTEM + b"2" + ECHO + b"0" + b".",
    "mark in between": SYSTEM + b"((10" + ECHO[1:].replace(b"t", b"", 0).join([b"(", b""]) + b".",
    "call through allowed rebuild": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(" + SYSTEM + b"ctorch\nTensor\n(S'echo x'\nt}tR.",
    "partial": b"\x80\x02cfunctools\npartial\n(" + SYSTEM + b"S'echo x'\ntR.",
    "nested in allowed bytes loader": P4 + stack_global("torch.storage", "_load_from_bytes") + b"C" + bytes([len(EVIL)]) + EVIL + b"\x85R.",
    "nested in text": b"\x80\x02ctorch.storage\n_load_from_bytes\n(c_codecs\nencode\n(X" + struct.pack("<I", len(EVIL)) + EVIL + b"S'latin1'\ntRtR.",
    "second pickle": STATE_DICT + EVIL,
    "second pickle after newline-free data": pickle.dumps([1, 2]) + b"\x80\x04" + EVIL,
    "broken after the call": EVIL[:-1] + b"\xff\xff",
    "truncated after the call": EVIL[:-1],
    "broken pickle with a protocol": P4 + EVIL[:-1] + b"\xffgarbage",
    "short binstring names": P4 + b"U\x02osU\x06system\x93" + ECHO + b".",
    "unicode escapes in names": b"\x80\x04V\\u006fs\nVsystem\n\x93" + ECHO + b".",
    "string escapes in names": P4 + b"S'\\x6fs'\nS'syst\\x65m'\n\x93" + ECHO + b".",
    "long names": P4 + b"X\x02\0\0\0osX\x06\0\0\0system\x93" + ECHO + b".",
    "8 byte lengths": P4 + b"\x8d\x02\0\0\0\0\0\0\0os\x8d\x06\0\0\0\0\0\0\0system\x93" + ECHO + b".",
    "a frame that lies": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff" + EVIL,
    "a frame of zero": b"\x80\x04\x95\0\0\0\0\0\0\0\0" + EVIL,
    "protocol opcode in the middle": b"\x80\x02N0\x80\x04" + EVIL,
    "no protocol at all": stack_global("os", "system") + ECHO + b".",
    "magic of another format": b"GGUF\0\0\0\0\x000" + EVIL,
    "a long line first": b"V" + b"a" * 300_000 + b"\n0" + EVIL,
    "a large payload first": P4 + b"B" + struct.pack("<I", 400_000) + bytes(400_000) + b"0" + EVIL,
    "torch legacy, third pickle": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03." + EVIL,
}  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN_CALLS)
def test_dangerous_call_is_seen_however_it_is_hidden(case: str) -> None:
    found = scan(HIDDEN_CALLS[case])
    assert max(finding.severity for finding in found.findings) == Severity.CRITICAL, found
    assert found.outcome is Outcome.FINDINGS


ALWAYS_REFUSED = {
    "PKL006": [P4 + b"N" + text("system") + b"\x93.", P4 + text("os") + b"]\x93.",
               P4 + stack_global("collections", "OrderedDict") + b")R" + text("x") + b"\x93."],
    "PKL007": [b"\x80\x02ccollections\nOrderedDict\n)R)R.", b"\x80\x02N)R.", b"\x80\x02N)\x81.",
               b"\x80\x02(Nio\nx\n."[:4] + b"(No."],
    "PKL008": [b"\x80\x02ccollections\nOrderedDict\n}b.", b"\x80\x02]}b.",
               b"\x80\x02ctorch\nSize\n)R}b."],
    "PKL009": [b"\x80\x02ccollections\nOrderedDict\nU\x01kNs.", b"\x80\x02ctorch\nSize\n)RNa.",
               b"\x80\x04ccollections\nOrderedDict\n(N\x90.", b"\x80\x02cmodule\nregistry\n(NNu."],
    "PKL011": [b"\x80\x02\x82\x01.", b"\x80\x02\x83\x01\x01.", b"\x80\x02\x84\x01\0\0\0."],
    "PKL016": [b"\x80\x02c_codecs\nencode\n(S'x'\nS'zip'\ntR.",
               b"\x80\x02ctorch.storage\n_load_from_bytes\nN\x85R.",
               b"\x80\x02ccopy_reg\n_reconstructor\n)R."],
    "PKL005": [b"\x80\x02ctorch.nn.modules.linear\nLinear\n)\x81N}U\x09__class__Ns\x86b."],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "data"), [(k, d) for k, rows in ALWAYS_REFUSED.items() for d in rows]
)
def test_use_that_no_honest_pickle_makes(rule: str, data: bytes) -> None:
    assert rule in rules(data)
    assert worst(data) >= Severity.HIGH


def test_unknown_class_that_is_only_imported_is_below_high() -> None:
    data = P4 + stack_global("my.library", "Thing") + b"."
    assert rules(data) == {"PKL004"}
    assert worst(data) == Severity.MEDIUM


def test_dangerous_name_that_is_only_imported_is_high() -> None:
    assert rules(SYSTEM + b".") == {"PKL003"}


def test_symbolic_call_offset_and_help_are_told() -> None:
    (finding,) = scan(EVIL).findings
    assert finding.detail == "os.system('echo x')"
    assert finding.offset == EVIL.index(b"R")
    assert finding.help
    assert finding.rule == "PKL001"


def test_dangerous_import_through_persistent_storage_type() -> None:
    pickled = b"\x80\x02(S'storage'\ncos\nsystem\nS'0'\nS'cpu'\nK\x01tQ."
    assert {"PKL003", "PKL010"} <= {finding.rule for finding in scan(torch_zip(pickled)).findings}


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02ccollections\ndefaultdict\n(" + SYSTEM + b"tR.",
        b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\ncsubprocess\nPopen\nNtR.",
        b"\x80\x02cnumpy.random._pickle\n__bit_generator_ctor\n(csubprocess\nPopen\ntR.",
        b"\x80\x02cnumpy.random._pickle\n__generator_ctor\n(S'x'\ncsubprocess\nPopen\ntR.",
        b"ccopy_reg\n_reconstructor\n(csubprocess\nPopen\nc__builtin__\nobject\nNtR.",
    ],
)
def test_dangerous_name_handed_to_an_allowed_function(data: bytes) -> None:
    assert {"PKL003", "PKL016"} <= rules(data)


def test_one_nested_file_that_is_loaded_again_and_again_is_scanned_once() -> None:
    inner = b"\x20\0\0\0\0\0\0\0{" + b" " * 40
    load = b"ctorch.storage\n_load_from_bytes\nh\x00\x85R0"
    found = scan(b"\x80\x04C" + bytes([len(inner)]) + inner + b"\x940" + load * 2000 + b"N.")
    assert len({finding.member for finding in found.findings}) == 1


def test_unknown_tensor_subclass_sets_its_own_state() -> None:
    data = (
        b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._utils\n_rebuild_tensor_v2\n"
        b"cmy.library\nTensor\n(Nt}tR."
    )
    assert "PKL016" in rules(data)


def test_many_low_findings_do_not_crowd_out_a_high_one() -> None:
    noise = b"".join(b"cmodule%d\nname\n0" % i for i in range(500))
    assert "PKL001" in rules(b"\x80\x02" + noise + EVIL)


def test_names_look_alike() -> None:
    assert worst(P4 + stack_global("c\u043ellections", "OrderedDict") + b")R.") >= Severity.HIGH
    assert worst(P4 + stack_global("collections ", "OrderedDict") + b")R.") >= Severity.HIGH
    assert worst(P4 + stack_global("Collections", "OrderedDict") + b")R.") >= Severity.HIGH


def test_torchscript_names_are_not_allowed_elsewhere() -> None:
    assert "PKL002" in rules(P4 + stack_global("__torch__.evil", "Class") + b")R.")
