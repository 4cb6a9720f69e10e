"""Make honest files with the real libraries: estimators, frames and sparse arrays as pickles and joblib dumps.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`:

    python tests/assets/make_estimators.py FOLDER
"""

import io
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import joblib
import numpy as np

warnings.simplefilter("ignore")
Row = tuple[str, object]
SMALL = {"n_estimators": 2, "random_state": 0}


def main() -> None:
    """Write every object in several ways into the folder named on the command line."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for maker in (sklearn_rows, scipy_rows, pandas_rows, numpy_rows, boosting_rows):
        for name, value in maker():
            write(folder, name, value)


def write(folder: Path, name: str, value: object) -> None:
    """Write one object as pickles of protocols 2 to 5 and as a joblib dump."""
    for protocol in (2, 3, 4, 5):
        (folder / f"{name}.{protocol}.pkl").write_bytes(pickle.dumps(value, protocol))
    out = io.BytesIO()
    joblib.dump(value, out)
    (folder / f"{name}.joblib").write_bytes(out.getvalue())


def sklearn_rows() -> Iterator[Row]:
    """Fit every estimator that the library lists, on tiny data, with defaults where they work."""
    from sklearn.utils import all_estimators

    source = np.random.RandomState(0)
    x, kinds = np.abs(source.rand(24, 3)), np.arange(24) % 2
    for name, cls in all_estimators():
        for arguments in ({}, SMALL, {"random_state": 0}, {"n_components": 2}):
            fitted = attempt(cls, arguments, x, kinds)
            if fitted is not None:
                yield f"sklearn-{name}", fitted
                break
    yield from composed_rows(x, kinds)


def attempt(
    cls: Callable[..., Any], arguments: Mapping[str, object], x: object, y: object
) -> object:
    """Return a fitted estimator, or None where these arguments or data do not suit it."""
    try:
        made = cls(**arguments)
        if "n_estimators" in made.get_params():
            made.set_params(n_estimators=2)
        return made.fit(x, y)
    except Exception:  # noqa: BLE001 - many estimators need other arguments or data
        return None


def composed_rows(x: np.ndarray, kinds: np.ndarray) -> Iterator[Row]:
    """Make estimators of estimators, with functions, kernels, scorers and splitters inside."""
    from sklearn import (
        compose,
        ensemble,
        feature_extraction,
        gaussian_process,
        linear_model,
        metrics,
        model_selection,
        multiclass,
        multioutput,
        neighbors,
        pipeline,
        preprocessing,
        svm,
        tree,
    )  # fmt: skip

    logistic, forest = linear_model.LogisticRegression(), ensemble.RandomForestClassifier(**SMALL)
    scaler = preprocessing.StandardScaler()
    yield "sklearn-pipeline", pipeline.make_pipeline(scaler, logistic).fit(x, kinds)
    columns = compose.make_column_transformer((scaler, [0, 1]), remainder="passthrough")
    yield "sklearn-columns", pipeline.make_pipeline(columns, forest).fit(x, kinds)
    yield "sklearn-log", preprocessing.FunctionTransformer(np.log1p, np.expm1).fit(x)
    yield "sklearn-union", pipeline.make_union(scaler, preprocessing.MinMaxScaler()).fit(x)
    folds = model_selection.StratifiedKFold(2)
    grid = model_selection.GridSearchCV(logistic, {"C": [0.1, 1]}, cv=folds, scoring="f1")
    yield "sklearn-grid", grid.fit(x, kinds)
    scorer = metrics.make_scorer(metrics.fbeta_score, beta=2)
    yield "sklearn-scorer", [scorer, metrics.get_scorer("roc_auc")]
    halving = model_selection.RandomizedSearchCV(logistic, {"C": np.arange(1, 9)}, n_iter=2)
    yield "sklearn-randomized", halving.fit(x, kinds)
    yield (
        "sklearn-voting",
        ensemble.VotingClassifier([("a", logistic), ("b", forest)]).fit(x, kinds),
    )
    yield "sklearn-stacking", ensemble.StackingClassifier([("a", logistic)], cv=2).fit(x, kinds)
    yield "sklearn-onevsrest", multiclass.OneVsRestClassifier(svm.SVC()).fit(x, kinds)
    yield (
        "sklearn-multioutput",
        multioutput.MultiOutputClassifier(logistic).fit(x, np.c_[kinds, kinds]),
    )
    kernel = gaussian_process.kernels.RBF() + gaussian_process.kernels.WhiteKernel() * 2.0
    yield "sklearn-gaussian", gaussian_process.GaussianProcessRegressor(kernel).fit(x, kinds)
    for algorithm in ("kd_tree", "ball_tree"):
        near = neighbors.KNeighborsClassifier(algorithm=algorithm, metric="manhattan")
        yield f"sklearn-{algorithm}", near.fit(x, kinds)
    text = feature_extraction.text
    words = ["a small model", "another model", "data data"]
    yield "sklearn-tfidf", text.TfidfVectorizer().fit(words)
    yield "sklearn-count", text.CountVectorizer(ngram_range=(1, 2)).fit(words)
    yield "sklearn-hashing", text.HashingVectorizer(n_features=16).fit(words)
    yield "sklearn-dicts", feature_extraction.DictVectorizer().fit([{"a": 1, "b": "c"}])
    named = np.array([["a", 1], ["b", 2], [None, 3]], dtype=object)
    yield "sklearn-onehot", preprocessing.OneHotEncoder(handle_unknown="ignore").fit(named)
    yield "sklearn-ordinal", preprocessing.OrdinalEncoder().fit(named)
    yield "sklearn-labels", preprocessing.LabelEncoder().fit(["cat", "dog", "cat"])
    for loss in ("log_loss", "hinge", "modified_huber", "squared_error", "huber"):
        yield f"sklearn-sgd-{loss}", linear_model.SGDClassifier(loss=loss).fit(x, kinds)
    yield "sklearn-tree", tree.DecisionTreeRegressor(criterion="friedman_mse").fit(x, kinds)
    for loss in ("absolute_error", "poisson", "quantile", "gamma"):
        boosted = ensemble.HistGradientBoostingRegressor(loss=loss, quantile=0.5, max_iter=2)
        yield f"sklearn-hist-{loss}", boosted.fit(x, kinds + 1)


def scipy_rows() -> Iterator[Row]:
    """Make sparse arrays, trees, interpolators, rotations."""
    from scipy import interpolate, optimize, sparse, spatial

    dense = np.eye(4)
    for kind in ("csr", "csc", "coo", "bsr", "dia", "dok", "lil"):
        yield f"scipy-{kind}-matrix", getattr(sparse, f"{kind}_matrix")(dense)
        yield f"scipy-{kind}-array", getattr(sparse, f"{kind}_array")(dense)
    yield "scipy-kdtree", [spatial.KDTree(dense), spatial.cKDTree(dense)]
    yield "scipy-rotation", spatial.transform.Rotation.from_euler("z", 1.0)
    xs, ys = np.arange(8.0), np.arange(8.0) ** 2
    yield "scipy-splines", [interpolate.CubicSpline(xs, ys), interpolate.make_interp_spline(xs, ys)]
    yield "scipy-interp1d", interpolate.interp1d(xs, ys)
    yield (
        "scipy-pchip",
        [interpolate.PchipInterpolator(xs, ys), interpolate.UnivariateSpline(xs, ys)],
    )
    yield "scipy-optimum", optimize.minimize(lambda v: float((v**2).sum()), [1.0, 2.0])


def pandas_rows() -> Iterator[Row]:
    """Make frames, series, indexes, times and categories."""
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False]})
    days = pd.date_range("2026-01-01", periods=2, freq="D", tz="UTC")
    yield "pandas-frame", frame
    yield "pandas-series", frame["b"]
    yield "pandas-times", frame.set_index(days)
    yield "pandas-naive", pd.Series(pd.date_range("2026-01-01", periods=2, freq="h"))
    yield "pandas-multi", frame.set_index(["a", "c"])
    yield "pandas-category", pd.Series(["a", "b", "a"], dtype="category")
    yield "pandas-nullable", frame.convert_dtypes()
    yield "pandas-values", [pd.Timestamp("2026-01-01", tz="UTC"), pd.Timedelta("1h"), pd.NaT, pd.NA]
    yield (
        "pandas-periods",
        [pd.period_range("2026-01", periods=2, freq="M"), pd.Period("2026", "Y")],
    )
    yield "pandas-intervals", [pd.interval_range(0, 3), pd.Interval(0, 1)]
    yield "pandas-offsets", [pd.offsets.Day(2), pd.offsets.MonthEnd(), pd.offsets.BusinessDay()]
    yield "pandas-sparse", pd.Series(pd.arrays.SparseArray([0, 0, 1]))
    yield "pandas-objects", pd.DataFrame({"o": pd.Series([1, "x", None], dtype=object)})
    yield "pandas-deltas", pd.Series(pd.to_timedelta([1, 2], unit="s"))


def numpy_rows() -> Iterator[Row]:
    """Make arrays of many types, orders and shapes."""
    kinds = "?bBhHiIlLqQefdgFDSUO"
    yield "numpy-kinds", [np.zeros(3, kind) for kind in kinds]
    yield "numpy-shapes", [np.zeros(()), np.zeros((0, 3)), np.ones((2, 3, 4), order="F")]
    yield "numpy-times", [np.array(["2026-01-01"], "M8[D]"), np.array([1], "m8[s]")]
    yield "numpy-records", np.array([(1, 2.0, "x")], [("a", "i4"), ("b", "f8"), ("c", "U3")])
    yield "numpy-object-records", np.array([(1, [2])], [("a", "i4"), ("b", "O")])
    yield "numpy-objects", np.array([1, "x", None, [1, np.arange(2)], {"a": 2}], dtype=object)
    yield "numpy-big-endian", np.arange(3, dtype=">i4")
    yield "numpy-masked", np.ma.masked_array([1, 2, 3], [0, 1, 0])
    yield "numpy-recarray", np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield (
        "numpy-scalars",
        [np.float64(1), np.int32(2), np.bool_(True), np.str_("x"), np.datetime64(1, "s")],
    )
    yield "numpy-polynomial", np.polynomial.Polynomial([1, 2])
    yield "numpy-functions", [np.log1p, np.mean, np.exp, np.sum, np.float32, np.ndarray]
    yield "numpy-matrix", np.matrix([[1, 2]])
    yield "numpy-random", [np.random.RandomState(1), np.random.default_rng(1)]
    words = np.array(["long " * 40] * 3)
    yield "numpy-words", {"words": words, "more": [words[:1], words[1:].copy()]}


def boosting_rows() -> Iterator[Row]:
    """Fit the boosted trees of both libraries."""
    import lightgbm
    import xgboost

    source = np.random.RandomState(0)
    x, y = source.rand(60, 3), np.arange(60) % 2
    for cls in (xgboost.XGBClassifier, xgboost.XGBRegressor, xgboost.XGBRFClassifier):
        yield f"xgboost-{cls.__name__}", cls(n_estimators=1, max_depth=1).fit(x, y)
    booster = xgboost.train({"max_depth": 1}, xgboost.DMatrix(x, y), 1)
    yield "xgboost-Booster", booster
    ranker = xgboost.XGBRanker(n_estimators=1, max_depth=1)
    yield "xgboost-XGBRanker", ranker.fit(x, y, group=[30, 30])
    small = {"n_estimators": 1, "num_leaves": 3, "verbose": -1}
    for cls in (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor):
        yield f"lightgbm-{cls.__name__}", cls(**small).fit(x, y)
    yield "lightgbm-LGBMRanker", lightgbm.LGBMRanker(**small).fit(x, y, group=[30, 30])
    data = lightgbm.Dataset(x, y)
    yield "lightgbm-Booster", lightgbm.train({"verbose": -1, "num_leaves": 3}, data, 1)


if __name__ == "__main__":
    main()
