"""Make honest objects of Python itself, numpy, scipy, pandas, scikit-learn and statsmodels: the less usual ones.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`; it packs
what is small into `objects.zip`, so that tests need none of them:

    python tests/assets/make_objects.py
"""

import array
import collections
import datetime as dt
import decimal
import fractions
import functools
import io
import ipaddress
import itertools
import operator
import pathlib
import pickle
import random
import re
import sys
import types
import uuid
import warnings
import zipfile
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

ASSET = Path(__file__).with_name("objects.zip")
LARGEST = 200_000
LARGEST_AGAIN = 1_500
"""bytes of a file that says the same as the pickle of protocol 4"""
EPOCH = (1980, 1, 1, 0, 0, 0)
SOURCE = np.random.RandomState(0)
X = np.abs(SOURCE.rand(30, 3)).round(2)
KINDS = np.arange(30) % 2
SERIES = np.cumsum(SOURCE.rand(40)).round(2)
Makers = dict[str, Callable[[], Any]]


def main(asset: Path = ASSET, *families: Makers) -> None:
    """Pack every object as pickles of protocols 2, 4 and 5 and as a joblib dump, in a fixed order."""
    warnings.simplefilter("ignore")
    files: dict[str, bytes] = {}
    for name, maker in itertools.chain(*map(dict.items, families or FAMILIES())):
        files |= written(name, maker)
    with zipfile.ZipFile(asset, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            if len(data) < (LARGEST if name.endswith((".4.pkl", ".pt")) else LARGEST_AGAIN):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), data, 8)


def written(name: str, maker: Callable[[], Any]) -> dict[str, bytes]:
    """Return the files of one object by name; what this version cannot make or pickle is left out."""
    try:
        value = maker()
        files = {f"{name}.{protocol}.pkl": pickle.dumps(value, protocol) for protocol in (2, 4, 5)}
        out = io.BytesIO()
        joblib.dump(value, out)
    except Exception as error:  # noqa: BLE001 - versions differ in what they hold
        sys.stderr.write(f"left out: {name}: {type(error).__name__}: {error}"[:200] + "\n")
        return {}
    return files | {f"{name}.joblib": out.getvalue()}


def python_rows() -> Makers:
    """Make values of the standard library."""
    return {
        "python-addresses": lambda: [
            ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("::1"),
            ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fe80::/10"),
            ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_interface("fe80::1/10"),
        ],
        "python-arrays": lambda: [
            array.array("d", [1.0, 2.0]), array.array("i", range(5)), array.array("u", "abc"),
            array.array("b"), array.array("Q", [2**63]),
        ],
        "python-patterns": lambda: [
            re.compile(r"(?u)\b\w\w+\b"), re.compile(r"\d+", re.DOTALL), re.IGNORECASE | re.ASCII,
            re.compile(r"^(?P<name>[a-z]+)(?:-\d{2,4})?$", re.MULTILINE | re.VERBOSE),
            re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\w+| ?\d+| ?[^\s\w]+|\s+(?!\S)|\s+"),
        ],
        "python-zones": lambda: [
            zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("UTC"),
            dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("America/New_York")),
        ],
        "python-defaults": lambda: [
            collections.defaultdict(functools.partial(int, 3)), collections.defaultdict(dict),
            collections.defaultdict(functools.partial(collections.defaultdict, int)),
            collections.defaultdict(functools.partial(np.zeros, 3)),
        ],
        "python-numbers": lambda: [
            decimal.Decimal("1.20"), decimal.Decimal("NaN"), fractions.Fraction(1, 3), 1j, 2**200,
            fractions.Fraction("0.25"), float("inf"), True, bytearray(b"xy"), slice(1, None, 2), range(3),
        ],
        "python-contexts": lambda: decimal.Context(prec=10, rounding=decimal.ROUND_HALF_EVEN),
        "python-enumerations": lambda: [
            uuid.SafeUUID.safe, re.RegexFlag.ASCII, re.IGNORECASE | re.DOTALL,
        ],
        "python-paths": lambda: [pathlib.Path("a/b"), pathlib.PurePosixPath("/x"), pathlib.PureWindowsPath("c:/x")],
        "python-identifiers": lambda: [uuid.UUID(int=5), uuid.uuid5(uuid.NAMESPACE_DNS, "x")],
        "python-times": lambda: [
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.timezone(dt.timedelta(hours=2), "X"), dt.time(1, 2),
        ],
        "python-collections": lambda: [
            collections.ChainMap({"a": 1}, {"b": 2}), collections.UserDict(a=1), collections.UserList([1]),
            collections.UserString("x"), collections.deque([1], 3), collections.Counter("aab"),
        ],
        "python-namespaces": lambda: types.SimpleNamespace(a=1, b=[2]),
        "python-mappings": lambda: [collections.OrderedDict(b=1), frozenset("ab"), {"k": {1, 2}}],
        "python-random": lambda: random.Random(3),  # noqa: S311 - only pickled
        "python-functions": lambda: [len, sum, max, min, abs, round, sorted, str.lower, operator.add, operator.mul],
        "python-partials": lambda: [
            functools.partial(int, base=2), functools.partial(np.sum, axis=0), functools.partial(round, ndigits=2),
        ],
        "python-types": lambda: [int, str, float, dict, list, complex, bytes, object],
        "python-exceptions": lambda: [ValueError("x"), KeyError("y"), RuntimeError("z", 1), UserWarning("w")],
    }  # fmt: skip


def numpy_rows() -> Makers:
    """Make arrays, types and functions of numpy."""
    kinds = [np.dtype(kind) for kind in "?bBhHiIlLqQefdgFDGSUOV"]
    nested = np.dtype([("a", "i4"), ("b", [("c", "f8", (2, 3)), ("d", "S5")])], align=True)
    rows = {
        "numpy-object-strings": lambda: {"o": np.array(["a", "b"], dtype=object)},
        "numpy-object-nested": lambda: {"o": np.array([["a", None], [np.arange(2), {"x": 1}]], dtype=object)},
        "numpy-object-empty": lambda: {"o": np.array([], dtype=object), "p": np.array(None, dtype=object)},
        "numpy-object-many": lambda: [np.array([str(i) for i in range(n)], dtype=object) for n in (1, 40, 300)],
        "numpy-object-fortran": lambda: np.asfortranarray(np.array([["a", "b"], ["c", "d"]], dtype=object)),
        "numpy-poly1d": lambda: np.poly1d([1, 2, 3]),
        "numpy-iinfo": lambda: [np.iinfo(np.int8), np.iinfo("u8")],
        "numpy-finfo": lambda: [np.finfo(np.float64), np.finfo("f4"), np.finfo(np.float16)],
        "numpy-strings": lambda: np.array(["a", "long " * 20], dtype=np.dtypes.StringDType()),
        "numpy-strings-na": lambda: np.array(["a", None], dtype=np.dtypes.StringDType(na_object=None)),
        "numpy-strings-nan": lambda: np.array(["a", np.nan], dtype=np.dtypes.StringDType(na_object=np.nan, coerce=False)),
        "numpy-kinds": lambda: kinds,
        "numpy-kind-classes": lambda: [type(kind) for kind in kinds] + [np.dtypes.StringDType],
        "numpy-nested-types": lambda: [nested, np.zeros(2, nested), np.dtype(("i4", (2, 2)))],
        "numpy-metadata": lambda: np.dtype("i4", metadata={"unit": "m"}),
        "numpy-times": lambda: [np.dtype("M8[ns]"), np.dtype("m8[25s]"), np.array(["2026-01", "NaT"], "M8[M]")],
        "numpy-scalars": lambda: [np.float16(1), np.longdouble(2), np.complex64(1j), np.bytes_(b"x"), np.void(b"ab"), np.timedelta64(3, "h")],
        "numpy-void": lambda: np.zeros(1, nested)[0],
        "numpy-record": lambda: np.rec.array([(1, "x")], dtype=[("a", "i4"), ("b", "U2")])[0],
        "numpy-characters": lambda: np.char.array(["ab", "c"]),
        "numpy-polynomials": lambda: [getattr(np.polynomial, n)([1, 2]) for n in ("Chebyshev", "Hermite", "HermiteE", "Laguerre", "Legendre")],
        "numpy-generators": lambda: [np.random.Generator(getattr(np.random, n)(1)) for n in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")],
        "numpy-seeds": lambda: [np.random.SeedSequence(3), *np.random.SeedSequence(3).spawn(2)],
        "numpy-masked": lambda: [np.ma.masked, np.ma.array([1, 2], mask=[0, 1], fill_value=9), np.ma.array(["a"], mask=[1], dtype=object)],
        "numpy-masked-records": lambda: np.ma.array([(1, 2.0)], mask=[(0, 1)], dtype=[("a", int), ("b", float)]),
        "numpy-functions": lambda: [np.log1p, np.expm1, np.sqrt, np.mean, np.nanmean, np.linalg.norm, np.square, np.abs, np.percentile, np.quantile, np.identity],
        "numpy-more-functions": lambda: [np.nanstd, np.log, np.cbrt, np.reciprocal, np.tanh, np.logaddexp, np.isnan, np.unique, np.argsort, np.concatenate, np.hstack, np.where, np.var],
        "numpy-views": lambda: [np.arange(9)[::2], np.arange(6).reshape(2, 3).T, np.broadcast_to(1.0, (2, 2)), np.zeros((0,))],
        "numpy-large": lambda: {"w": np.arange(2000.0), "b": np.zeros((3, 4, 5), ">f2")},
        "numpy-matrix": lambda: np.matrix([[1.0]]),
        "numpy-flags": lambda: np.frombuffer(b"abcd", "u1"),
        "numpy-index": lambda: [np.s_[1:2, ...], np.newaxis, Ellipsis, np.nan, np.inf],
        "numpy-vectorize": lambda: np.vectorize(abs),
    }  # fmt: skip
    for kind in "?bBhHiIlLqQefdgFDGSUO":
        rows[f"numpy-array-{ord(kind)}"] = functools.partial(np.zeros, (2, 2), kind)
    return rows


def scipy_rows() -> Makers:
    """Make interpolators, splines, distances, signals, distributions."""
    from scipy import interpolate, optimize, signal, sparse, spatial, special, stats

    xs, ys = np.arange(8.0), np.arange(8.0) ** 2
    grid = np.add.outer(xs, ys)
    rows: Makers = {
        f"scipy-interp1d-{kind}": functools.partial(interpolate.interp1d, xs, ys, kind)
        for kind in (
            "linear",
            "nearest",
            "previous",
            "next",
            "quadratic",
            "cubic",
            "zero",
            "slinear",
        )
    }
    rows["scipy-interp1d-fill"] = lambda: interpolate.interp1d(xs, ys, fill_value="extrapolate")
    rows["scipy-interp1d-bounds"] = lambda: interpolate.interp1d(
        xs, ys, bounds_error=False, fill_value=(0, 1)
    )
    return rows | {
        "scipy-bspline": lambda: interpolate.make_interp_spline(xs, ys),
        "scipy-smoothing": lambda: interpolate.make_smoothing_spline(xs, ys),
        "scipy-cubic": lambda: [interpolate.CubicSpline(xs, ys), interpolate.Akima1DInterpolator(xs, ys), interpolate.PchipInterpolator(xs, ys)],
        "scipy-krogh": lambda: [interpolate.KroghInterpolator(xs, ys), interpolate.BarycentricInterpolator(xs, ys)],
        "scipy-ppoly": lambda: [interpolate.PPoly([[1.0], [2]], [0, 1]), interpolate.BPoly([[1.0], [2]], [0, 1])],
        "scipy-ndppoly": lambda: interpolate.NdPPoly(np.ones((2, 1)), ([0.0, 1],)),
        "scipy-univariate": lambda: [interpolate.UnivariateSpline(xs, ys), interpolate.InterpolatedUnivariateSpline(xs, ys), interpolate.LSQUnivariateSpline(xs, ys, [3.0])],
        "scipy-bivariate": lambda: [interpolate.RectBivariateSpline(xs, xs, grid), interpolate.SmoothBivariateSpline(*X[:20].T, kx=1, ky=1)],
        "scipy-grid": lambda: interpolate.RegularGridInterpolator((xs, xs), grid),
        "scipy-radial": lambda: interpolate.RBFInterpolator(X[:6], ys[:6]),
        "scipy-nearest": lambda: interpolate.NearestNDInterpolator(X[:6], ys[:6]),
        "scipy-linear-nd": lambda: interpolate.LinearNDInterpolator(X[:9, :2], np.arange(9.0)),
        "scipy-ndbspline": lambda: interpolate.NdBSpline((np.arange(8.0),), np.arange(4.0), 3),
        "scipy-signals": lambda: [signal.TransferFunction([1], [1, 2]), signal.ZerosPolesGain([], [1], 2), signal.StateSpace([[1]], [[1]], [[1]], [[0]]), signal.dlti([1], [1, 2])],
        "scipy-hull": lambda: spatial.ConvexHull(X[:, :2]).points,
        "scipy-tree": lambda: [spatial.KDTree(X), spatial.cKDTree(X, leafsize=4)],
        "scipy-rotation": lambda: [spatial.transform.Rotation.from_euler("xyz", [1, 2, 3]), spatial.transform.Rotation.random(2, rng=1)],
        "scipy-rigid": spatial.transform.RigidTransform.identity,
        "scipy-slerp": lambda: spatial.transform.Slerp([0, 1], spatial.transform.Rotation.random(2, rng=1)),
        "scipy-sparse-kinds": lambda: [getattr(sparse, f"{k}_array")(np.eye(2, dtype=t)) for k in ("csr", "csc", "coo", "bsr", "dia") for t in ("f4", "i8", "?")],
        "scipy-special": lambda: [special.expit, special.logit, special.gammaln, special.erf],
        "scipy-frozen": lambda: [stats.norm(1, 2), stats.uniform(), stats.loguniform(1e-3, 1), stats.randint(1, 9), stats.expon(scale=2), stats.beta(1, 2)],
        "scipy-gaussian": lambda: stats.multivariate_normal([0, 0], np.eye(2)),
        "scipy-density": lambda: stats.gaussian_kde(X.T),
        "scipy-qmc": lambda: stats.qmc.Sobol(2, rng=1),
        "scipy-bounds": lambda: optimize.Bounds([0], [1]),
        "scipy-linear-constraint": lambda: optimize.LinearConstraint([[1]], 0, 1),
        "scipy-root": lambda: optimize.root_scalar(np.cos, bracket=[0, 3]),
        "scipy-linprog": lambda: optimize.linprog([1, 2], bounds=(0, 1)),
    }  # fmt: skip


def pandas_rows() -> Makers:
    """Make a series of every type of data, every index, and what frames are made of."""
    import pandas as pd

    kinds = [
        "int8", "uint16", "Int64", "UInt8", "float32", "Float64", "boolean", "bool", "string", "str", "object",
        "category", "complex128", "datetime64[ns]", "datetime64[s]", "timedelta64[ns]", "timedelta64[s]",
        "datetime64[ns, UTC]", "datetime64[us, Europe/Berlin]", "period[M]", "interval[int64]", "Sparse[int]",
        "string[python]", "string[pyarrow]", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]",
    ]  # fmt: skip
    rows: Makers = {}
    for kind in kinds:
        rows[f"pandas-{kind.replace(',', '').replace('/', '_').replace(' ', '-')}"] = (
            functools.partial(typed, kind)
        )
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, None], "c": ["x", None], "d": [True, False]})
    return rows | {
        "pandas-index-kinds": lambda: [pd.Index([1, 2]), pd.Index(["a"]), pd.Index([1.5]), pd.Index([True]), pd.RangeIndex(3), pd.Index([], dtype=object)],
        "pandas-index-times": lambda: [pd.date_range("2026", periods=3, freq=f) for f in ("D", "h", "MS", "W-MON", "QS", "B", "YE", "15min")],
        "pandas-index-zones": lambda: [pd.date_range("2026", periods=2, tz=t) for t in ("UTC", "Europe/Berlin", dt.UTC, dt.timezone(dt.timedelta(hours=1)))],
        "pandas-index-multi": lambda: pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"]),
        "pandas-index-multi-times": lambda: frame.set_index([pd.date_range("2026", periods=2), frame["a"]]),
        "pandas-index-interval": lambda: [pd.interval_range(0, 3), pd.IntervalIndex.from_breaks(pd.date_range("2026", periods=3)), pd.cut([1, 2, 3], 2)],
        "pandas-index-period": lambda: [pd.period_range("2026", periods=2, freq=f) for f in ("M", "Q", "Y", "D", "h", "W")],
        "pandas-index-category": lambda: pd.CategoricalIndex(["a", "b"], ordered=True),
        "pandas-index-delta": lambda: pd.timedelta_range("1h", periods=3, freq="h"),
        "pandas-frame-attributes": lambda: with_attributes(frame),
        "pandas-frame-empty": lambda: [pd.DataFrame(), pd.Series(dtype=float), pd.DataFrame(columns=["a", "b"])],
        "pandas-frame-wide": lambda: pd.DataFrame(X, columns=list("abc")).assign(k=KINDS, s="x", t=pd.Timestamp("2026")),
        "pandas-frame-mixed-columns": lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        "pandas-frame-described": lambda: frame.describe(include="all"),
        "pandas-frame-grouped": lambda: frame.groupby("a").agg("first"),
        "pandas-frame-slices": lambda: [frame[["a"]], frame.T, frame.iloc[::-1], frame["c"].str.upper(), frame.isna()],
        "pandas-values": lambda: [pd.Timestamp("2026"), pd.Timestamp("2026", tz="Europe/Berlin"), pd.Timedelta("1D"), pd.NaT, pd.NA, pd.Interval(0, 1), pd.Period("2026-01", "M")],
        "pandas-types": lambda: [pd.CategoricalDtype(["a"], ordered=True), pd.DatetimeTZDtype(tz="UTC"), pd.IntervalDtype("int64"), pd.PeriodDtype("M"), pd.SparseDtype(float, 0), pd.StringDtype(), pd.Int8Dtype(), pd.BooleanDtype()],
        "pandas-type-storage": lambda: [pd.StringDtype("python"), pd.StringDtype("pyarrow"), pd.StringDtype(na_value=np.nan)],
        "pandas-offsets": lambda: [pd.offsets.DateOffset(months=1), pd.offsets.Week(weekday=1), pd.offsets.BQuarterEnd(), pd.offsets.CustomBusinessDay(holidays=["2026-01-01"]), pd.offsets.Hour(2), pd.offsets.SemiMonthEnd(), pd.offsets.BusinessHour(), pd.offsets.FY5253(weekday=1)],
        "pandas-arrays": lambda: [pd.array([1, None]), pd.array([1.5, None]), pd.array([True, None]), pd.array(["a", None]), pd.arrays.SparseArray([0, 1]), pd.array([pd.Timestamp("2026")]), pd.arrays.NumpyExtensionArray(np.array([1, "a"], dtype=object))],
        "pandas-categorical": lambda: pd.Categorical([1, 2, 1], categories=[1, 2, 3]),
        "pandas-flags": lambda: frame.set_flags(allows_duplicate_labels=False),
        "pandas-named": lambda: namedtuple_rows(frame),
    }  # fmt: skip


def typed(kind: str) -> object:
    """Return a frame with a series of this type, and the series."""
    import pandas as pd

    if kind.startswith("period"):
        series = pd.Series(pd.period_range("2026-01", periods=3, freq="M"))
    elif kind.startswith("interval"):
        series = pd.Series(pd.interval_range(0, 3))
    else:
        values = [True, False, True] if kind.startswith("bool") else [0, 1, 2]
        series = pd.Series(values).astype(kind)
    return {"frame": series.to_frame("a"), "series": series, "none": series[:0]}


def with_attributes(frame: Any) -> object:
    """Return a copy that carries metadata."""
    copy = frame.copy()
    copy.attrs["source"] = {"name": "a file", "rows": 2}
    return copy


def namedtuple_rows(frame: Any) -> object:
    """Return plain rows, as records and dictionaries."""
    return [
        frame.to_dict("records"),
        frame.to_records(),
        list(frame.itertuples(index=False, name=None)),
    ]


def sklearn_rows() -> Makers:
    """Make pipelines and searches of every usual shape, with frames and functions inside."""
    import pandas as pd
    from scipy import stats
    from sklearn import (
        calibration,
        compose,
        decomposition,
        ensemble,
        feature_selection,
        impute,
        inspection,
        isotonic,
        kernel_ridge,
        linear_model,
        metrics,
        mixture,
        model_selection,
        naive_bayes,
        neighbors,
        neural_network,
        pipeline,
        preprocessing,
        semi_supervised,
        svm,
        tree,
    )  # fmt: skip
    from sklearn.utils import Bunch

    table = pd.DataFrame(X, columns=list("abc")).assign(k=np.where(KINDS, "x", "y"))
    columns = compose.ColumnTransformer(
        [
            ("numbers", pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler()), ["a", "b"]),
            ("words", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["k"]),
            ("types", preprocessing.PowerTransformer(), compose.make_column_selector(pattern="c")),
        ],
        verbose_feature_names_out=False,
    )  # fmt: skip
    logistic = linear_model.LogisticRegression()
    forest = ensemble.RandomForestClassifier(n_estimators=2, random_state=0)
    return {
        "sklearn-columns-frame": lambda: pipeline.make_pipeline(columns, logistic).fit(table, KINDS),
        "sklearn-output-pandas": lambda: preprocessing.StandardScaler().set_output(transform="pandas").fit(table[["a"]]),
        "sklearn-selection": lambda: pipeline.make_pipeline(feature_selection.SelectKBest(feature_selection.f_classif, k=2), forest).fit(X, KINDS),
        "sklearn-chi2": lambda: feature_selection.SelectKBest(feature_selection.chi2, k=1).fit(X, KINDS),
        "sklearn-mutual": lambda: feature_selection.SelectPercentile(feature_selection.mutual_info_classif).fit(X, KINDS),
        "sklearn-function-numpy": lambda: preprocessing.FunctionTransformer(np.log1p).fit(X),
        "sklearn-function-none": lambda: preprocessing.FunctionTransformer().fit(X),
        "sklearn-function-partial": lambda: preprocessing.FunctionTransformer(functools.partial(np.clip, a_min=0, a_max=1)).fit(X),
        "sklearn-target": lambda: compose.TransformedTargetRegressor(linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1).fit(X, KINDS),
        "sklearn-calibrated": lambda: calibration.CalibratedClassifierCV(forest, method="isotonic", cv=2).fit(X, KINDS),
        "sklearn-calibrated-temperature": lambda: calibration.CalibratedClassifierCV(logistic, method="temperature", cv=2).fit(X, KINDS),
        "sklearn-search": lambda: model_selection.RandomizedSearchCV(logistic, {"C": stats.loguniform(1e-3, 1)}, n_iter=2, cv=2).fit(X, KINDS),
        "sklearn-search-scorers": lambda: model_selection.GridSearchCV(logistic, {"C": [1]}, scoring={"a": "accuracy", "f": metrics.make_scorer(metrics.f1_score)}, refit="a", cv=2).fit(X, KINDS),
        "sklearn-search-folds": lambda: model_selection.GridSearchCV(tree.DecisionTreeClassifier(), {"max_depth": [1, 2]}, cv=model_selection.RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=np.random.RandomState(1))).fit(X, KINDS),
        "sklearn-threshold": lambda: model_selection.TunedThresholdClassifierCV(logistic, cv=2).fit(X, KINDS),
        "sklearn-fixed-threshold": lambda: model_selection.FixedThresholdClassifier(logistic).fit(X, KINDS),
        "sklearn-folds": lambda: [model_selection.KFold(3), model_selection.TimeSeriesSplit(2), model_selection.ShuffleSplit(2), model_selection.LeaveOneOut(), model_selection.GroupKFold(2), model_selection.PredefinedSplit([0, 1])],
        "sklearn-svc": lambda: [svm.SVC(kernel=k, probability=False).fit(X, KINDS) for k in ("linear", "rbf", "poly", "sigmoid")],
        "sklearn-svc-function": lambda: svm.SVC(kernel=metrics.pairwise.linear_kernel).fit(X, KINDS),
        "sklearn-neighbours": lambda: [neighbors.KNeighborsClassifier(metric=m).fit(X, KINDS) for m in ("euclidean", "manhattan", "cosine", "chebyshev", "minkowski")],
        "sklearn-neighbours-weights": lambda: neighbors.KNeighborsRegressor(weights="distance", algorithm="ball_tree", leaf_size=5).fit(X, KINDS),
        "sklearn-networks": lambda: [neural_network.MLPClassifier(4, solver=s, max_iter=3).fit(X, KINDS) for s in ("adam", "sgd", "lbfgs")],
        "sklearn-early": lambda: neural_network.MLPRegressor(hidden_layer_sizes=3, early_stopping=True, max_iter=5).fit(X, KINDS),
        "sklearn-mixture": lambda: mixture.BayesianGaussianMixture(n_components=2).fit(X),
        "sklearn-imputer": lambda: impute.SimpleImputer(strategy="most_frequent").fit(X),
        "sklearn-knn-imputer": lambda: impute.KNNImputer(add_indicator=True).fit(X),
        "sklearn-decomposition": lambda: [decomposition.PCA(2).fit(X), decomposition.TruncatedSVD(2).fit(X), decomposition.NMF(2).fit(X), decomposition.FastICA(2).fit(X)],
        "sklearn-ica-function": lambda: decomposition.FastICA(2, fun="cube").fit(X),
        "sklearn-self-training": lambda: semi_supervised.SelfTrainingClassifier(logistic).fit(X, KINDS),
        "sklearn-isotonic": lambda: isotonic.IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], KINDS),
        "sklearn-kernel-ridge": lambda: kernel_ridge.KernelRidge(kernel="rbf").fit(X, KINDS),
        "sklearn-bayes": lambda: [naive_bayes.GaussianNB().fit(X, KINDS), naive_bayes.CategoricalNB().fit(X.astype(int), KINDS)],
        "sklearn-boosting": lambda: [ensemble.GradientBoostingClassifier(n_estimators=2, init=logistic).fit(X, KINDS), ensemble.AdaBoostClassifier(n_estimators=2).fit(X, KINDS)],
        "sklearn-hist-categories": lambda: ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0], early_stopping=True).fit(X.round(), KINDS),
        "sklearn-hist-losses": lambda: [ensemble.HistGradientBoostingRegressor(loss=loss, max_iter=1, quantile=0.5).fit(X, KINDS + 1) for loss in ("squared_error", "absolute_error", "gamma", "poisson", "quantile")],
        "sklearn-glm": lambda: [linear_model.TweedieRegressor(power=p).fit(X, KINDS + 1) for p in (0, 1, 1.5, 2, 3)],
        "sklearn-robust": lambda: [linear_model.RANSACRegressor(random_state=0).fit(X, KINDS), linear_model.HuberRegressor().fit(X, KINDS), linear_model.TheilSenRegressor(random_state=0).fit(X, KINDS)],
        "sklearn-ransac-loss": lambda: linear_model.RANSACRegressor(loss="squared_error", random_state=0).fit(X, KINDS),
        "sklearn-splines": lambda: preprocessing.SplineTransformer(extrapolation="periodic").fit(X),
        "sklearn-quantile": lambda: preprocessing.QuantileTransformer(n_quantiles=5).fit(X),
        "sklearn-bins": lambda: preprocessing.KBinsDiscretizer(2, quantile_method="averaged_inverted_cdf").fit(X),
        "sklearn-labels": lambda: [preprocessing.LabelBinarizer().fit(["a", "b"]), preprocessing.MultiLabelBinarizer().fit([{"a"}, {"b"}]), preprocessing.LabelEncoder().fit([True, False])],
        "sklearn-target-encoder": lambda: preprocessing.TargetEncoder(cv=2).fit(table[["k"]], KINDS),
        "sklearn-bunch": lambda: Bunch(data=X, target=KINDS, names=["a", "b"], frame=table),
        "sklearn-importance": lambda: inspection.permutation_importance(forest.fit(X, KINDS), X, KINDS, n_repeats=2),
        "sklearn-partial-dependence": lambda: inspection.partial_dependence(forest.fit(X, KINDS), X, [0]),
        "sklearn-validated": lambda: model_selection.cross_validate(logistic, X, KINDS, cv=2, return_estimator=True),
        "sklearn-confusion": lambda: [metrics.confusion_matrix(KINDS, KINDS), metrics.classification_report(KINDS, KINDS, output_dict=True)],
        "sklearn-unfitted": lambda: [columns, forest, pipeline.Pipeline([("a", "passthrough"), ("b", logistic)])],
        "sklearn-cached": lambda: pipeline.make_pipeline(preprocessing.StandardScaler(), logistic, memory=None, verbose=False).fit(X, KINDS),
        "sklearn-isolation": lambda: ensemble.IsolationForest(n_estimators=2, random_state=0).fit(X),
    }  # fmt: skip


def statsmodels_rows() -> Makers:
    """Fit time series, state space models and the rest, which hold native objects."""
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.tsa import api as tsa
    from statsmodels.tsa.forecasting.theta import ThetaModel
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    dates = pd.Series(SERIES, pd.date_range("2026", periods=40, freq="MS"))
    quiet = {"disp": 0, "maxiter": 3}
    return {
        "statsmodels-arima": lambda: tsa.ARIMA(SERIES, order=(1, 1, 0)).fit(method_kwargs=quiet),
        "statsmodels-sarimax": lambda: tsa.SARIMAX(SERIES, order=(1, 0, 0), seasonal_order=(1, 0, 0, 4)).fit(**quiet),
        "statsmodels-sarimax-dates": lambda: tsa.SARIMAX(dates, order=(1, 0, 1), trend="c").fit(**quiet),
        "statsmodels-sarimax-slim": lambda: slim(tsa.SARIMAX(SERIES, order=(1, 0, 0)).fit(**quiet)),
        "statsmodels-sarimax-model": lambda: tsa.SARIMAX(SERIES, order=(1, 0, 0)),
        "statsmodels-unobserved": lambda: tsa.UnobservedComponents(SERIES, "local level").fit(**quiet),
        "statsmodels-varmax": lambda: tsa.VARMAX(X[:, :2], order=(1, 0)).fit(**quiet),
        "statsmodels-factor": lambda: tsa.DynamicFactor(X[:, :2], k_factors=1, factor_order=1).fit(**quiet),
        "statsmodels-ets": lambda: tsa.ETSModel(dates, error="add", trend="add").fit(disp=0, maxiter=3),
        "statsmodels-space": lambda: tsa.statespace.ExponentialSmoothing(SERIES).fit(**quiet),
        "statsmodels-recursive": lambda: sm.RecursiveLS(SERIES, X[:1].repeat(40, 0) + np.arange(40)[:, None]).fit(),
        "statsmodels-autoreg": lambda: tsa.AutoReg(SERIES, 1).fit(),
        "statsmodels-ardl": lambda: tsa.ARDL(SERIES, 1).fit(),
        "statsmodels-holt": lambda: tsa.Holt(SERIES, initialization_method="estimated").fit(),
        "statsmodels-var": lambda: tsa.VAR(X).fit(1),
        "statsmodels-vecm": lambda: tsa.VECM(X).fit(),
        "statsmodels-markov": lambda: MarkovRegression(SERIES, 2).fit(maxiter=2),
        "statsmodels-theta": lambda: ThetaModel(dates, period=12).fit(),
        "statsmodels-stl": lambda: tsa.STL(dates, period=12).fit(),
        "statsmodels-seasonal": lambda: tsa.seasonal_decompose(dates, period=12),
        "statsmodels-ols": lambda: sm.OLS(KINDS, sm.add_constant(X)).fit(),
        "statsmodels-ols-frame": lambda: sm.OLS(pd.Series(KINDS, name="y"), pd.DataFrame(X, columns=list("abc"))).fit(cov_type="HC1"),
        "statsmodels-formula": lambda: sm.OLS.from_formula("y ~ a + b", pd.DataFrame(X, columns=list("abc")).assign(y=KINDS)).fit(),
        "statsmodels-glm": lambda: [sm.GLM(KINDS, X, family=f()).fit() for f in (sm.families.Binomial, sm.families.Gaussian, sm.families.Poisson)],
        "statsmodels-logit": lambda: sm.Logit(KINDS, X).fit(disp=0),
        "statsmodels-gee": lambda: sm.GEE(KINDS, X, groups=np.arange(30) // 3).fit(),
        "statsmodels-quantile": lambda: sm.QuantReg(KINDS + X[:, 0], X).fit(),
        "statsmodels-robust": lambda: sm.RLM(KINDS, X).fit(),
        "statsmodels-mixed": lambda: sm.MixedLM(X[:, 0], X[:, 1:], np.arange(30) // 3).fit(),
        "statsmodels-regularized": lambda: sm.OLS(KINDS, X).fit_regularized(),
        "statsmodels-empirical": lambda: sm.distributions.ECDF(X[:, 0]),
        "statsmodels-lowess": lambda: sm.nonparametric.lowess(KINDS, X[:, 0]),
        "statsmodels-pca": lambda: sm.PCA(X),
        "statsmodels-kernel": lambda: sm.nonparametric.KDEMultivariate(X, "ccc", bw=[1, 1, 1]),
    }  # fmt: skip


def slim(results: Any) -> object:
    """Return results without their data, as they are saved for prediction."""
    out = io.BytesIO()
    results.save(out, remove_data=True)
    return pickle.loads(out.getvalue())


def FAMILIES() -> list[Makers]:  # noqa: N802
    """Return the makers of every library."""
    makers = (python_rows, numpy_rows, scipy_rows, pandas_rows, sklearn_rows, statsmodels_rows)
    return [maker() for maker in makers]


if __name__ == "__main__":
    main()
