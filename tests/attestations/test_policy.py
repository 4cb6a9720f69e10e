"""Policies: strict, versioned, never read from the artifact, and the same in schema and parser."""

import dataclasses
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.gate_makers import KEY, policy
from weightmark.attestations import policy as policy_package
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.policy.explain import explain_policy
from weightmark.attestations.policy.load import load_policy, load_policy_file, load_preset
from weightmark.attestations.policy.model import Digests, Mode, OutsideRule, Unsupported
from weightmark.attestations.policy.parse import MAX_POLICY_SIZE, parse_policy
from weightmark.attestations.policy.presets import PRESETS, preset_text
from weightmark.attestations.policy.template import draft_policy
from weightmark.errors import CallError, PolicyError
from weightmark.scanners.findings import Severity
from weightmark.scanners.limits import Limits

SCHEMA: dict[str, Any] = json.loads(
    Path(str(policy_package.__file__)).with_name("policy.schema.json").read_text()
)


def parse(text: str) -> None:
    parse_policy(
        text.encode(), source="test.toml", read_key=lambda item: PublicKey.from_pem(item.encode())
    )


def write(path: Path, text: str = "", keys: str = '["release.pub"]') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version = 1\n{text}\n[release]\nkeys = {keys}\n")
    (path.parent / "release.pub").write_bytes(KEY.public.pem)
    return path


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_parses_and_fits_the_schema(name: str) -> None:
    text = preset_text(name)
    jsonschema.validate(tomllib.loads(text.decode()), SCHEMA)
    found = load_preset(name)
    assert found.name == name
    assert found.sha256 == hashlib.sha256(text).hexdigest()
    assert found.release.required
    assert found.scan.required
    assert found.trust is None


def test_presets_and_schema_know_the_same_keys() -> None:
    text = tomllib.loads(preset_text("baseline").decode())
    for table, schema in [("", SCHEMA), *SCHEMA["properties"].items()]:
        if "properties" in schema:
            known = text[table] if table else text
            assert set(known) == set(schema["properties"]), table


def test_what_a_policy_does_not_say_is_the_strict_answer() -> None:
    found = policy()
    assert (found.mode, found.outside) == (Mode.ENFORCE, OutsideRule.REFUSE)
    assert (found.scan.required, found.scan.fail_on) == (True, Severity.HIGH)
    assert found.scan.unsupported is Unsupported.LIST
    assert not found.release.approvals


def test_the_presets_differ_as_documented() -> None:
    baseline, strict, audit = (load_preset(name) for name in ("baseline", "strict", "audit"))
    assert (baseline.outside, baseline.digests) == (OutsideRule.REPORT, Digests.ANY)
    assert (strict.outside, strict.digests) == (OutsideRule.REFUSE, Digests.SHA256)
    assert strict.scan.claim_required
    assert strict.ledger.witnesses == 1
    assert (baseline.mode, strict.mode, audit.mode) == (Mode.ENFORCE, Mode.ENFORCE, Mode.WARN)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version = 1\nmoed = 'warn'", "mode"),
        ("version = 1\n[scan]\nfail_onn = 'low'", "scan.fail_on"),
        ("version = 1\n[relase]\nrequired = true", "release"),
        ("version = 1\n[ledger]\nwitness = 3", "ledger.witnesses"),
    ],
)
def test_an_unknown_key_is_refused_and_guessed(text: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(f"{text}\n")
    assert f"did you mean `{hint}`?" in caught.value.fix
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but a comment",
        "version = 2",
        "version = '1'",
        "version = true",
        "version = 1",
        "version = 1\n[release]\nkeys = []",
        "version = 1\n[release]\nrequired = false\n[scan]\nrequired = false",
        "version = 1\n[release]\nrequired = false\nkeys = ['x.pub']",
        "version = 1\nmode = 'Warn'",
        "version = 1\nmode = 1",
        "version = 1\nrelease = 'me'",
        "version = 1\n[scan]\nfail_on = 'severe'",
        "version = 1\n[scan]\nrequired = 'no'",
        "version = 1\n[ledger]\nwitnesses = -1",
        "version = 1\n[ledger]\nwitnesses = true",
        "version = 1\n[release]\nkeys = [1]",
        "version = 1\n[release]\nkeys = ['']",
        "version = 1\nname = 'a\\u001bb'",
        'version = 1\nname = "a\\u001bb"',
        "version = 1\nversion = 1",
        "version = 1\nx = " + "[" * 20_000,
        "version = 1\n[release]\nrequired = false\n[scan]\nclaim_required = true",
        "version = 1\n[release]\nrequired = false\n[ledger]\nrequired = true",
    ],
    ids=lambda text: text[:60],
)
def test_a_policy_that_is_empty_wrong_or_demands_nothing_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        parse(text)


def test_approvals_contradict_sha256() -> None:
    with pytest.raises(PolicyError, match="contradict"):
        policy('digests = "sha256"', "approvals = true")


def test_a_huge_or_binary_policy_is_refused() -> None:
    for text in (b"#" * (MAX_POLICY_SIZE + 1), b"\xff\xfe", b"\xef\xbb\xbfversion = 1"):
        with pytest.raises(PolicyError):
            parse_policy(text, source="x", read_key=PublicKey.load)


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    with pytest.raises(PolicyError):
        parse_policy(data, source="x", read_key=PublicKey.load)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SCHEMA["properties"])), _VALUES)
def test_schema_and_parser_agree_on_every_value(key: str, value: object) -> None:
    try:
        line = f"{json.dumps(key)} = {_toml(value)}"
        document = tomllib.loads(line)
    except (ValueError, TypeError):
        return
    full = {"version": 1, **document}
    text = "\n".join(f"{name} = {_toml(item)}" for name, item in full.items())
    try:
        parse_policy(text.encode(), source="x", read_key=lambda _: KEY.public)
        accepted = True
    except PolicyError as error:
        accepted = "does not say whom to trust" in error.what or "demand" in error.what
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(full)
    assert valid or not accepted


def _toml(value: object) -> str:
    if value is None:
        raise TypeError("TOML has no null")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value)


def test_keys_are_relative_to_the_policy_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "rules/policy.toml")
    monkeypatch.chdir("/")
    found = load_policy(str(file), artifact=tmp_path / "model")
    assert [key.identity for key in found.release.keys] == [KEY.public.identity]
    assert found.source == str(file)
    assert str(tmp_path) not in found.uri


def test_a_policy_that_names_a_missing_key_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"none\.pub"):
        load_policy_file(write(tmp_path / "policy.toml", keys='["none.pub"]'))


def test_a_private_key_in_a_policy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "release.key").write_bytes(KEY.to_pem(None))
    with pytest.raises(PolicyError, match="private key"):
        load_policy_file(write(tmp_path / "policy.toml", keys='["release.key"]'))


def test_a_bare_word_is_a_preset_and_never_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "baselin")
    with pytest.raises(PolicyError) as caught:
        load_policy("baselin", artifact=tmp_path / "model")
    assert "did you mean `baseline`?" in caught.value.fix
    assert "./baselin" in caught.value.fix
    assert load_policy("./baselin", artifact=tmp_path / "model").release.keys


@pytest.mark.parametrize("name", ["none.toml", "./none", "folder/"])
def test_a_policy_that_is_not_there_is_a_wrong_call(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PolicyError):
        load_policy(f"{tmp_path}/{name}", artifact=tmp_path / "model")


def test_a_policy_inside_the_artifact_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    inside = write(model / "weightmark-policy.toml")
    link_out = tmp_path / "link.toml"
    link_out.symlink_to(inside)
    (model / "link.toml").symlink_to(
        write(tmp_path / "real.toml", keys=f'["{tmp_path}/release.pub"]')
    )
    (tmp_path / "alias").symlink_to(model)
    for place in (
        inside,
        link_out,
        model / "link.toml",
        tmp_path / "alias" / inside.name,
        model / ".." / "model" / inside.name,
    ):
        with pytest.raises(PolicyError, match="inside the artifact"):
            load_policy(str(place), artifact=model)
    with pytest.raises(PolicyError, match="inside the artifact"):
        load_policy(str(inside), artifact=tmp_path / "alias")


def test_a_key_inside_the_artifact_is_refused(tmp_path: Path) -> None:
    model = tmp_path / "model"
    write(model / "unused.toml")
    outside = write(tmp_path / "policy.toml", keys='["model/release.pub"]')
    with pytest.raises(PolicyError, match="inside the artifact"):
        load_policy(str(outside), artifact=model)


def test_a_neighbour_whose_name_begins_alike_is_outside(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert load_policy(
        str(write(tmp_path / "model-policy/p.toml")), artifact=tmp_path / "model"
    ).release.keys


def test_trust_flags_beside_a_policy_file_are_a_wrong_call() -> None:
    with pytest.raises(PolicyError, match="--key"):
        policy().with_keys([KEY.public])
    with pytest.raises(PolicyError, match="--fail-on"):
        policy().with_fail_on(Severity.CRITICAL)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_drafted_policy_is_the_preset_with_the_key(name: str) -> None:
    other = PrivateKey.generate("ed25519").public
    text = draft_policy(name, [KEY.public, other], name="acme prod")
    jsonschema.validate(tomllib.loads(text.decode()), SCHEMA)
    found = parse_policy(text, source="x", read_key=lambda item: PublicKey.from_pem(item.encode()))
    template = load_preset(name)
    assert found.name == "acme prod"
    assert [key.identity for key in found.release.keys] == [KEY.public.identity, other.identity]
    for part in ("mode", "digests", "outside", "scan", "names", "ledger"):
        assert getattr(found, part) == getattr(template, part)


@pytest.mark.parametrize("name", ["", 'x"\nmode = "warn', "\x1b[0m", "a" * 101])
def test_a_drafted_name_smuggles_no_settings(name: str) -> None:
    with pytest.raises(PolicyError):
        draft_policy("baseline", [KEY.public], name=name)


def test_a_draft_needs_a_key() -> None:
    with pytest.raises(CallError):
        draft_policy("baseline", [], name="acme")


def test_explain_says_every_setting() -> None:
    settings = {demand.setting for demand in explain_policy(load_preset("strict"))}
    demanded = {
        f"{table}.{key}"
        for table in ("release", "scan", "names", "ledger")
        for key in SCHEMA["properties"][table]["properties"]
    } | {"mode", "digests", "outside"}
    shown_by_another = {
        "release.required",
        "release.approvals",
        "release.trust",
        "scan.required",
    }
    assert demanded - shown_by_another <= settings


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_explain_speaks_in_single_lines(name: str) -> None:
    for demand in explain_policy(load_preset(name)):
        assert demand.text
        assert "\n" not in demand.text
        assert not demand.text.endswith(".")


def test_limits_of_the_scan_are_named_and_positive() -> None:
    text = "version = 1\n[release]\nrequired = false\n[scan]\nlimits = { LIMITS }\n"
    document = text.replace("LIMITS", " seconds = 60, depth = 4 ").encode()
    found = parse_policy(document, source="p.toml", read_key=lambda _: KEY.public)
    assert found.scan.limits.changed == {"seconds": 60, "depth": 4}
    assert any(
        "seconds 60, depth 4" in demand.text or "depth 4, seconds 60" in demand.text
        for demand in explain_policy(found)
    )
    for wrong in ("opcode = 1", "opcodes = 0", "opcodes = -1", "seconds = 1.5", "depth = true"):
        with pytest.raises(PolicyError):
            parse(text.replace("LIMITS", wrong))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(text.replace("LIMITS", wrong)), SCHEMA)


def test_the_schema_knows_every_limit() -> None:
    (pattern,) = SCHEMA["properties"]["scan"]["properties"]["limits"]["patternProperties"]
    known = [field.name for field in dataclasses.fields(Limits)]
    assert pattern == f"^({'|'.join(sorted(known))})$"
