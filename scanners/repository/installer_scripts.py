"""What a `setup.py` does at once when it is installed, read from its syntax tree and never run.

Honest ones ask compilers and git for versions, and execute a file of their own that holds one. What counts:
any other command, the network, code that was decoded, and files that hold secrets.
"""

import ast
import re
from collections.abc import Iterator

__all__ = ["judge_installer"]

_RUNS = frozenset(
    [
        *(f"os.{name}" for name in ("popen", "posix_spawn", "posix_spawnp", "startfile", "system")),
        *(f"os.{kind}{end}" for kind in ("exec", "spawn") for end in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        *(f"subprocess.{name}" for name in ("Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "run")),
        "asyncio.create_subprocess_exec",
        "asyncio.create_subprocess_shell",
        "pty.spawn",
    ]
)  # fmt: skip
_FETCHES = re.compile(
    r"(?:urllib\.request|urllib2?)\.(?:urlopen|urlretrieve|Request)|(?:requests|httpx)\.\w+"
    r"|http\.client\.\w+|socket\.(?:socket|create_connection)|ftplib\.\w+|smtplib\.\w+|urllib3\.\w+"
    r"|ctypes\.(?:CDLL|PyDLL|WinDLL|OleDLL)|ctypes\.\w+\.LoadLibrary"
)
_DECODES = re.compile(
    r"(?:base64|binascii|codecs|zlib|marshal|bz2|lzma|pickle|gzip)\.\w+|bytes\.fromhex|__import__"
    r"|builtins\.(?:chr|__import__)|urllib\.\S+|requests\.\S+"
)
_EXECUTES = frozenset(
    {"builtins.compile", "builtins.eval", "builtins.exec", "compile", "eval", "exec"}
)
_DANGEROUS = frozenset(
    {"os", "subprocess", "socket", "builtins", "ctypes", "pty", "posix", "shutil"}
)
_SECRETS = re.compile(
    r"\.ssh/|\.aws/|\.netrc|\.bashrc|\.zshrc|\.bash_profile|authorized_keys|id_rsa|id_ed25519|/etc/(?:passwd|shadow|cron|sudoers)"
    r"|crontab|/dev/tcp/|\.kube/config|\.docker/config|\.pypirc|\.git-credentials|huggingface/token"
)
_TOOLS = re.compile(
    r"(?:/(?:usr|opt|bin)/(?:[\w.-]+/)*)?(?:git|hg|svn|nvcc|hipcc|hipconfig|gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?|make|cmake|ninja|ld|ldconfig|pkg-config"
    r"|[\w.-]+[-_]config|uname|sw_vers|xcrun|xcode-select|sysctl|rustc|cargo|rustup|swig|cython|cythonize|which|where|brew"
    r"|ls|pwd|nvidia-smi|rocminfo|lsb_release|dpkg(?:-architecture|-query)?|rpm|arch|getconf|twine|pandoc|sphinx-build|protoc|javac?"
    r"|python[\d.]*(?:\s+-u)?\s+(?:_|setup\.py|-m\s+(?:pip|build|twine|cython|pytest|unittest|grpc_tools\S*))\b.*|pytest|tox|black|flake8|mypy)(?:\.exe)?(?:\s[^|;&`$<>!]*)?"
)  # fmt: skip
_SILENCED = re.compile(r"\d?>\s*(?:/dev/null|&\d)")
_CLEANING = re.compile(r"rm(?:\s+-\w+)*(?:\s+(?:\./)?\w[\w.*-]*(?:/[\w.*-]+)*)+\s*")
"""removes files of the folder"""
_FOREIGN = re.compile(
    r"\b(?:curl|wget|nc|ncat|netcat|socat|telnet|ssh|scp|powershell|pwsh|bitsadmin|certutil|mshta)\b"
    r"|\bbase64\b|\bchmod\s+\S*(?:\+x|777)|\|\s*(?:ba|da|z)?sh\b|\b(?:ba|z)?sh\s+-[ic]\b|\bperl\s+-e\b"
)
_MOST_NODES = 200_000
_ROUNDS = 4
_LATER, _CALLED, _AT_ONCE = 0, 1, 2
_LONGEST = 4096
_SHOWN = 100


def judge_installer(data: bytes) -> Iterator[str]:
    """Yield what the file does beyond describing a package; nothing if it is not Python."""
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError):
        return
    except (RecursionError, MemoryError):
        yield "is nested too deeply to be read"
        return
    try:
        yield from _judge(tree)
    except RecursionError:
        yield "is nested too deeply to be read"


def _judge(tree: ast.AST) -> Iterator[str]:
    names = _Names(tree)
    for node, when in _walk(tree, _called_at_once(tree)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and when:
            if len(node.value) < _SHOWN and (found := _SECRETS.search(node.value)):
                yield f"names `{found[0]}`"
        elif isinstance(node, ast.Call) and (said := _judge_call(node, names, when)):
            yield said


def _called_at_once(tree: ast.AST) -> frozenset[str]:
    """Return the names of functions that the file itself calls, and that those call in turn."""
    called: frozenset[str] = frozenset()
    for _ in range(_ROUNDS):
        found = frozenset(
            node.func.id
            for node, when in _walk(tree, called)
            if when and isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        )
        if found == called:
            break
        called = found
    return called


def _walk(tree: ast.AST, called: frozenset[str]) -> Iterator[tuple[ast.AST, int]]:
    """Yield every node, and when it runs: with the file, in a function that the file calls, or later."""
    stack: list[tuple[ast.AST, int]] = [(tree, _AT_ONCE)]
    for _ in range(_MOST_NODES):
        if not stack:
            return
        node, when = stack.pop()
        yield node, when
        below = when
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            below = min(when, _CALLED if node.name in called else _LATER)
        stack.extend((child, below) for child in ast.iter_child_nodes(node))


class _Names:
    """What names in the file stand for: modules, functions of modules, texts."""

    def __init__(self, tree: ast.AST) -> None:
        self.imported: dict[str, str] = {}
        self.values: dict[str, ast.expr] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    first = one.name.partition(".")[0]
                    self.imported[one.asname or first] = one.name if one.asname else first
            elif isinstance(node, ast.ImportFrom) and node.module:
                if node.names[0].name == "*":
                    self.imported |= _everything_of(node.module)
                for one in node.names:
                    self.imported[one.asname or one.name] = f"{node.module}.{one.name}"
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.values[node.targets[0].id] = node.value

    def of(self, node: ast.expr, *, follow: bool = True) -> str:
        """Return the dotted name that an expression reaches, or an empty text.

        A variable is followed to what it was set to, and not further.
        """
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Call) and (module := self.loaded(node, follow=follow)):
            return ".".join([module, *parts[::-1]])
        if isinstance(node, ast.Subscript) and self.of(node.value, follow=False) == "sys.modules":
            return ".".join([self.text(node.slice) or "?", *parts[::-1]])
        if not isinstance(node, ast.Name):
            return ""
        known = self.values.get(node.id) if follow else None
        if isinstance(known, ast.Attribute) and isinstance(known.value, ast.Name):
            first = f"{self._module(known.value)}.{known.attr}"
        elif isinstance(known, ast.Call) and (loaded := self.loaded(known, follow=False)):
            first = loaded
        else:
            first = self._module(known if isinstance(known, ast.Name) else node)
        return ".".join([first, *parts[::-1]])

    def _module(self, name: ast.Name) -> str:
        return self.imported.get(name.id, name.id)

    def loaded(self, call: ast.Call, *, follow: bool = True) -> str:
        """Return the module of `__import__('…')`, `import_module('…')` or an attribute of `getattr`."""
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        name = self.imported.get(name, name) or (
            self.of(call.func, follow=follow) if isinstance(call.func, ast.Attribute) else ""
        )
        if name in {"__import__", "importlib.import_module", "builtins.__import__"} and call.args:
            return self.text(call.args[0]) or ""
        if name == "getattr" and len(call.args) > 1:
            return f"{self.of(call.args[0], follow=follow)}.{self.text(call.args[1]) or '?'}"
        return ""

    def text(self, node: ast.expr) -> str | None:
        """Return a text or a list of texts as one command; None where it is computed."""
        if isinstance(node, ast.Name):
            known = self.values.get(node.id)
            if isinstance(known, ast.Constant | ast.List | ast.Tuple):
                node = known
        if isinstance(node, ast.Constant):
            value = node.value
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            left, right = self.text(node.left), self.text(node.right)
            return None if left is None or right is None else left + right
        if isinstance(node, ast.JoinedStr):
            parts = [one for one in node.values if isinstance(one, ast.Constant)]
            return (
                "".join(str(one.value) for one in parts) if node.values[:1] == parts[:1] else None
            )
        if isinstance(node, ast.List | ast.Tuple) and node.elts:
            return self._words(node.elts)
        return None

    def _words(self, items: list[ast.expr]) -> str | None:
        """Return the words of a command; those that are computed do not matter behind the first."""
        words = [self._word(item) for item in items]
        return None if not words[0] else " ".join(word or "_" for word in words)

    def _word(self, item: ast.expr) -> str | None:
        if self.of(item) == "sys.executable":
            return "python"
        return (
            item.value if isinstance(item, ast.Constant) and isinstance(item.value, str) else None
        )


def _everything_of(module: str) -> dict[str, str]:
    """Return what `from module import *` brings of the functions that count."""
    names = (one.rpartition(".") for one in _RUNS)
    return {name: f"{owner}.{name}" for owner, _, name in names if owner == module}


def _judge_call(call: ast.Call, names: _Names, when: int) -> str:
    """Return what a call does that no honest installer does, or an empty text."""
    called = names.of(call.func) or (
        names.loaded(call.func) if isinstance(call.func, ast.Call) else ""
    )
    if called in _RUNS:
        return _judge_command(called, call, names, when)
    if when and _FETCHES.fullmatch(called):
        return f"calls `{called}`"
    if called in _EXECUTES and any(_decodes(argument, names) for argument in call.args):
        return f"runs decoded code with `{called}`"
    if called in _EXECUTES and when and call.args and isinstance(call.args[0], ast.Constant):
        return next(judge_installer(str(call.args[0].value).encode()), "")
    module, _, attribute = called.rpartition(".")
    if attribute == "?" and module in _DANGEROUS:
        return f"computes an attribute of `{module}`"
    return ""


def _judge_command(called: str, call: ast.Call, names: _Names, when: int) -> str:
    given = call.args or [
        one.value for one in call.keywords if one.arg in {"args", "cmd", "command"}
    ]
    command = names.text(given[0]) if given else None
    if command is None:
        in_shell = called in {"os.system", "os.popen"}
        return f"runs a computed command with `{called}`" if when == _AT_ONCE and in_shell else ""
    command = command[:_LONGEST]
    parts = [part.strip() for part in re.split(r"&&|;", _SILENCED.sub("", command)) if part.strip()]
    known = all(_TOOLS.fullmatch(part) or _CLEANING.fullmatch(part) for part in parts)
    if _FOREIGN.search(command) or (when and not known):
        return f"runs `{command[:_SHOWN]}`"
    return ""


def _decodes(argument: ast.expr, names: _Names) -> bool:
    """Tell an expression in which something is decoded, fetched or imported by its name."""
    if isinstance(argument, ast.Name):
        argument = names.values.get(argument.id, argument)
    calls = (node for node in ast.walk(argument) if isinstance(node, ast.Call))
    return any(_DECODES.fullmatch(names.of(call.func)) for call in calls)
