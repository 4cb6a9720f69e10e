"""Write honest files with libraries for devices, trees and games, and pack them into `loaders.zip`.

python tests/assets/make_loaders.py FOLDER     in an environment with any of the libraries below
python tests/assets/make_loaders.py --pack FOLDER

Each function writes what its library can, and is left out where that is missing: executorch with torch in one
environment; catboost, jsonpickle, nyoka and stable-baselines3 in another. NeMo's file is put together as its
`SaveRestoreConnector` does it: a tar of `model_config.yaml` and `model_weights.ckpt`, which torch wrote.
"""

import importlib.util
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

ASSET = Path(__file__).with_name("loaders.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
NEMO = """sample_rate: 16000
target: nemo.collections.asr.models.ctc_bpe_models.EncDecCTCModelBPE
nemo_version: 2.1.0
preprocessor:
  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor
  sample_rate: ${sample_rate}
encoder:
  _target_: nemo.collections.asr.modules.ConformerEncoder
  n_layers: 2
decoder:
  _target_: nemo.collections.asr.modules.ConvASRDecoder
tokenizer:
  dir: null
  type: bpe
  model_path: nemo:abc_tokenizer.model
optim:
  name: adamw
  lr: 0.001
train_ds:
  manifest_filepath: /data/train.json
"""


def write_executorch(out: Path) -> None:
    """Write programs with weights inside, with weights apart, with branches, and with state."""
    torch = import_module("torch")
    exir = import_module("executorch.exir")
    layer = torch.nn.Linear(4, 3)

    class Branches(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is imported by name
        def forward(self, x: object, n: object) -> object:
            return torch.cond(n.sum() > 0, lambda a: a * 2, lambda a: a + 1, (x,))  # type: ignore[attr-defined]  # a tensor

    class State(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch is imported by name
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(4))
            self.table = torch.nn.Embedding(5, 4)

        def forward(self, x: object) -> object:
            self.seen.add_(1)
            return self.seen + self.table(x).sum()

    two, numbers = (torch.randn(2, 4), torch.ones(2)), (torch.tensor([1, 2]),)
    for name, module, inputs in (
        ("linear", layer, two[:1]),
        ("branches", Branches(), two),
        ("state", State(), numbers),
    ):
        program = exir.to_edge(torch.export.export(module, inputs)).to_executorch()
        (out / f"executorch-{name}.pte").write_bytes(program.buffer)
    apart = exir.ExecutorchBackendConfig(external_constants=True)
    program = exir.to_edge(torch.export.export(layer, two[:1])).to_executorch(apart)
    (out / "executorch-apart.pte").write_bytes(program.buffer)
    program.write_tensor_data_to_file(str(out))
    (out / "_default_external_constant.ptd").rename(out / "executorch-weights.ptd")


def write_catboost(out: Path) -> None:
    """Write trees with and without symmetry, with categories, and with several classes."""
    import numpy as np

    catboost = import_module("catboost")
    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 4))
    labels = (rows[:, 0] + rows[:, 1] > 0).astype(int)
    mixed = [[float(row[0]), str(int(row[1] * 2)), str(int(row[2]))] for row in rows]
    given = {"iterations": 4, "depth": 3, "verbose": 0, "allow_writing_files": False}
    for name, data, targets, more in (
        ("symmetric", rows, labels, {}),
        ("lossguide", rows, labels, {"grow_policy": "Lossguide"}),
        ("depthwise", rows, labels, {"grow_policy": "Depthwise"}),
        ("classes", rows, random.integers(0, 3, 200), {}),
        ("categories", mixed, labels, {"cat_features": [1, 2], "one_hot_max_size": 3}),
    ):
        model = catboost.CatBoostClassifier(**given, **more).fit(data, targets)
        model.save_model(str(out / f"catboost-{name}.cbm"))


def write_nyoka(out: Path) -> None:
    """Write pipelines of scikit-learn as PMML."""
    import numpy as np

    pandas = import_module("pandas")
    nyoka = import_module("nyoka")
    pipeline, preprocessing = import_module("sklearn.pipeline"), import_module("sklearn.preprocessing")  # fmt: skip
    columns = list("abc")
    frame = pandas.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=columns)
    for name, module, kind in (
        ("tree", "sklearn.tree", "DecisionTreeClassifier"),
        ("linear", "sklearn.linear_model", "LinearRegression"),
        ("logistic", "sklearn.linear_model", "LogisticRegression"),
    ):
        steps = [("scale", preprocessing.StandardScaler()), ("model", getattr(import_module(module), kind)())]  # fmt: skip
        fitted = pipeline.Pipeline(steps).fit(frame, (frame.a > 0).astype(int))
        nyoka.skl_to_pmml(
            pipeline=fitted, col_names=columns, target_name="y", pmml_f_name=str(out / f"nyoka-{name}.pmml")
        )  # fmt: skip


def write_jsonpickle(out: Path) -> None:
    """Write plain values in jsonpickle's own words."""
    import collections
    import datetime as dt

    jsonpickle = import_module("jsonpickle")
    values = {
        "shape": (2, 3),
        "labels": {"a"},
        "order": collections.OrderedDict(a=1),
        "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC).date(),
        "bytes": b"\x00\x01",
        "weights": [1.0, 2.0],
    }
    (out / "jsonpickle-values.json").write_text(jsonpickle.encode(values, keys=True))


def write_torch(out: Path) -> None:
    """Write a model as NeMo lays it out."""
    torch = import_module("torch")
    weights, settings = out / "model_weights.ckpt", out / "model_config.yaml"
    torch.save(torch.nn.Linear(3, 2).state_dict(), weights)
    settings.write_text(NEMO)
    with tarfile.open(out / "nemo-asr.nemo", "w:") as packer:
        for path in (settings, weights):
            info = packer.gettarinfo(path, f"./{path.name}")
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = "root"
            with path.open("rb") as file:
                packer.addfile(info, file)
    weights.unlink()
    settings.unlink()


def write_stable_baselines3(out: Path) -> None:
    """Write a policy for a game."""
    baselines = import_module("stable_baselines3")
    settings = {"policy_kwargs": {"net_arch": [2]}, "n_steps": 8, "batch_size": 8}
    baselines.PPO("MlpPolicy", "CartPole-v1", **settings).save(str(out / "baselines-ppo.zip"))


WRITERS: tuple[tuple[str, Callable[[Path], None]], ...] = (
    ("executorch", write_executorch),
    ("catboost", write_catboost),
    ("nyoka", write_nyoka),
    ("jsonpickle", write_jsonpickle),
    ("torch", write_torch),
    ("stable_baselines3", write_stable_baselines3),
)


def pack(folder: Path) -> None:
    """Put every file below the folder into the asset."""
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
                archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED)


def main() -> None:
    """Write with whatever is installed, or pack."""
    if sys.argv[1] == "--pack":
        pack(Path(sys.argv[2]))
        return
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for library, write in WRITERS:
        if importlib.util.find_spec(library):
            write(out)


if __name__ == "__main__":
    main()
