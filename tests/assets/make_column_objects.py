"""Make honest objects of Arrow, dill, optuna and scipy's tables of distributions.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`; it packs
them into `column_objects.zip`, so that tests need none of them:

    python -m tests.assets.make_column_objects
"""

import collections
import datetime as dt
import decimal
import io
import pickle
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dill
import joblib
import numpy as np
import optuna
import pandas as pd
import pyarrow as pa
import torch
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

ASSET = Path(__file__).with_name("column_objects.zip")
EPOCH = (1980, 1, 1, 0, 0, 0)
Row = tuple[str, Any, Callable[..., bytes]]


def main(asset: Path = ASSET) -> None:
    """Pack every object as pickles of protocols 2, 4 and 5, in a fixed order."""
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with zipfile.ZipFile(asset, "w", zipfile.ZIP_DEFLATED) as archive:
        for maker in (arrow_rows, dill_rows, optuna_rows, scipy_rows):
            for name, value, dump in maker():
                for protocol in (2, 4, 5):
                    info = zipfile.ZipInfo(f"{name}.{protocol}.pkl", EPOCH)
                    info.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(info, dump(value, protocol=protocol))
        buffer = io.BytesIO()
        joblib.dump(study(), buffer)
        archive.writestr(zipfile.ZipInfo("optuna-joblib.joblib", EPOCH), buffer.getvalue())
    sys.stdout.write(f"{asset.stat().st_size} bytes\n")


def columns() -> dict[str, Any]:
    """Return a column of every kind of layout."""
    cents = [decimal.Decimal("1.23"), None]
    return {
        "binary-view": pa.array([b"a", b"more than twelve bytes"], pa.binary_view()),
        "categories": pa.array(pd.Categorical(["u", None, "v"])),
        "decimal": pa.array(cents, pa.decimal128(5, 2)),
        "decimal-wide": pa.array(cents, pa.decimal256(50, 2)),
        "dictionary": pa.array(["a", "b", "a", None]).dictionary_encode(),
        "empty-list": pa.array([], pa.list_(pa.int8())),
        "fixed-binary": pa.array([b"abc", b"def"], pa.binary(3)),
        "fixed-list": pa.array([[1, 2], [3, 4]], pa.list_(pa.int32(), 2)),
        "interval": pa.array([pa.scalar((1, 2, 3), pa.month_day_nano_interval())]),
        "large-list": pa.array([[1, 2], [3]], pa.large_list(pa.int32())),
        "list": pa.array([[1, 2], [3], None]),
        "list-view": pa.array([[1, 2], [3], None], pa.list_view(pa.int64())),
        "map": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64())),
        "nested": pa.array([[{"a": [1]}], [], None]),
        "slice": pa.array([[1], [2, 3], [4]]).slice(1),
        "string-view": pa.array(["a", "more than twelve bytes", None], pa.string_view()),
        "struct": pa.array([{"a": 1, "b": "x"}, None]),
        "struct-slice": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": "y"}]).slice(1),
        "zone": pa.array([1], pa.timestamp("us", tz="UTC")),
    }


def arrow_rows() -> Iterator[Row]:
    """Yield columns, tables and pandas' columns made of them."""
    for name, column in columns().items():
        yield f"arrow-{name}", column, pickle.dumps
        if name in ("decimal", "dictionary", "fixed-binary", "list", "string-view", "struct"):
            series = pd.Series(column, dtype=pd.ArrowDtype(column.type))
            yield f"arrow-pandas-{name}", series, pickle.dumps
    table = pa.table({"x": columns()["nested"], "s": ["a", "b", "c"]})
    yield "arrow-table", table.replace_schema_metadata({"k": "v"}), pickle.dumps


def dill_rows() -> Iterator[Row]:
    """Yield plain objects as dill writes them."""
    points = np.random.default_rng(0).random((20, 3))
    labels = (points[:, 0] > 0.5) * 1
    yield "dill-arrays", {"w": np.arange(6.0).reshape(2, 3), "n": np.int64(3)}, dill.dumps
    yield "dill-linear", LinearRegression().fit(points, labels), dill.dumps
    yield "dill-forest", RandomForestClassifier(2, max_depth=2).fit(points, labels), dill.dumps
    yield "dill-values", [1, 2.5, {"a": {1, 2}}, b"xx", range(3), slice(1, 2)], dill.dumps
    yield "dill-types", [int, str, np.float32, type(None)], dill.dumps
    kept = [dt.datetime(2020, 1, 1), decimal.Decimal("1.5"), collections.Counter("abc")]  # noqa: DTZ001 - one without a zone
    yield "dill-library", [*kept, collections.defaultdict(int), collections.deque([1])], dill.dumps
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})
    yield "dill-frame", frame, dill.dumps
    yield "dill-state", dict(torch.nn.Linear(2, 3).state_dict()), dill.dumps


def study(**how: Any) -> optuna.Study:
    """Return a study of a few trials with parameters of every kind."""

    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", -1, 1)
        trial.suggest_float("rate", 1e-4, 1, log=True)
        trial.suggest_float("step", 0, 1, step=0.1)
        trial.suggest_categorical("kind", ["a", "b", None, 3])
        trial.report(x, 0)
        trial.set_user_attr("note", {"q": [1]})
        value: float = trial.suggest_int("i", 0, 5) + trial.suggest_int("units", 1, 64, log=True)
        return float(x * x) + value

    found = optuna.create_study(**how)
    found.optimize(objective, n_trials=4)
    return found


def optuna_rows() -> Iterator[Row]:
    """Yield studies, trials, distributions, samplers and pruners."""
    first = study(direction="maximize")
    yield "optuna-study", first, pickle.dumps
    yield "optuna-trials", first.trials, pickle.dumps
    yield "optuna-best", first.best_trial, pickle.dumps
    yield "optuna-distributions", first.trials[0].distributions, pickle.dumps
    sampler = optuna.samplers.TPESampler(seed=3, multivariate=True, group=True)
    pruner = optuna.pruners.MedianPruner()
    yield "optuna-grouped", study(sampler=sampler, pruner=pruner), pickle.dumps
    for name in ("BruteForce", "CmaEs", "NSGAII", "NSGAIII", "QMC", "Random"):
        made = getattr(optuna.samplers, f"{name}Sampler")()
        yield f"optuna-sampler-{name}", made, pickle.dumps
    yield "optuna-sampler-Grid", optuna.samplers.GridSampler({"x": [1, 2]}), pickle.dumps
    for name in ("Hyperband", "Median", "Nop", "SuccessiveHalving", "Wilcoxon"):
        made = getattr(optuna.pruners, f"{name}Pruner")()
        yield f"optuna-pruner-{name}", made, pickle.dumps


def scipy_rows() -> Iterator[Row]:
    """Yield distributions that hold a table of their own."""
    histogram = stats.rv_histogram(np.histogram(np.arange(50) % 7, 5))
    yield "scipy-histogram", histogram, pickle.dumps
    yield "scipy-histogram-frozen", histogram.freeze(1), pickle.dumps
    table = ([1, 2], [0.5, 0.5])
    yield "scipy-table", stats.rv_discrete(values=table), pickle.dumps
    yield "scipy-table-named", stats.rv_discrete(name="own", values=table), pickle.dumps


if __name__ == "__main__":
    main()
