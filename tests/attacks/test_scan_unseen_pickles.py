"""Pickles that were written against the scanner as it stood: gadgets of allowed names, and polyglots."""

import struct

import pytest

from tests.attacks.scan_builders import EVIL, SYSTEM, Member, archive, scan, stack_global, text
from weightmark.errors import Exit
from weightmark.scanners.scan import ScanReport, Severity

P4 = b"\x80\x04"
ECHO = text("echo x")
HELPER = stack_global("some.library", "helper")
LOADS = stack_global("torch.storage", "_load_from_bytes")
DEPTH = 40


def new(module: str, name: str) -> bytes:
    return stack_global(module, name) + b")\x81"


def state(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"ub"


def hooks(value: bytes) -> bytes:
    """A tensor whose backward hooks are a dict with one function."""
    storage = b"(" + text("storage") + stack_global("torch", "FloatStorage") + text("0") + text("cpu") + b"K\x01tQ"  # fmt: skip
    rebuild = stack_global("torch._utils", "_rebuild_tensor_v2")
    return P4 + rebuild + b"(" + storage + b"K\x00K\x01\x85K\x01\x85\x88" + value + b"tR."


def safetensors_that_is_a_pickle() -> bytes:
    """The length of the header is the opcode `V`; its line is the header, and the tensors are opcodes."""
    size = ord("V")
    header = b"{" + b" " * (size - 3) + b"\n}"
    return struct.pack("<Q", size) + header + EVIL


def local(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


UNSEEN = {
    "unknown function as a backward hook": hooks(b"}K\x00" + HELPER + b"s"),
    "command as a backward hook": hooks(b"}K\x00" + stack_global("os", "system") + b"s"),
    "hook in an ordered dict": hooks(
        stack_global("collections", "OrderedDict") + b")RK\x00" + HELPER + b"s"
    ),
    "state of a module object": P4 + stack_global("collections", "abc") + state(("Mapping", HELPER)) + b".",
    "items into a module's dict": P4 + stack_global("torch.nn.functional", "__dict__") + text("relu") + HELPER + b"s.",
    "module object of an allowed module, called": P4 + stack_global("collections", "_sys") + ECHO + b"\x85R.",
    "old joblib wrapper names a file": P4
    + new("joblib.numpy_pickle_compat", "NDArrayWrapper")
    + state(("filename", text("../../secret.npy")), ("subclass", stack_global("numpy", "ndarray")))
    + b".",
    "zipped joblib wrapper names a file": P4
    + new("joblib.numpy_pickle_compat", "ZNDArrayWrapper")
    + state(("filename", text("/etc/x.z")))
    + b".",
    "memory map as the kind of an array": P4
    + stack_global("numpy._core.multiarray", "_reconstruct")
    + stack_global("numpy", "memmap")
    + b"K\x00\x85C\x01b\x87R.",
    "functools.reduce": P4 + stack_global("functools", "reduce") + stack_global("os", "system") + ECHO + b"\x85\x86R.",
    "map, made a list": P4
    + stack_global("builtins", "list")
    + stack_global("builtins", "map")
    + stack_global("os", "system")
    + ECHO
    + b"\x85\x86R\x85R.",
    "filter of an unknown function": P4 + stack_global("builtins", "filter") + HELPER + b"]\x86R.",
    "sorted by a key": P4 + stack_global("builtins", "sorted") + b"]" + b"\x85}" + text("key") + HELPER + b"s\x92.",
    "itertools.starmap": P4 + stack_global("itertools", "starmap") + HELPER + b"]\x86R.",
    "iter with a sentinel": P4 + stack_global("builtins", "iter") + HELPER + b"N\x86R.",
    "type makes a class": P4 + stack_global("builtins", "type") + ECHO + b")}\x87R.",
    "property of a computed class": P4 + stack_global("builtins", "property") + HELPER + b"\x85R.",
    "enum made by a call": P4 + stack_global("enum", "Enum") + ECHO + b"]\x86R.",
    "dataclass made by a call": P4 + stack_global("dataclasses", "make_dataclass") + ECHO + b"]\x86R.",
    "named tuple, whose fields once were evaluated": P4 + stack_global("collections", "namedtuple") + ECHO + ECHO + b"\x86R.",
    "regular expression compiled": P4 + stack_global("re", "_compile") + text("(a+)+$") + b"K\x00\x86R.",
    "weak reference with a callback": P4 + stack_global("weakref", "finalize") + HELPER + HELPER + b"\x86R.",
    "context stack with a callback": P4 + new("contextlib", "ExitStack") + state(("_exit_callbacks", b"](" + HELPER + b"e")) + b".",
    "thread that starts on its own": P4 + stack_global("threading", "Timer") + b"K\x01" + HELPER + b"\x86R.",
    "executor's initializer": P4 + stack_global("concurrent.futures.thread", "ThreadPoolExecutor") + b"K\x01" + ECHO + HELPER + b"\x87R.",
    "temporary file": P4 + stack_global("tempfile", "mkstemp") + b")R.",
    "path that opens": P4 + stack_global("pathlib", "Path.write_text") + stack_global("pathlib", "Path") + ECHO + b"\x85R\x85R.",
    "glob": P4 + stack_global("glob", "glob") + text("/*") + b"\x85R.",
    "linecache reads a file": P4 + stack_global("linecache", "getline") + text("/etc/passwd") + b"K\x01\x86R.",
    "fileinput": P4 + stack_global("fileinput", "input") + text("/etc/passwd") + b"\x85R.",
    "tarfile": P4 + stack_global("tarfile", "open") + text("x") + b"\x85R.",
    "logging from a dict": P4 + stack_global("logging.config", "dictConfig") + b"}\x85R.",
    "XML expat": P4 + stack_global("xml.sax", "parse") + text("http://example.com/") + b"\x85R.",
    "pdb": P4 + stack_global("pdb", "run") + ECHO + b"\x85R.",
    "sklearn's estimator called to fit from a file": P4 + stack_global("sklearn.datasets", "load_files") + text("/") + b"\x85R.",
    "pandas reads a table": P4 + stack_global("pandas.io.parsers.readers", "read_csv") + text("/etc/passwd") + b"\x85R.",
    "torch hub": P4 + stack_global("torch.hub", "load") + text("evil/repo") + text("m") + b"\x86R.",
    "torch compiles C++": P4 + stack_global("torch.utils.cpp_extension", "load_inline") + ECHO + ECHO + b"\x86R.",
    "torch loads a library of operators": P4 + stack_global("torch._ops", "_Ops.load_library") + ECHO + ECHO + b"\x86R.",
    "torch's graph module": P4 + stack_global("torch.fx.graph_module", "reduce_graph_module") + b"}" + ECHO + b"\x86R.",
    "torch package": P4 + stack_global("torch.package.package_importer", "PackageImporter") + ECHO + b"\x85R.",
    "transformers downloads": P4 + stack_global("transformers.dynamic_module_utils", "get_class_from_dynamic_module") + ECHO + ECHO + b"\x86R.",
    "keras loads": P4 + stack_global("keras.src.saving.saving_api", "load_model") + ECHO + b"\x85R.",
    "keras rebuilds from bytes": P4 + stack_global("keras.src.saving.keras_saveable", "KerasSaveable._unpickle_model") + b"C\x02PK\x85R.",
    "dask applies": P4 + stack_global("dask.utils", "apply") + HELPER + b"]\x86R.",
    "cloudpickle's subimport": P4 + stack_global("cloudpickle.cloudpickle", "subimport") + text("os") + b"\x85R.",
    "cloudpickle makes a class": P4 + stack_global("cloudpickle.cloudpickle", "_make_skeleton_class") + b"NNNNNN" + b"(" + b"tR.",
    "dill imports": P4 + stack_global("dill._dill", "_import_module") + text("os.system") + b"\x85R.",
    "dill opens a file": P4 + stack_global("dill._dill", "_create_filehandle") + ECHO + b"\x85R.",
    "sympy parses": P4 + stack_global("sympy.parsing.sympy_parser", "parse_expr") + ECHO + b"\x85R.",
    "numexpr evaluates": P4 + stack_global("numexpr.necompiler", "evaluate") + ECHO + b"\x85R.",
    "setuptools runs a file": P4 + stack_global("setuptools.sandbox", "run_setup") + ECHO + b"]\x86R.",
    "pytest runs": P4 + stack_global("_pytest.config", "main") + b"]\x85R.",
    "nested loader twice": P4 + LOADS + b"C" + bytes([len(EVIL) + 40 - 40]) + EVIL + b"\x85R0N.",
    "tensor subclass rebuilt by an unknown function": P4
    + stack_global("torch._tensor", "_rebuild_from_type_v2")
    + b"("
    + HELPER
    + stack_global("torch", "Tensor")
    + b"("
    + ECHO
    + b"t}tR.",
    "gigabytes of zeros": P4 + stack_global("builtins", "bytes") + b"\x8a\x06" + (1 << 44).to_bytes(6, "little") + b"\x85R.",
    "fraction of endless digits": P4 + stack_global("fractions", "Fraction") + text("1e999999999") + b"\x85R.",
    "safetensors that is a pickle": safetensors_that_is_a_pickle(),
    "behind a float that looks like GGUF": b"GGUF\x03\0\0\0\x000" + SYSTEM + b"(S'echo x'\ntR.",
    "names from line opcodes": b"\x80\x04Vos\nVsystem\n\x93(Vecho x\ntR.",
    "names decoded with escapes and surrogates": P4 + b"V\\u006f\\U00000073\nVsystem\n\x93" + ECHO + b"\x85R.",
    "list that holds itself first": P4 + b"]\x94h\x00a0" + stack_global("os", "system") + ECHO + b"\x85R.",
    "many marks, then a call": P4 + b"(" * DEPTH + b"1" * DEPTH + stack_global("os", "system") + ECHO + b"\x85R.",
    "frame ends inside of a name": P4 + b"\x95" + struct.pack("<Q", 4) + stack_global("os", "system") + ECHO + b"\x85R.",
    "out-of-band buffer and a call": b"\x80\x05" + stack_global("os", "system") + ECHO + b"\x85R\x97\x98.",
    "byte array of protocol 5 first": b"\x80\x05\x96" + struct.pack("<Q", 3) + b"abc0" + SYSTEM + b"(S'echo x'\ntR.",
    "member without a name": archive(Member(b"", EVIL)),
    "torch storage of a type that is no type": b"\x80\x02(S'storage'\nctorch\nload\nS'0'\nS'cpu'\nK\x01tQ.",
}  # fmt: skip


@pytest.mark.parametrize("case", UNSEEN)
def test_pickle_that_no_other_test_has_is_refused(case: str) -> None:
    found = scan(UNSEEN[case])
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found
