"""Write honest models, and hostile HDF5 files, with the real libraries; then pack them into `models.zip`.

python tests/assets/make_models.py FOLDER     in an environment with any of the libraries below
python tests/assets/make_models.py --pack FOLDER

Each function writes what its library can, and is left out where that is missing: keras with jax,
h5py, onnx, gguf, flax, xgboost, lightgbm, catboost, coremltools in one environment, TensorFlow in
another, and after it tflite-support in a third.
"""

import importlib.util
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

ASSET = Path(__file__).with_name("models.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
ECHO = b"cos\nsystem\n(S'echo x'\ntR."


def write_keras(out: Path) -> None:
    """Write three Keras models in each format."""
    import keras
    from keras import layers

    image = keras.Input((6, 6, 3))
    conv = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(image))
    head = layers.Dense(1, kernel_regularizer="l2")(layers.GlobalAveragePooling2D()(conv))
    words = keras.Input((4,))
    rnn = layers.Bidirectional(layers.LSTM(2, return_sequences=True))(layers.Embedding(8, 2)(words))
    attention = layers.MultiHeadAttention(1, 2)(rnn, rnn)
    models = {
        "dense": keras.Sequential([keras.Input((3,)), layers.Dense(2, activation="relu")]),
        "conv": keras.Model(image, head),
        "words": keras.Model(words, layers.Flatten()(attention)),
        "deep": keras.Sequential([keras.Input((2,)), *(layers.Dense(2) for _ in range(40))]),
    }
    decay = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    models["dense"].compile("adam", "mse", metrics=["mae"])
    models["conv"].compile(keras.optimizers.SGD(decay), keras.losses.MeanSquaredError())
    for name, model in models.items():
        model.save(out / f"keras-{name}.keras")
        model.save(out / f"keras-{name}.h5")
        model.save_weights(out / f"keras-{name}.weights.h5")
        (out / f"keras-{name}.json").write_text(model.to_json())


def write_h5py(out: Path) -> None:
    """Write HDF5 in old and new groups, dense storage, filters; and files that reach out."""
    import h5py
    import numpy as np

    config = json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": []}})
    for word, options in (
        ("old", {}),
        ("latest", {"libver": "latest"}),
        ("v110", {"libver": "v110"}),
    ):
        with h5py.File(out / f"h5py-{word}.h5", "w", **options) as file:
            for number in range(60):
                file.create_dataset(f"g/x{number}", data=np.zeros(2, "f4"))
                file["g"].attrs[f"a{number}"] = f"text {number}"
            file.attrs["model_config"] = config
            file.attrs["fixed"] = np.bytes_(b"hello")
            file.attrs["names"] = ["x", "y"]
            file["soft"] = h5py.SoftLink("/g/x1")
            file.create_dataset("z", data=np.zeros((50, 50)), compression="gzip", shuffle=True)
            file.create_dataset("l", data=np.arange(99), compression="lzf", chunks=(9,))
    lambda_layer = {
        "class_name": "Lambda",
        "config": {"name": "l", "function": ["4wAA", None, None]},
    }
    hostile = json.dumps({"class_name": "Sequential", "config": {"layers": [lambda_layer]}})
    for word, options in (("old", {}), ("latest", {"libver": "latest"})):
        for many in (1, 40):
            with h5py.File(out / f"hostile-link-{word}-{many}.h5", "w", **options) as file:
                for number in range(many):
                    file[f"g/x{number}"] = h5py.ExternalLink("/etc/passwd", "/secret")
            with h5py.File(out / f"hostile-lambda-{word}-{many}.h5", "w", **options) as file:
                for number in range(many):
                    file.attrs[f"a{number}"] = "plain"
                file.attrs["model_config"] = hostile
            with h5py.File(out / f"hostile-pickle-{word}-{many}.h5", "w", **options) as file:
                group = file.create_group("table")
                for number in range(many):
                    group.attrs[f"a{number}"] = "plain"
                group.attrs["pickled"] = np.bytes_(ECHO)
        with h5py.File(out / f"hostile-storage-{word}.h5", "w", **options) as file:
            file.create_dataset("w", (4,), "f4", external=[("/etc/passwd", 0, 16)])
        with h5py.File(
            out / f"hostile-user-block-{word}.h5", "w", userblock_size=512, **options
        ) as file:
            file["x"] = h5py.ExternalLink("../other.h5", "/x")
    with h5py.File(out / "hostile-rows.h5", "w") as file:
        rows = file.create_dataset("rows", (2,), h5py.vlen_dtype(np.uint8))
        rows[0], rows[1] = np.zeros(3, "u1"), np.frombuffer(ECHO, "u1")
        rows.attrs["PSEUDOATOM"] = "object"
    with h5py.File(out / "hostile-virtual.h5", "w", libver="latest") as file:
        layout = h5py.VirtualLayout((4,), "f4")
        layout[:] = h5py.VirtualSource("/etc/passwd", "x", (4,))
        file.create_virtual_dataset("v", layout)


def write_onnx(out: Path) -> None:
    """Write a plain model, one with a loop and a function, and one with data beside it."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2])
    weight = numpy_helper.from_array(np.ones((2, 2), "f4"), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    plain = helper.make_model(helper.make_graph([node], "g", [x], [y], [weight]))
    onnx.save(plain, out / "onnx-plain.onnx")
    branch = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["b"])],
        "b",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [1, 2])],
    )
    condition = numpy_helper.from_array(np.array(True), "c")
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    onnx.save(
        helper.make_model(helper.make_graph([choice], "g", [x], [y], [condition])),
        out / "onnx-if.onnx",
    )
    function = helper.make_function(
        "my.domain",
        "Twice",
        ["a"],
        ["r"],
        [helper.make_node("Add", ["a", "a"], ["r"])],
        [helper.make_opsetid("", 18)],
    )
    call = helper.make_node("Twice", ["x"], ["y"], domain="my.domain")
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("my.domain", 1)]
    onnx.save(
        helper.make_model(
            helper.make_graph([call], "g", [x], [y]), functions=[function], opset_imports=opsets
        ),
        out / "onnx-function.onnx",
    )
    large = numpy_helper.from_array(np.ones((64, 64), "f4"), "w")
    model = helper.make_model(helper.make_graph([node], "g", [x], [y], [large]))
    onnx.save(
        model,
        out / "onnx-external.onnx",
        save_as_external_data=True,
        location="onnx.data",
        size_threshold=0,
    )
    (out / "onnx.data").unlink()


def write_gguf(out: Path) -> None:
    """Write a tiny language model with a vocabulary and a chat template."""
    import numpy as np
    from gguf import GGUFWriter
    from gguf.constants import GGMLQuantizationType, GGUFEndian

    for name, endian in (("small", GGUFEndian.LITTLE), ("big-endian", GGUFEndian.BIG)):
        writer = GGUFWriter(out / f"gguf-{name}.gguf", "llama", endianess=endian)
        writer.add_block_count(1)
        writer.add_context_length(16)
        writer.add_token_list([f"token {number}" for number in range(300)])
        writer.add_token_scores([0.5] * 300)
        writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
        writer.add_bool("some.flag", True)
        writer.add_tensor("a.weight", np.zeros((4, 32), "f4"))
        writer.add_tensor("b.weight", np.zeros((3, 5), "f2"))
        writer.add_tensor("c.weight", np.zeros((2, 34), "u1"), raw_dtype=GGMLQuantizationType.Q8_0)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def write_flax(out: Path) -> None:
    """Write parameters as Flax's MessagePack."""
    import jax.numpy as jnp
    import numpy as np
    from flax import serialization

    state = {
        "params": {"dense": {"kernel": np.ones((3, 2), "f4"), "bias": jnp.zeros(2, jnp.bfloat16)}}
    }
    (out / "flax_model.msgpack").write_bytes(serialization.to_bytes(state))
    step = {"step": 5, "lr": np.float32(0.1), "c": 1j, **state}
    (out / "flax-train.msgpack").write_bytes(serialization.msgpack_serialize(step))


def write_xgboost(out: Path) -> None:
    """Write one model in JSON and in UBJSON."""
    import numpy as np
    import xgboost

    data = np.random.default_rng(0).random((40, 3))
    model = xgboost.train({"max_depth": 2}, xgboost.DMatrix(data, data[:, 0]), 3)
    for ending in ("json", "ubj"):
        model.save_model(out / f"xgboost.{ending}")


def write_lightgbm(out: Path) -> None:
    """Write one model as text."""
    import lightgbm
    import numpy as np

    data = np.random.default_rng(0).random((60, 3))
    model = lightgbm.train({"verbose": -1}, lightgbm.Dataset(data, data[:, 0]), 3)
    model.save_model(out / "lightgbm.txt")


def write_catboost(out: Path) -> None:
    """Write one model in CatBoost's own format and as JSON."""
    import catboost
    import numpy as np

    data = np.random.default_rng(0).random((40, 3))
    model = catboost.CatBoostRegressor(
        iterations=3, depth=2, verbose=False, allow_writing_files=False
    )
    model.fit(data, data[:, 0])
    model.save_model(out / "catboost.cbm")
    model.save_model(out / "catboost.json", format="json")


def write_coremltools(out: Path) -> None:
    """Write a network, a pipeline and a program."""
    import numpy as np
    from coremltools.models import datatypes, pipeline
    from coremltools.models.neural_network import NeuralNetworkBuilder
    from coremltools.proto import MIL_pb2, Model_pb2

    builder = NeuralNetworkBuilder([("x", datatypes.Array(3))], [("y", datatypes.Array(2))])
    builder.add_inner_product("d", np.ones((2, 3)), np.zeros(2), 3, 2, True, "x", "y")
    (out / "coreml-network.mlmodel").write_bytes(builder.spec.SerializeToString())
    chain = pipeline.Pipeline([("x", datatypes.Array(3))], [("y", datatypes.Array(2))])
    chain.add_model(builder.spec)
    (out / "coreml-pipeline.mlmodel").write_bytes(chain.spec.SerializeToString())
    program = Model_pb2.Model(specificationVersion=7)
    program.description.input.add().name = "x"
    block = program.mlProgram.functions["main"].block_specializations["CoreML7"]
    operation = block.operations.add(type="const")
    blob = MIL_pb2.Value.BlobFileValue(fileName="@model_path/weights/weight.bin", offset=64)
    operation.attributes["val"].blobFileValue.CopyFrom(blob)
    (out / "coreml-program.mlmodel").write_bytes(program.SerializeToString())


def write_tensorflow(out: Path) -> None:
    """Write a SavedModel with a table and an asset, its graph, TFLite, and TF 1 exports."""
    import tensorflow as tf

    folder = out / "work"
    folder.mkdir(exist_ok=True)
    (folder / "vocabulary.txt").write_text("a\nb\n")

    def loop(x: Any) -> Any:
        for _ in tf.range(3):
            x = tf.nn.relu(x @ plain.weight)
        return x

    plain, table = tf.Module(), tf.Module()
    plain.weight = tf.Variable(tf.ones((2, 2)))
    plain.call = tf.function(loop, input_signature=[tf.TensorSpec((1, 2))])
    source = tf.lookup.TextFileInitializer(
        str(folder / "vocabulary.txt"), tf.string, -2, tf.int64, -1
    )
    table.table = tf.lookup.StaticVocabularyTable(source, 1)
    words = [tf.TensorSpec((None,), tf.string)]
    table.call = tf.function(table.table.lookup, input_signature=words)
    for name, module in (("table", table), ("plain", plain)):
        tf.saved_model.save(module, folder / name)
        (out / f"tensorflow-{name}.pb").write_bytes((folder / name / "saved_model.pb").read_bytes())
    concrete = plain.call.get_concrete_function()
    definition = concrete.graph.as_graph_def()
    (out / "tensorflow-graph.pb").write_bytes(definition.SerializeToString())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], plain)
    (out / "tflite-loop.tflite").write_bytes(converter.convert())
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        value = tf.compat.v1.get_variable("v", initializer=[1.0, 2.0])
        saver = tf.compat.v1.train.Saver()
        session.run(tf.compat.v1.global_variables_initializer())
        place = tf.compat.v1.placeholder(tf.float32, [2])
        inputs, outputs = {"x": place}, {"y": place * value}
        saver.save(session, str(folder / "first"))
        tf.compat.v1.saved_model.simple_save(session, str(folder / "v1"), inputs, outputs)
    (out / "tensorflow-first.meta").write_bytes((folder / "first.meta").read_bytes())
    (out / "tensorflow-v1.pb").write_bytes((folder / "v1" / "saved_model.pb").read_bytes())


def write_tflite_support(out: Path) -> None:
    """Write TensorFlow's TFLite model with metadata and a packed label file, then without metadata."""
    import flatbuffers
    from tflite_support import metadata
    from tflite_support import metadata_schema_py_generated as schema

    source = out / "tflite-loop.tflite"
    if not source.exists():
        return
    labels = schema.AssociatedFileT()
    labels.name, labels.type = "labels.txt", schema.AssociatedFileType.TENSOR_AXIS_LABELS
    entry, graph, model = (
        schema.TensorMetadataT(),
        schema.SubGraphMetadataT(),
        schema.ModelMetadataT(),
    )
    entry.associatedFiles = [labels]
    graph.inputTensorMetadata, graph.outputTensorMetadata = [schema.TensorMetadataT()], [entry]
    model.name, model.subgraphMetadata = "loop", [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), metadata.MetadataPopulator.METADATA_FILE_IDENTIFIER)
    for name, described in (("labels", builder.Output()), ("unlisted", None)):
        populator = metadata.MetadataPopulator.with_model_buffer(source.read_bytes())
        if described is not None:
            populator.load_metadata_buffer(described)
        populator.load_associated_file_buffers({"labels.txt": b"cat\ndog\n", "more.txt": b"x\n"})
        populator.populate()
        (out / f"tflite-{name}.tflite").write_bytes(populator.get_model_buffer())


WRITERS: dict[str, Callable[[Path], None]] = {
    "keras": write_keras,
    "h5py": write_h5py,
    "onnx": write_onnx,
    "gguf": write_gguf,
    "flax": write_flax,
    "xgboost": write_xgboost,
    "lightgbm": write_lightgbm,
    "catboost": write_catboost,
    "coremltools": write_coremltools,
    "tensorflow": write_tensorflow,
    "tflite_support": write_tflite_support,
}


def pack(folder: Path) -> None:
    """Pack all files in a fixed order."""
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(path for path in folder.iterdir() if path.is_file()):
            archive.writestr(zipfile.ZipInfo(file.name, EPOCH), file.read_bytes(), 8)


def main() -> None:
    """Write or pack."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if sys.argv[1] == "--pack":
        pack(Path(sys.argv[2]))
        return
    out = Path(sys.argv[1])
    out.mkdir(exist_ok=True)
    for library, write in WRITERS.items():
        if importlib.util.find_spec(library):
            write(out)


if __name__ == "__main__":
    main()
