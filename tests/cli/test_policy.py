"""`weightmark policy` as a newcomer calls it: propose, check, try, sign, and gate by what was written."""

import json
from pathlib import Path

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, KEY, STRANGER, make_model, make_signed
from tests.attestations.sigstore.cases import BEACON, GITHUB, Case
from tests.cli.published import fitting
from tests.cli.running import RunCli
from weightmark.attestations.policy.load import load_policy_file
from weightmark.errors import PolicyError
from weightmark.provenance.identification import identify


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quiet_environment: Path) -> Path:
    assert quiet_environment.is_dir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "release.pub").write_bytes(KEY.public.pem)
    (tmp_path / "release.key").write_bytes(KEY.to_pem(None))
    (tmp_path / "stranger.pub").write_bytes(STRANGER.public.pem)
    make_signed(tmp_path / "model")
    return tmp_path


def write(path: Path, top: str = "", end: str = "") -> str:
    path.write_text(
        f'version = 1\n{top}\n[roles.release]\nkeys = ["release.pub"]\n[require.release]\n{end}\n'
    )
    return str(path)


def test_init_proposes_the_formats_that_it_finds(place: Path, run_cli: RunCli) -> None:
    ran = run_cli("policy", "init", "model", "--key", "release.pub", "-o", "p.toml", "-f", "json")
    assert ran.code == 0, ran.stderr
    found = fitting(ran.stdout, "policy-init")
    assert any("formats: json, safetensors" in one for one in found["found"])
    policy = load_policy_file(place / "p.toml")
    assert policy.scan.allow_formats == ("json", "safetensors")
    assert run_cli("gate", "model", "--policy", "./p.toml").code == 0
    (place / "model" / "new.bin").write_bytes(EVIL_PICKLE)
    assert run_cli("gate", "model", "--policy", "./p.toml").code == 1


def test_init_shows_how_to_vouch_for_an_unsigned_model(place: Path, run_cli: RunCli) -> None:
    make_model(place / "foreign")
    ran = run_cli("policy", "init", "foreign", "-o", "p.toml")
    assert ran.code == 2
    assert "attest foreign --type approval" in ran.stderr
    assert not (place / "p.toml").exists()
    ran = run_cli("policy", "init", "foreign", "--key", "release.pub", "-o", "p.toml")
    assert ran.code == 0
    assert "attest foreign --type approval" in ran.stdout


def test_init_writes_no_policy_into_the_model(place: Path, run_cli: RunCli) -> None:
    ran = run_cli("policy", "init", "model", "--key", "release.pub", "-o", "model/p.toml")
    assert ran.code == 2
    assert not (place / "model" / "p.toml").exists()


def test_check_names_the_holes(place: Path, run_cli: RunCli) -> None:
    file = write(
        place / "p.toml", 'mode = "warn"', "[chain]\ncomplete = false\n[licenses]\nallow = ['MIT']"
    )
    ran = run_cli("policy", "check", file, "-f", "json")
    assert ran.code == 0
    found = fitting(ran.stdout, "policy-check")
    assert {"mode", "expires", "licenses", "scan.deny_formats"} <= {
        one["setting"] for one in found["holes"]
    }


def test_cases_say_which_decision_is_another_than_expected(place: Path, run_cli: RunCli) -> None:
    file = write(place / "p.toml", "", "[scan]\ndeny_formats = ['pickle']")
    make_model(place / "evil", **{"x.bin": EVIL_PICKLE})
    (place / "cases").mkdir()
    (place / "cases" / "good.toml").write_text("artifact = '../model'\nexpect = 'allow'\n")
    evil = "artifact = '../evil'\nexpect = 'deny'\n"
    (place / "cases" / "evil.toml").write_text(
        f"{evil}checks = ['content', 'formats', 'scan', 'signature']\n"
    )
    ran = run_cli("policy", "test", "cases", "--policy", file)
    assert ran.code == 0, ran.stdout
    (place / "cases" / "evil.toml").write_text(f"{evil}checks = ['scan']\n")
    assert run_cli("policy", "test", "cases", "--policy", file).code == 1
    (place / "cases" / "evil.toml").write_text(evil.replace("deny", "allow"))
    ran = run_cli("policy", "test", "cases", "--policy", file, "-f", "json")
    assert (ran.code, json.loads(ran.stdout)["verdict"]) == (1, "failed")


@pytest.mark.parametrize(
    "text",
    ["", "artifact = '../model'", "expect = 'allow'", "artifact = '../model'\nexpect = 'yes'",
     "artifact = '../model'\nexpect = 'allow'\nenvironment = 'x'", "artifact ="],
)  # fmt: skip
def test_a_case_that_is_wrong_is_a_wrong_call(place: Path, run_cli: RunCli, text: str) -> None:
    file = write(place / "p.toml")
    (place / "cases").mkdir()
    (place / "cases" / "c.toml").write_text(text)
    assert run_cli("policy", "test", "cases", "--policy", file).code == 2


def test_an_environment_is_named_in_the_call_and_stands_in_the_decision(
    place: Path, run_cli: RunCli
) -> None:
    file = write(place / "p.toml", "", "[environments.prod.scan]\nallow_formats = ['gguf']")
    assert run_cli("gate", "model", "--policy", file).code == 0
    ran = run_cli("gate", "model", "--policy", file, "--env", "prod", "-f", "json")
    assert ran.code == 1
    found = fitting(ran.stdout, "gate")
    assert found["policy"]["environment"] == "prod"
    assert found["policy"]["uri"].endswith("#prod")
    assert run_cli("gate", "model", "--policy", file, "--env", "prd").code == 2
    assert run_cli("gate", "model", "--policy", "baseline", "--env", "prod").code == 2


def test_a_moment_is_named_in_the_call(place: Path, run_cli: RunCli) -> None:
    file = write(place / "p.toml", "expires = 2030-01-01")
    assert run_cli("gate", "model", "--policy", file, "--now", "2029-12-31").code == 0
    ran = run_cli("gate", "model", "--policy", file, "--now", "2030-01-02")
    assert ran.code == 4
    assert "expired" in ran.stdout


def test_a_pull_request_that_edits_the_policy_needs_its_owners_signature(
    place: Path, run_cli: RunCli
) -> None:
    file = write(place / "p.toml", "revision = 1\nexpires = 2100-01-01")
    gate = ("gate", "model", "--policy", file, "--policy-key")
    assert run_cli(*gate, "release.pub").code == 3
    assert run_cli("policy", "sign", file, "--key", "release.key").code == 0
    assert run_cli(*gate, "release.pub").code == 0
    assert run_cli("policy", "check", file, "--key", "release.pub").code == 0
    assert run_cli(*gate, "stranger.pub").code == 1
    assert run_cli("policy", "check", file, "--key", "stranger.pub").code == 1
    write(place / "p.toml", "revision = 1\nexpires = 2100-01-01\nmode = 'warn'")
    assert run_cli(*gate, "release.pub").code == 1
    assert run_cli("gate", "model", "--policy", "baseline", "--policy-key", "release.pub").code == 2


@pytest.mark.parametrize("named", ["keys = ['member.pub']", "trust = 'whom.toml'"])
def test_a_key_that_is_swapped_below_a_signed_policy_is_refused(
    place: Path, run_cli: RunCli, named: str
) -> None:
    (place / "member.pub").write_bytes((place / "stranger.pub").read_bytes())
    (place / "whom.toml").write_text("version = 1\n[keys.member]\nfile = 'member.pub'\n")
    text = "version = 1\nrevision = 1\nexpires = 2100-01-01\n"
    (place / "p.toml").write_text(f"{text}[roles.release]\n{named}\n[require.release]\n")
    assert run_cli("policy", "sign", "./p.toml", "--key", "release.key").code == 0
    gate = ("gate", "model", "--policy", "./p.toml", "--policy-key", "release.pub")
    assert "✗ signature" in run_cli(*gate).stdout
    # the attacker's release key takes the place of the one that the owner signed for
    (place / "member.pub").write_bytes((place / "release.pub").read_bytes())
    swapped = run_cli(*gate)
    assert swapped.code == 1
    assert "is not what key:" in swapped.stderr
    assert run_cli("policy", "check", "./p.toml", "--key", "release.pub").code == 1
    again = run_cli("policy", "sign", "./p.toml", "--key", "release.key")
    assert again.code == 2
    assert "set `revision = 2`" in again.stderr
    later = (place / "p.toml").read_text().replace("revision = 1", "revision = 2")
    (place / "p.toml").write_text(later)
    assert run_cli("policy", "sign", "./p.toml", "--key", "release.key").code == 0
    assert run_cli(*gate).code == 0


def test_a_moment_counts_for_the_release_role_as_well(place: Path, run_cli: RunCli) -> None:
    ends = "version = 1\n[keys.release]\nfile = 'release.pub'\nnot_after = 2030-01-01\n"
    (place / "whom.toml").write_text(ends)
    (place / "p.toml").write_text(
        "version = 1\n[roles.release]\ntrust = 'whom.toml'\n[require.release]\n"
    )
    gate = ("gate", "model", "--policy", "./p.toml", "--now")
    assert run_cli(*gate, "2029-12-31").code == 0
    assert run_cli(*gate, "2030-01-03").code != 0
    (place / "whom.toml").write_text(ends.replace("2030", "2020"))
    assert run_cli(*gate, "2019-12-31").code == 0
    assert run_cli("gate", "model", "--policy", "./p.toml").code != 0


@pytest.mark.parametrize("top", ["", "revision = 1", "expires = 2100-01-01"])
def test_only_a_policy_with_revision_and_end_is_signed(
    place: Path, run_cli: RunCli, top: str
) -> None:
    file = write(place / "p.toml", top)
    assert run_cli("policy", "sign", file, "--key", "release.key").code == 2
    assert not (place / "p.toml.sig").exists()


def test_the_signature_of_another_revision_is_none(place: Path, run_cli: RunCli) -> None:
    first = write(place / "a.toml", "revision = 1\nexpires = 2100-01-01")
    assert run_cli("policy", "sign", first, "--key", "release.key").code == 0
    second = write(place / "b.toml", "revision = 2\nexpires = 2100-01-01")
    (place / "b.toml.sig").write_bytes((place / "a.toml.sig").read_bytes())
    assert run_cli("policy", "check", second, "--key", "release.pub").code == 1


def test_witnesses_of_the_policy_watch_the_ledger_and_when_they_saw_it_counts(
    place: Path, run_cli: RunCli
) -> None:
    ledger = ("--ledger", "ledger")
    for words in (
        ("ledger", "init", "ledger", "--admit", "release.pub"),
        ("ledger", "append", "model/model.claims", *ledger, "--key", "release.key"),
    ):
        assert run_cli(*words).code == 0
    made = run_cli("ledger", "witness", "init", "witness", "--name", "w.example/one")
    log = ("--log-key", "ledger/log.vkey", "-o", "ledger/tiles/checkpoint")
    assert run_cli("ledger", "witness", "cosign", "witness", "ledger", *log).code == 0
    (place / "witnesses.txt").write_text(
        f"witness one {made.stdout.strip()} http://127.0.0.1:1\nquorum one\n"
    )
    rule = "[ledger]\nrequired = true\nwitnesses = 1\nmax_age = '1d'\n"
    named = f"{rule}witness_policy = 'witnesses.txt'\n"
    seen = write(place / "p.toml", "", named)
    ran = run_cli("gate", "model", "--policy", seen, *ledger, "-f", "json")
    assert ran.code == 0, ran.stdout
    assert json.loads(ran.stdout)["ledger"]["witnesses"] == 1
    late = run_cli("gate", "model", "--policy", seen, *ledger, "--now", "2100-01-01")
    assert late.code == 1
    assert "too long ago" in late.stdout
    strict = ("gate", "model", "--policy", "strict", "--key", "release.pub", *ledger)
    assert run_cli(*strict).code == 1
    named_here = ("--witness-policy", "witnesses.txt")
    assert run_cli(*strict, *named_here).code == 0
    assert run_cli("gate", "model", "--policy", seen, *ledger, *named_here).code == 2
    make_signed(place / "newer", scan=True, **{"more.json": b"{}"})
    words = ("ledger", "append", "newer/model.claims", *ledger, "--key", "release.key")
    assert run_cli(*words).code == 0
    younger = run_cli("gate", "newer", "--policy", seen, *ledger)
    assert younger.code == 1
    assert "no release of this artifact by a trusted signer that witnesses saw" in younger.stdout
    unnamed = write(place / "q.toml", "", rule)
    assert run_cli("gate", "model", "--policy", unnamed, *ledger).code == 1
    with pytest.raises(PolicyError, match="names 1"):
        load_policy_file(Path(write(place / "r.toml", "", named.replace("= 1\n", "= 2\n"))))


def test_init_proposes_the_identities_that_signatures_name_and_says_what_that_means(
    place: Path, run_cli: RunCli, vectors: Path
) -> None:
    make_model(place / "keyless")
    bundle = Case(vectors, "happy-path-intoto-in-dsse-v3").document
    (place / "keyless" / "model.sig").write_text(json.dumps(bundle))
    ran = run_cli("policy", "init", "keyless", "-o", "p.toml")
    assert ran.code == 0, ran.stderr
    assert "trust it only if you know from elsewhere" in ran.stdout
    (anchor,) = load_policy_file(place / "p.toml").release.all_anchors
    assert anchor.name == f"sigstore:{BEACON}@{GITHUB}"


def test_a_revoked_base_refuses_what_was_made_from_it(place: Path, run_cli: RunCli) -> None:
    make_signed(place / "base", scan=True, **{"base.json": b"{}"})
    base = identify(place / "base").identity
    digest = {"sha256": base.removeprefix("wm1:")}
    media_type = "application/vnd.weightmark.manifest.v1"
    made = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": [{"name": "base", "mediaType": media_type, "digest": digest}],
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    }
    (place / "made.json").write_text(json.dumps(made))
    words = ("--type", "provenance", "--predicate", "made.json", "--key", "release.key")
    assert run_cli("attest", "model", *words).code == 0
    required = "[require.provenance]\nrole = 'release'\n[chain]\n"
    file = write(place / "p.toml", "", f"{required}allowed_bases = ['{base}']")
    gate = ("gate", "model", "--policy", file, "--claims", "base/model.claims")
    assert run_cli("gate", "model", "--policy", file).code == 1
    allowed = run_cli(*gate)
    assert allowed.code == 0, allowed.stdout
    ledger = ("--ledger", "ledger")
    assert run_cli("ledger", "init", "ledger", "--admit", "release.pub").code == 0
    revoke = ("revoke", base, "--reason", "poisoned", *ledger, "--key", "release.key")
    revoked = run_cli(*revoke)
    assert revoked.code == 0, revoked.stderr
    ran = run_cli(*gate, *ledger)
    assert ran.code == 1
    assert "is revoked at" in ran.stdout
    excepted = (
        f"[[exceptions]]\nrule = 'chain'\nartifact = '{base}'\nreason = 'r'\n"
        "approver = 'a'\nexpires = 2100-01-01\n"
    )
    waived = write(place / "q.toml", "", f"{required}{excepted}")
    named = ("gate", "model", "--policy", waived, "--claims", "base/model.claims", *ledger)
    assert run_cli(*named).code == 1


def test_init_verifies_what_the_named_key_signed_of_this_very_model(
    place: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "own.key", cwd=place).code == 0
    call = ("attest", "model", "--type", "approval", "--reason", "x", "--key", "own.key")
    assert run_cli(*call, cwd=place).code == 0
    words = ("policy", "init", "model", "--key", "own.pub", "-o")
    told = run_cli(*words, "first.toml", cwd=place).stdout
    assert "- approved by key:" in told
    assert told.count("unverified") == 1  # the other signer
    (place / "model" / "more.json").write_text("{}")
    assert "- approved by key:" not in run_cli(*words, "second.toml", cwd=place).stdout
