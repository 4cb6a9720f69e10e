"""What public advisories say that pickle scanners missed: the names, and the ways to reach them.

The payloads are texts that only echo, assembled as bytes; nothing loads them.
"""

import gzip
from collections.abc import Callable, Iterator

from tests.attacks.scan_builders import Member, archive, stack_global, text, torch_zip
from tests.attacks.test_scan_container_tar import honest as tar

__all__ = ["GADGETS", "WAYS", "WRAPPERS", "cases"]

GADGETS: dict[str, tuple[str, str]] = {
    "CVE-2025-1716": ("pip", "main"),
    "GHSA-3gf5-cxq9-w223": ("idlelib.pyshell", "ModifiedInterpreter.runcode"),
    "GHSA-3vg9-h568-4w9m": ("idlelib.debugobj", "ObjectTreeItem.SetText"),
    "GHSA-4675-36f9-wf6r": ("ctypes", "CDLL"),
    "GHSA-46h3-79wf-xr6c": ("_operator", "attrgetter"),
    "GHSA-49gj-c84q-6qm9": ("cProfile", "run"),
    "GHSA-4r9r-ch6f-vxmx": ("torch.utils.bottleneck.__main__", "run_cprofile"),
    "GHSA-4whj-rm5r-c2v8": ("torch.utils.bottleneck.__main__", "run_autograd_prof"),
    "GHSA-565g-hwwr-4pp3 marshal": ("marshal", "loads"),
    "GHSA-565g-hwwr-4pp3 types": ("types", "FunctionType"),
    "GHSA-5hwf-rc88-82xm": ("uuid", "_get_command_stdout"),
    "GHSA-5qwp-399c-mjwf": ("trace", "Trace.run"),
    "GHSA-6ggj-6f2q-f7mx": ("_interpreters", "run_string"),
    "GHSA-6ggj-6f2q-f7mx older": ("_xxsubinterpreters", "run_string"),
    "GHSA-6vqj-c2q5-j97w": ("profile", "Profile.runctx"),
    "GHSA-6w4w-5w54-rjvr": ("idlelib.autocomplete", "AutoComplete.get_entity"),
    "GHSA-7cq8-mj8x-j263": ("idlelib.autocomplete", "AutoComplete.fetch_completions"),
    "GHSA-84r2-jw7c-4r5q": ("pydoc", "locate"),
    "GHSA-84r2-jw7c-4r5q caller": ("operator", "methodcaller"),
    "GHSA-86cj-95qr-2p4f": ("torch._dynamo.guards", "GuardBuilder.get"),
    "GHSA-8r4j-24qv-fmq9": ("idlelib.calltip", "Calltip.fetch_tip"),
    "GHSA-955r-x9j8-7rhh": ("_operator", "methodcaller"),
    "GHSA-9w88-8rmg-7g2p": ("cProfile", "runctx"),
    "GHSA-9xph-j2h6-g47v": ("idlelib.calltip", "get_entity"),
    "GHSA-cj3c-v495-4xqh": ("code", "InteractiveInterpreter.runcode"),
    "GHSA-f4x7-rfwp-v3xw": (
        "torch.fx.experimental.symbolic_shapes",
        "ShapeEnv.evaluate_guards_expression",
    ),
    "GHSA-f54q-57x4-jg88": ("lib2to3.pgen2.grammar", "Grammar.loads"),
    "GHSA-f745-w6jp-hpxx": ("torch.utils.collect_env", "run"),
    "GHSA-fqq6-7vqf-w3fg": ("doctest", "debug_script"),
    "GHSA-g344-hcph-8vgg": ("trace", "Trace.runctx"),
    "GHSA-g38g-8gr9-h9xp aix": ("_aix_support", "_read_cmd_output"),
    "GHSA-g38g-8gr9-h9xp imaplib": ("imaplib", "IMAP4_stream"),
    "GHSA-g38g-8gr9-h9xp osx": ("_osx_support", "_read_output"),
    "GHSA-g38g-8gr9-h9xp osx find": ("_osx_support", "_find_build_tool"),
    "GHSA-g38g-8gr9-h9xp pager": ("_pyrepl.pager", "pipe_pager"),
    "GHSA-g38g-8gr9-h9xp test": ("test.support.script_helper", "assert_python_ok"),
    "GHSA-q77w-mwjj-7mqx": ("asyncio.unix_events", "_UnixSubprocessTransport._start"),
    "GHSA-h3qp-7fh3-f8h4": ("torch.utils.data.datapipes.utils.decoder", "basichandlers"),
    "GHSA-j343-8v2j-ff7w": ("idlelib.pyshell", "ModifiedInterpreter.runcommand"),
    "GHSA-jhph-76pp-mggw": ("torch.utils.collect_env", "run_and_read_all"),
    "GHSA-m273-6v24-x4m4": ("distutils.file_util", "write_file"),
    "GHSA-m6fh-58r7-x697": ("_posixsubprocess", "fork_exec"),
    "GHSA-m6fh-58r7-x697 atexit": ("atexit", "register"),
    "GHSA-m6fh-58r7-x697 site": ("site", "addsitedir"),
    "GHSA-m869-42cg-3xwr": ("idlelib.run", "Executive.runcode"),
    "GHSA-mhc9-48gj-9gp3 sqlite": ("sqlite3", "connect"),
    "GHSA-mhc9-48gj-9gp3 threads": ("_thread", "start_new_thread"),
    "GHSA-mhc9-48gj-9gp3 server": ("socketserver", "TCPServer"),
    "GHSA-mxhj-88fx-4pcv": ("smtplib", "SMTP"),
    "GHSA-p9w7-82w4-7q8m": ("lib2to3.pgen2.pgen", "ParserGenerator.make_label"),
    "GHSA-q5qq-mvfm-j35x": ("multiprocessing.util", "spawnv_passfds"),
    "GHSA-q5qq-mvfm-j35x importlib": ("importlib", "import_module"),
    "GHSA-r7v6-mfhq-g3m2": ("pty", "spawn"),
    "GHSA-r8g5-cgf2-4m4m": ("numpy.f2py.crackfortran", "getlincoef"),
    "GHSA-v7x6-rv5q-mhwc": ("timeit", "timeit"),
    "GHSA-vr7h-p6mm-wpmh": ("torch.jit.unsupported_tensor_ops", "execWrapper"),
    "GHSA-vv6j-3g6g-2pvj": ("torch.utils._config_module", "ConfigModule.load_config"),
    "GHSA-vvpj-8cmc-gx39": ("pkgutil", "resolve_name"),
    "GHSA-x696-vm39-cp64": ("profile", "Profile.run"),
    "GHSA-xp4f-hrf8-rxw7": ("ensurepip", "_run_pip"),
    "files": ("_io", "FileIO"),
    "log files": ("logging", "FileHandler"),
    "requests": ("requests.api", "get"),
    "run as module": ("runpy", "_run_code"),
    "shell by torch": ("torch._inductor.codecache", "compile_file"),
    "text by numpy": ("numpy.testing._private.utils", "runstring"),
    "torch again": ("torch.serialization", "load"),
    "urls": ("urllib.request", "urlopen"),
    "cloudpickle": ("cloudpickle.cloudpickle", "_make_function"),
    "dill": ("dill._dill", "_create_function"),
    "joblib again": ("joblib.numpy_pickle", "load"),
}
"""advisory, or the case of picklescan's own list, and the name that it is about"""

ECHO = text("echo x")


def _lines(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def ways(module: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield each way to call a name."""
    lines, texts = _lines(module, name), stack_global(module, name)
    instance = f"(S'echo x'\ni{module}\n{name}\n".encode()
    yield "protocol 0", lines + b"(S'echo x'\ntR."
    yield "protocol 2, result dropped", b"\x80\x02" + lines + b"(S'echo x'\ntR0N."
    yield "protocol 4", b"\x80\x04" + texts + ECHO + b"\x85R."
    yield "instance", instance + b"."
    yield "object, then pop", b"\x80\x04(" + texts + ECHO + b"o0N."
    yield "new", b"\x80\x04" + texts + ECHO + b"\x85\x81."
    yield "new with keywords", b"\x80\x04" + texts + ECHO + b"\x85}\x92."
    yield "state afterwards", b"\x80\x04" + texts + ECHO + b"\x85R}b."
    yield "broken afterwards", b"\x80\x04" + texts + ECHO + b"\x85R\xff"
    yield "through the memo", b"\x80\x04" + text(module) + b"\x94" + text(name) + b"\x9400h\x00h\x01\x93" + ECHO + b"\x85R."  # fmt: skip
    yield "behind an honest one", b"\x80\x02}." + b"\x80\x04" + texts + ECHO + b"\x85R."


WAYS = [way for way, _ in ways("os", "system")]
WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "torch": torch_zip,
    "torch storage": lambda data: torch_zip(b"\x80\x02}.", Member(b"archive/data/0", data)),
    "duplicate": lambda data: archive(Member(b"a", data), Member(b"a", b"\x80\x02}.")),
    "deflated": lambda data: archive(Member(b"data.pkl", data, method=8)),
    "tar": lambda data: tar(model=data),
    "gzip": gzip.compress,
    "npy": lambda data: (
        b"\x93NUMPY\x01\x00\x46\x00"
        + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69)
        + b"\n"
        + data
    ),
}
"""what a pickle can stand in"""


def cases() -> Iterator[tuple[str, str, bytes]]:
    """Yield advisory, way and file."""
    for advisory, gadget in GADGETS.items():
        for way, data in ways(*gadget):
            yield advisory, way, data
