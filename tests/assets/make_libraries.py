"""Make honest files with CatBoost, imbalanced-learn, statsmodels, tokenizers, gensim and scipy's distributions.

Run it inside an environment that holds the libraries of `tools/allowlist/requirements.in`; it packs
what is small into `libraries.zip`, so that tests need none of them:

    python tests/assets/make_libraries.py
"""

import io
import pickle
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np

ASSET = Path(__file__).with_name("libraries.zip")
LARGEST = 20_000
LARGEST_AGAIN = 3_000
"""bytes of a file that says the same as the pickle of protocol 4"""
EPOCH = (1980, 1, 1, 0, 0, 0)
Row = tuple[str, object]
SOURCE = np.random.RandomState(0)
X = np.abs(SOURCE.rand(40, 3)).round(2)
KINDS = (np.arange(40) % 4 == 0).astype(int)
SENTENCES = [["a", "small", "model"], ["another", "model", "a"], ["data", "small"]] * 3


def main() -> None:
    """Pack every object as pickles of protocols 2 and 4 and as a joblib dump, in a fixed order."""
    warnings.simplefilter("ignore")
    files: dict[str, bytes] = {}
    makers = (catboost_rows, imblearn_rows, statsmodels_rows, tokenizers_rows, gensim_rows)
    for maker in (*makers, distribution_rows, sklearn_rows):
        for name, value in maker():
            files |= written(name, value)
    with zipfile.ZipFile(ASSET, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, data in sorted(files.items()):
            if len(data) < (LARGEST if name.endswith(".4.pkl") else LARGEST_AGAIN):
                archive.writestr(zipfile.ZipInfo(name, EPOCH), data, 8)


def written(name: str, value: object) -> dict[str, bytes]:
    """Return the files of one object by name; bytes are a file as it is."""
    if isinstance(value, bytes):
        return {name: value}
    files = {f"{name}.{protocol}.pkl": pickle.dumps(value, protocol) for protocol in (2, 4)}
    out = io.BytesIO()
    joblib.dump(value, out)
    return files | {f"{name}.joblib": out.getvalue()}


def catboost_rows() -> Iterator[Row]:
    """Fit small boosted trees, and make one that is not fitted."""
    import catboost

    small = {"iterations": 2, "depth": 1, "verbose": False, "allow_writing_files": False}
    yield "catboost-classifier", catboost.CatBoostClassifier(**small).fit(X, KINDS)
    yield "catboost-regressor", catboost.CatBoostRegressor(**small).fit(X, KINDS)
    yield "catboost-plain", catboost.CatBoost({**small, "loss_function": "RMSE"}).fit(X, KINDS)
    ranker = catboost.CatBoostRanker(**small)
    yield "catboost-ranker", ranker.fit(X, KINDS, group_id=np.arange(40) // 10)
    yield "catboost-unfitted", catboost.CatBoostClassifier(**small)


def imblearn_rows() -> Iterator[Row]:
    """Fit every resampler and ensemble on tiny data, and a pipeline of both kinds."""
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline
    from imblearn.utils.testing import all_estimators
    from sklearn.linear_model import LogisticRegression

    for name, cls in all_estimators():
        fitted = attempt(cls)
        if fitted is not None:
            yield f"imblearn-{name}", fitted
    steps = make_pipeline(SMOTE(k_neighbors=2), LogisticRegression())
    yield "imblearn-pipeline", steps.fit(X, KINDS)


def attempt(cls: Callable[..., Any]) -> object:
    """Return a fitted sampler or estimator, or None where these data do not suit it."""
    try:
        made = cls()
        if "n_estimators" in made.get_params():
            made.set_params(n_estimators=2)
        return made.fit(X, KINDS)
    except Exception:  # noqa: BLE001 - some need other arguments or data
        return None


def statsmodels_rows() -> Iterator[Row]:
    """Fit linear, generalized, discrete, robust and time series models, from arrays and formulas."""
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf
    from statsmodels.tsa.api import VAR, AutoReg, ExponentialSmoothing

    design, y = sm.add_constant(X), X @ [1.0, 2.0, 3.0] + SOURCE.rand(40)
    for name, model in (
        ("ols", sm.OLS(y, design)),
        ("wls", sm.WLS(y, design)),
        ("gls", sm.GLS(y, design)),
        ("glm", sm.GLM(KINDS, design, family=sm.families.Binomial())),
        ("poisson-glm", sm.GLM(KINDS, design, family=sm.families.Poisson())),
        ("rlm", sm.RLM(y, design)),
        ("quantile", sm.QuantReg(y, design)),
        ("mixed", sm.MixedLM(y, design, np.arange(40) // 10)),
    ):
        yield f"statsmodels-{name}", model.fit()
    for name, cls in (("logit", sm.Logit), ("probit", sm.Probit), ("poisson", sm.Poisson)):
        yield f"statsmodels-{name}", cls(KINDS, design).fit(disp=0)
    yield "statsmodels-multinomial", sm.MNLogit(np.arange(40) % 3, design).fit(disp=0)
    frame = pd.DataFrame(X, columns=list("abc")).assign(y=y)
    yield "statsmodels-frame", sm.OLS(frame["y"], sm.add_constant(frame[["a", "b"]])).fit()
    yield "statsmodels-formula", smf.ols("y ~ a + b", frame).fit()
    yield "statsmodels-autoregression", AutoReg(y, lags=1).fit()
    trend = ExponentialSmoothing(y, trend="add", initialization_method="estimated")
    yield "statsmodels-holt", trend.fit()
    yield "statsmodels-vector", VAR(X).fit(1)


def tokenizers_rows() -> Iterator[Row]:
    """Train small tokenizers of each model."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    lines = [" ".join(words) for words in SENTENCES]
    unknown = {"unk_token": "?"}
    for model, trainer in (
        (models.BPE(**unknown), trainers.BpeTrainer(vocab_size=40, special_tokens=["?"])),
        (models.WordPiece(**unknown), trainers.WordPieceTrainer(special_tokens=["?"])),
        (models.WordLevel(**unknown), trainers.WordLevelTrainer(special_tokens=["?"])),
        (models.Unigram(), trainers.UnigramTrainer(vocab_size=30, show_progress=False)),
    ):
        made = Tokenizer(model)
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        made.normalizer = normalizers.Lowercase()
        made.train_from_iterator(lines, trainer)
        yield f"tokenizers-{type(model).__name__}", made
    yield (
        "tokenizers-parts",
        [pre_tokenizers.ByteLevel(), normalizers.NFC(), processors.ByteLevel()],
    )


def gensim_rows() -> Iterator[Row]:
    """Train word vectors, topics, dictionaries and phrases."""
    from gensim import corpora, models

    words = corpora.Dictionary(SENTENCES)
    bags = [words.doc2bow(line) for line in SENTENCES]
    yield "gensim-dictionary", words
    yield "gensim-tfidf", models.TfidfModel(bags)
    yield "gensim-lsi", models.LsiModel(bags, id2word=words, num_topics=2)
    yield "gensim-lda", models.LdaModel(bags, id2word=words, num_topics=2)
    yield "gensim-phrases", models.Phrases(SENTENCES, min_count=1, threshold=0.1)
    small = {"vector_size": 4, "min_count": 1, "workers": 1, "epochs": 1}
    vectors = models.Word2Vec(SENTENCES, **small)
    yield "gensim-word2vec", vectors
    yield "gensim-keyed", vectors.wv
    for kind, made in (("word2vec", vectors), ("keyed", vectors.wv), ("dictionary", words)):
        with tempfile.TemporaryDirectory() as folder:
            made.save(f"{folder}/saved")
            yield f"gensim-saved-{kind}.model", Path(folder, "saved").read_bytes()
    tagged = [models.doc2vec.TaggedDocument(line, [i]) for i, line in enumerate(SENTENCES)]
    yield "gensim-doc2vec", models.Doc2Vec(tagged, **small)
    yield "gensim-fasttext", models.FastText(SENTENCES, **small, bucket=8)


def distribution_rows() -> Iterator[Row]:
    """Freeze distributions, alone and in a search over them."""
    from scipy import stats
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RandomizedSearchCV

    for name, frozen in (
        ("uniform", stats.uniform(0, 1)),
        ("norm", stats.norm(0, 1)),
        ("loguniform", stats.loguniform(0.01, 1)),
        ("randint", stats.randint(1, 9)),
        ("beta", stats.beta(a=2, b=3)),
        ("poisson", stats.poisson(2)),
    ):
        yield f"scipy-{name}", frozen
    spread = {"C": stats.loguniform(0.01, 1), "tol": stats.uniform(1e-4, 1e-3)}
    search = RandomizedSearchCV(LogisticRegression(), spread, n_iter=2, random_state=0)
    yield "scipy-search", search.fit(X, KINDS)


def sklearn_rows() -> Iterator[Row]:
    """Fit the estimators that need arguments of their own."""
    from sklearn import (
        calibration,
        compose,
        covariance,
        decomposition,
        ensemble,
        feature_selection,
        impute,
        linear_model,
        manifold,
        model_selection,
        neighbors,
        pipeline,
        preprocessing,
        random_projection,
        semi_supervised,
        tree,
    )
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401

    plain = linear_model.LogisticRegression()
    for name, made in (
        ("calibrated", calibration.CalibratedClassifierCV(plain, cv=2)),
        ("isotonic", calibration.CalibratedClassifierCV(plain, cv=2, method="isotonic")),
        (
            "target",
            compose.TransformedTargetRegressor(
                linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
            ),
        ),
        (
            "power-target",
            compose.TransformedTargetRegressor(
                linear_model.Ridge(), transformer=preprocessing.StandardScaler()
            ),
        ),
        ("robust", covariance.EllipticEnvelope()),
        ("dictionary", decomposition.MiniBatchDictionaryLearning(2, max_iter=2)),
        ("gradient", ensemble.GradientBoostingClassifier(n_estimators=2)),
        ("gradient-regressor", ensemble.GradientBoostingRegressor(n_estimators=2, loss="huber")),
        ("hist", ensemble.HistGradientBoostingClassifier(max_iter=2)),
        ("ada", ensemble.AdaBoostRegressor(n_estimators=2)),
        ("isolation", ensemble.IsolationForest(n_estimators=2)),
        ("select", feature_selection.SelectKBest(feature_selection.f_regression, k=2)),
        (
            "select-mutual",
            feature_selection.SelectKBest(feature_selection.mutual_info_classif, k=2),
        ),
        ("select-model", feature_selection.SelectFromModel(plain)),
        ("rfecv", feature_selection.RFECV(plain, cv=2)),
        ("sequential", feature_selection.SequentialFeatureSelector(plain, cv=2)),
        ("iterative", impute.IterativeImputer(max_iter=2)),
        ("knn", impute.KNNImputer()),
        ("ridge", linear_model.RidgeCV()),
        ("ransac", linear_model.RANSACRegressor()),
        ("mds", manifold.MDS(2, n_init=1)),
        ("tsne", manifold.TSNE(2, perplexity=2.0, max_iter=250)),
        ("spectral", manifold.SpectralEmbedding(2)),
        ("halving", model_selection.HalvingGridSearchCV(plain, {"C": [0.1, 1]}, cv=2)),
        (
            "grid",
            model_selection.GridSearchCV(
                plain,
                {"C": [0.1, 1]},
                cv=model_selection.TimeSeriesSplit(2),
                scoring=["f1", "accuracy"],
                refit="f1",
            ),
        ),
        ("lof", neighbors.LocalOutlierFactor(novelty=True)),
        ("density", neighbors.KernelDensity()),
        ("components", neighbors.NeighborhoodComponentsAnalysis(2)),
        ("radius", neighbors.RadiusNeighborsRegressor(1.0)),
        ("function", preprocessing.FunctionTransformer(np.sqrt)),
        ("spline", preprocessing.SplineTransformer()),
        ("quantile", preprocessing.QuantileTransformer(n_quantiles=4)),
        ("projection", random_projection.SparseRandomProjection(2)),
        ("self", semi_supervised.SelfTrainingClassifier(plain)),
        ("extra", tree.ExtraTreeClassifier()),
        ("pipeline", pipeline.Pipeline([("a", preprocessing.PolynomialFeatures()), ("b", plain)])),
    ):
        yield f"sklearn-{name}", made.fit(X, KINDS)


if __name__ == "__main__":
    main()
