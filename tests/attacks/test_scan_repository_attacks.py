"""Repositories whose usual loader would run code from them or leave their folder."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive, safetensors, scan
from weightmark.errors import Exit
from weightmark.scanners.findings import FileScan
from weightmark.scanners.scan import Limits, Outcome, ScanReport, Severity
from weightmark.scanners.tree import scan_artifact

SCRIPT = b"import os\n\nclass X:\n    pass\n"


def _config(value: object, name: str = "config.json") -> FileScan:
    return scan(json.dumps(value).encode(), name=name)


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


CONFIGURATIONS = {
    "local code": ("REP001", "config.json", {"model_type": "x", "auto_map": {"AutoModel": "modeling_x.X"}}),
    "code of another repository": ("REP001", "config.json", {"auto_map": {"AutoConfig": "evil/repo--conf.C"}}),
    "tokenizer code as a list": ("REP001", "tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["t.T", None]}}),
    "processor code": ("REP001", "preprocessor_config.json", {"auto_map": {"AutoProcessor": "p.P"}}),
    "code of a nested configuration": ("REP001", "config.json", {"text_config": {"auto_map": {"AutoModel": "m.M"}}}),
    "code in a list of configurations": ("REP001", "config.json", {"parts": [[{"auto_map": {"AutoModel": "m.M"}}]]}),
    "deep in the tree": ("REP001", "a/b/c/config.json", {"auto_map": {"AutoModel": "m.M"}}),
    "another name": ("REP001", "notes.txt", {"auto_map": {"AutoModel": "m.M"}}),
    "custom pipelines": ("REP001", "config.json", {"custom_pipelines": {"x": {"impl": "pipe.P", "pt": ["AutoModel"]}}}),
    "agent tool": ("REP001", "tool_config.json", {"tool_class": "tool.Tool", "name": "x"}),
    "kernel from the hub": ("REP001", "config.json", {"_attn_implementation": "evil/kernel"}),
    "trust": ("REP002", "config.json", {"trust_remote_code": True}),
    "trust as text": ("REP002", "config.json", {"trust_remote_code": "True"}),
    "trust as a number": ("REP002", "config.json", {"model_args": {"trust_remote_code": 1}}),
    "trust of a tower": ("REP002", "open_clip_config.json", {"text_cfg": {"hf_trust_remote_code": True}}),
    "sentence module of the repository": ("REP003", "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "custom_st.Transformer"}]),
    "sentence module of another": ("REP003", "modules.json", [{"idx": 0, "name": "0", "path": "", "type": "evil/repo--m.M"}]),
    "sentence module of Python": ("REP003", "modules.json", [{"idx": 0, "name": "0", "path": "echo x", "type": "os.system"}]),
    "sentence function": ("REP003", "modules.json", [{"idx": 0, "name": "0", "path": "x", "type": "sentence_transformers.util.http_get"}]),
    "sentence path": ("REP004", "modules.json", [{"idx": 0, "name": "0", "path": "../x", "type": "sentence_transformers.models.Pooling"}]),
    "activation": ("REP003", "2_Dense/config.json", {"in_features": 3, "activation_function": "os.abort"}),
    "activation of a cross encoder": ("REP003", "config.json", {"sentence_transformers": {"activation_fn": "code.interact"}}),
    "activation beside layers": ("REP003", "config.json", {"activation_fn": "torch.nn.modules.module.os.abort"}),
    "router": ("REP003", "config.json", {"types": {"query_0": "os.system"}, "structure": {}}),
    "adapter library": ("REP003", "adapter_config.json", {"peft_type": "LORA", "auto_mapping": {"base_model_class": "X", "parent_library": "antigravity"}}),
    "adapter of remote code": ("REP003", "adapter_config.json", {"auto_mapping": {"parent_library": "transformers_modules.evil.m"}}),
    "pipeline code": ("REP001", "model_index.json", {"_class_name": ["pipeline", "MyPipeline"], "_diffusers_version": "0.30"}),
    "pipeline of another repository": ("REP001", "model_index.json", {"_class_name": "evil/pipe"}),
    "component code": ("REP003", "model_index.json", {"_class_name": "StableDiffusionPipeline", "unet": ["my_unet", "MyUnet"]}),
    "component of Python": ("REP003", "model_index.json", {"_class_name": "P", "unet": ["subprocess", "Popen"]}),
    "component with a function": ("REP003", "model_index.json", {"_class_name": "P", "unet": ["diffusers", "utils.import_utils.os"]}),
    "component of remote code": ("REP003", "model_index.json", {"_class_name": "P", "unet": ["diffusers_modules.local.x", "X"]}),
    "component outside": ("REP004", "model_index.json", {"_class_name": "P", "../unet": ["diffusers", "UNet2DModel"]}),
    "shard above": ("REP004", "model.safetensors.index.json", {"weight_map": {"a": "../x.bin"}}),
    "shard absolute": ("REP004", "pytorch_model.bin.index.json", {"weight_map": {"a": "/etc/passwd"}}),
    "shard of Windows": ("REP004", "pytorch_model.bin.index.json", {"weight_map": {"a": "C:\\x.bin"}}),
    "shard behind backslashes": ("REP004", "x.index.json", {"weight_map": {"a": "a\\..\\..\\x"}}),
    "shard of the web": ("REP004", "x.index.json", {"weight_map": {"a": "https://example.com/x.bin"}}),
    "shard in a list": ("REP004", "x.index.json", {"weight_map": {"a": ["m.bin", "../../x.bin"]}}),
    "served handler": ("REP001", "MAR-INF/MANIFEST.json", {"model": {"handler": "handler.py:run"}}),
    "served model": ("REP001", "MAR-INF/MANIFEST.json", {"model": {"handler": "text_classifier", "modelFile": "m.py"}}),
    "jsonpickle": ("REP009", "x.json", {"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["echo x"]}]}),
    "hydra": ("REP003", "config.json", {"model": {"_target_": "os.system", "command": "echo x"}}),
    "hydra function": ("REP003", "config.json", {"_target_": "torch.utils.collect_env.run"}),
    "lambda": ("KER001", "config.json", {"class_name": "Sequential", "config": {"layers": [{"class_name": "Lambda", "config": {"function": ["4w==", None, None]}}]}}),
    "lambda of Keras 3": ("KER001", "config.json", {"module": "keras", "class_name": "Functional", "config": {"f": {"class_name": "__lambda__", "config": {}}}}),
    "lambda in a wrapper": ("KER001", "config.json", {"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda"}}}),
    "saved model layer": ("KER001", "config.json", {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "x"}}),
    "Keras module": ("KER002", "config.json", {"module": "os", "class_name": "function", "config": "system", "registered_name": "function"}),
    "Keras function gadget": ("KER002", "config.json", {"module": "keras.utils", "class_name": "get_file", "config": {}}),
    "Keras class outside": ("KER002", "config.json", {"module": "subprocess", "class_name": "Popen", "config": {"args": ["echo"]}}),
    "Keras builtin": ("KER002", "config.json", {"module": "builtins", "class_name": "function", "config": "exec"}),
    "Keras vocabulary": ("KER003", "config.json", {"module": "keras.layers", "class_name": "StringLookup", "config": {"name": "x", "vocabulary": "/etc/passwd"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_configuration_that_leads_its_loader_astray(case: str) -> None:
    rule, name, document = CONFIGURATIONS[case]
    found = _config(document, name)
    assert rule in _rules(found), found
    assert _is_refused(found)


def test_repeated_key_hides_nothing() -> None:
    for data in (
        b'{"auto_map": {"AutoModel": "m.M"}, "auto_map": {}}',
        b'{"auto_map": {}, "auto_map": {"AutoModel": "m.M"}}',
    ):
        assert _rules(scan(data, name="config.json")) == {"REP001", "REP008"}


@pytest.mark.parametrize(
    "data",
    [
        b" " * 5000 + b'{"auto_map": {"A": "m.M"}}',
        b'{"auto\\u005fmap": {"A": "m.M"}}',
        b'{"x": NaN, "y": Infinity, "auto_map": {"A": "m.M"}}',
        b'{"x": "\\ud800", "auto_map": {"A": "m.M"}}',
        b'\xef\xbb\xbf{"auto_map": {"A": "m.M"}}',
        '{"auto_map": {"A": "m.M"}}'.encode("utf-16"),
        b'{"x": "' + b"y" * 3_000_000 + b'", "auto_map": {"A": "m.M"}}',
        b'{"x": "' + b"y" * 3_000_000 + b'", "auto\\u005fmap": {"A": "m.M"}}',
        b'[{"auto_map": {"A": "m.M"}}]',
    ],
)
def test_unusual_spelling_hides_nothing(data: bytes) -> None:
    assert "REP001" in _rules(scan(data, name="config.json"))


def test_configuration_inside_an_archive_is_judged() -> None:
    inner = json.dumps({"class_name": "Lambda", "config": {}}).encode()
    found = scan(archive(Member(b"config.json", inner), Member(b"metadata.json", b"{}")))
    assert [(f.rule, f.member) for f in found.findings] == [("KER001", "config.json")]
    manifest = json.dumps({"model": {"handler": "run.py"}}).encode()
    served = scan(archive(Member(b"MAR-INF/MANIFEST.json", manifest)), name="model.mar")
    assert "REP001" in _rules(served)


def test_broken_configuration_with_code_is_unchecked() -> None:
    whole = json.dumps({"model_type": "x", "auto_map": {"A": "m.M"}, "y": [1]}).encode()
    for size in range(40, len(whole)):
        assert scan(whole[:size], name="config.json").outcome is Outcome.UNCHECKED


def test_limits_of_documents_are_unchecked() -> None:
    deep = b'{"auto_map":' * 100_000 + b"1" + b"}" * 100_000
    assert scan(deep, name="config.json").outcome is Outcome.UNCHECKED
    code = b'{"auto_map": {"A": "m.M"}}'
    assert scan(code, Limits(document=10), name="config.json").outcome is Outcome.UNCHECKED
    template = json.dumps({"chat_template": "x" * 100}).encode()
    assert scan(template, Limits(template=99)).outcome is Outcome.UNCHECKED
    assert scan(b"x" * 100, Limits(template=99), name="a.jinja").outcome is Outcome.UNCHECKED
    tagged = b"a: !!python/name:os.system x\n"
    assert scan(tagged, Limits(document=9), name="a.yaml").outcome is Outcome.UNCHECKED


FILES = {
    "handler.py": ("REP005", SCRIPT),
    "model/handler.py": ("REP005", SCRIPT),
    "hubconf.py": ("REP005", SCRIPT),
    "custom_generate/generate.py": ("REP005", SCRIPT),
    "unet/diffusers.py": ("REP005", SCRIPT),
    "text_encoder/transformers.py": ("REP005", SCRIPT),
    "squad.py": (
        "REP006",
        b"import datasets\nclass S(datasets.GeneratorBasedBuilder):\n    pass\n",
    ),
    "arrow.py": ("REP006", b"from datasets import *\nclass S(ArrowBasedBuilder): pass\n"),
    "metric.py": ("REP006", b"import evaluate\nclass M(evaluate.Metric): pass\n"),
}


@pytest.mark.parametrize("name", FILES)
def test_file_that_a_loader_runs(name: str) -> None:
    rule, data = FILES[name]
    found = scan(data, name=name)
    assert _rules(found) == {rule}
    assert _is_refused(found)


MLMODELS = {
    "loader": ("REP003", "loader_module: evil_loader"),
    "loader in flow style": ("REP003", '"loader\\u005fmodule": !!str os'),
    "code": ("REP001", "loader_module: mlflow.sklearn\n    code: code"),
    "code of the model": ("REP001", "loader_module: mlflow.pyfunc.model\n    model_code_path: run.py"),
    "data above": ("REP004", "loader_module: mlflow.sklearn\n    data: ../../x"),
}  # fmt: skip


@pytest.mark.parametrize("case", MLMODELS)
def test_mlflow_model_that_runs_code(case: str) -> None:
    rule, lines = MLMODELS[case]
    data = f"artifact_path: model\nflavors:\n  python_function:\n    {lines}\n".encode()
    assert rule in _rules(scan(data, name="model/MLmodel"))


@pytest.mark.parametrize(
    "data",
    [
        b"a: !!python/object/apply:os.system ['echo x']\n",
        b"a: !!python/name:os.system\n",
        b"a: [1, {b: !!python/module:os x}]\n",
        b"a: !<tag:yaml.org,2002:python/object/apply:os.system> [echo x]\n",
        b"%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!object/apply:os.system [echo x]\n",
        b"a: 1\n---\n? !!python/object/new:os.system\n: 1\n",
        b"model:\n  _target_: os.system\n  command: echo x\n",
        b"&a a: 1\nb: &x\n  trust_remote_code: yes\nc: *x\n",
    ],
)
def test_yaml_that_builds_objects(data: bytes) -> None:
    assert _is_refused(scan(data, name="hparams.yaml"))


def test_yaml_aliases_cost_nothing() -> None:
    lines = [b"a0: &a0 [!x x]"]
    lines.extend(
        b"a%d: &a%d [%s]" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 40)
    )
    assert scan(b"\n".join(lines), name="bomb.yaml").outcome is Outcome.UNSUPPORTED


TEMPLATES = {
    "TPL001": [
        "{{ ''.__class__.__mro__ }}",
        "{{ x['__cla' ~ 'ss__'] }}",
        "{{ x['__cla' + 'ss__'] }}",
        "{{ x|attr('__class__') }}",
        "{{ x['\\x5f\\x5fclass\\x5f\\x5f'] }}",
        "{% set a = '__cl' %}{% set b = a ~ 'ass__' %}{{ x[b] }}",
        "{{ xs|map(attribute='__class__')|list }}",
        "{{ xs|groupby('__class__') }}",
        "{{ x['%sclass%s'|format('__', '__')] }}",
        "{{ x[('{}class{}').format('__', '__')] }}",
        "{{ x[['__cla', 'ss__']|join] }}",
        "{{ x['__ssalc__'[::-1]] }}",
        "{{ x['__ssalc__'|reverse] }}",
        "{{ x['__CLASS__'|lower] }}",
        "{{ x['@@class@@'|replace('@', '_')] }}",
        "{{ x['@@class@@'.replace('@', '_')] }}",
        "{{ x[dict(__class__=1)|list|first] }}",
        "{{ x[('__class__', 'a')[0]] }}",
        "{{ x['__class__' if true else 'b'] }}",
        "{{ joiner['__in' ~ 'it__'] }}",
        "{{ cycler.__init__.__globals__.os.popen('echo x').read() }}",
        "{{ lipsum.func_globals }}",
        "{{ self._TemplateReference__context }}",
        "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}",
        "{% if x.__class__ %}{% endif %}",
        "{% for a in ''.__class__.__subclasses__() %}{% endfor %}",
        "{% filter attr('__class__') %}x{% endfilter %}",
        "{% set ns = namespace(a='__cl') %}{% set ns.b = '__class__' %}{{ x[ns.b] }}",
    ],
    "TPL002": [
        "{% include '/etc/passwd' %}",
        "{% import 'x' as y %}",
        "{% from 'x' import y %}",
        "{% extends x %}",
    ],
    "TPL003": [
        "{{ x|attr(y) }}",
        "{{ x[y|join] }}",
        "{{ x[y ~ 'ss__'] }}",
        "{{ x['%c%c' % y] }}",
    ],
}


@pytest.mark.parametrize(("rule", "text"), [(k, t) for k, rows in TEMPLATES.items() for t in rows])
def test_template_that_reaches_beyond_its_data(rule: str, text: str) -> None:
    for found in (
        _config({"chat_template": text}, "tokenizer_config.json"),
        _config(
            {"chat_template": [{"name": "default", "template": text}]}, "tokenizer_config.json"
        ),
        _config({"chat_template": {"default": text}}, "processor_config.json"),
        scan(text.encode(), name="chat_template.jinja"),
    ):
        assert rule in _rules(found), found
        assert _is_refused(found)


@pytest.mark.parametrize(
    "text", ["{{ x", "{% unknown %}", "{{" + "(" * 2000 + "1" + ")" * 2000 + "}}"]
)
def test_template_that_cannot_be_parsed_is_unchecked(text: str) -> None:
    assert scan(text.encode(), name="a.jinja").outcome is Outcome.UNCHECKED


def test_template_cannot_make_the_scanner_work() -> None:
    for text in ("{{ 'a' * 999999999 }}", "{{ '%999999999d' % 1 }}", "{{ 9 ** 9 ** 9 }}"):
        assert scan(text.encode(), name="a.jinja").outcome is Outcome.CLEAN
    doubled = "{% set a = 'xx' %}" + "".join(
        f"{{% set a{i} = a{i - 1 or ''} ~ a{i - 1 or ''} %}}" for i in range(1, 60)
    )
    assert scan((doubled + "{{ x[a59] }}").encode(), name="a.jinja").findings


def test_whole_repository_is_refused_by_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(safetensors({}))
    (tmp_path / "config.json").write_text('{"auto_map": {"AutoModel": "modeling.M"}}')
    (tmp_path / "modeling.py").write_bytes(SCRIPT)
    report = scan_artifact(tmp_path)
    assert report.exit(Severity.HIGH) is Exit.BAD
    assert [finding.path for finding in report.findings] == ["config.json"]


@given(data=st.binary(max_size=200), name=st.sampled_from(["a.json", "MLmodel", "a.jinja", "a.py"]))
def test_any_bytes_under_a_loaders_name_never_raise(data: bytes, name: str) -> None:
    for start in (b"", b"{", b'{"auto_map":', b"flavors: ", b"{{ "):
        scan(start + data, name=name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["auto_map", "class_name", "module", "type", "weight_map", "x", "config"]), inner
    ),
    max_leaves=12,
)  # fmt: skip


@given(document=JSON, name=st.sampled_from(["config.json", "modules.json", "model_index.json"]))
def test_any_configuration_is_judged_without_raising(document: object, name: str) -> None:
    found = _config(document, name)
    assert (found.outcome is Outcome.CLEAN) <= (not found.problems)
