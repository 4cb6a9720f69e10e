"""What every test shares: capabilities that may be absent, and isolation from the machine.

A test that needs more than Python says so with ``@pytest.mark.needs("name")`` or asks for a fixture
below. The names stand in ``tests/capabilities.toml``. An absent capability skips the test with its
reason; with ``WEIGHTMARK_REQUIRE=all`` it fails the test, unless the table says ``may_skip``.
"""

import ctypes
import errno
import os
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = dict(os.environ)
"""The environment of the run itself, before any test is isolated from it."""

CONTINUOUS = bool(ENVIRONMENT.get("CI"))
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if CONTINUOUS else "local")


# --- capabilities ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing that a test may need and a machine may lack."""

    name: str
    """as in `@pytest.mark.needs("name")`"""
    what: str
    """in words, for the reason of a skip"""
    get: str
    """the step that supplies it"""
    path: str = ""
    """where it lies, relative to the project root"""
    env: str = ""
    """the variable that overrides `path`"""
    command: str = ""
    """a program on PATH"""
    probe: str = ""
    """a function of PROBES that tries the feature out"""
    may_skip: bool = False
    """true for features of the kernel or the account, which nothing can install"""

    def find(self) -> Path | None:
        """Return where the capability lies (the root for a probe), or None when it is absent."""
        if self.probe:
            return ROOT if PROBES[self.probe]() else None
        if self.command:
            found = shutil.which(self.command, path=ENVIRONMENT.get("PATH"))
            return Path(found) if found else None
        place = Path(os.path.normpath(ROOT / ENVIRONMENT.get(self.env, self.path)))
        return place if place.exists() else None

    def refuse(self, required: str) -> NoReturn:
        """Skip the running test, or fail it when everything is `required`."""
        reason = f"needs `{self.name}`: {self.what} ({self.get})"
        if required == "all" and not self.may_skip:
            pytest.fail(f"{reason}; WEIGHTMARK_REQUIRE=all", pytrace=False)
        pytest.skip(reason)


def read_capabilities(text: str) -> dict[str, Capability]:
    """Parse `capabilities.toml`; an unknown key or a table without exactly one way to look is an error."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(text)
    known = {name: Capability(name=name, **table) for name, table in tables.items()}
    for one in known.values():
        if sum(map(bool, (one.path, one.command, one.probe))) != 1:
            raise ValueError(f"`{one.name}` needs exactly one of path, command, probe")
        if one.probe and one.probe not in PROBES:
            raise ValueError(f"`{one.name}` names an unknown probe `{one.probe}`")
    return known


def _git_checkout() -> bool:
    if not shutil.which("git"):
        return False
    asked = ["git", "-C", str(ROOT), "ls-files", "--error-unmatch", "pyproject.toml"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def _forked_workers() -> bool:
    return Path("/proc/self/task").is_dir()


def _reflink() -> bool:
    import fcntl

    ficlone = 0x40049409
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(b"x" * 4096)
        source.flush()
        try:
            fcntl.ioctl(target.fileno(), ficlone, source.fileno())
        except OSError:
            return False
    return True


def _fs_verity() -> bool:
    import fcntl

    measure_verity = 0xC0046686
    with tempfile.TemporaryFile() as file:
        try:
            fcntl.ioctl(file.fileno(), measure_verity, bytearray(b"\0\0\x40\0" + bytes(64)))
        except OSError as failure:
            return failure.errno == errno.ENODATA
    return True


def _settled_times() -> bool:
    from weightmark.provenance.reading.receipts import TRUSTED_FILE_SYSTEMS, file_system_of

    with tempfile.TemporaryFile() as file:
        return file_system_of(file.fileno()) in TRUSTED_FILE_SYSTEMS


def _tmpfs() -> bool:
    if not _root():
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory() as place:
        if libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, b"size=64k") != 0:
            return False
        return bool(libc.umount(place.encode()) == 0)


def _ordinary_user() -> bool:
    return os.name == "posix" and not _root()


def _postgresql() -> bool:
    from tests.sim.postgres import programs

    return find_spec("psycopg") is not None and programs() is not None


def _root() -> bool:
    return os.name == "posix" and os.geteuid() == 0


def _non_utf8_names() -> bool:
    with tempfile.TemporaryDirectory() as place:
        try:
            Path(os.fsdecode(os.fsencode(place) + b"/\xff")).write_bytes(b"")
        except OSError:
            return False
    return True


PROBES: dict[str, Callable[[], bool]] = {
    "bcrypt": lambda: find_spec("bcrypt") is not None,
    "fs_verity": _fs_verity,
    "git_checkout": _git_checkout,
    "hvac": lambda: find_spec("hvac") is not None,
    "non_utf8_names": _non_utf8_names,
    "ordinary_user": _ordinary_user,
    "forked_workers": _forked_workers,
    "postgresql": _postgresql,
    "reflink": _reflink,
    "settled_times": _settled_times,
    "root": _root,
    "tmpfs": _tmpfs,
}
CAPABILITIES = read_capabilities((ROOT / "tests/capabilities.toml").read_text(encoding="utf-8"))
FOUND: dict[str, Path | None] = {}


def need(name: str) -> Path:
    """Return where the capability `name` lies; skip or fail the running test when it is absent."""
    if name not in CAPABILITIES:
        pytest.fail(f"`{name}` is not in tests/capabilities.toml", pytrace=False)
    if name not in FOUND:
        FOUND[name] = CAPABILITIES[name].find()
    place = FOUND[name]
    if place is None:
        CAPABILITIES[name].refuse(ENVIRONMENT.get("WEIGHTMARK_REQUIRE", ""))
    return place


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip or fail a test whose `needs` markers are not met."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            need(name)


@pytest.fixture(scope="session")
def vectors() -> Path:
    """Return the folder of the published test vectors (`tlog/`, `oms-conformance/`, …)."""
    return need("vectors")


@pytest.fixture(scope="session")
def model_signing_python() -> Path:
    """Return a Python in which `model_signing` 1.1.1 is installed (`python -m model_signing`)."""
    return need("model_signing")


@pytest.fixture(scope="session")
def torch_python() -> Path:
    """Return a Python in which `torch` and `numpy` are installed; only child processes load models."""
    return need("torch")


@pytest.fixture(scope="session")
def real_models() -> Path:
    """Return the folder that holds `silero-vad/`, `basic-pitch/` and `lpips/`; never write there."""
    return need("models")


# --- isolation ------------------------------------------------------------------------------------

LEAKS = ("WEIGHTMARK_", "XDG_", "GITHUB_", "CLICOLOR", "SIGSTORE_")
SWITCHES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "COLUMNS",
    "LINES",
    "CI",
    "SOURCE_DATE_EPOCH",
    "DOCKER_CONFIG",
    "REGISTRY_AUTH_FILE",
)


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give each test an empty home and an environment without anybody's settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() & ENVIRONMENT.keys():
            if name.startswith(LEAKS) or name in SWITCHES:
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield
