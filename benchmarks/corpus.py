"""The files that scanners are measured on: every attack of the tests, and honest files of real libraries.

The attacks come from the tables that the tests of `tests/attacks` run over, so that no attack is
measured that is not tested, and none is tested that is not measured. Nothing loads them.
"""

import hashlib
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "tests/assets"
_HOSTILE = "hostile"
_HONEST = (
    "documents",
    "estimators",
    "exchange",
    "hub_objects",
    "lazy_modules",
    "libraries",
    "loaders",
    "models",
    "objects",
    "torch_formats",
)
"""assets that real libraries wrote"""
_MOST_BYTES = 120_000_000
_NO_MODEL = frozenset({"LICENSE", "README.md", ".complete", "RECORD", "METADATA"})
"""files that say something about a model and are none"""


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the corpus."""

    kind: str
    """the table or library that it comes from"""
    title: str
    """which one of these it is"""
    name: str
    """the path under which a user would meet it, with the file extension of its format"""
    data: bytes
    """its content"""


def attacks() -> Iterator[Case]:
    """Yield every attack; contents that occur twice are yielded once a name."""
    sys.path.insert(0, str(ROOT))
    yield from _once(_attacks())


def _once(cases: Iterable[Case]) -> Iterator[Case]:
    seen: set[tuple[str, bytes]] = set()
    for case in cases:
        key = (Path(case.name).name, hashlib.sha256(case.data).digest())
        if key not in seen:
            seen.add(key)
            yield case


def _attacks() -> Iterator[Case]:
    yield from _advisories()
    yield from _pickles()
    yield from _containers()
    yield from _models()
    yield from _device_models()
    yield from _repositories()
    yield from _other_loaders()
    yield from _documents()


def _cases(kind: str, name: str, table: Mapping[str, bytes]) -> Iterator[Case]:
    return (Case(kind, title, name, data) for title, data in table.items())


def _rows(kind: str, name: str, table: Iterable[bytes]) -> Iterator[Case]:
    return (Case(kind, str(number), name, data) for number, data in enumerate(table))


def _parameters(test: object, position: int = -1) -> list[bytes]:
    """Return the bytes that a test is parametrised with."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
    rows = [getattr(row, "values", row) for row in mark.args[1]]
    return [row[position] if isinstance(row, tuple) else row for row in rows]


def _advisories() -> Iterator[Case]:
    from tests.attacks import pickle_advisories as advisories

    for advisory, way, data in advisories.cases():
        yield Case("advisories", f"{advisory}, {way}", "model.pkl", data)
    endings = {"tar": "tar", "gzip": "pkl.gz", "npy": "npy", "duplicate": "zip", "deflated": "zip"}
    for wrapper, wrap in advisories.WRAPPERS.items():
        name = f"model.{endings.get(wrapper, 'pt')}"
        for index, (advisory, gadget) in enumerate(advisories.GADGETS.items()):
            way, data = list(advisories.ways(*gadget))[index % len(advisories.WAYS)]
            yield Case(f"advisories in {wrapper}", f"{advisory}, {way}", name, wrap(data))


def _pickles() -> Iterator[Case]:
    from tests.attacks import (
        test_scan_armed_objects,
        test_scan_forged_dtypes,
        test_scan_library_gadgets,
        test_scan_pickle_attacks,
        test_scan_pickle_places,
        test_scan_unseen_pickles,
    )
    from tests.attacks.scan_builders import stack_global, text

    protocol = b"\x80\x04"
    armed = test_scan_armed_objects.ARMED
    armed = {k: v if v.startswith(protocol) else protocol + v for k, v in armed.items()}
    yield from _cases("armed objects", "model.pkl", armed)
    yield from _cases("library gadgets", "model.pkl", test_scan_library_gadgets.GADGETS)
    yield from _cases("joblib", "model.joblib", test_scan_library_gadgets.JOBLIB)
    yield from _cases("hidden calls", "model.pkl", test_scan_pickle_attacks.HIDDEN_CALLS)
    yield from _cases("functions by value", "model.pkl", test_scan_pickle_places.FUNCTIONS)
    forged = _parameters(test_scan_forged_dtypes.test_a_field_behind_many_others_is_checked_as_well)
    yield from _rows("forged dtypes", "model.pkl", forged)
    called = _parameters(test_scan_pickle_attacks.test_dangerous_function_called, 0)
    pairs = [*test_scan_library_gadgets.CALLS, *called]
    for pair in [pair for pair in pairs if isinstance(pair, tuple)]:
        data = protocol + stack_global(*pair) + b"(" + text("echo x") + b"tR."
        yield Case("library calls", ".".join(pair), "model.pkl", data)
    for rule, rows in test_scan_pickle_attacks.ALWAYS_REFUSED.items():
        yield from _rows(f"dishonest use {rule}", "model.pkl", rows)
    yield from _cases("unseen pickles", "model.pkl", test_scan_unseen_pickles.UNSEEN)


def _containers() -> Iterator[Case]:
    from tests.attacks import (
        test_scan_container_attacks,
        test_scan_container_tar,
        test_scan_unseen_containers,
        test_scan_zip_attacks,
    )
    from tests.attacks.scan_builders import EVIL, torch_zip

    endings = {"gzip": "gz", "bzip2": "bz2", "zlib": "z", "joblib-zf": "joblib"}
    for kind, pack in test_scan_container_attacks.COMPRESSIONS.items():
        inner = {"pickle": EVIL, "torch zip": torch_zip(EVIL), "twice": pack(EVIL)}
        for title, data in inner.items():
            yield Case(
                "compression", f"{kind}, {title}", f"m.pkl.{endings.get(kind, kind)}", pack(data)
            )
    yield from _cases("zip", "model.pt", test_scan_zip_attacks.CRITICAL)
    yield from _cases("tar", "model.tar", test_scan_container_tar.HIDDEN)
    torch_tar = _parameters(test_scan_container_tar.test_every_pickle_of_torch_tar_is_judged)
    yield from _rows("torch tar", "model.pt", torch_tar)
    for name, table in test_scan_unseen_containers.UNSEEN.items():
        yield from _cases("unseen containers", name, table)


def _models() -> Iterator[Case]:
    from tests.attacks import (
        test_scan_gguf_attacks,
        test_scan_keras_hdf5_attacks,
        test_scan_onnx_attacks,
        test_scan_other_attacks,
        test_scan_unseen_models,
    )

    yield from _cases("onnx", "model.onnx", test_scan_onnx_attacks.EXTERNAL)
    yield from _cases("onnx", "model.onnx", test_scan_onnx_attacks.PYTHON)
    yield from _cases("gguf", "model.gguf", test_scan_gguf_attacks.TEMPLATES)
    yield from _cases("gguf lies", "model.gguf", test_scan_gguf_attacks.LIES)
    for title, data in test_scan_keras_hdf5_attacks.HOSTILE.items():
        yield Case("keras and hdf5", title, f"model{Path(title).suffix}", data)
    yield from _tensorflow()
    for rule, rows in test_scan_other_attacks.HEADER_LIES.items():
        if rule == "STF005":  # a file that was cut off attacks nobody
            continue
        yield from _rows(f"safetensors lies {rule}", "model.safetensors", rows)
    for name, table in test_scan_unseen_models.UNSEEN.items():
        yield from _cases("unseen models", name, table)


def _tensorflow() -> Iterator[Case]:
    from tests.attacks import model_builders
    from tests.attacks import test_scan_tensorflow_attacks as tensorflow

    for operator in (*tensorflow.FILES, *tensorflow.CODE):
        for where, data in tensorflow.wrapped(model_builders.tf_node(operator)).items():
            yield Case("tensorflow", f"{operator}, {where}", "saved_model.pb", data)
    yield from _cases("tensorflow paths", "saved_model.pb", tensorflow.PATHS)
    for title, text in tensorflow.TEXT.items():
        yield Case("tensorflow text", title, "saved_model.pbtxt", text.encode())


def _device_models() -> Iterator[Case]:
    from tests.attacks import model_builders
    from tests.attacks import test_scan_device_model_attacks as device

    for title, (rule, data) in device.COREML.items():
        if rule == "CML002":  # the classes that CML001 is about come with an application
            yield Case("coreml", title, "model.mlmodel", data)
    for title, (_, data) in device.MESSAGE_PACK.items():
        yield Case("message pack", title, "flax_model.msgpack", data)
    for name in _parameters(device.test_tflite_that_touches_files_through_tensorflow):
        yield Case("tflite", str(name), "model.tflite", model_builders.tflite(str(name)))
    for name in _parameters(device.test_paddle_operators_that_reach_out):
        yield Case("paddle", str(name), "model.pdmodel", device.paddle("relu", str(name)))


def _repositories() -> Iterator[Case]:
    from tests.attacks import test_scan_repository_attacks as repository
    from tests.attacks import test_scan_unseen_repositories as unseen

    for title, (_, name, document) in repository.CONFIGURATIONS.items():
        yield Case("configurations", title, name, json.dumps(document).encode())
    for name, (_, data) in repository.FILES.items():
        yield Case("code files", name, name, data)
    for title, (_, lines) in repository.MLMODELS.items():
        data = f"artifact_path: model\nflavors:\n  python_function:\n    {lines}\n".encode()
        yield Case("mlflow", title, "MLmodel", data)
    yield from _rows("yaml", "hparams.yaml", _parameters(repository.test_yaml_that_builds_objects))
    for templates in repository.TEMPLATES.values():
        for template in templates:
            document = json.dumps({"chat_template": template}).encode()
            yield Case("templates", template, "tokenizer_config.json", document)
    for title, (name, data) in unseen.UNSEEN.items():
        yield Case("unseen repositories", title, name, data)


def _other_loaders() -> Iterator[Case]:
    from tests.attacks import test_scan_device_programs as device
    from tests.attacks import test_scan_hidden_tags as tags
    from tests.attacks import test_scan_other_loaders as loaders
    from tests.attacks import test_scan_python_configurations as python

    for title, (_, name, content) in loaders.ATTACKS.items():
        data = content if isinstance(content, str) else json.dumps(content)
        yield Case("other loaders", title, name, data.encode())
    for title, source in python.HOSTILE.items():
        yield Case("configurations in Python", title, "config.py", source.encode())
    yield from _cases("hidden tags", "config.yaml", tags.HIDDEN)
    yield from _cases("trees", "model.cbm", device.LYING_TREES)


def _documents() -> Iterator[Case]:
    from tests.attacks import test_scan_text_formats as formats

    named = formats.test_what_reaches_out_of_an_xml_model_is_named
    xml = zip(_parameters(named, 0), _parameters(named), strict=True)
    # an extension attacks nobody
    yield from _rows("xml", "model.pmml", [data for rule, data in xml if str(rule) != "XML004"])
    (mark,) = [
        one
        for one in formats.test_a_promise_is_found_wherever_it_stands.pytestmark  # type: ignore[attr-defined]  # pytest puts it there
        if one.args[0] == "data"
    ]
    yield from _rows("r data", "model.rds", [formats._rds(*row) for row in mark.args[1]])  # noqa: SLF001 - the test's own builder
    hostile = _parameters(formats.test_settings_that_make_git_run_something)
    flags = _parameters(formats.test_settings_that_make_git_run_something, 0)
    settings = [data for flag, data in zip(flags, hostile, strict=True) if flag]
    yield from _rows("git settings", ".git/config", settings)
    programs = _parameters(
        formats.test_a_program_in_the_name_of_a_model_is_refused_and_elsewhere_told
    )
    yield from _rows("programs", "model.safetensors", programs)


def honest(folders: Iterable[Path] = ()) -> Iterator[Case]:
    """Yield honest files: what real libraries wrote, what packages ship, and everything in `folders`."""
    yield from _once(_honest(folders))


def _honest(folders: Iterable[Path]) -> Iterator[Case]:
    for asset in _HONEST:
        with zipfile.ZipFile(ASSETS / f"{asset}.zip") as packed:
            for name in packed.namelist():
                if not name.startswith(_HOSTILE) and not name.endswith("/"):
                    yield Case(asset, name, name, packed.read(name))
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if _is_model(file):
                title = file.relative_to(folder).as_posix()
                yield Case(folder.name, title, title, file.read_bytes())


def _is_model(file: Path) -> bool:
    if not file.is_file() or file.is_symlink() or file.name in _NO_MODEL:
        return False
    return file.suffix not in {".py", ".md", ".txt"} and file.stat().st_size <= _MOST_BYTES


def write(cases: Iterable[Case], folder: Path) -> list[Path]:
    """Write each case into a folder of its own; return the files."""
    files = []
    for number, case in enumerate(cases):
        file = folder / f"{number:05}" / case.name
        file.parent.mkdir(parents=True)
        file.write_bytes(case.data)
        files.append(file)
    return files


def titles(cases: Iterable[Case]) -> list[str]:
    """Return what each case is called in a report."""
    return [f"{case.kind}: {case.title}" for case in cases]


def total(files: Iterable[Path]) -> int:
    """Return the bytes of all files."""
    return sum(file.stat().st_size for file in files)
