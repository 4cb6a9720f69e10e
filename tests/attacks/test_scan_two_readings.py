"""Templates, text models, columns and pickled configurations that a real loader reads in another way."""

import base64
import json
import struct

import pytest

from tests.attacks.scan_builders import rules, scan, stack_global, text
from weightmark.errors import Exit
from weightmark.scanners.limits import Limits
from weightmark.scanners.scan import FileScan, Outcome, ScanReport, Severity

P4 = b"\x80\x04"
EMPTY = "{% set u = (messages|string)[:0] %}"
BUILT = "'__'+u+'class__'"


def tokenizer(template: str, **more: object) -> FileScan:
    document = {"chat_template": template, **more}
    return scan(json.dumps(document).encode(), name="tokenizer_config.json")


def is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


def named(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


@pytest.mark.parametrize(
    "template",
    [
        EMPTY + "{{ (''|attr(name=" + BUILT + "))|string }}",
        EMPTY + "{{ ['']|map('attr',name=" + BUILT + ")|list }}",
        EMPTY + "{{ ['']|map(attribute=" + BUILT + ")|list }}",
        EMPTY + "{{ ['']|join(attribute=" + BUILT + ") }}",
        EMPTY + "{{ ['']|join(''," + BUILT + ") }}",
        EMPTY + "{{ ''[{}.get(*['k'," + BUILT + "])] }}",
        EMPTY + "{{ ''[{}.pop(*['k'," + BUILT + "])] }}",
        EMPTY + "{{ ''[{}|default(*[" + BUILT + "])] }}",
        EMPTY + "{% set loop = {'first': " + BUILT + "} %}{{ ''[loop.first] }}",
        EMPTY + "{% for loop in [{'index': " + BUILT + "}] %}{{ ''[loop.index] }}{% endfor %}",
        "{% macro range(x) %}__{{x}}__{% endmacro %}{{ ''[range('class')] }}",
        "{% macro dict(x) %}__{{x}}__{% endmacro %}{{ ''[dict('class')] }}",
        "{% macro namespace(x) %}__{{x}}__{% endmacro %}{{ ''[namespace('class')] }}",
        "{% macro m(x) %}__{{x}}__{% endmacro %}{% set d={'count':m} %}{{ ''[d.count('class')] }}",
        "{% macro m(x) %}__{{x}}__{% endmacro %}{{ ''[({'find':m}).find('class')] }}",
        "{% macro m(x) %}__{{x}}__{% endmacro %}{% set n=namespace(index=m) %}{{ ''[n.index('class')] }}",
    ],
)
def test_a_key_that_a_template_puts_together_is_told(template: str) -> None:
    assert is_refused(tokenizer(template))


@pytest.mark.parametrize(
    "tokens",
    [
        {"extra_special_tokens": {"foo": "__class__"}},
        {"model_specific_special_tokens": {"foo": "__class__"}},
        {"foo_token": "__class__"},
        {"foo_token": {"content": "__class__"}},
        {"additional_special_tokens": ["a", "__class__"]},
    ],
)
def test_a_special_token_that_names_what_templates_must_not_reach_is_told(
    tokens: dict[str, object],
) -> None:
    assert "TPL001" in named(tokenizer("{{ ''[foo] }}", **tokens))


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m[['role','content'][loop.index0 % 2]] }}{% endfor %}",
        "{{ messages[range(3)|length] }}{{ messages|map(attribute='content')|join(', ') }}",
        "{% set c = (messages[0].content|trim) ~ 'x' %}{{ messages[c.count('x') - 1] }}",
        "{% set ns = namespace(i=0) %}{% for m in messages %}{% set ns.i = loop.index %}{% endfor %}{{ messages[ns.i] }}",
        "{{ messages|join(sep) }}{{ messages|sort(attribute='role', reverse=true)|list }}",
    ],
)
def test_honest_keys_stay_clean(template: str) -> None:
    assert tokenizer(template, unk_name="<s>").outcome is Outcome.CLEAN


def test_many_lists_that_hold_each_other_end_in_time() -> None:
    template = "{% set a0=[] %}" + "".join(
        f"{{% set a{n}=[a{n - 1}] %}}{{% do a{n}.append(x) %}}" for n in range(1, 2000)
    )
    assert tokenizer(template).outcome is Outcome.UNCHECKED


def test_the_time_limit_holds_while_a_template_is_parsed() -> None:
    data = json.dumps({"chat_template": "{{ x }}" * 50_000}).encode()
    found = scan(data, Limits(seconds=0.05), name="tokenizer_config.json")
    assert found.outcome is Outcome.UNCHECKED


HEADER = '<ir_version: 7, opset_import: ["" : 10]>'
GRAPH = "\nagraph (float[N] X) => (float[N] Y) "


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (HEADER + GRAPH + '<float[2] W = ["location" #x\n: "../../etc/passwd"]> { Y = Add(X,W) }', "ONX001"),
        (HEADER + GRAPH + "{ Y = ai.onnx.contrib #c\n.PyOp(X) }", "ONX002"),
        (HEADER + GRAPH + "{ Y = ai . onnx . contrib . PyOp (X) }", "ONX002"),
        (HEADER + GRAPH + "{ Y = ai.onnx.contrib.PyOp:over(X) }", "ONX002"),
        (HEADER + GRAPH + "{ Y = #c\n PyOp<a=1>(X) }", "ONX002"),
        (GRAPH + "{ Y = evil.Custom(X) }", "ONX003"),
        ("<model_version: 1, ir_version: 7>" + GRAPH + "{ Y = evil.Custom(X) }", "ONX003"),
        ('<doc_string: "#", ir_version: 7>' + GRAPH + "{ Y = evil.Custom(X) }", "ONX003"),
        ('<ir_version: 7, domain: "evil">' + GRAPH + "{ Y = evil.Custom(X) }", "ONX003"),
        ("#" + "a" * 70_000 + "\n" + HEADER + GRAPH + "{ Y = ai.onnx.contrib.PyOp(X) }", "ONX002"),
    ],
)  # fmt: skip
def test_the_syntax_of_onnx_is_read_as_onnx_reads_it(model: str, rule: str) -> None:
    assert rule in named(scan(model.encode(), name="model.onnxtxt"))


def test_a_function_of_the_model_is_its_own_and_another_of_its_domain_is_not() -> None:
    function = '\n<domain: "mine", opset_import: ["" : 10]>\nF (A) => (B) { B = Relu(A) }'
    model = HEADER + GRAPH + "{ Y = mine.%s(X) }" + function
    assert "ONX003" not in named(scan((model % "F").encode(), name="model.onnxtxt"))
    assert "ONX003" in named(scan((model % "G").encode(), name="model.onnxtxt"))


def test_a_text_without_an_end_costs_little() -> None:
    found = scan((HEADER + '"' * 200_001).encode(), name="model.onnxtxt")
    assert found.outcome is not Outcome.CLEAN


@pytest.mark.parametrize(
    "model",
    [
        'graph { node { op_type: "Py\\U0000004fp" domain: "ai.onnx.contrib" } }',
        'graph { node { op_type: "Py\\N{LATIN CAPITAL LETTER O}p" domain: "ai.onnx.contrib" } }',
        'graph #c\n{ node { op_type: "PyOp" domain: "ai.onnx.contrib" } }',
        "#" + "a" * 70_000 + '\ngraph { node { op_type: "PyOp" domain: "ai.onnx.contrib" } }',
        'configuration {name:"x"} graph { node { op_type: "PyOp" domain: "ai.onnx.contrib" } }',
        'unheard_of: 1 graph { node { op_type: "PyOp" domain: "ai.onnx.contrib" } }',
    ],
)
def test_protobuf_text_is_read_however_it_begins_and_is_escaped(model: str) -> None:
    assert "ONX002" in named(scan(model.encode(), name="model.textproto"))


@pytest.mark.parametrize(
    "before", ["", "#" + "a" * 70_000 + "\n", "unheard_of: 1 "], ids=["plain", "comment", "key"]
)
def test_a_graph_of_tensorflow_is_read_however_it_begins(before: str) -> None:
    graph = 'meta_graphs { graph_def { node { name: "a" op: "W\\U00000072iteFile" } } }'
    assert "TFG001" in named(scan((before + graph).encode(), name="saved_model.pbtxt"))


def test_a_label_map_is_no_graph() -> None:
    found = scan(b'item { id: 1 name: "cat" }\nitem { id: 2 name: "dog" }', name="labels.pbtxt")
    assert not found.findings
    assert not found.problems


def parquet(before: bytes) -> bytes:
    blob = b"\xff\xff\xff\xff" + bytes(100) + b"arrow.py_extension_type" + bytes(90)
    footer = b"\x15\x04\x19ARROW:schema\x18" + before + base64.b64encode(blob) + b"\0"
    return b"PAR1" + bytes(20) + footer + struct.pack("<I", len(footer)) + b"PAR1"


@pytest.mark.parametrize("before", [b"\x94\x02", b"A", b"AA", b"\x94A", b"AAA"])
def test_a_schema_in_base64_is_found_behind_letters_of_base64(before: bytes) -> None:
    assert "ARW001" in rules(parquet(before))


def test_a_stream_of_old_is_searched_as_well() -> None:
    table = struct.pack("<I4xHHi", 16, 4, 4, 8 - 4)
    message = struct.pack("<I", 12) + struct.pack("<HHHH", 4, 4, 0, 0) + struct.pack("<i", 8)
    message += b"arrow.py_extension_type" + bytes(21)
    assert table
    assert "ARW001" in rules(struct.pack("<I", len(message)) + message + bytes(16))


def made(module: str, name: str, key: str, value: bytes) -> bytes:
    return P4 + stack_global(module, name) + b")\x81}" + text(key) + value + b"sb."


BERT = "transformers.models.bert."


@pytest.mark.parametrize(
    ("module", "name", "key", "value", "rule"),
    [
        (BERT + "modeling_bert", "BertModel", "auto_map", b"}" + text("AutoModel") + text("evil/x--m.M") + b"s", "PKL008"),
        (BERT + "configuration_bert", "BertConfig", "_attn_implementation", text("evil/kernel"), "PKL008"),
        (BERT + "configuration_bert", "BertConfig", "_attn_implementation_internal", text("evil/kernel"), "PKL008"),
        (BERT + "tokenization_bert", "BertTokenizer", "chat_template", text("{{ cycler.__init__.__globals__ }}"), "TPL001"),
        (BERT + "tokenization_bert", "BertTokenizer", "chat_template",
         b"X" + struct.pack("<I", 300) + b"{{ cycler.__init__.__globals__ }}".ljust(300), "TPL001"),
        (BERT + "tokenization_bert", "BertTokenizer", "chat_template", b"}" + text("a") + b"K\x01s", "PKL008"),
    ],
)  # fmt: skip
def test_a_pickled_configuration_is_judged_as_its_json_is(
    module: str, name: str, key: str, value: bytes, rule: str
) -> None:
    assert rule in rules(made(module, name, key, value))


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("configuration_bert:BertConfig", "_attn_implementation", text("sdpa")),
        ("configuration_bert:BertConfig", "_attn_implementation", b"N"),
        ("tokenization_bert:BertTokenizer", "chat_template", text("{{ messages[0].content }}")),
        ("tokenization_bert:BertTokenizer", "chat_template", b"N"),
    ],
)
def test_an_honest_pickled_configuration_is_clean(name: str, key: str, value: bytes) -> None:
    module, _, cls = name.partition(":")
    assert scan(made(BERT + module, cls, key, value)).outcome is Outcome.CLEAN


def pattern(expression: bytes, flags: int) -> bytes:
    return (
        P4
        + stack_global("re", "_compile")
        + expression
        + struct.pack("<BI", 0x4A, flags)
        + b"\x86R."
    )


@pytest.mark.parametrize("flags", [128, 32 | 128, 1, 512, 1 << 20])
def test_flags_that_print_or_that_nobody_knows_are_refused(flags: int) -> None:
    assert "PKL016" in rules(pattern(text("a"), flags))


def test_a_pattern_of_bytes_that_runs_away_is_refused() -> None:
    assert "PKL016" in rules(pattern(b"C\x05(a+)+", 0))


@pytest.mark.parametrize(
    "expression", [b"C\x02a+", text("a+b"), b"X" + struct.pack("<I", 400) + b"a" * 400]
)
def test_patterns_of_text_and_bytes_are_clean(expression: bytes) -> None:
    assert scan(pattern(expression, 0)).outcome is Outcome.CLEAN


@pytest.mark.parametrize("one", [b"N", stack_global("builtins", "Ellipsis")])
def test_the_type_of_none_is_clean_and_of_anything_else_is_not(one: bytes) -> None:
    kind = P4 + stack_global("builtins", "type")
    assert scan(kind + one + b"\x85R.").outcome is Outcome.CLEAN
    assert "PKL001" in rules(kind + stack_global("builtins", "int") + b"\x85R.")
    assert "PKL001" in rules(kind + text("x") + b")}\x87R.")
    assert "PKL007" in rules(kind + one + b"\x85R)R.")


def test_a_selector_of_numbers_is_clean() -> None:
    selector = "sklearn.compose._column_transformer", "make_column_selector"
    assert (
        scan(made(*selector, "dtype_include", stack_global("numpy", "number"))).outcome
        is Outcome.CLEAN
    )


def test_a_store_full_of_marks_of_nodes_ends_in_time() -> None:
    node = b"\x0c\xdb\x20\xde" + struct.pack("<Q", 64) + b"\0\0"
    found = scan(node * 60_000, name="d/" + "a" * 32)
    assert found.outcome is not Outcome.CLEAN


@pytest.mark.parametrize(
    "target",
    [
        "torch.utils._sympy.functions.FloorDiv",
        "torch.package.PackageImporter",
        "transformers.Trainer",
        "monai.bundle.ConfigWorkflow",
    ],
)
def test_a_class_that_evaluates_or_loads_is_no_target(target: str) -> None:
    plain = scan(json.dumps({"model": {"_target_": target}}).encode(), name="config.json")
    assert "REP003" in named(plain)
    other = {"model": {"target": target, "params": {"base": "x"}}}
    assert "REP003" in named(scan(json.dumps(other).encode(), name="config.json"))


@pytest.mark.parametrize(
    "target", ["torch.nn.Linear", "torch.optim.AdamW", "monai.networks.nets.UNet"]
)
def test_a_layer_or_optimizer_is_a_target(target: str) -> None:
    data = json.dumps({"model_type": "x", "model": {"_target_": target}}).encode()
    assert not scan(data, name="config.json").findings
