"""Make honest skops, R and training files with the real libraries, and pack them into `documents.zip`.

Run it inside an environment that holds scikit-learn, skops, pyreadr, transformers and accelerate:

    python tests/assets/make_documents.py
"""

import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

ASSET = Path(__file__).with_name("documents.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    """Write every file into a temporary folder, then pack them in a fixed order."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for make in (skops_files, r_files, training_files):
            try:
                make(folder)
            except ImportError as error:
                print(f"left out: {make.__name__}: {error}")  # noqa: T201 - it talks to a person
        pack(folder)


def skops_files(folder: Path) -> None:
    """Write estimators and plain objects."""
    import numpy as np
    import skops.io
    from sklearn import (
        cluster,
        datasets,
        decomposition,
        ensemble,
        gaussian_process,
        linear_model,
        model_selection,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        svm,
    )

    logistic = linear_model.LogisticRegression()
    estimators: dict[str, Any] = {
        "boosting": ensemble.GradientBoostingClassifier(n_estimators=2),
        "cluster": cluster.KMeans(3),
        "forest": ensemble.RandomForestClassifier(2),
        "function": pipeline.make_pipeline(preprocessing.FunctionTransformer(np.log1p), logistic),
        "gaussian": gaussian_process.GaussianProcessClassifier(),
        "grid": model_selection.GridSearchCV(logistic, {"C": [1, 2]}),
        "histogram": ensemble.HistGradientBoostingClassifier(max_iter=2),
        "neighbors": neighbors.KNeighborsClassifier(),
        "network": neural_network.MLPClassifier((4,), max_iter=3),
        "pca": decomposition.PCA(2),
        "pipeline": pipeline.make_pipeline(preprocessing.StandardScaler(), logistic),
        "svm": svm.SVC(),
    }
    features, classes = datasets.load_iris(return_X_y=True)
    for name, estimator in estimators.items():
        skops.io.dump(estimator.fit(features[::5], classes[::5]), folder / f"{name}.skops")
    random = [np.random.default_rng(0), np.random.RandomState(0)]
    plain = {"a": np.arange(3), "b": [1, 2.5, None, True], "s": slice(1, 2), "r": random}
    skops.io.dump(plain, folder / "plain.skops")


def r_files(folder: Path) -> None:
    """Write data frames as single objects and as images, plain and compressed."""
    import pandas as pd
    import pyreadr

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])})
    pyreadr.write_rds(str(folder / "frame.rds"), frame)
    pyreadr.write_rds(str(folder / "packed.rds"), frame, compress="gzip")
    pyreadr.write_rdata(str(folder / "frame.RData"), frame, df_name="frame")


def training_files(folder: Path) -> None:
    """Write what `Trainer` leaves beside every model."""
    import torch
    from transformers import Seq2SeqTrainingArguments, TrainingArguments

    for name, cls in {"training": TrainingArguments, "seq2seq": Seq2SeqTrainingArguments}.items():
        torch.save(cls(output_dir="out", report_to=[]), folder / f"{name}_args.bin")


def pack(folder: Path) -> None:
    """Keep what an earlier run made with libraries that are missing now."""
    files = {}
    if ASSET.exists():
        with zipfile.ZipFile(ASSET) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    files |= {file.name: file.read_bytes() for file in folder.iterdir()}
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), files[name], 8)


if __name__ == "__main__":
    main()
