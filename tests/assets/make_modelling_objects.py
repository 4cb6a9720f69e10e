"""Make honest objects of libraries for search, forecasts, features, graphs, texts and streams.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`; it packs
them into `modelling_objects.zip`, so that tests need none of them:

    python tests/assets/make_modelling_objects.py
"""

import io
import pickle
import sys
import warnings
import zipfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LinearRegression

ASSET = Path(__file__).with_name("modelling_objects.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
DAYS = 40


def main(asset: Path = ASSET) -> None:
    """Pack every object as pickles of protocols 2, 4 and 5, and those of torch as torch does."""
    warnings.simplefilter("ignore")
    with zipfile.ZipFile(asset, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in plain_rows():
            for protocol in (2, 4, 5):
                put(archive, f"{name}.{protocol}.pkl", pickle.dumps(value, protocol))
        for name, value in torch_rows():
            buffer = io.BytesIO()
            torch.save(value, buffer)
            put(archive, f"{name}.pt", buffer.getvalue())
    sys.stdout.write(f"{asset.stat().st_size} bytes\n")


def put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add a member without the time of today."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def plain_rows() -> Iterator[tuple[str, Any]]:
    """Yield a name and an object each."""
    search = import_module("bayes_opt").BayesianOptimization(None, {"x": (0, 1)}, random_state=1)
    search.register({"x": 0.3}, 1.0)
    yield "bayes_opt-search", search
    yield from forecasts()
    yield "featuretools-features", features()
    stem = import_module("nltk.stem")
    yield "nltk-stemmers", [stem.PorterStemmer(), stem.SnowballStemmer("english")]
    yield from streams()
    tools = import_module("deap.tools")
    yield "deap-records", [tools.HallOfFame(2), tools.Logbook()]


def forecasts() -> Iterator[tuple[str, Any]]:
    """Yield forecasters of a series of days."""
    days = pd.date_range("2020", periods=DAYS)
    values = np.random.default_rng(0).random(DAYS)
    frame = pd.DataFrame({"unique_id": 1, "ds": days, "y": values})
    lagged = import_module("mlforecast").MLForecast(
        {"linear": LinearRegression()}, freq="D", lags=[1, 2]
    )
    yield "mlforecast-lags", lagged.fit(frame)
    models = import_module("statsforecast.models")
    kinds = [models.Naive(), models.SeasonalNaive(7)]
    fitted = import_module("statsforecast").StatsForecast(kinds, freq="D").fit(frame)
    yield "statsforecast-naive", fitted


def features() -> Any:
    """Return features that carry the tables which they were found in."""
    library = import_module("featuretools")
    tables = library.EntitySet("tables")
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}).reset_index()
    tables.add_dataframe(dataframe_name="rows", dataframe=frame, index="index")
    return library.dfs(entityset=tables, target_dataframe_name="rows", max_depth=1)[1]


def streams() -> Iterator[tuple[str, Any]]:
    """Yield models that learned a few examples one by one."""
    bayes = import_module("river.naive_bayes").GaussianNB()
    groups = import_module("river.cluster").KMeans(2, seed=1)
    for at in range(8):
        bayes.learn_one({"a": float(at)}, at % 2 == 0)
        groups.learn_one({"a": float(at)})
    yield "river-bayes", bayes
    yield "river-means", groups


def torch_rows() -> Iterator[tuple[str, Any]]:
    """Yield a name and an object with tensors each."""
    points = torch.linspace(0, 1, 10, dtype=torch.float64).reshape(5, 2)
    yield "botorch-process", import_module("botorch.models").SingleTaskGP(points, points[:, :1])
    data = import_module("torch_geometric.data")
    graph = data.Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]))
    yield "torch_geometric-batch", data.Batch.from_data_list([graph, graph])
    mixed = data.HeteroData()
    mixed["a"].x = torch.ones(2, 2)
    yield "torch_geometric-mixed-batch", data.Batch.from_data_list([mixed, mixed])


if __name__ == "__main__":
    main()
