"""What libraries of statistics, time series, graphs, games and vision save is quiet; their gadgets are not."""

import base64

import pytest

from tests.attacks.scan_builders import scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
SYSTEM = stack_global("os", "system")
CLASSES = [
    ("category_encoders.target_encoder", "TargetEncoder"),
    ("chemprop.nn.message_passing.base", "BondMessagePassing"),
    ("econml.dml.dml", "LinearDML"),
    ("feature_engine.encoding.one_hot", "OneHotEncoder"),
    ("gymnasium.spaces.box", "Box"),
    ("hmmlearn.hmm", "GaussianHMM"),
    ("implicit.cpu.als", "AlternatingLeastSquares"),
    ("interpret.glassbox._ebm._ebm", "ExplainableBoostingClassifier"),
    ("lifelines.fitters.kaplan_meier_fitter", "KaplanMeierFitter"),
    ("mlxtend.classifier.ensemble_vote", "EnsembleVoteClassifier"),
    ("networkx.classes.digraph", "DiGraph"),
    ("ngboost.distns.normal", "Normal"),
    ("nltk.tag.sequential", "UnigramTagger"),
    ("omegaconf.dictconfig", "DictConfig"),
    ("pmdarima.arima.arima", "ARIMA"),
    ("pyod.models.iforest", "IForest"),
    ("pytorch_tabnet.tab_model", "TabNetClassifier"),
    ("river.tree.hoeffding_tree_classifier", "HoeffdingTreeClassifier"),
    ("segmentation_models_pytorch.decoders.unet.model", "Unet"),
    ("skopt.optimizer.optimizer", "Optimizer"),
    ("sksurv.ensemble.forest", "RandomSurvivalForest"),
    ("sktime.forecasting.naive._naive", "NaiveForecaster"),
    ("stable_baselines3.common.buffers", "ReplayBuffer"),
    ("surprise.prediction_algorithms.matrix_factorization", "SVD"),
    ("timm.models.resnet", "ResNet"),
    ("torch_geometric.data.data", "Data"),
    ("torchmetrics.classification.accuracy", "BinaryAccuracy"),
    ("torchvision.models.resnet", "ResNet"),
    ("trl.trainer.sft_config", "SFTConfig"),
    ("tslearn.clustering.kmeans", "TimeSeriesKMeans"),
    ("ultralytics.nn.tasks", "DetectionModel"),
    ("umap.umap_", "UMAP"),
    ("xarray.core.dataset", "Dataset"),
]
"""one class of each list, with plain data for its attributes"""


def built(cls: tuple[str, str], *pairs: tuple[str, bytes]) -> bytes:
    state = b"".join(text(key) + value for key, value in pairs)
    return P4 + stack_global(*cls) + b")\x81}(" + state + b"ub."


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls[0].partition(".")[0])
def test_an_object_with_plain_data_is_quiet_and_one_that_holds_a_command_is_not(
    cls: tuple[str, str],
) -> None:
    plain = built(cls, ("size", b"K\x05"), ("names", b"]" + text("a") + b"a"))
    assert scan(plain).outcome is Outcome.CLEAN, scan(plain)
    assert worst(built(cls, ("callback", SYSTEM))) >= Severity.HIGH
    assert worst(P4 + stack_global(*cls) + b")\x81" + text("x") + SYSTEM + b"\x85R.") >= (
        Severity.HIGH
    )


CALLS = {
    "a time zone of pytz": stack_global("pytz", "_p") + text("Europe/Zurich") + b"M\xf8\x07K\x00",
    "no time at all": stack_global("pandas._libs.tslibs.nattype", "__nat_unpickle") + b"N",
    "an enumeration": stack_global("timm.layers.format", "Format") + text("NCHW"),
}
"""a function and its arguments"""


@pytest.mark.parametrize("case", CALLS)
def test_calls_with_plain_data_are_quiet(case: str) -> None:
    function, arguments = CALLS[case].split(b"\x93", 1)
    data = P4 + function + b"\x93(" + arguments + b"tR."
    assert scan(data).outcome is Outcome.CLEAN, scan(data)
    assert worst(P4 + function + b"\x93(" + SYSTEM + b"tR.") >= Severity.HIGH


def test_a_dict_with_attributes_is_quiet() -> None:
    for module in ("lightning_fabric", "lightning.fabric"):
        cls = stack_global(f"{module}.utilities.data", "AttributeDict")
        data = P4 + cls + b")\x81(" + text("rate") + b"K\x01u."
        assert scan(data).outcome is Outcome.CLEAN, scan(data)


def test_a_graph_keeps_a_cache_of_plain_data_only() -> None:
    graph = ("networkx.classes.graph", "Graph")
    assert scan(built(graph, ("__networkx_cache__", b"}"))).outcome is Outcome.CLEAN
    assert worst(built(graph, ("__networkx_cache__", SYSTEM))) >= Severity.HIGH
    assert worst(built(graph, ("__class__", b"}"))) >= Severity.HIGH


def test_a_cache_that_would_be_read_as_pickles_is_no_honest_memory() -> None:
    memory = ("joblib.memory", "Memory")
    honest = built(memory, ("location", b"N"), ("store_backend", b"N"))
    assert scan(honest).outcome is Outcome.CLEAN, scan(honest)
    backend = stack_global("types", "SimpleNamespace") + b")\x81"
    for stored in (backend, text("/tmp/cache")):
        assert worst(built(memory, ("depth", b"K\x01"), ("store_backend", stored))) >= Severity.HIGH
    late = built(memory, ("store_backend", b"N"))[:-2] + text("store_backend") + backend + b"sb."
    assert worst(late) >= Severity.HIGH


FORMULAS = {
    "y ~ C(s)": True,
    "y ~ np.log(x) + b": True,
    "y ~ C(s, Treatment('a')) + I(x**2) - 1": True,
    "y ~ (a + b)**2": True,
    "y ~ C(exit())": False,
    "y ~ np.load(x)": False,
    "y ~ np.log(x).tofile('a')": False,
    "y ~ C(s, __import__('os'))": False,
    "y ~ C(s, Treatment(print('a')))": False,
    "y ~ I(a if b else c)": False,
    "y ~ Q('__import__')('os')": False,
    "y ~ np.log(x)(y)": False,
    "y ~ a.b": False,
    "y ~ [a]": False,
}
"""whether it only computes"""


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_of_columns_and_transforms_is_quiet(formula: str) -> None:
    data = built(("statsmodels.base.data", "ModelData"), ("formula", text(formula)))
    assert (scan(data).outcome is Outcome.CLEAN) is FORMULAS[formula]


@pytest.mark.parametrize(
    "cls",
    [
        ("sklearn_crfsuite._fileresource", "FileResource"), ("cmdstanpy.model", "CmdStanModel"),
        ("torch_geometric.nn.conv.gcn_conv", "GCNConv"), ("hdbscan.dist_metrics", "PyFuncDistance"),
        ("hyperopt.mongoexp", "MongoTrials"), ("torchvision.transforms.transforms", "Lambda"),
        ("xarray.backends.file_manager", "CachingFileManager"), ("nltk.tag.stanford", "StanfordTagger"),
        ("stable_baselines3.common.vec_env.base_vec_env", "CloudpickleWrapper"),
    ],
)  # fmt: skip
def test_classes_that_reach_files_or_code_stay_off_the_lists(cls: tuple[str, str]) -> None:
    assert worst(built(cls, ("name", text("x")))) >= Severity.HIGH


FILLER = (b"}\x94(K\x01K\x02u0" * 1000, 480)
"""dicts that only the memo knows, so many that it forgets what they hold"""


def test_a_memo_that_forgets_what_dicts_hold_forgets_no_attack() -> None:
    filler = FILLER[0] * FILLER[1]
    cls = stack_global("sklearn.linear_model._base", "LinearRegression") + b")\x81"
    honest = P4 + b"}\x94(" + text("coef_") + b"K\x01u" + filler + b"0" + cls + b"h\x00b."
    assert scan(honest).outcome is Outcome.CLEAN, scan(honest)
    standing = P4 + b"}\x94" + filler + text("coef_") + SYSTEM + b"s0" + cls + b"h\x00b."
    assert worst(standing) >= Severity.HIGH
    again = P4 + b"}\x940" + filler + b"h\x00" + text("coef_") + SYSTEM + b"s0" + cls + b"h\x00b."
    assert worst(again) >= Severity.HIGH


def test_a_script_of_a_game_agent_in_base64_is_judged() -> None:
    stage = base64.b64encode(P4 + SYSTEM + text("echo x") + b"\x85R.").decode()
    assert worst(built(CLASSES[0], ("note", text(stage)))) is Severity.CRITICAL
