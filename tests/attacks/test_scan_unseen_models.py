"""Models of other formats that were built against the scanner as it stood."""

import gzip
import json
import lzma

import pytest

from tests.attacks.model_builders import (
    gguf,
    gguf_pair,
    gguf_text,
    meta_graph,
    onnx_graph,
    onnx_model,
    onnx_node,
    onnx_tensor,
    saved_model,
    sized,
    tf_const,
    tf_graph,
    tf_node,
    tflite,
)
from tests.attacks.scan_builders import EVIL, Member, archive, safetensors, scan, stack_global, text
from tests.attacks.test_scan_container_tar import honest as tar
from tests.attacks.test_scan_text_formats import NULL, PROMISE, _rds
from weightmark.errors import Exit
from weightmark.scanners.scan import ScanReport, Severity


def onnx_at(location: str) -> bytes:
    return onnx_model(onnx_graph(onnx_node("Relu"), more=sized(5, onnx_tensor(location))))


def keras(config: object) -> bytes:
    """A Keras 3 archive with this configuration."""
    return archive(
        Member(b"metadata.json", b'{"keras_version": "3.12.0"}'),
        Member(b"config.json", json.dumps(config).encode()),
        Member(b"model.weights.h5", b"\x89HDF\r\n\x1a\n"),
    )


def layer(module: str, name: str, /, **config: object) -> dict[str, object]:
    inner = {"module": module, "class_name": name, "config": config, "registered_name": None}
    model = {"name": "m", "layers": [inner]}
    return {"module": "keras", "class_name": "Sequential", "config": model}


def compiled(part: str, value: object) -> dict[str, object]:
    return {**layer("keras.layers", "Dense", units=1), "compile_config": {part: value}}


def function(module: str, name: str) -> dict[str, object]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def template(source: str) -> bytes:
    return gguf([gguf_pair("tokenizer.chat_template", 8, gguf_text(source))])


def graph(operator: str, **attributes: str) -> bytes:
    return saved_model(
        meta_graph(tf_graph(tf_node("Placeholder", "x"), tf_node(operator, **attributes)))
    )


UNSEEN: dict[str, dict[str, bytes]] = {
    "model.onnx": {
        "tensors on another machine": onnx_at("\\\\host\\share\\w.bin"),
        "tensors on a drive": onnx_at("C:w.bin"),
        "tensors behind a zero": onnx_at("w.bin\0/../../../etc/passwd"),
        "tensors in the home folder": onnx_at("~/.ssh/id_rsa"),
        "tensors above by a long way": onnx_at("./a/./b/../../../x"),
        "tensors through a device": onnx_at("/proc/self/environ"),
    },
    "saved_model.pb": {
        "fixed length records": graph("FixedLengthRecordDatasetV2"),
        "records of an old reader": graph("TFRecordReaderV2"),
        "rows of a text": graph("CSVDataset"),
        "a key value store": graph("LMDBReader"),
        "sampling by a vocabulary file": graph("FixedUnigramCandidateSampler", vocab_file="/etc/passwd"),
        "weights remapped from a file": graph("LoadAndRemapMatrix"),
        "slices saved": saved_model(meta_graph(tf_graph(tf_const("p", "/etc/x"), tf_node("SaveSlices", "s", ["p"])))),
        "a dataset registered for others": graph("RegisterDatasetV2"),
        "one file renamed from another": graph("GenerateVocabRemapping", new_vocab_file="/etc/passwd"),
    },
    "model.tflite": {
        "TensorFlow writes audio": tflite("FlexWriteAudioSummary", "FlexWriteFile"),
        "TensorFlow lists files": tflite("FlexMatchingFiles"),
    },
    "model.gguf": {
        "template formats an attribute": template("{{ '{0.__class__.__init__.__globals__}'.format(x) }}"),
        "template formats a joined text": template("{{ ('{0.__cl' ~ 'ass__}').format(x) }}"),
        "template maps with the filter attr": template("{{ [x]|map('attr', '__class__')|list }}"),
        "template sums over a dunder": template("{{ [x]|sum(attribute='__class__') }}"),
        "template sorts by a dunder": template("{{ [x]|sort(attribute='__class__.__name__') }}"),
        "template selects by a dunder": template("{{ [x]|selectattr('__class__')|list }}"),
        "template repeats underscores": template("{{ x['_'*2 ~ 'class' ~ '_'*2] }}"),
        "template slices a text": template("{{ x['xx__class__'[2:]] }}"),
        "template trims a text": template("{{ x['  __class__ '|trim] }}"),
        "template looks into a dict": template("{{ x[{'k': '__class__'}['k']] }}"),
        "template asks the user for an attribute": template("{{ x|attr(messages[0].content) }}"),
        "template joins neighbours": template("{{ x|attr('__cla' 'ss__') }}"),
    },
    "model.keras": {
        "type of a tensor from another module": keras({"class_name": "__typespec__", "spec_name": "system", "module": "os"}),
        "loss is a built-in": keras(compiled("loss", function("builtins", "eval"))),
        "metric loads a model": keras(compiled("metrics", [function("keras.models", "load_model")])),
        "activation switches safety off": keras(layer("keras.layers", "Dense", activation=function("keras.config", "enable_unsafe_deserialization"))),
        "initializer downloads": keras(layer("keras.layers", "Dense", kernel_initializer=function("keras.utils", "get_file"))),
        "function of the source package": keras(layer("keras.layers", "Dense", activation=function("keras.src.utils.file_utils", "get_file"))),
        "layer of JAX by value": keras(layer("keras.layers", "JaxLayer", call_fn={"class_name": "__lambda__", "config": {"code": "4wAA"}})),
        "torch inside": keras(layer("keras.layers", "TorchModuleWrapper", module="UEs=")),
        "words from a file": keras(layer("keras.layers", "TextVectorization", name="t", vocabulary="/etc/passwd")),
        "numbers from a file": keras(layer("keras.layers", "IntegerLookup", name="t", vocabulary="../../x")),
        "class of Python's library": keras(layer("subprocess", "Popen", args="echo x")),
        "pickle beside the weights": archive(Member(b"config.json", b"{}"), Member(b"metadata.json", b"{}"), Member(b"assets/x.pkl", EVIL)),
    },
    "model.rds": {
        "promise, compressed": gzip.compress(_rds(19, 2, NULL, PROMISE)),
        "promise, compressed by xz": lzma.compress(_rds(PROMISE)),
    },
    "model.nemo": {
        "class of Python's library": gzip.compress(tar(**{"model_config.yaml": b"_target_: os.system\ncommand: echo x\n"})),
        "weights that are a pickle": gzip.compress(tar(**{"model_config.yaml": b"a: 1\n", "model_weights.ckpt": EVIL})),
    },
    "model.skops": {
        "method of an unknown object": archive(Member(b"schema.json", json.dumps({"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode", "content": {"func": {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"}}}).encode())),
        "type by another spelling": archive(Member(b"schema.json", b'{"__class__": "system", "__module__": "o\\u0073", "__loader__": "FunctionNode"}')),
    },
    "model.safetensors": {
        "a pickle in place of the tensors": EVIL,
        "an archive behind the tensors": safetensors({}) + archive(Member(b"data.pkl", EVIL)),
    },
    "data.npy": {
        "a title before the name of an object field": b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': [(('t', 'a'), '|O')], 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n" + b"\x80\x04" + stack_global("os", "system") + text("echo x") + b"\x85R.",
        "version three": b"\x93NUMPY\x03\x00\x76\x00\x00\x00" + b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n" + EVIL,
    },
}  # fmt: skip
CASES = [(name, title) for name, table in UNSEEN.items() for title in table]


@pytest.mark.parametrize(("name", "title"), CASES)
def test_model_that_no_other_test_has_is_refused(name: str, title: str) -> None:
    found = scan(UNSEEN[name][title], name=name)
    assert ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD, found
