"""Configurations in unusual forms: other encodings, aliases, includes, search paths, endless nesting."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, Member, archive, scan
from weightmark.errors import Exit
from weightmark.scanners.repository.documents import JsonObject
from weightmark.scanners.repository.yaml_documents import parse_yaml
from weightmark.scanners.scan import FileScan, Outcome, ScanReport, Severity

TAGGED = "a: !!python/object/apply:os.system [echo x]\n"
LOADER = "flavors:\n  python_function:\n    loader_module: evil.module\n"
DEEP = 20_000


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


YAML = {
    "UTF-16": ("config.yaml", TAGGED.encode("utf-16"), "REP009"),
    "UTF-16, big-endian": ("config.yaml", b"\xfe\xff" + TAGGED.encode("utf-16-be"), "REP009"),
    "UTF-8 with a mark": ("config.yaml", TAGGED.encode("utf-8-sig"), "REP009"),
    "capital letters in the name": ("CONFIG.YAML", TAGGED.encode(), "REP009"),
    "another name": ("model.cfg", TAGGED.encode(), "REP009"),
    "no ending": ("params", TAGGED.encode(), "REP009"),
    "the name of a text": ("notes.txt", b"b: 1\n" + TAGGED.encode(), "REP009"),
    "a tag spelled out": ("model.conf", b"a: !<tag:yaml.org,2002:python/name:os.system> ''\n", "REP009"),
    "a tag under a handle": ("model.conf", b"%TAG !p! tag:yaml.org,2002:python/\n---\na: !p!name:os.system ''\n", "REP009"),
    "a tag on a key": ("config.yaml", b"? !!python/name:os.system ''\n: 1\n", "REP009"),
    "a tag in a second document": ("config.yaml", b"a: 1\n---\n" + TAGGED.encode(), "REP009"),
    "a tag that one of two parsers refuses": ("config.yaml", b"b: !]\n" + TAGGED.encode(), "REP009"),
    "a tag before a break": ("config.yaml", TAGGED.encode() + b"---\na: [\n", "REP009"),
    "MLflow in UTF-16": ("MLmodel", LOADER.encode("utf-16"), "REP003"),
    "MLflow by an alias": ("MLmodel", b"x: &x {loader_module: evil}\nflavors:\n  python_function: *x\n", "REP003"),
    "MLflow by a merge": ("MLmodel", b"x: &x {loader_module: evil}\nflavors:\n  python_function:\n    <<: *x\n", "REP003"),
    "MLflow by an alias of the name": ("MLmodel", b"x: &x evil\nflavors:\n  python_function:\n    loader_module: *x\n", "REP003"),
    "MLflow by an alias of the key": ("MLmodel", b"x: &x loader_module\nflavors:\n  python_function:\n    *x : evil\n", "REP003"),
    "MLflow code by an anchor": ("MLmodel", b"x: &x {python_function: {loader_module: mlflow.sklearn, code: code}}\nflavors: *x\n", "REP001"),
    "an include outside": ("config.yaml", b"a: !include ../../x.yaml\n", "REP004"),
    "an absolute include": ("config.yaml", b"a: !include /etc/passwd\n", "REP004"),
    "an include in the tag": ("hyperparams.yaml", b"a: !include:../../x.yaml\n", "REP004"),
    "an include of an address": ("config.yaml", b"a: !include https://example.com/x.yaml\n", "REP004"),
    "an include of a folder": ("config.yaml", b"a: !include_dir_list ../x\n", "REP004"),
    "an include above the root": ("a/config.yaml", b"a: !include ../../x.yaml\n", "REP004"),
    "Hydra's search path": ("config.yaml", b"hydra:\n  searchpath:\n    - file:///tmp/x\n", "REP004"),
    "Hydra's search path in a package": ("config.yaml", b"hydra:\n  searchpath: ['pkg://evil.conf']\n", "REP003"),
}  # fmt: skip


@pytest.mark.parametrize("case", YAML)
def test_yaml_that_leads_its_loader_astray(case: str) -> None:
    name, data, rule = YAML[case]
    found = scan(data, name=name)
    assert rule in _rules(found), found
    assert _is_refused(found)


HONEST = {
    "an include inside": ("config.yaml", b"a: !include sub/x.yaml\n"),
    "an include of a sibling folder": ("a/config.yaml", b"a: !include ../b/x.yaml\n"),
    "a known package": ("config.yaml", b"hydra:\n  searchpath: ['pkg://nemo.conf', conf]\n"),
    "other tags": ("config.yaml", b"a: !ref <x>\nb: !!str 1\nc: !!python/tuple [1, 2]\n"),
    "words about tags": (
        "README.md",
        b"Never load `!!python/object` tags:\n\n```yaml\na: 1\n```\n",
    ),
    "UTF-16": ("config.yaml", "a: 1\n".encode("utf-16")),
    "an alias within its anchor": ("config.yaml", b"a: &a [*a, 1]\ntarget: x\n"),
}


@pytest.mark.parametrize("case", HONEST)
def test_honest_yaml_is_no_finding(case: str) -> None:
    name, data = HONEST[case]
    found = scan(data, name=name)
    assert (found.findings, found.problems) == ((), ())


def _lambda(levels: int) -> bytes:
    inner = json.dumps({"class_name": "Lambda", "config": {}})
    begin = '{"class_name": "TimeDistributed", "config": {"layer": '
    return (begin * levels + inner + "}}" * levels).encode()


def _zips(levels: int) -> bytes:
    data = EVIL
    for _ in range(levels):
        data = archive(Member(b"a", data))
    return data


def _gzips(levels: int) -> bytes:
    data = EVIL
    for _ in range(levels):
        data = gzip.compress(data, 1)
    return data


NESTED = {
    "Keras wrappers": ("config.json", _lambda(DEEP), "nesting"),
    "Keras wrappers in an archive": ("m.keras", archive(Member(b"config.json", _lambda(DEEP))), "nesting"),
    "lists of YAML": ("config.yaml", b"a: " + b"[" * DEEP + b"]" * DEEP, "nesting"),
    "objects of YAML": ("MLmodel", b"flavors: " + b"{a: " * DEEP + b"1" + b"}" * DEEP, "nesting"),
    "enough lists of YAML to end the interpreter": ("config.yaml", b"a: " + b"[" * 400_000, "nesting"),
    "blocks of a template": ("t.jinja", b"{% if a %}" * DEEP + b"{{ b }}" + b"{% endif %}" * DEEP, "nesting"),
    "brackets in a template": ("t.jinja", b"{{ " + b"(" * DEEP + b"a" + b")" * DEEP + b" }}", "nesting"),
    "types of skops": ("schema.json", b'{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":[' * DEEP + b"1" + b"]}" * DEEP, "nesting"),
    "an ONNX model as JSON": ("m.json", b'{"op_type":"If","graph":' * DEEP + b"1" + b"}" * DEEP, "nesting"),
    "archives": ("m.zip", _zips(12), "depth"),
    "compressed files": ("m.gz", _gzips(2000), "depth"),
}  # fmt: skip


@pytest.mark.parametrize("case", NESTED)
def test_endless_nesting_names_the_limit(case: str) -> None:
    name, data, limit = NESTED[case]
    found = scan(data, name=name)
    assert any(problem.endswith(f"(limit `{limit}`)") for problem in found.problems), found
    assert found.outcome is not Outcome.CLEAN


def test_nesting_below_the_limit_is_judged_to_its_end() -> None:
    assert "KER001" in _rules(scan(_lambda(300), name="config.json"))
    deep = b"a: " + b"[" * 700 + b"!!python/name:os.system ''" + b"]" * 700
    assert "REP009" in _rules(scan(deep, name="config.yaml"))


MANIFESTS = {
    "two manifests, the second one evil": [
        (b"MAR-INF/MANIFEST.json", {"model": {"handler": "image_classifier"}}),
        (b"mar-inf/manifest.JSON", {"model": {"handler": "evil.py"}}),
    ],
    "two manifests under one name": [
        (b"MAR-INF/MANIFEST.json", {"model": {"handler": "image_classifier"}}),
        (b"MAR-INF/MANIFEST.json", {"model": {"handler": "evil.py"}}),
    ],
    "a workflow": [(b"WAR-INF/MANIFEST.json", {"workflow": {"specFile": "w.yaml", "handler": "h.py"}})],
    "extra files outside": [
        (b"MAR-INF/MANIFEST.json", {"model": {"handler": "image_classifier", "extraFiles": "a.txt,../../x"}})
    ],
}  # fmt: skip


@pytest.mark.parametrize("case", MANIFESTS)
def test_archive_of_a_server_with_code(case: str) -> None:
    members = [Member(name, json.dumps(value).encode()) for name, value in MANIFESTS[case]]
    found = scan(archive(*members), name="model.mar")
    assert {"MAR001", "MAR002"} & _rules(found), found
    assert _is_refused(found)


@pytest.mark.parametrize("name", ["evil>Layer", "builtins>Lambda", "my_package>f"])
def test_keras_class_that_its_loader_must_bring_is_told(name: str) -> None:
    config: dict[str, object] = {
        "module": None,
        "class_name": "Layer",
        "config": {},
        "registered_name": name,
    }
    found = scan(json.dumps(config).encode(), name="config.json")
    assert "KER004" in _rules(found)
    assert not _is_refused(found)


@pytest.mark.parametrize("name", ["keras_hub>BertBackbone", "Functional", None])
def test_keras_classes_of_its_own_libraries_are_no_finding(name: str | None) -> None:
    config: dict[str, object] = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {},
        "registered_name": name,
    }
    assert not scan(json.dumps(config).encode(), name="config.json").findings


_TEXTS = st.text("ab:-[]{}&*!#\n ,'\"|>", max_size=40)


@given(_TEXTS)
def test_any_yaml_is_read_as_the_library_reads_it(text: str) -> None:
    """Where PyYAML builds plain objects, the same keys and texts are seen here."""
    import yaml

    found = scan(text.encode(), name="config.yaml")
    assert found.outcome is not Outcome.CLEAN or not found.problems
    try:
        expected = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError):
        return
    documents = parse_yaml(text.encode(), what="it", nesting=500).documents
    assert len(documents) == len(expected)
    for node, document in zip(expected, documents, strict=False):
        is_object = isinstance(node, yaml.MappingNode)
        assert isinstance(document.content, JsonObject) is is_object
