"""The rules of the house that no linter checks."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WINGS = ("provenance", "scanners", "attestations")
LOADERS = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
HEAVY = {
    "azure", "boto3", "botocore", "cryptography", "dask", "fastapi", "flask", "google", "grpc", "h5py",
    "hdfs", "httpx", "huggingface_hub", "in_toto", "in_toto_attestation", "jinja2", "lz4", "mlflow",
    "modelscan", "numpy", "onnx", "opentelemetry", "pandas", "psycopg", "pkcs11", "py7zr", "pydantic",
    "requests", "rich", "safetensors", "sigstore", "sqlalchemy", "sqlite3", "starlette", "tensorflow",
    "tomllib", "torch", "tuf", "urllib3", "uvicorn", "yaml", "zstandard",
}  # fmt: skip
MAX_LINES = 500
AT_HOME = {
    (Path("provenance/ledger/store/sqlite.py"), "sqlite3"),
    (Path("provenance/ledger/witnessing/state.py"), "sqlite3"),
}
"""A store is its driver; it is imported by the function that opens a ledger."""


def _modules() -> list[Path]:
    """Return every module of the package, each once, relative to the root."""
    found: list[Path] = []
    for top in ("weightmark", *WINGS):
        for path in (ROOT / top).rglob("*.py"):
            inner = path.relative_to(ROOT)
            if inner.parts[:2] not in {("weightmark", wing) for wing in WINGS}:
                found.append(inner)
    return sorted(found)


def _tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def _imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that one statement imports, those named in a string included."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
        ("import_module", "__import__")
    ):
        yield from (
            str(one.value)
            for one in node.args
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        )


def _at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported: no function bodies, nothing for type checkers."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _at_import(child)


def _public_names(tree: ast.Module) -> list[str] | None:
    """Return the module's `__all__`, or None when it has none that is written out."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(one, ast.Name) and one.id == "__all__" for one in targets):
            value = getattr(node, "value", None)
            if isinstance(value, ast.List | ast.Tuple):
                return [str(ast.literal_eval(one)) for one in value.elts]
    return None


def test_there_are_modules_to_judge() -> None:
    assert Path("weightmark/errors.py") in _modules()


def test_no_module_in_a_wing_takes_the_name_of_a_standard_module() -> None:
    own = {"__init__", "__main__"}
    taken = [
        str(path)
        for path in _modules()
        if path.parts[0] in WINGS
        and {*path.parts[1:-1], path.stem} & (sys.stdlib_module_names - own)
    ]
    assert taken == []


def test_every_package_is_listed_in_pyproject_and_every_listed_one_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = project["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in _modules()}
    found = {
        ".".join(("weightmark", *folder.parts) if folder.parts[0] in WINGS else folder.parts)
        for folder in folders
    }
    assert listed == sorted(listed)
    assert set(listed) == found


def test_every_folder_of_modules_is_a_package() -> None:
    folders = {path.parent for path in _modules()}
    assert [str(one) for one in sorted(folders) if not (ROOT / one / "__init__.py").is_file()] == []


def test_nothing_that_ships_can_load_a_pickle() -> None:
    scripts = [
        one.relative_to(ROOT)
        for top in ("ci", "tools", "benchmarks")
        for one in (ROOT / top).rglob("*.py")
    ]
    loaders = [
        f"{path}: {name}"
        for path in [*_modules(), *scripts]
        for node in ast.walk(_tree(path))
        for name in _imported(node)
        if name.partition(".")[0] in LOADERS
    ]
    assert loaders == []


def test_importing_a_module_imports_nothing_heavy() -> None:
    heavy = [
        f"{path}: {name}"
        for path in _modules()
        for node in _at_import(_tree(path))
        for name in _imported(node)
        if name.partition(".")[0] in HEAVY and (path, name) not in AT_HOME
    ]
    assert heavy == []


def test_a_store_loads_its_driver_only_when_it_is_opened() -> None:
    code = "import sys, weightmark.provenance.ledger.log; sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_every_module_says_what_it_is() -> None:
    assert [str(path) for path in _modules() if not ast.get_docstring(_tree(path))] == []


def test_every_module_with_content_names_what_is_public_once() -> None:
    """The order of the names is ruff's matter (RUF022)."""
    silent, doubled = [], []
    for path in _modules():
        tree = _tree(path)
        names = _public_names(tree)
        if names is None and len(tree.body) > 1:
            silent.append(str(path))
        elif names is not None and len(names) != len(set(names)):
            doubled.append(str(path))
    assert silent == []
    assert doubled == []


def test_no_file_is_too_long_to_read() -> None:
    counts = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in _modules()
    }
    too_long = {path: count for path, count in counts.items() if count > MAX_LINES}
    # ADR 0003: the loop over all opcodes is one function
    assert too_long.pop("scanners/pickles/machine.py", 0) < MAX_LINES * 1.2
    assert too_long == {}


def test_skips_go_through_named_capabilities_so_that_ci_can_forbid_them() -> None:
    direct = re.compile(r"pytest\.(?:skip|importorskip)\(|mark\.skip|unittest\.skip")
    own = {ROOT / "tests/conftest.py", Path(__file__).resolve()}
    skipping = [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path not in own and direct.search(path.read_text(encoding="utf-8"))
    ]
    assert skipping == []


# --- the tree check of `make check` ---------------------------------------------------------------


def _check_tree(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools/check_tree.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """Make a git tree with one clean lock file."""
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci/runtime.txt").write_text(f"click==8.5.1 \\\n    --hash=sha256:{'0' * 64}\n")
    git = shutil.which("git")
    assert git is not None
    subprocess.run([git, "init", "-q", tmp_path], check=True)
    return tmp_path


@pytest.mark.needs("git")
def test_the_tree_is_clean() -> None:
    done = _check_tree(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.needs("git")
@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.com/simple",
        "-f wheels",
        "tool @ file:///somewhere/tool.whl",
        "git+https://example.com/tool",
        "tool>=1.0",
    ],
)
def test_a_lock_with_anything_but_pinned_versions_is_refused(small_tree: Path, line: str) -> None:
    assert _check_tree(small_tree).returncode == 0
    lock = small_tree / "ci/runtime.txt"
    lock.write_text(f"{line}\n{lock.read_text()}")
    done = _check_tree(small_tree)
    assert done.returncode == 1
    assert "runtime.txt:1:" in done.stdout


@pytest.mark.needs("git")
@pytest.mark.parametrize("trace", ["/wor" + "k/main/x", "https://py" + "pi.org/simple"])
def test_a_trace_of_a_machine_or_registry_is_refused(small_tree: Path, trace: str) -> None:
    (small_tree / "notes.md").write_text(f"see {trace}\n")
    done = _check_tree(small_tree)
    assert done.returncode == 1
    assert "notes.md:1:" in done.stdout


# --- capabilities ---------------------------------------------------------------------------------


def _run_needing(tmp_path: Path, name: str, require: str) -> subprocess.CompletedProcess[str]:
    """Run one test that needs `name` in a tree where only the two capabilities below are declared."""
    tests = tmp_path / "tests"
    tests.mkdir()
    shutil.copy(ROOT / "tests/conftest.py", tests)
    (tests / "capabilities.toml").write_text(
        '[service]\nwhat = "a service"\nget = "start it"\npath = "missing"\n'
        '[feature]\nwhat = "a feature"\nget = "none"\npath = "missing"\nmay_skip = true\n'
    )
    (tests / "test_one.py").write_text(
        f"import pytest\n@pytest.mark.needs({name!r})\ndef test_one() -> None: ...\n"
    )
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(tests)]
    environment = {"PATH": "/usr/bin:/bin", "WEIGHTMARK_REQUIRE": require}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "require", "code", "said"),
    [
        ("service", "", 0, "needs `service`: a service (start it)"),
        ("service", "all", 1, "needs `service`: a service (start it)"),
        ("feature", "all", 0, "needs `feature`: a feature (none)"),
        ("unheard-of", "", 1, "`unheard-of` is not in tests/capabilities.toml"),
    ],
)
def test_an_absent_capability_skips_aloud_or_fails_where_all_is_required(
    tmp_path: Path, name: str, require: str, code: int, said: str
) -> None:
    done = _run_needing(tmp_path, name, require)
    assert said in done.stdout
    assert done.returncode == code, done.stdout
    assert ("1 skipped" in done.stdout) is (code == 0)


# --- decisions ------------------------------------------------------------------------------------


def test_decisions_are_numbered_without_gaps_and_each_has_a_status() -> None:
    folder = ROOT / "docs/decisions"
    names = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(len(names))]
    assert names[:2] == ["0000-template.md", "0001-layout.md"]
    for name in names[1:]:
        text = (folder / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {int(name[:4])}. "), name
        assert re.search(
            r"^Status: (?:proposed|accepted|superseded by \d{4})$", text, re.MULTILINE
        ), name
        assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", text, re.MULTILINE), name
