"""TFLite: a FlatBuffer that lists the operators which its interpreter must provide.

Files that belong to a model (labels, vocabularies) may follow it as a zip, which the zip's reader
reads. Sources: TensorFlow's `schema.fbs`, version 3; tflite-support's `metadata_schema.fbs`.
"""

from typing import Final

from weightmark.errors import MalformedError
from weightmark.provenance.reading.interface import ByteView
from weightmark.scanners.findings import Severity
from weightmark.scanners.formats.interface import Examination, Place
from weightmark.scanners.formats.malformed import malformed_as
from weightmark.scanners.formats.tensorflow_nodes import judge_operator
from weightmark.scanners.operators.tensorflow import Reach, reach
from weightmark.scanners.wire.flatbuffers import Table, root_table
from weightmark.scanners.wire.window import Window, resident
from weightmark.values import dataclass

__all__ = ["TfliteReader", "is_described_model", "is_model"]

_IDENTIFIER = b"TFL3"
_OPERATOR_CODES, _SUBGRAPHS, _BUFFERS, _METADATA = 1, 2, 4, 6
_DEPRECATED_CODE, _CUSTOM_NAME, _CODE = 0, 1, 3
_TENSORS, _OPERATORS = 0, 3
_TENSOR_BUFFER, _OPERATOR_INDEX = 2, 0
_DATA, _DATA_OFFSET, _DATA_SIZE = 0, 1, 2
_METADATA_NAME, _DESCRIPTION = 0, "TFLITE_METADATA"
_CUSTOM = 32
_SHOWN = 120
_LATEST_ROOT = 1 << 16
_IMPLAUSIBLE = 1 << 40
"""bytes that no file of this format has"""
_KNOWN_CUSTOM = frozenset(
    [
        "AudioSpectrogram",
        "Convolution2DTransposeBias",
        "MaxPoolingWithArgmax2D",
        "MaxUnpooling2D",
        "Mfcc",
        "TFLite_Detection_PostProcess",
        "TransformLandmarks",
        "TransformTensorBilinear",
        "Landmarks2TransformMatrix",
    ]
)
"""custom operators of TFLite's and MediaPipe's own interpreters"""


@dataclass(frozen=True, slots=True)
class TfliteReader:
    """Judges the custom operators, and checks that the parts lie inside the file."""

    name: Final[str] = "tflite"

    def read(self, place: Place, examination: Examination) -> bool:
        """Walk the tables; see `FormatReader.read`."""
        if not is_model(place.head):
            return False
        window = Window(resident(place.view, examination.limits))
        with malformed_as("TFL002", place, examination):
            _check_root(window, place, examination)
            model = root_table(window, examination.budget)
            codes = model.tables(_OPERATOR_CODES)
            for code in codes:
                _judge_code(code, place, examination)
            buffers = model.tables(_BUFFERS)
            _check_graphs(model, len(codes), len(buffers), place, examination)
            _check_buffers(buffers, place, examination)
        return True


def _check_root(window: Window, place: Place, examination: Examination) -> None:
    """Report a first table outside of the file, where no cut explains it: writers put it at the start."""
    start = window.number(0, 4)
    if start >= max(window.size, _LATEST_ROOT):
        _find_lie(f"the first table lies at {start}", place, examination)


def is_model(head: bytes) -> bool:
    """Tell by its first bytes whether a file is a TFLite model."""
    return head[4:8] == _IDENTIFIER


def is_described_model(view: ByteView, examination: Examination) -> bool:
    """Tell whether a view holds a whole model whose metadata lets files follow it as a zip."""
    if not is_model(view.read_at(0, 8)):
        return False
    window = Window(resident(view, examination.limits))
    try:
        model = root_table(window, examination.budget)
        model.tables(_OPERATOR_CODES)
        model.tables(_SUBGRAPHS)
        for buffer in model.tables(_BUFFERS):
            buffer.vector(_DATA, 1)
        names = [entry.text(_METADATA_NAME) for entry in model.tables(_METADATA)]
    except MalformedError:
        return False
    return _DESCRIPTION in names


def _judge_code(code: Table, place: Place, examination: Examination) -> None:
    number = max(code.number(_DEPRECATED_CODE, 1), code.number(_CODE, 4))
    name = code.text(_CUSTOM_NAME)
    if number != _CUSTOM and not name:
        return
    if name.startswith("Flex"):
        operator = name.removeprefix("Flex")
        rule = "TFG001" if reach(operator) is Reach.PATHS else judge_operator(operator)
    else:
        rule = None if name in _KNOWN_CUSTOM else "TFL001"
    if rule:
        shown = "".join(letter if letter.isprintable() else "\ufffd" for letter in name[:_SHOWN])
        examination.find(rule, place, offset=code.start, detail=shown)


def _check_graphs(
    model: Table, codes: int, buffers: int, place: Place, examination: Examination
) -> None:
    """Report operators and tensors that refer to what is not there."""
    for graph in model.tables(_SUBGRAPHS):
        for tensor in graph.tables(_TENSORS):
            if tensor.number(_TENSOR_BUFFER, 4) >= max(1, buffers):
                _find_lie("a tensor's buffer is not there", place, examination)
        for operator in graph.tables(_OPERATORS):
            if operator.number(_OPERATOR_INDEX, 4) >= codes:
                _find_lie("an operator's code is not there", place, examination)


def _find_lie(detail: str, place: Place, examination: Examination) -> None:
    """Report a number that leads a reader out of its lists, as no file that is cut off does."""
    examination.find("TFL002", place, detail=detail, severity=Severity.HIGH)


def _check_buffers(buffers: list[Table], place: Place, examination: Examination) -> None:
    """Report data that lie outside of the file, as models over two gigabytes keep them apart."""
    for buffer in buffers:
        buffer.vector(_DATA, 1)
        start, size = buffer.number(_DATA_OFFSET, 8), buffer.number(_DATA_SIZE, 8)
        if start > 1 and start + size > place.view.size:
            weight = Severity.HIGH if start + size >= _IMPLAUSIBLE else None
            examination.find("TFL002", place, detail=f"a buffer lies at {start}", severity=weight)
            examination.problem("a TFLite buffer lies outside of the file", place)
