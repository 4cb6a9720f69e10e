"""Models that are documents or programs: XML, R data, skops, git folders, and programs in disguise."""

import io
import json
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import Member, archive, scan
from weightmark.errors import Exit
from weightmark.scanners.findings import FileScan
from weightmark.scanners.scan import Outcome, ScanReport, Severity


def _rules(found: FileScan) -> set[str]:
    return {finding.rule for finding in found.findings}


def _is_refused(found: FileScan) -> bool:
    return ScanReport.of([found]).exit(Severity.HIGH) is Exit.BAD


PMML = b'<?xml version="1.0"?>%s<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">%s</PMML>'
OPENVINO = b'<?xml version="1.0"?>%s<net name="m" version="11"><layers>%s</layers></net>'
_EXTERNAL = b'<!DOCTYPE PMML [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
_LAUGHS = b'<!DOCTYPE PMML [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
_PARAMETER = b'<!DOCTYPE PMML [<!ENTITY %% p SYSTEM "http://example.com/x.dtd"> %%p;]>'


@pytest.mark.parametrize("form", [PMML, OPENVINO], ids=["pmml", "openvino"])
@pytest.mark.parametrize("entities", [_EXTERNAL, _LAUGHS, _PARAMETER.replace(b"%%", b"%")])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "cp037"]
)
def test_entities_are_found_in_any_encoding_and_never_resolved(
    form: bytes, entities: bytes, encoding: str
) -> None:
    data = (
        (form % (entities, b""))
        .decode()
        .replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
    )
    found = scan(data.encode(encoding), name="model.xml")
    assert "XML001" in _rules(found) or found.outcome is Outcome.UNCHECKED
    assert _is_refused(found) or found.outcome is Outcome.UNCHECKED


def test_entities_before_a_break_in_the_document_are_told_all_the_same() -> None:
    found = scan(PMML.partition(b"</PMML>")[0] % (_EXTERNAL, b"<a>"))
    assert "XML001" in _rules(found)
    assert found.problems


def test_entities_stand_before_the_root_so_another_root_hides_nothing() -> None:
    found = scan((PMML % (_EXTERNAL, b"")).replace(b"<PMML ", b"<x:PMML xmlns:x='u' "))
    assert "XML001" in _rules(found) or found.problems


@pytest.mark.parametrize(
    ("rule", "data"),
    [
        ("XML002", PMML % (b'<!DOCTYPE PMML SYSTEM "http://example.com/pmml.dtd">', b"")),
        ("XML003", PMML % (b"", b'<Apply function="java.lang.Runtime.exec"/>')),
        ("XML004", PMML % (b"", b'<Extension name="x"/>')),
        ("XML005", OPENVINO % (b"", b'<layer id="0" name="a" type="Evil" version="extension"/>')),
        (
            "XML006",
            PMML
            % (b"", b'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="file:///x"/>'),
        ),
    ],
)
def test_what_reaches_out_of_an_xml_model_is_named(rule: str, data: bytes) -> None:
    assert _rules(scan(data, name="any")) == {rule}


@pytest.mark.parametrize("space", [b"\n" * 600, b" " * 300_000])
def test_a_model_behind_white_space_is_found(space: bytes) -> None:
    bare = (PMML % (_EXTERNAL, b"")).partition(b"?>")[2]
    assert "XML001" in _rules(scan(space + bare))


def test_a_deep_document_hits_a_bound() -> None:
    found = scan(PMML % (b"", b"<a>" * 5000 + b"</a>" * 5000))
    assert found.outcome is Outcome.UNCHECKED


@pytest.mark.parametrize(
    "data",
    [
        PMML % (b"", b'<Apply function="lessThan"/>'),
        OPENVINO % (b"", b'<layer id="0" name="a" type="Add" version="opset13"/>'),
    ],
)
def test_honest_xml_models_are_clean(data: bytes) -> None:
    assert scan(data).outcome is Outcome.CLEAN


def test_other_xml_is_not_a_model() -> None:
    page = b'<!DOCTYPE html SYSTEM "about:legacy-compat"><html><body/></html>'
    assert scan(page, name="page.html").outcome is Outcome.UNSUPPORTED


def _rds(*numbers: int | bytes, version: int = 3) -> bytes:
    head = b"X\n" + struct.pack(">3I", version, 0x040301, 0x030500)
    head += struct.pack(">I", 5) + b"UTF-8" if version == 3 else b""
    return head + b"".join(n if isinstance(n, bytes) else struct.pack(">I", n) for n in numbers)


def _r_text(text: str) -> bytes:
    return struct.pack(">II", 0x40009, len(text)) + text.encode()


def _symbol(name: str) -> bytes:
    return struct.pack(">I", 1) + _r_text(name)


CALL = (
    struct.pack(">I", 6)
    + _symbol("system")
    + struct.pack(">I", 2)
    + struct.pack(">II", 16, 1)
    + _r_text("echo x")
    + struct.pack(">I", 254)
)
PROMISE = struct.pack(">I", 5) + struct.pack(">I", 252) + CALL
"""a promise without a value: reading it evaluates `system("echo x")`"""
NULL = struct.pack(">I", 254)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(
    "data",
    [
        (PROMISE,),
        (19, 2, NULL, PROMISE),
        (0x402, _symbol("x"), PROMISE, NULL),
        (
            4,
            0,
            struct.pack(">I", 242),
            (struct.pack(">I", 0x402) + _symbol("x") + PROMISE + NULL),
            NULL,
            NULL,
        ),
        (0x20E, 1, bytes(8), struct.pack(">I", 0x402), _symbol("x"), PROMISE, NULL),
        (22, PROMISE, NULL),
        (0x403, struct.pack(">I", 253), NULL, PROMISE),
        (238, PROMISE, NULL, NULL),
    ],
    ids=[
        "bare",
        "in a list",
        "in a pair",
        "in an environment",
        "in attributes",
        "in a pointer",
        "in a function",
        "alternative",
    ],
)
def test_a_promise_is_found_wherever_it_stands(data: tuple[int | bytes, ...], version: int) -> None:
    found = scan(_rds(*data, version=version), name="model.rds")
    assert "RDS001" in _rules(found)
    assert not found.problems
    assert _is_refused(found)


def test_a_promise_behind_compiled_code_is_found() -> None:
    """The walker has to read byte code exactly, or it loses its place."""
    constant_call = (
        struct.pack(">I", 6)
        + NULL
        + struct.pack(">I", 1)
        + _symbol("f")
        + struct.pack(">I", 0)
        + NULL
    )
    code = struct.pack(">I", 1) + struct.pack(">III", 13, 1, 12) + struct.pack(">I", 2)
    code += struct.pack(">I", 13) + struct.pack(">III", 13, 1, 7) + constant_call
    found = scan(_rds(19, 2, struct.pack(">I", 21) + code, PROMISE))
    assert _rules(found) == {"RDS001", "RDS002"}
    assert not found.problems


def test_a_saved_image_is_read_like_a_single_object() -> None:
    image = b"RDX3\n" + _rds(0x402, _symbol("m"), PROMISE, NULL)
    assert "RDS001" in _rules(scan(image, name="x.RData"))


@pytest.mark.parametrize("data", [(13, 0x7FFFFFFF), (19, 5, NULL), (77,), (13, 0xFFFFFFFE), ()])
def test_a_broken_r_file_is_no_clean_one(data: tuple[int, ...]) -> None:
    found = scan(_rds(*data))
    assert found.problems
    assert found.outcome is not Outcome.CLEAN


def test_deep_r_data_costs_no_recursion() -> None:
    assert scan(_rds(*([19, 1] * 50_000), NULL)).outcome is Outcome.CLEAN


def test_a_wide_r_bomb_hits_a_bound_and_ends() -> None:
    found = scan(_rds(19, 0x7FFFFFFF, NULL * 100))
    assert found.problems


TEXT_PROMISE = (
    b"A\n2\n262657\n131840\n5\n252\n6\n1\n262153\n6\nsystem\n2\n16\n1\n262153\n6\necho\\040x\n254\n"
)


def test_a_promise_is_found_in_the_text_form_and_in_native_bytes() -> None:
    assert _rules(scan(TEXT_PROMISE)) == {"RDS001"}
    assert _rules(scan(b"RDA2\n" + TEXT_PROMISE)) == {"RDS001"}
    xdr = _rds(5, 252, 254, version=2)
    count = len(xdr) // 4
    native = b"B\n" + struct.pack(f"<{count}I", *struct.unpack_from(f">{count}I", xdr, 2))
    assert _rules(scan(native)) == {"RDS001"}
    assert scan(TEXT_PROMISE[:-20]).problems


@pytest.mark.parametrize(
    "data", [(13, 2, bytes(8)), (16, 1, _r_text("a")), (14, 1, bytes(8)), (24, 3, b"abc")]
)
def test_plain_r_vectors_are_clean(data: tuple[int | bytes, ...]) -> None:
    assert scan(_rds(*data)).outcome is Outcome.CLEAN


def _skops(content: object) -> FileScan:
    schema = json.dumps({"protocol": 1, "_skops_version": "0.13", **content}).encode()  # type: ignore[dict-item] # a mapping
    return scan(archive(Member(b"schema.json", schema)), name="m.skops")


def _node(module: str, name: str, loader: str = "ObjectNode", **more: object) -> dict[str, object]:
    return {"__class__": name, "__module__": module, "__loader__": loader, **more}


@pytest.mark.parametrize(
    ("rule", "node"),
    [
        ("SKO002", _node("os", "system", "TypeNode")),
        (
            "SKO002",
            _node("builtins", "dict", "DictNode", content={"a": _node("subprocess", "Popen")}),
        ),
        ("SKO001", _node("my_package", "Thing")),
        ("SKO001", _node("sklearn.base", "BaseEstimator.__init__")),
        ("SKO001", _node("builtins", "dict", "MethodNode")),
        ("SKO001", _node("operator", "methodcaller", "OperatorFuncNode")),
        ("SKO003", _node("sklearn.linear_model._logistic", "LogisticRegression", "DictNode")),
        ("SKO002", _node("builtins", "eval", "FunctionNode")),
    ],
)
def test_skops_types_off_the_list_are_refused(rule: str, node: dict[str, object]) -> None:
    found = _skops(node)
    assert rule in _rules(found)
    assert _is_refused(found)


def test_a_type_that_is_named_twice_is_refused() -> None:
    schema = b'{"__class__": "dict", "__module__": "builtins", "__loader__": "DictNode", "__class__": "x"}'
    assert _is_refused(scan(archive(Member(b"schema.json", schema))))


@pytest.mark.parametrize(
    ("hostile", "data"),
    [
        (True, b"[core]\n\tfsmonitor = touch x\n"),
        (True, b'[filter "lfs"]\n\tclean = sh -c "echo x" %f\n'),
        (True, b'[core] sshCommand = sh -c "echo x"'),
        (True, b"[core]\n\thooks\\\nPath = ../hooks\n\thooksPath = ../h\n"),
        (True, b"[CORE]\nSSHCOMMAND=x"),
        (True, b"[include]\n\tpath = ../evil.config\n"),
        (True, b'[submodule "x"]\n\tupdate = !echo x\n'),
        (True, b'[diff "x"]\n\ttextconv = sh x\n'),
        (True, b"[alias]\n\tst = !echo x\n"),
        (False, b'[core]\n\tbare = false\n[remote "origin"]\n\turl = https://huggingface.co/a/b\n'),
        (
            False,
            b'[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n\tprocess = git-lfs filter-process\n\trequired = true\n',
        ),
        (False, b"[core]\n\tfsmonitor = true\n[alias]\n\tst = status\n"),
    ],
)
def test_settings_that_make_git_run_something(hostile: bool, data: bytes) -> None:
    for name in (".git/config", "sub/.git/modules/x/config", ".git/config.worktree"):
        assert _is_refused(scan(data, name=name)) is hostile, name


LFS = (
    b'#!/bin/sh\ncommand -v git-lfs >/dev/null 2>&1 || { printf >&2 "\\n%s\\n\\n" "This repository is configured'
    b' for Git LFS but \'git-lfs\' was not found on your path."; exit 2; }\ngit lfs pre-push "$@"\n'
)


@pytest.mark.parametrize(
    "setting",
    [
        b"[pager]\n\tlog = echo x\n",
        b'[remote "o"]\n\turl = ext::sh -c x\n',
        b'[tar "x"]\n\tcommand = sh\n',
    ],
)
def test_more_settings_that_make_git_run_something(setting: bytes) -> None:
    assert _is_refused(scan(setting, name=".GIT/config")), "case-insensitive file systems"


@pytest.mark.parametrize(
    ("hostile", "data"),
    [
        (True, b"gitdir: evil.git\n"),
        (True, b"gitdir: ../.git/modules/../../evil\n"),
        (True, b"gitdir: /tmp/x\n"),
        (False, b"gitdir: ../.git/modules/sub\n"),
        (False, b"gitdir: ../../.git/worktrees/sub\n"),
    ],
)
def test_a_git_file_that_leads_to_another_folder(hostile: bool, data: bytes) -> None:
    assert _is_refused(scan(data, name="sub/.git")) is hostile


def test_hooks_are_refused_but_for_those_that_git_lfs_writes() -> None:
    assert _is_refused(scan(b"#!/bin/sh\necho x\n", name=".git/hooks/post-checkout"))
    assert _is_refused(scan(LFS + b"echo x\n", name=".git/hooks/pre-push"))
    assert _is_refused(scan(LFS.replace(b"on your path", b"$(echo x)"), name=".git/hooks/pre-push"))
    assert not _is_refused(scan(LFS, name=".git/hooks/pre-push"))
    assert not _is_refused(scan(b"#!/bin/sh\necho x\n", name=".git/hooks/pre-push.sample"))


ELF = b"\x7fELF\x02\x01\x01" + bytes(57)
PE = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + bytes(20)
MACHO = b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0" + bytes(16)


@pytest.mark.parametrize("data", [ELF, PE, MACHO, b"\xca\xfe\xba\xbe\0\0\0\x02" + bytes(40)])
def test_a_program_in_the_name_of_a_model_is_refused_and_elsewhere_told(data: bytes) -> None:
    for name in ("model.safetensors", "a/b.PT", "model.onnx"):
        found = scan(data, name=name)
        assert _rules(found) == {"EXE001"}
        assert _is_refused(found)
    assert _rules(scan(data, name="lib/custom_op.so")) == {"EXE002"}


def test_a_script_in_the_name_of_a_model_is_refused() -> None:
    assert _rules(scan(b"#!/bin/sh\necho x\n", name="pytorch_model.bin")) == {"EXE003"}
    assert scan(b"#!/bin/sh\necho x\n", name="convert.sh").outcome is Outcome.UNSUPPORTED


def test_a_llamafile_is_told_from_a_model() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("tiny.gguf", b"GGUF" + bytes(20))
    found = scan(b"MZqFpD='\n" + bytes(100) + packed.getvalue(), name="m.llamafile")
    assert "EXE004" in _rules(found)
    assert "EXE001" not in _rules(found)


def test_a_llamafile_without_a_model_is_a_program_in_its_name() -> None:
    for head in (b"MZqFpD='\n", b"#!/bin/sh\n"):
        assert _is_refused(scan(head + b"echo x\n" + bytes(100), name="m.llamafile"))


@pytest.mark.parametrize("head", [b"MZ", b"\x7fELG", b"\xca\xfe\xba\xbe\xff\xff\xff\xff", b"#!x"])
def test_weights_that_begin_like_a_program_are_data(head: bytes) -> None:
    assert not scan(head + bytes(range(256)) * 4, name="weights.bin").findings


def test_a_notebook_is_listed_and_harms_nothing() -> None:
    cells = [{"cell_type": "code", "source": ["import os\n"]}]
    found = scan(
        json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}).encode(), name="x.ipynb"
    )
    assert _rules(found) == {"NBK001"}
    assert not _is_refused(found)


@given(st.binary(max_size=200))
def test_any_r_file_ends_in_an_answer(data: bytes) -> None:
    assert scan(_rds() + data).path


@given(st.binary(max_size=200))
def test_any_xml_ends_in_an_answer(data: bytes) -> None:
    assert scan(b"<PMML" + data).path
    assert scan(PMML.partition(b"%s")[0] + data).path


@given(st.binary(max_size=200))
def test_any_git_settings_end_in_an_answer(data: bytes) -> None:
    assert scan(data, name=".git/config").path


CARD = "---\nconfigs:\n- config_name: a\n  data_files:\n  - split: train\n    path: {path}\n---\n# words\n"


@pytest.mark.parametrize(
    "path", ["../../secret.csv", "/etc/passwd", "https://example.com/x", '["a", "../x"]']
)
def test_a_dataset_card_that_reads_outside_of_its_repository(path: str) -> None:
    assert _rules(scan(CARD.format(path=path).encode(), name="README.md")) == {"REP004"}
    assert not scan(CARD.format(path="data/*.parquet").encode(), name="README.md").findings


@pytest.mark.parametrize(
    ("hostile", "document"),
    [
        (True, {"model": {"target": "os.system", "params": {"command": "echo x"}}}),
        (True, {"target": "evil_module.Model", "nemo_version": "2.0"}),
        (True, {"first_stage": {"params": {}, "target": "torch.utils.collect_env.run"}}),
        (False, {"model": {"target": "ldm.models.diffusion.ddpm.LatentDiffusion", "params": {}}}),
        (False, {"target": "nemo.collections.asr.models.EncDecCTCModelBPE", "nemo_version": "2.0"}),
        (False, {"target": "linux.x86", "os": "any"}),
    ],
)
def test_classes_that_a_configuration_has_made(hostile: bool, document: dict[str, object]) -> None:
    text = json.dumps(document).encode()
    for name in ("model_config.yaml", "v1-inference.yml"):
        assert _is_refused(scan(text.replace(b"{", b"{ "), name=name)) is hostile, name
    assert _is_refused(scan(text, name="config.json")) is hostile
