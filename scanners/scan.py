"""The façade of the wing: one file in, one result out.

from weightmark.provenance.reading.views import MemoryView
from weightmark.scanners.scan import ScanReport, Severity, scan_file

report = ScanReport.of([scan_file("model.pkl", MemoryView(data))])
report.exit(Severity.HIGH)
"""

from functools import cache

from weightmark.errors import UncheckedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import FileScan, Finding, Outcome, ScanReport, Severity
from weightmark.scanners.formats.arrow import ArrowReader
from weightmark.scanners.formats.boosters import CatboostReader, LightgbmReader, XgboostReader
from weightmark.scanners.formats.compressed import CompressedReader
from weightmark.scanners.formats.coreml import CoremlPackageReader, CoremlReader
from weightmark.scanners.formats.editor_settings import EditorSettingsReader
from weightmark.scanners.formats.executorch import ExecutorchReader
from weightmark.scanners.formats.flat_tensor import FlatTensorReader
from weightmark.scanners.formats.gguf import GgufReader
from weightmark.scanners.formats.git_folder import GitFolderReader
from weightmark.scanners.formats.hdf5 import Hdf5Reader
from weightmark.scanners.formats.interface import Examination, FormatReader, Place
from weightmark.scanners.formats.jinja_template import JinjaTemplateReader
from weightmark.scanners.formats.json_config import JsonConfigReader
from weightmark.scanners.formats.message_pack import MessagePackReader
from weightmark.scanners.formats.named_code import NamedCodeReader
from weightmark.scanners.formats.named_paths import NamedPathsReader
from weightmark.scanners.formats.native_engine import NativeEngineReader
from weightmark.scanners.formats.npy import NpyReader
from weightmark.scanners.formats.ocdbt import OcdbtReader
from weightmark.scanners.formats.onnx import OnnxReader
from weightmark.scanners.formats.onnx_runtime import OnnxRuntimeReader
from weightmark.scanners.formats.onnx_text import OnnxTextReader
from weightmark.scanners.formats.opaque import OpaqueReader
from weightmark.scanners.formats.package_list import PackageListReader
from weightmark.scanners.formats.paddle import PaddleReader
from weightmark.scanners.formats.pickled import PickleReader
from weightmark.scanners.formats.programs import ProgramReader
from weightmark.scanners.formats.promises import broken_promise
from weightmark.scanners.formats.python_file import PythonFileReader
from weightmark.scanners.formats.r_data import RDataReader
from weightmark.scanners.formats.recognise import INERT, recognise
from weightmark.scanners.formats.safetensors import SafetensorsReader
from weightmark.scanners.formats.seven_zip import SevenZipReader
from weightmark.scanners.formats.shell_script import ShellScriptReader
from weightmark.scanners.formats.tar_archive import TarReader
from weightmark.scanners.formats.tensorflow import TensorflowReader
from weightmark.scanners.formats.tensorflow_text import TensorflowTextReader
from weightmark.scanners.formats.tflite import TfliteReader
from weightmark.scanners.formats.xgboost_binary import XgboostBinaryReader
from weightmark.scanners.formats.xml_model import XmlModelReader
from weightmark.scanners.formats.yaml_config import YamlConfigReader
from weightmark.scanners.formats.zarr import ZarrReader
from weightmark.scanners.formats.zip_archive import ZipReader
from weightmark.scanners.limits import Limits
from weightmark.scanners.pickles.remainder import search_numbers

__all__ = [
    "SCANNER_VERSION",
    "FileScan",
    "Finding",
    "Limits",
    "Outcome",
    "ScanReport",
    "Severity",
    "rules_digest",
    "scan_file",
]

SCANNER_VERSION = "8"
"""raised whenever the same bytes may get another verdict by code rather than by rule data"""

_READERS: tuple[FormatReader, ...] = (
    SafetensorsReader(),
    NpyReader(),
    ZipReader(),
    PickleReader(),
    JsonConfigReader(),
    YamlConfigReader(),
    JinjaTemplateReader(),
    PythonFileReader(),
    PackageListReader(),
    GitFolderReader(),
    EditorSettingsReader(),
    NamedPathsReader(),
    NamedCodeReader(),
    ProgramReader(),
    ShellScriptReader(),
    RDataReader(),
    XmlModelReader(),
    CompressedReader(),
    TarReader(),
    SevenZipReader(),
    ExecutorchReader(),
    FlatTensorReader(),
    GgufReader(),
    Hdf5Reader(),
    OnnxReader(),
    OnnxRuntimeReader(),
    OnnxTextReader(),
    TensorflowReader(),
    TensorflowTextReader(),
    TfliteReader(),
    ZarrReader(),
    OcdbtReader(),
    ArrowReader(),
    CoremlReader(),
    CoremlPackageReader(),
    PaddleReader(),
    MessagePackReader(),
    XgboostReader(),
    XgboostBinaryReader(),
    LightgbmReader(),
    CatboostReader(),
    NativeEngineReader(),
    OpaqueReader(),
)


def scan_file(path: str, view: ByteView, limits: Limits | None = None) -> FileScan:
    """Scan the bytes of one file, whatever its name.

    `path` labels the result, and stands for the name where a loader goes by name (`config.json`,
    `handler.py`); formats are told by content. Never raises for hostile content, nor when reading fails: what
    could not be checked stands in `problems`.
    """
    examination = Examination(path, limits or Limits.default(), _look)
    try:
        place = Place.file(view)
    except UncheckedError as error:
        examination.problem(error.what)
        return _result(examination, known=True)
    return _result(examination, known=examination.look(place))


@cache
def rules_digest() -> str:
    """Return the SHA-256, in hex, of the rule catalogue and all lists of names."""
    import hashlib
    import json

    from weightmark.scanners.allow import names
    from weightmark.scanners.operators import tensorflow
    from weightmark.scanners.rules.catalogue import catalogue

    rules = [
        [rule.id, rule.title, rule.severity.word, rule.help, list(rule.references)]
        for rule in catalogue().values()
    ]
    document = [SCANNER_VERSION, rules, names.data_digest(), tensorflow.data_digest()]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _look(place: Place, examination: Examination) -> bool:
    """Offer a place to every reader; tell whether one took it or nothing in it can harm."""
    taken = False
    for reader in _READERS:
        try:
            read = reader.read(place, examination)
        except UncheckedError as error:
            examination.problem(error.what, place)
            read = True
        if read:
            examination.also_read_as(reader.name, place)
            taken = True
    if taken:
        return True
    name = recognise(place.view, place.head)
    examination.also_read_as(name or "data", place)
    if not name and not place.member:
        search_numbers(place, examination)
    if broken := broken_promise(place, name, examination):
        examination.problem(broken, place)
        return True
    return bool(place.member) and name in INERT


def _result(examination: Examination, *, known: bool) -> FileScan:
    findings = examination.findings
    if any(finding.severity > Severity.INFO for finding in findings):
        outcome = Outcome.FINDINGS
    elif examination.problems:
        outcome = Outcome.UNCHECKED
    elif not known or examination.unknown_members:
        outcome = Outcome.UNSUPPORTED
    else:
        outcome = Outcome.CLEAN
    return FileScan(
        path=examination.path,
        formats=tuple(examination.formats),
        outcome=outcome,
        findings=findings,
        problems=tuple(examination.problems),
    )
