"""Write honest files, and a few hostile ones, with libraries that exchange models; pack them into `exchange.zip`.

python tests/assets/make_exchange.py FOLDER     in an environment with any of the libraries below
python tests/assets/make_exchange.py --pack FOLDER

Each function writes what its library can, and is left out where that is missing: onnx, onnxruntime and
openvino in one environment, `xgboost==0.90` with `numpy<2` in another, tensorstore, pyarrow,
torch-model-archiver and mlflow-skinny in a third.
"""

import importlib.util
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

ASSET = Path(__file__).with_name("exchange.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
ECHO = b"cos\nsystem\n(S'echo x'\ntR."


def write_onnxruntime(out: Path) -> None:
    """Write one model with branches as ONNX Runtime's own format, and as each kind of text."""
    import onnx
    from onnx import TensorProto, helper

    onnxruntime = import_module("onnxruntime")

    def value(name: str, kind: int, shape: list[int]) -> Any:
        return helper.make_tensor_value_info(name, kind, shape)

    numbers = TensorProto.FLOAT
    weights = helper.make_tensor("w", numbers, [2], [1.0, 2.0])
    branches = {
        f"{word}_branch": helper.make_graph(
            [helper.make_node(operator, ["x", "w"], [word])],
            word,
            [],
            [value(word, numbers, [2])],
        )
        for word, operator in (("then", "Add"), ("else", "Mul"))
    }
    inputs = [value("x", numbers, [2]), value("c", TensorProto.BOOL, [])]
    graph = helper.make_graph(
        [helper.make_node("If", ["c"], ["y"], **branches)],
        "g",
        inputs,
        [value("y", numbers, [2])],
        [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    for form in ("textproto", "json", "onnxtxt"):
        onnx.save(model, out / f"onnx-text.{form}", format=form)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(out / "onnxruntime.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model.SerializeToString(), options)
    _write_sparse(out)


def _write_sparse(out: Path) -> None:
    """Write a model with a sparse initializer and a sparse constant."""
    import onnx
    from onnx import TensorProto, helper

    values = helper.make_tensor("s", TensorProto.FLOAT, [2], [1.0, 2.0])
    places = helper.make_tensor("i", TensorProto.INT64, [2], [1, 5])
    sparse = helper.make_sparse_tensor(values, places, [3, 4])
    nodes = [
        helper.make_node("Identity", ["s"], ["y"]),
        helper.make_node("Constant", [], ["k"], sparse_value=sparse),
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3, 4])
    graph = helper.make_graph(nodes, "g", [], [output], sparse_initializer=[sparse])
    onnx.save(helper.make_model(graph), out / "onnx-sparse.onnx")


def write_xgboost(out: Path) -> None:
    """Write each booster in the binary format that newer versions no longer write."""
    import numpy as np
    import xgboost

    source = np.random.RandomState(0)
    rows = source.rand(40, 3)
    kinds = {
        "tree": {"objective": "binary:logistic", "max_depth": 2, "eval_metric": "auc"},
        "linear": {"objective": "reg:linear", "booster": "gblinear"},
        "dart": {"objective": "multi:softmax", "num_class": 3, "booster": "dart", "max_depth": 2},
    }
    for name, options in kinds.items():
        labels = (rows[:, 0] > 0.5) * 1
        model = xgboost.train(options, xgboost.DMatrix(rows, labels), 3)
        model.set_attr(best="1", note="text")
        model.save_model(str(out / f"xgboost-{name}.model"))


def write_tensorstore(out: Path) -> None:
    """Write two stores, one of them compressed; files of data keep their names below `d`."""
    import numpy as np

    tensorstore = import_module("tensorstore")
    for name, config in (("plain", {"compression": None}), ("zstd", {})):
        store = {"driver": "ocdbt", "base": f"file://{out}/ocdbt-{name}", "config": config}
        array = tensorstore.open(
            {"driver": "zarr3", "kvstore": store, "path": "w/"},
            create=True,
            open=True,
            dtype=tensorstore.float32,
            shape=[8, 8],
        ).result()
        array.write(np.arange(64, dtype=np.float32).reshape(8, 8)).result()


def write_pyarrow(out: Path) -> None:
    """Write plain tables, and tables whose type asks old versions to unpickle; the payload only echoes."""
    pyarrow = import_module("pyarrow")
    parquet, ipc = import_module("pyarrow.parquet"), import_module("pyarrow.ipc")
    named = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": ECHO,
    }
    for word, metadata in (("pyarrow", None), ("hostile", named)):
        field = pyarrow.field("x", pyarrow.int64(), metadata=metadata)
        table = pyarrow.table([pyarrow.array([1, 2])], schema=pyarrow.schema([field]))
        parquet.write_table(table, out / f"{word}-table.parquet")
        for kind, begin in (("file", ipc.new_file), ("stream", ipc.new_stream)):
            with (
                pyarrow.OSFile(str(out / f"{word}-{kind}.arrow"), "wb") as sink,
                begin(sink, table.schema) as writer,
            ):
                writer.write_table(table)


def write_openvino(out: Path) -> None:
    """Write a model of two operations, its weights beside it."""
    import numpy as np

    openvino, ops = import_module("openvino"), import_module("openvino.opset13")
    given = ops.parameter([1, 4], np.float32, name="x")
    weights = ops.constant(np.ones((4, 2), np.float32))
    model = openvino.Model([ops.relu(ops.matmul(given, weights, False, False))], [given], "m")
    openvino.save_model(model, str(out / "openvino.xml"), compress_to_fp16=False)
    (out / "openvino.bin").unlink()


def write_torchserve(out: Path) -> None:
    """Archive an empty state with a handler of the server, and with one of its own, which is hostile."""
    from tempfile import TemporaryDirectory

    archiver = import_module("model_archiver.model_packaging")
    config = import_module("model_archiver.model_archiver_config").ModelArchiverConfig
    with TemporaryDirectory() as folder:
        weights, handler = Path(folder, "w.pt"), Path(folder, "h.py")
        weights.write_bytes(b"\x80\x02ccollections\nOrderedDict\n)R.")
        handler.write_text("def handle(data, context):\n    return data\n")
        for name, named in (("torchserve", "image_classifier"), ("hostile", str(handler))):
            archiver.generate_model_archive(
                config(
                    model_name=name,
                    handler=named,
                    version="1",
                    serialized_file=str(weights),
                    export_path=str(out),
                    force=True,
                )
            )


def write_mlflow(out: Path) -> None:
    """Write the `MLmodel` of an estimator as MLflow does."""
    model = import_module("mlflow.models").Model(model_uuid="0" * 32)
    model.add_flavor("python_function", loader_module="mlflow.sklearn", model_path="model.pkl")
    model.add_flavor("sklearn", pickled_model="model.pkl", serialization_format="cloudpickle")
    (out / "mlflow").mkdir(exist_ok=True)
    model.save(str(out / "mlflow" / "MLmodel"))


WRITERS: dict[str, Callable[[Path], None]] = {
    "mlflow": write_mlflow,
    "model_archiver": write_torchserve,
    "onnxruntime": write_onnxruntime,
    "openvino": write_openvino,
    "pyarrow": write_pyarrow,
    "tensorstore": write_tensorstore,
    "xgboost": write_xgboost,
}


def pack(folder: Path) -> None:
    """Pack what stands in a folder, with the same bytes for the same files."""
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            info = zipfile.ZipInfo(file.relative_to(folder).as_posix(), EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(info, file.read_bytes())


def main() -> None:
    """Write or pack."""
    folder = Path(sys.argv[-1]).resolve()
    if "--pack" in sys.argv:
        pack(folder)
        return
    folder.mkdir(parents=True, exist_ok=True)
    for module, write in WRITERS.items():
        if importlib.util.find_spec(module):
            write(folder)


if __name__ == "__main__":
    main()
