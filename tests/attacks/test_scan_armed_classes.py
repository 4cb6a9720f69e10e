"""A class that may be made and given a state is not one that may be called with any arguments."""

import pytest

from tests.attacks.scan_builders import rules, scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
SENTENCES = stack_global("sentence_transformers.sentence_transformer.model", "SentenceTransformer")
SGD = stack_global("torch.optim.sgd", "SGD") + b")\x81"
LINEAR = stack_global("torch.nn.modules.linear", "Linear") + b")\x81"
NORMAL = stack_global("scipy.stats._continuous_distns", "norm_gen") + b")\x81"
PARTIAL = stack_global("functools", "partial")
KEYWORDS = b"}" + text("trust_remote_code") + b"\x88s"
CLASSES = [
    ("sentence_transformers.sentence_transformer.model", "SentenceTransformer"),
    ("diffusers.models.autoencoders.autoencoder_kl", "AutoencoderKL"),
    ("transformers.training_args", "TrainingArguments"),
    ("transformers.models.gpt2.tokenization_gpt2", "GPT2Tokenizer"),
    ("datasets.arrow_dataset", "Dataset"),
    ("xgboost.core", "Booster"),
    ("lightgbm.basic", "Booster"),
]


def partial(function: bytes, arguments: bytes = text("evil/repo") + b"\x85") -> bytes:
    return PARTIAL + function + b"\x85R(" + function + arguments + KEYWORDS + b"Ntb"


def with_state(target: bytes, key: str, value: bytes) -> bytes:
    return P4 + target + b"}" + text(key) + value + b"sb."


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_a_partial_of_a_class_is_not_clean(module: str, name: str) -> None:
    assert worst(P4 + partial(stack_global(module, name)) + b".") >= Severity.HIGH


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_a_class_as_a_factory_is_not_clean(module: str, name: str) -> None:
    made = stack_global("collections", "defaultdict") + stack_global(module, name) + b"\x85R"
    assert worst(P4 + made + b".") >= Severity.HIGH


@pytest.mark.parametrize(("module", "name"), CLASSES)
def test_a_class_that_an_object_would_call_is_not_clean(module: str, name: str) -> None:
    data = with_state(LINEAR, "weight_factory", stack_global(module, name))
    assert worst(data) >= Severity.HIGH


@pytest.mark.parametrize(
    ("target", "key"),
    [
        (SGD, "_patch_step_function"),
        (LINEAR, "forward"),
        (NORMAL, "_attach_argparser_methods"),
        (NORMAL, "_attach_methods"),
        (NORMAL, "_updated_ctor_param"),
        (NORMAL, "_construct_argparser"),
    ],
)
@pytest.mark.parametrize(
    "value",
    [
        partial(SENTENCES),
        SENTENCES,
        stack_global("torch.nn.modules.linear", "Linear"),
        partial(stack_global("builtins", "int")),
    ],
    ids=["partial", "class", "harmless class", "harmless partial"],
)
def test_nothing_callable_hides_a_method_that_loading_calls(
    target: bytes, key: str, value: bytes
) -> None:
    assert "PKL005" in rules(with_state(target, key, value))


def test_a_method_of_an_optimizer_is_hidden_past_the_sixteenth_key_as_well() -> None:
    others = b"".join(text(f"a{n}") + b"N" for n in range(40))
    data = P4 + SGD + b"}(" + others + text("_patch_step_function") + SENTENCES + b"ub."
    assert "PKL005" in rules(data)


@pytest.mark.parametrize(
    "honest",
    [
        partial(stack_global("torch.nn.modules.normalization", "LayerNorm"), b")"),
        partial(stack_global("torch.nn.functional", "gelu"), b")"),
        stack_global("torch.nn.modules.activation", "GELU"),
        stack_global("sklearn.linear_model._ridge", "Ridge"),
        stack_global("numpy", "float32"),
    ],
    ids=["partial of a layer", "partial of a function", "layer", "estimator", "number"],
)
def test_classes_that_only_keep_what_they_are_given_are_clean(honest: bytes) -> None:
    assert scan(with_state(LINEAR, "norm_layer", honest)).outcome is Outcome.CLEAN
