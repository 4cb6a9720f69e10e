"""Policies: strict, versioned, never read from the artifact, and the same in schema and parser."""

import dataclasses
import hashlib
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.gate_makers import KEY, parse, pem, policy
from weightmark.attestations import policy as policy_package
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.policy.choices import (
    Digests,
    Mode,
    OutsideRule,
    RemoteCode,
    Unsupported,
)
from weightmark.attestations.policy.explain import explain_policy
from weightmark.attestations.policy.load import load_policy, load_policy_file, load_preset
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.parse import MAX_POLICY_SIZE, parse_policy
from weightmark.attestations.policy.presets import PRESETS, preset_text
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.policy.template import draft_policy
from weightmark.attestations.sigstore.extensions import FulcioExtensions
from weightmark.attestations.sigstore.leaf import LeafFacts
from weightmark.attestations.trust.identities import IdentityAnchor
from weightmark.errors import CallError, PolicyError
from weightmark.scanners.findings import Severity
from weightmark.scanners.limits import Limits

SCHEMA: dict[str, Any] = json.loads(
    Path(str(policy_package.__file__)).with_name("policy.schema.json").read_text()
)


ANY_KEY = PolicyFiles(lambda _: KEY.public)
SIGNED = "[roles.release]\nkeys = ['a']\n[require.release]\n"
SCANNED = "[scan]\nrequired = true\n"


def read(text: str) -> Policy:
    return parse_policy(text.encode(), source="x", files=ANY_KEY)


FULL = f"""
version = 1
revision = 3
expires = 2030-01-01
mode = "enforce"
digests = "any"
max_classification = "internal"
unclassified = "internal"
{SIGNED}
max_age = "365d"
[require.scan]
role = "release"
max_age = "7d"
min_scanner = "0.1.0"
[require.provenance]
role = "release"
[require.test]
role = "release"
result = "WARNED"
[require.approval]
role = "release"
[require.vulns]
role = "release"
fail_on = "medium"
max_database_age = "2d"
[require.sbom]
role = "release"
forms = ["CycloneDX"]
[require.dataset]
role = "release"
personal_data = ["none"]
[require.classification]
role = "release"
[provenance]
min_level = 2
build_types = ["https://weightmark/buildtypes/*/v1"]
sources = ["git+https://github.com/acme/**"]
builders = [{{ id = "https://example.org/builder", level = 3 }}]
[provenance.parameters]
entrypoint = "train.py"
config = ["a.yaml", "b.yaml"]
[scan]
engines = ["weightmark"]
allow_formats = ["safetensors", "json"]
deny_formats = ["pickle"]
remote_code = "refuse"
[chain]
max_depth = 16
allowed_bases = ["wm1:{"a" * 64}"]
allowed_datasets = ["wm1:{"b" * 64}"]
max_age = "90d"
[chain.steps]
finetune = "release"
[licenses]
allow = ["MIT", "Apache-2.0"]
deny = ["CC-BY-NC-4.0"]
[ledger]
required = true
[vsa]
role = "gate"
max_age = "1d"
[roles.gate]
[[roles.gate.identities]]
issuer = "https://token.actions.githubusercontent.com"
repository = "acme/gate"
[[exceptions]]
rule = "licenses"
artifact = "wm1:{"c" * 64}"
reason = "bought a licence"
approver = "legal@acme.example"
expires = 2027-01-31
[[rule]]
name = "small"
field = "artifact.size"
op = "at_most"
value = 1000000
[environments.dev]
mode = "warn"
[environments.prod.chain]
max_depth = 4
"""


def write(path: Path, text: str = "", keys: str = '["release.pub"]') -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"version = 1\n{text}\n[roles.release]\nkeys = {keys}\n[require.release]\n")
    (path.parent / "release.pub").write_bytes(KEY.public.pem)
    return path


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_parses_and_fits_the_schema(name: str) -> None:
    text = preset_text(name)
    jsonschema.validate(tomllib.loads(text.decode()), SCHEMA)
    found = load_preset(name)
    assert found.name == name
    assert found.sha256 == hashlib.sha256(text).hexdigest()
    assert found.require.release
    assert found.scan.required
    assert found.trust is None


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_says_what_it_leaves_as_it_is(name: str) -> None:
    text = tomllib.loads(preset_text(name).decode())
    assert set(text) >= {"mode", "digests", "outside", "trust_receipts", "scan", "ledger", "names"}


def test_what_a_policy_does_not_say_is_the_strict_answer() -> None:
    found = policy()
    assert (found.mode, found.outside) == (Mode.ENFORCE, OutsideRule.REFUSE)
    assert (found.scan.required, found.scan.fail_on) == (True, Severity.HIGH)
    assert found.scan.unsupported is Unsupported.LIST
    assert found.require.release
    assert not found.require.release.approvals


def test_the_presets_differ_as_documented() -> None:
    baseline, strict, audit = (load_preset(name) for name in ("baseline", "strict", "audit"))
    airgapped = load_preset("airgapped")
    assert (baseline.outside, baseline.digests) == (OutsideRule.REPORT, Digests.ANY)
    assert (strict.outside, strict.digests) == (OutsideRule.REFUSE, Digests.SHA256)
    assert strict.require.scan
    assert airgapped.require.scan
    assert airgapped.scan.deny_formats == ("pickle",)
    assert airgapped.scan.remote_code is RemoteCode.REFUSE
    assert strict.ledger.witnesses == 1
    assert (baseline.mode, strict.mode, audit.mode) == (Mode.ENFORCE, Mode.ENFORCE, Mode.WARN)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("version = 1\nmoed = 'warn'", "mode"),
        ("version = 1\n[scan]\nfail_onn = 'low'", "scan.fail_on"),
        ("version = 1\n[role.release]\nkeys = []", "roles"),
        ("version = 1\n[ledger]\nwitness = 3", "ledger.witnesses"),
        ("version = 1\n[require.relase]\nrole = 'a'", "require.release"),
        ("version = 1\n[roles.a]\nkey = ['x']", "roles.a.keys"),
        ("version = 1\n[chain]\nmaxdepth = 1", "chain.max_depth"),
        (
            "version = 1\n[[roles.a.identities]]\nissuer = 'https://i'\nsubject_glob = 'x*'",
            "identities.a-1.identity_glob",
        ),
        (
            "version = 1\n[[roles.a.identities]]\nissuer = 'https://i'\nsubject = 'x'",
            "identities.a-1.identity",
        ),
        (
            "version = 1\n[[roles.a.identities]]\nissuer = 'https://i'\nsource_repository = 'a/b'",
            "identities.a-1.repository",
        ),
        (f"version = 1\n{SIGNED}[environments.prod]\nmoed = 'warn'", "mode"),
    ],
)
def test_an_unknown_key_is_refused_and_guessed(text: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(f"{text}\n")
    assert f"did you mean `{hint}`?" in caught.value.fix, caught.value
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
        f"version = 1\n{SIGNED}role = 'other'",
        "version = 1\n[roles.release]\nkeys = []\n[require.release]",
        "version = 1\n[roles.release]\nkeys = ['x']\n[scan]\nrequired = true",
        "version = 1\n[scan]\nrequired = false",
        "version = 1\n[scan]\nfail_on = 'low'",
        f"version = 1\n{SIGNED}[roles.ghost]\nkeys = ['a']",
        f"version = 1\n{SIGNED}[provenance]\nbuild_types = ['x']",
        f"version = 1\n{SIGNED}[licenses]\nallow = []",
        f"version = 1\n{SIGNED}[licenses]\nallow = ['MIT']\ndeny = ['mit']",
        f"version = 1\n{SIGNED}max_age = '1w'",
        f"version = 1\n{SIGNED}max_age = ''",
        f"version = 1\n{SIGNED}[chain]\nallowed_bases = ['acme/base']",
        f"version = 1\n{SIGNED}[chain.steps]\nfinetune = 'nobody'",
        f"version = 1\n{SIGNED}[vsa]\nrole = 'release'\nmax_age = '1d'",
        f"version = 1\n{SIGNED}[roles.gate]\nkeys = ['a']\n[vsa]\nrole = 'gate'\nmax_age = '1d'",
        f"version = 1\n{SIGNED}[scan]\nengines = ['modelscan']",
        f"version = 1\n{SIGNED}[scan]\nallow_formats = ['a']\ndeny_formats = ['a']",
        f"version = 1\nmax_classification = 'secret'\n{SIGNED}",
        f"version = 1\n{SIGNED}[environments]\nprod = 3",
        f"version = 1\n{SIGNED}[environments.prod]\nversion = 1",
        f"version = 1\n{SIGNED}[environments.prod.require.release]\nrole = 'nobody'",
        "version = 1\n[roles.release]\nkeys = ['a', 'b']\nthreshold = 2\n[require.release]",
        "version = 1\n[roles.release]\nkeys = ['a']\nthreshold = 0\n[require.release]",
        "version = 1\nmode = 'Warn'",
        "version = 1\nmode = 1",
        "version = 1\nrequire = 'me'",
        "version = 1\n[scan]\nfail_on = 'severe'",
        "version = 1\n[scan]\nrequired = 'no'",
        "version = 1\n[ledger]\nwitnesses = -1",
        "version = 1\n[ledger]\nwitnesses = true",
        "version = 1\n[require.release]\n[roles.release]\nkeys = [1]",
        "version = 1\n[require.release]\n[roles.release]\nkeys = ['']",
        "version = 1\nname = 'a\\u001bb'",
        'version = 1\nname = "a\\u001bb"',
        "version = 1\nversion = 1",
        "version = 1\nx = " + "[" * 20_000,
        f"version = 1\n{SCANNED}[ledger]\nrequired = true",
    ],
    ids=lambda text: text[:60],
)
def test_a_policy_that_is_empty_wrong_or_demands_nothing_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        read(text)


def test_approvals_contradict_sha256() -> None:
    with pytest.raises(PolicyError, match="contradict"):
        policy('digests = "sha256"', "approvals = true")


def test_a_huge_or_binary_policy_is_refused() -> None:
    for text in (b"#" * (MAX_POLICY_SIZE + 1), b"\xff\xfe", b"\xef\xbb\xbfversion = 1"):
        with pytest.raises(PolicyError):
            parse_policy(text, source="x", files=PolicyFiles(PublicKey.load))


@given(st.binary(max_size=200))
def test_no_bytes_make_the_parser_fail_otherwise(data: bytes) -> None:
    with pytest.raises(PolicyError):
        parse_policy(data, source="x", files=PolicyFiles(PublicKey.load))


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
        read(text)
        accepted = True
    except PolicyError as error:
        accepted = _is_about_sense(error)
    valid = jsonschema.Draft202012Validator(SCHEMA).is_valid(full)
    assert valid or not accepted


def _is_about_sense(error: PolicyError) -> bool:
    """Tell whether the text is well-formed, and only what it says together makes no sense."""
    return any(
        word in error.what for word in ("does not say", "demand", "names the role", "contradict")
    )


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
    found = parse(text.decode())
    template = load_preset(name)
    assert found.name == "acme prod"
    assert [key.identity for key in found.release.keys] == [KEY.public.identity, other.identity]
    for part in ("mode", "digests", "outside", "require", "scan", "names", "ledger"):
        assert getattr(found, part) == getattr(template, part)


@pytest.mark.parametrize("name", ["", 'x"\nmode = "warn', "\x1b[0m", "a" * 101])
def test_a_drafted_name_smuggles_no_settings(name: str) -> None:
    with pytest.raises(PolicyError):
        draft_policy("baseline", [KEY.public], name=name)


def test_a_draft_needs_a_key() -> None:
    with pytest.raises(CallError):
        draft_policy("baseline", [], name="acme")


@pytest.mark.parametrize("name", ["strict", "Baseline", " audit "])
def test_a_policy_may_not_call_itself_as_a_preset_is_called(name: str) -> None:
    with pytest.raises(PolicyError, match="as a preset is called"):
        read(f"version = 1\nname = '{name}'\n{SIGNED}")


def test_explain_says_every_setting() -> None:
    full = read(FULL)
    said = {demand.setting for demand in explain_policy(full)}
    top = set(SCHEMA["properties"]) - {"version", "name", "revision", "environments", "roles"}
    heads = {part.split(".")[0].split(",")[0] for part in said}
    assert top - heads == {"trust_receipts"}
    kinds = set(SCHEMA["properties"]["require"]["properties"])
    stated = {part.split(",")[0].removeprefix("require.") for part in said if "require." in part}
    assert stated == kinds | {"scan.fail_on"}


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_explain_speaks_in_single_lines(name: str) -> None:
    for demand in explain_policy(load_preset(name)):
        assert demand.text
        assert "\n" not in demand.text
        assert not demand.text.endswith(".")


def test_limits_of_the_scan_are_named_and_positive() -> None:
    text = f"version = 1\n{SCANNED}limits = {{ LIMITS }}\n"
    found = read(text.replace("LIMITS", " seconds = 60, depth = 4 "))
    assert found.scan.limits.changed == {"seconds": 60, "depth": 4}
    assert any(
        "seconds 60, depth 4" in demand.text or "depth 4, seconds 60" in demand.text
        for demand in explain_policy(found)
    )
    for wrong in ("opcode = 1", "opcodes = 0", "opcodes = -1", "seconds = 1.5", "depth = true"):
        with pytest.raises(PolicyError):
            read(text.replace("LIMITS", wrong))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(text.replace("LIMITS", wrong)), SCHEMA)


def test_the_schema_knows_every_limit() -> None:
    (pattern,) = SCHEMA["properties"]["scan"]["properties"]["limits"]["patternProperties"]
    known = [field.name for field in dataclasses.fields(Limits)]
    assert pattern == f"^({'|'.join(sorted(known))})$"


def test_a_policy_that_says_everything_is_read_and_fits_the_schema() -> None:
    jsonschema.validate(_plain(tomllib.loads(FULL)), SCHEMA)
    found = read(FULL)
    assert (found.revision, found.environments) == (3, ("dev", "prod"))
    assert found.lineage
    assert found.lineage.rule.max_depth == 16
    assert len(found.require.stated) == len(SCHEMA["properties"]["require"]["properties"])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float) else str(value)


def test_an_environment_is_laid_over_the_policy() -> None:
    prod = parse_policy(FULL.encode(), source="x", files=ANY_KEY, environment="prod")
    assert prod.lineage
    assert (prod.lineage.rule.max_depth, len(prod.lineage.rule.allowed_bases)) == (4, 1)
    assert prod.mode is Mode.ENFORCE
    assert prod.uri.endswith("#prod")
    dev = parse_policy(FULL.encode(), source="x", files=ANY_KEY, environment="dev")
    assert dev.mode is Mode.WARN


@pytest.mark.parametrize("name", ["Prod", "prd", "", "../prod"])
def test_an_environment_that_is_not_there_is_never_the_base_policy(name: str) -> None:
    if name:
        with pytest.raises(PolicyError, match="no environment"):
            parse_policy(FULL.encode(), source="x", files=ANY_KEY, environment=name)
    with pytest.raises(PolicyError, match="environments"):
        load_policy("baseline", artifact=Path("m"), environment="prod")


def test_an_environment_that_makes_no_sense_is_refused_whichever_is_meant() -> None:
    text = f"version = 1\n{SIGNED}[environments.dev.require.release]\nmax_age = 'soon'\n"
    with pytest.raises(PolicyError, match="max_age"):
        read(text)


def test_a_deeply_dotted_overlay_is_refused() -> None:
    dotted = ".".join(["a"] * 5000)
    text = f"version = 1\n{dotted} = 1\n{SIGNED}[environments]\nprod.{dotted} = 2\n"
    with pytest.raises(PolicyError):
        read(text)


@pytest.mark.parametrize(
    "entry",
    [
        "rule = 'signature'",
        "rule = 'content'",
        "rule = 'identity'",
        "rule = 'revocation'",
        "rule = 'ledger'",
        "rule = 'witnesses'",
        "rule = 'policy'",
        "rule = 'sidecars'",
        "rule = '*'",
        "artifact = 'acme/model'",
        "artifact = 'wm1:*'",
        "reason = ' '",
        "approver = ''",
        "expires = '2030-01-01'",
        "expires = 2030-01-01T00:00:00",
    ],
)
def test_an_exception_is_narrow_and_ends(entry: str) -> None:
    fields = {
        "rule": "'scan'",
        "artifact": f"'wm1:{'c' * 64}'",
        "reason": "'r'",
        "approver": "'a'",
        "expires": "2030-01-01",
    }
    good = "\n".join(f"{key} = {value}" for key, value in fields.items())
    assert read(f"version = 1\n{SIGNED}[[exceptions]]\n{good}").exemptions
    key, _, value = entry.partition(" = ")
    wrong = "\n".join(f"{name} = {said}" for name, said in (fields | {key: value}).items())
    missing = "\n".join(f"{name} = {said}" for name, said in fields.items() if name != key)
    for text in (wrong, missing):
        with pytest.raises(PolicyError):
            read(f"version = 1\n{SIGNED}[[exceptions]]\n{text}")


@pytest.mark.parametrize(
    "entry",
    [
        "field = 'artifact.sise'",
        "op = 'eval'",
        "op = 'matches'",
        "value = 'many'",
        "value = true",
        "value = [1, 2]",
        "name = 'a\\nb'",
        "name = ''",
    ],
)
def test_a_rule_compares_what_can_be_compared(entry: str) -> None:
    fields = {"name": "'n'", "field": "'artifact.size'", "op": "'at_most'", "value": "10"}
    good = "\n".join(f"{key} = {value}" for key, value in fields.items())
    assert read(f"version = 1\n{SIGNED}[[rule]]\n{good}").conditions
    key, _, value = entry.partition(" = ")
    wrong = "\n".join(f"{name} = {said}" for name, said in (fields | {key: value}).items())
    with pytest.raises(PolicyError):
        read(f"version = 1\n{SIGNED}[[rule]]\n{wrong}")


def test_one_key_that_stands_there_twice_is_one_signer() -> None:
    text = f"version = 1\n[roles.release]\nthreshold = 2\nkeys = {pem(KEY.public, KEY.public)}\n[require.release]"
    with pytest.raises(PolicyError, match="has 1"):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        '[roles.release]\nkeys = ["\\u0000"]\n[require.release]\n',
        '[roles.release]\ntrust = "a\\u0000.toml"\n[require.release]\n',
        "expires = 0001-01-01T00:00:00+23:59\n" + SIGNED,
    ],
)
def test_a_nul_in_a_path_and_a_time_of_no_calendar_are_wrong_policies_and_no_crash(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f"version = 1\n{text}")
    with pytest.raises(PolicyError):
        load_policy_file(path)


ISSUER = "https://token.actions.githubusercontent.com"


@pytest.mark.parametrize(
    ("change", "good"),
    [
        ({}, True),
        ({"issuer": f"{ISSUER}/hammer-time"}, False),
        ({"issuer": f"{ISSUER}.evil.example"}, False),
        (
            {"subject": "https://github.com/evil/x/.github/workflows/release.yml@refs/tags/v1"},
            False,
        ),
        ({"source_repository": "https://github.com/evil/models"}, False),
        ({"source_repository": "https://github.com/acme/models-evil"}, False),
    ],
    ids=["itself", "issuer as prefix", "longer host", "other workflow", "other source", "prefix"],
)
def test_an_identity_of_a_role_is_who_it_says_and_no_neighbour(
    change: dict[str, str], good: bool
) -> None:
    text = f"""version = 1
[[roles.release.identities]]
issuer = "{ISSUER}"
identity_glob = "https://github.com/acme/workflows/.github/workflows/*.yml@refs/tags/*"
extensions = {{ "source-repository" = "https://github.com/acme/models" }}
[require.release]
"""
    (anchor,) = read(text).release.all_anchors
    assert isinstance(anchor, IdentityAnchor)
    facts = {
        "subject": "https://github.com/acme/workflows/.github/workflows/release.yml@refs/tags/v1",
        "issuer": ISSUER,
        "source_repository": "https://github.com/acme/models",
    } | change
    extensions = FulcioExtensions(
        issuer=facts["issuer"], source_repository=facts["source_repository"]
    )
    day = datetime(2026, 11, 21, tzinfo=UTC)
    leaf = LeafFacts(facts["subject"], "", "a" * 64, day, day, extensions)
    assert (not anchor.rule.mismatches(leaf)) is good
