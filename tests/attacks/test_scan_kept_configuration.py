"""Each test hides code in what objects keep: templates, settings that loaders read, distributions, studies."""

import pytest

from tests.attacks.scan_builders import rules, scan, stack_global, text, worst
from weightmark.scanners.scan import Outcome, Severity

P4 = b"\x80\x04"
SYSTEM = stack_global("os", "system")
REACHING = "{{ ''.__class__.__mro__ }}"
TOKENIZER = ("transformers.models.bert.tokenization_bert", "BertTokenizer")
CONFIG = ("transformers.models.bert.configuration_bert", "BertConfig")
MODEL = ("transformers.models.bert.modeling_bert", "BertModel")
HISTOGRAM = ("scipy.stats._continuous_distns", "rv_histogram")
TABLE = ("scipy.stats._distn_infrastructure", "rv_sample")
STUDY = ("optuna.study.study", "Study")
SAMPLER = ("optuna.samplers._tpe.sampler", "TPESampler")


def new(cls: tuple[str, str]) -> bytes:
    return stack_global(*cls) + b")\x81"


def state(*pairs: tuple[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs) + b"u"


def built(cls: tuple[str, str], *pairs: tuple[str, bytes]) -> bytes:
    return new(cls) + state(*pairs) + b"b"


def listed(source: str) -> bytes:
    return b"]" + state(("name", text("tools")), ("template", text(source))) + b"a"


TEMPLATES = {
    "in a dict": built(TOKENIZER, ("chat_template", state(("default", text("{{ a }}")), ("tools", text(REACHING))))),
    "in a list": built(TOKENIZER, ("chat_template", listed(REACHING))),
    "in the settings that it was made with": built(
        TOKENIZER, ("init_kwargs", state(("chat_template", state(("default", text(REACHING))))))
    ),
    "deeper than any tokenizer keeps one": built(
        TOKENIZER, ("chat_template", state(("a", state(("b", state(("c", text(REACHING))))))))
    ),
    "in a dict that is filled later": b"}\x940" + new(TOKENIZER) + b"}(" + text("chat_template") + b"h\x00ubh\x00("
    + text("a") + text(REACHING) + b"u0",
    "in a list that is filled later": b"]\x940" + new(TOKENIZER) + b"}(" + text("chat_template") + b"h\x00ubh\x00"
    + text(REACHING) + b"a0",
    "behind more templates than are remembered": built(
        TOKENIZER,
        ("chat_template", b"](" + b"".join(text(f"{{{{ a{i} }}}}") for i in range(40)) + text(REACHING) + b"e"),
    ),
    "as a number": built(TOKENIZER, ("chat_template", b"K\x01")),
    "in a set": built(TOKENIZER, ("chat_template", b"\x8f(" + text(REACHING) + b"\x90")),
}  # fmt: skip
KEPT = {
    "remote code is trusted": built(MODEL, ("trust_remote_code", b"\x88")),
    "remote code is trusted by a number": built(CONFIG, ("trust_remote_code", b"K\x01")),
    "generation from another repository": built(CONFIG, ("custom_generate", text("evil/repo"))),
    "tool of another repository": built(CONFIG, ("tool_class", text("tool.Tool"))),
    "histogram with code": built(HISTOGRAM, ("_parse_arg_template", text("import os"))),
    "histogram with a density of its own": built(HISTOGRAM, ("_pdf", SYSTEM)),
    "histogram of a command": built(HISTOGRAM, ("_histogram", SYSTEM)),
    "histogram whose settings are computed": built(
        HISTOGRAM, ("_updated_ctor_param", stack_global("builtins", "str"))
    ),
    "histogram that is called": stack_global(*HISTOGRAM)
    + b"N"
    + text("x=__import__('os').system('echo x')")
    + b"\x86R",
    "histogram with code in pairs": new(HISTOGRAM)
    + text("_parse_arg_template")
    + text("import os")
    + b"\x86\x85b",
    "histogram with code in slots": new(HISTOGRAM)
    + b"N"
    + state(("_parse_arg_template", text("import os")))
    + b"\x86b",
    "table with code": built(TABLE, ("_parse_arg_template", text("import os"))),
    "table that is called": stack_global(*TABLE) + b")R",
    "method of a table": stack_global("builtins", "getattr")
    + new(TABLE)
    + text("_construct_argparser")
    + b"\x86R",
    "study in a database": built(
        STUDY,
        (
            "_storage",
            built(("optuna.storages._rdb.storage", "RDBStorage"), ("url", text("sqlite:///x"))),
        ),
    ),
    "study on a server": built(
        STUDY,
        (
            "_storage",
            built(("optuna.storages._grpc.client", "GrpcStorageProxy"), ("_host", text("x"))),
        ),
    ),
    "study in a journal": built(
        STUDY,
        ("_storage", built(("optuna.storages.journal._storage", "JournalStorage"), ("a", b"N"))),
    ),
    "study with a hook of its own": built(STUDY, ("__setstate__", SYSTEM)),
    "sampler with a command": built(SAMPLER, ("_gamma", SYSTEM)),
    "sampler with an unknown function": built(
        SAMPLER, ("_weights", stack_global("some.library", "helper"))
    ),
    "sampler that is called": stack_global(*SAMPLER) + b")R",
    "artifact of a study": stack_global("optuna.artifacts", "download_artifact") + b")R",
}
HONEST = {
    "template in a dict": built(
        TOKENIZER, ("chat_template", state(("default", text("{{ messages }}"))))
    ),
    "template in a list": built(TOKENIZER, ("chat_template", listed("{{ messages }}"))),
    "remote code is not trusted": built(MODEL, ("trust_remote_code", b"\x89")),
    "generation of its own": built(CONFIG, ("custom_generate", text("sink_cache"))),
    "study in memory": built(
        STUDY,
        ("_storage", built(("optuna.storages._in_memory", "InMemoryStorage"), ("_studies", b"}"))),
    ),
    "sampler with a function of optuna": built(
        SAMPLER, ("_gamma", stack_global("optuna.samplers._tpe.sampler", "default_gamma"))
    ),
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_a_tokenizer_keeps_is_judged(name: str) -> None:
    data = P4 + TEMPLATES[name] + b"."
    assert worst(data) >= Severity.HIGH
    assert rules(data) & {"TPL001", "PKL008", "PKL009"}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_loader_would_run_later_is_found(name: str) -> None:
    assert worst(P4 + KEPT[name] + b".") >= Severity.HIGH


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_twin_is_quiet(name: str) -> None:
    found = scan(P4 + HONEST[name] + b".")
    assert found.outcome is Outcome.CLEAN, found


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ("model:\n  cls: os.system\n  kwargs:\n    command: echo x\n", True),
        ("model:\n  kwargs: {}\n  cls: builtins.eval\n", True),
        ("model:\n  cls: some.library:run\n  kwargs: {}\n", True),
        ("model:\n  cls: sklearn.linear_model.LogisticRegression\n  kwargs:\n    C: 1\n", False),
        ("model:\n  cls: linear\n  kwargs: {}\n", False),
    ],
)
def test_a_class_with_its_arguments_in_a_configuration(document: str, refused: bool) -> None:
    assert (worst_of(document) >= Severity.HIGH) is refused


def worst_of(document: str) -> Severity:
    found = scan(document.encode(), name="config.yaml").findings
    return max((finding.severity for finding in found), default=Severity.INFO)
