"""`weightmark chain`: the tree, its gaps with the command that closes them, and the bytes."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.attestations.gate_makers import safetensors
from tests.cli.running import RunCli


@pytest.fixture
def house(tmp_path: Path, run_cli: RunCli) -> Path:
    """A base and a model that a signed statement says was fine-tuned from it."""
    for name, payload in (("base", b"abcd"), ("model", b"abcd"), ("other", b"ABCDE")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(safetensors(payload))
        (tmp_path / name / "note.txt").write_text(name)
    assert run_cli("key", "generate", "-o", "release.key", cwd=tmp_path).code == 0
    for name in ("base", "model", "other"):
        done = run_cli("sign", name, "--key", "release.key", cwd=tmp_path)
        assert done.code == 0, done.stderr
    return tmp_path


def _state(
    house: Path,
    run_cli: RunCli,
    parent: str,
    step: str = "finetune",
    *,
    model: str = "model",
    **more: object,
) -> None:
    done = run_cli("digest", parent, "-f", "json", cwd=house)
    identity = json.loads(done.stdout)["artifacts"][0]["identity"]
    link = {
        "name": parent,
        "mediaType": "application/vnd.weightmark.manifest.v1",
        "digest": {"sha256": identity.removeprefix("wm1:")},
        **more,
    }
    predicate = {
        "buildDefinition": {
            "buildType": f"https://weightmark/buildtypes/{step}/v1",
            "externalParameters": {},
            "resolvedDependencies": [link],
        },
        "runDetails": {"builder": {"id": "https://example.org/b"}},
    }
    (house / "p.json").write_text(json.dumps(predicate))
    args = ("--type", "provenance", "--predicate", "p.json", "--key", "release.key")
    done = run_cli("attest", model, *args, cwd=house)
    assert done.code == 0, done.stderr


def test_a_chain_is_shown_as_a_tree(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "base", cwd=house)
    assert done.code == 0, done.stderr
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("✓ model")
    assert second.startswith("└─ ✓ base")
    assert any("consistent" in line for line in rest)


def test_an_end_that_nobody_vouches_for_names_the_command_that_would(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", cwd=house)
    assert done.code == 1
    assert "weightmark attest PATH --type approval" in done.stdout


def test_bytes_that_contradict_the_statement_are_refused(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "other", "convert")
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "other", cwd=house)
    assert done.code == 1
    assert "contradicted" in done.stdout


def test_a_statement_by_somebody_else_is_no_chain(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    assert run_cli("key", "generate", "-o", "other.key", cwd=house).code == 0
    done = run_cli("chain", "model", "--key", "other.pub", "-f", "json", cwd=house)
    assert done.code == 1
    assert [gap["kind"] for gap in json.loads(done.stdout)["gaps"]] == ["unproven-artifact"]


def test_a_step_by_somebody_else_is_named_where_the_signature_alone_would_look_green(
    house: Path, run_cli: RunCli
) -> None:
    """The builder's step lies beside a model of which only the release key is trusted."""
    assert run_cli("key", "generate", "-o", "builder.key", cwd=house).code == 0
    told = ("--step", "finetune", "--input", "base=./base", "--output", "./out")
    making = ("--", "sh", "-c", "mkdir out && echo w > out/w")
    done = run_cli("record", *told, "--key", "builder.key", *making, cwd=house)
    assert done.code == 0, done.stderr
    assert run_cli("sign", "out", "--key", "release.key", cwd=house).code == 0
    shown = run_cli("chain", "out", "--key", "release.pub", cwd=house)
    assert "a step `finetune` of" in shown.stdout
    assert "counts for nothing" in shown.stdout
    assert "nobody who is trusted says how it was made" in shown.stdout
    both = run_cli("chain", "out", "--key", "release.pub", "--key", "builder.pub", cwd=house)
    assert "counts for nothing" not in both.stdout


def test_a_step_recorded_in_a_git_repository_leaves_no_gap(house: Path, run_cli: RunCli) -> None:
    git = ("git", "-c", "user.name=n", "-c", "user.email=n@example.org")
    (house / "train.py").write_text("pass")
    for call in (("init", "-q"), ("add", "train.py"), ("commit", "-qm", "one")):
        subprocess.run([*git, *call], cwd=house, check=True, capture_output=True)
    told = ("--step", "finetune", "--input", "base=./base", "--output", "./out")
    making = ("--", "sh", "-c", "mkdir out && echo w > out/w")
    done = run_cli("record", *told, "--key", "release.key", *making, cwd=house)
    assert done.code == 0, done.stderr
    shown = run_cli("chain", "out", "--key", "release.pub", "--with", "base", cwd=house)
    assert shown.code == 0, shown.stdout
    assert "- source: " in shown.stdout


def test_whom_to_trust_has_to_be_said(house: Path, run_cli: RunCli) -> None:
    assert run_cli("chain", "model", cwd=house).code == 2


@pytest.mark.parametrize(
    ("form", "word"), [("mermaid", "flowchart"), ("dot", "digraph"), ("svg", "<svg")]
)
def test_it_is_drawn(house: Path, run_cli: RunCli, form: str, word: str) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", "--draw", form, cwd=house)
    assert done.stdout.startswith(word)
    assert "finetune" in done.stdout


def test_machines_get_claim_ids_with_their_algorithm_and_each_check_once(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    _state(house, run_cli, "other")
    done = run_cli("chain", "model", "--key", "release.pub", "-f", "json", cwd=house)
    said = json.loads(done.stdout)
    assert all(step["claim_id"].startswith("sha256:") for step in said["steps"])
    names = [one["name"] for one in said["checks"]]
    assert len(names) == len(set(names))


def test_an_ancestor_without_claims_is_named(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    for file in ("model.sig", "model.claims"):
        (house / "base" / file).unlink()
    done = run_cli("chain", "model", "--key", "release.pub", "--with", "base", cwd=house)
    assert done.code == 1
    assert "there are no claims beside `base`" in done.stdout
    assert "weightmark attest base --type approval" in done.stdout
    assert "└─ ✗ base  wm1:" in done.stdout


_POLICY = """
version = 1
[roles.release]
keys = ["release.pub"]
{builder}[require.release]
role = "release"
[require.provenance]
role = "{role}"
[chain]
max_depth = {depth}
"""


def _policy(house: Path, run_cli: RunCli, role: str = "builder", depth: int = 3) -> None:
    if not (house / "builder.pub").exists():
        assert run_cli("key", "generate", "-o", "builder.key", cwd=house).code == 0
    builder = '[roles.builder]\nkeys = ["builder.pub"]\n' if role == "builder" else ""
    text = _POLICY.format(role=role, depth=depth, builder=builder)
    (house / "policy.toml").write_text(text)


def test_with_a_policy_a_step_counts_only_in_its_role(house: Path, run_cli: RunCli) -> None:
    """The release key signs the step: whoever is merely trusted may, by the policy it may not."""
    refused = ("unproven-artifact", "unstated-making")
    _state(house, run_cli, "other")
    _policy(house, run_cli)
    for who, steps in ((("--key", "release.pub"), 1), (("--policy", "./policy.toml"), 0)):
        done = run_cli("chain", "model", *who, "-f", "json", cwd=house)
        said = json.loads(done.stdout)
        assert (done.code, len(said["steps"])) == (1, steps), who
        assert [one["kind"] for one in said["gaps"]] == [refused[1 - steps]]
        assert len(said["not_counted"]) == 1 - steps
    _policy(house, run_cli, role="release")
    done = run_cli("chain", "model", "--policy", "./policy.toml", "-f", "json", cwd=house)
    assert [one["kind"] for one in json.loads(done.stdout)["gaps"]] == ["unproven-artifact"]


def test_a_chain_deeper_than_the_policy_allows_is_refused_and_not_left_open(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    _state(house, run_cli, "other", "train", model="base")
    approved = ("--type", "approval", "--reason", "vendor's", "--key", "release.key")
    assert run_cli("attest", "other", *approved, cwd=house).code == 0
    args = ("--policy", "./policy.toml", "--with", "base", "--with", "other", "-f", "json")
    for depth, code in ((1, 1), (2, 0)):
        _policy(house, run_cli, role="release", depth=depth)
        done = run_cli("chain", "model", *args, cwd=house)
        checks = json.loads(done.stdout)["checks"]
        bad = [one["code"] for one in checks if one["outcome"] == "fail"]
        assert (done.code, bad) == (code, ["too-deep"] * code)


_BY_TWO = """
version = 1
[roles.release]
keys = ["release.pub"]
[roles.builder]
threshold = {threshold}
keys = ["release.pub", "second.pub"]
[require.release]
[chain]
role = "builder"
vouchers = "release"
{more}
"""


@pytest.mark.parametrize(
    ("threshold", "more", "code"),
    [
        (1, "", ""),
        (2, "", "chain-too-few"),
        (1, "max_age = '1d'", "step-undated"),
        (1, "allowed_bases = ['wm1:" + "0" * 64 + "']", "base-not-allowed"),
        (1, "signed_ends = false", ""),
    ],
)
def test_chain_and_gate_judge_each_step_and_end_alike(
    house: Path, run_cli: RunCli, threshold: int, more: str, code: str
) -> None:
    _state(house, run_cli, "base")
    assert run_cli("key", "generate", "-o", "second.key", cwd=house).code == 0
    approval = ("--type", "approval", "--reason", "vendor's", "--key", "release.key")
    assert run_cli("attest", "base", *approval, cwd=house).code == 0
    (house / "two.toml").write_text(_BY_TWO.format(threshold=threshold, more=more))
    both = ("model", "--policy", "./two.toml", "--claims", "base", "-f", "json")
    said = []
    for command in ("chain", "gate"):
        done = run_cli(command, *both, cwd=house)
        (check,) = (one for one in json.loads(done.stdout)["checks"] if one["name"] == "chain")
        said.append((check["outcome"], check["code"], check["summary"]))
        assert done.code == (0 if not code else 4 if code == "step-undated" else 1), done.stdout
    assert said[0] == said[1]
    assert said[0][1] == code


def test_an_excepted_gap_is_none_in_the_chain_either(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    assert run_cli("key", "generate", "-o", "second.key", cwd=house).code == 0
    done = run_cli("digest", "base", "-f", "json", cwd=house)
    identity = json.loads(done.stdout)["artifacts"][0]["identity"]
    accepted = (
        f"[[exceptions]]\nrule = 'chain'\nartifact = '{identity}'\nreason = 'looked at'\n"
        "approver = 'me'\nexpires = 2999-01-01\n"
    )
    for more, code in (("", 1), (accepted, 0)):
        (house / "two.toml").write_text(_BY_TWO.format(threshold=1, more=more))
        for command in ("chain", "gate"):
            done = run_cli(command, "model", "--policy", "./two.toml", "-f", "json", cwd=house)
            assert done.code == code, done.stdout
    done = run_cli("chain", "model", "--policy", "./two.toml", "-f", "json", cwd=house)
    assert [one["counts"] for one in json.loads(done.stdout)["gaps"]] == [False]
    assert "✗" not in run_cli("chain", "model", "--policy", "./two.toml", cwd=house).stdout


def test_what_only_the_gate_judges_of_a_chain_is_said(house: Path, run_cli: RunCli) -> None:
    _state(house, run_cli, "base")
    assert run_cli("key", "generate", "-o", "second.key", cwd=house).code == 0
    (house / "two.toml").write_text(
        _BY_TWO.format(threshold=1, more="[licenses]\nallow = ['MIT']\nrole = 'release'")
    )
    done = run_cli("chain", "model", "--policy", "./two.toml", "-v", cwd=house)
    assert "`[licenses]`: judged by `gate` only" in done.stdout
    shown = run_cli(
        "chain", "model", "--policy", "baseline", "--key", "release.pub", "-v", cwd=house
    )
    assert "the policy has no `[chain]`: `gate` demands nothing of it" in shown.stdout


def test_an_artifact_of_which_nothing_is_known_is_called_as_its_folder(
    house: Path, run_cli: RunCli
) -> None:
    assert run_cli("key", "generate", "-o", "nobody.key", cwd=house).code == 0
    done = run_cli("chain", "./model", "--key", "nobody.pub", cwd=house)
    assert done.code == 1
    assert done.stdout.startswith("✗ model  wm1:")


def test_trust_beside_a_policy_file_and_an_environment_without_one_are_wrong_calls(
    house: Path, run_cli: RunCli
) -> None:
    _policy(house, run_cli)
    both = ("--policy", "./policy.toml", "--key", "release.pub")
    assert run_cli("chain", "model", *both, cwd=house).code == 2
    alone = ("--key", "release.pub", "--env", "prod")
    assert run_cli("chain", "model", *alone, cwd=house).code == 2
    (house / "policy.toml").rename(house / "model" / "policy.toml")
    inside = ("--policy", "./model/policy.toml")
    assert run_cli("chain", "model", *inside, cwd=house).code == 2


def test_a_ledger_supplies_the_claims_of_ancestors_and_says_what_was_revoked(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    calls = [
        ("ledger", "init", "ledger", "--admit", "release.pub"),
        ("ledger", "append", "base/model.claims", "--ledger", "ledger", "--key", "release.key"),
    ]
    for call in calls:
        assert run_cli(*call, cwd=house).code == 0, call
    trusted = ("--key", "release.pub")
    assert run_cli("chain", "model", *trusted, cwd=house).code == 1
    asked = (*trusted, "--ledger", "ledger")
    assert run_cli("chain", "model", *asked, cwd=house).code == 0
    revoke = ("--ledger", "ledger", "--key", "release.key", "--reason", "poisoned")
    assert run_cli("revoke", "base", *revoke, cwd=house).code == 0
    done = run_cli("chain", "model", *asked, "-f", "json", cwd=house)
    assert done.code == 1
    kinds = [gap["kind"] for gap in json.loads(done.stdout)["gaps"]]
    assert kinds == ["revoked", "unstated-making"]


def test_a_ledger_inside_the_artifact_says_nothing_about_it(house: Path, run_cli: RunCli) -> None:
    place = ("--ledger", "model/ledger")
    assert run_cli("chain", "model", "--key", "release.pub", *place, cwd=house).code == 2


def test_each_gap_stands_in_the_tree_and_for_machines_with_what_closes_it(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "base")
    done = run_cli("chain", "model", "--key", "release.pub", cwd=house)
    lines = done.stdout.splitlines()
    (bad,) = [number for number, line in enumerate(lines) if line.startswith("└─ ✗ base")]
    assert lines[bad + 1].startswith(
        "      unproven-artifact: if something is stated of it already, name those claims"
    )
    done = run_cli("chain", "model", "--key", "release.pub", "-f", "json", cwd=house)
    (gap,) = json.loads(done.stdout)["gaps"]
    assert "weightmark attest PATH --type approval" in gap["fix"]


def test_an_ancestor_on_two_ways_is_drawn_below_both(house: Path, run_cli: RunCli) -> None:
    """`base` went into `model` directly and by way of `other`."""
    _state(house, run_cli, "base", model="other")
    digests = (run_cli("digest", one, "-f", "json", cwd=house) for one in ("base", "other"))
    found = [json.loads(one.stdout)["artifacts"][0]["identity"] for one in digests]
    links = [
        {
            "name": "x",
            "mediaType": "application/vnd.weightmark.manifest.v1",
            "digest": {"sha256": one.removeprefix("wm1:")},
        }
        for one in found
    ]
    stated = json.loads((house / "p.json").read_text())
    stated["buildDefinition"]["resolvedDependencies"] = links
    (house / "p.json").write_text(json.dumps(stated))
    args = ("--type", "provenance", "--predicate", "p.json", "--key", "release.key")
    assert run_cli("attest", "model", *args, cwd=house).code == 0
    more = ("--with", "other", "--with", "base", "--draw", "svg")
    drawn = run_cli("chain", "model", "--key", "release.pub", *more, cwd=house).stdout
    heights = [int(one) for one in re.findall(r'<rect x="\d+" y="(\d+)"', drawn)]
    assert len(set(heights)) == 3


def test_gate_holds_the_chain_against_the_bytes_of_ancestors_at_hand(
    house: Path, run_cli: RunCli
) -> None:
    _state(house, run_cli, "other", "convert", annotations={"role": "base"})
    trusted = ("--policy", "baseline", "--key", "release.pub")
    assert run_cli("gate", "model", *trusted, cwd=house).code == 0
    denied = run_cli("gate", "model", *trusted, "--with", "other", cwd=house)
    assert denied.code == 1, denied.stderr
    assert "weights" in denied.stdout
    assert "contradicted" in denied.stdout
    stranger = run_cli("gate", "model", *trusted, "--with", "base", cwd=house)
    assert stranger.code == 0
    assert run_cli("gate", "model", *trusted, "--with", "missing", cwd=house).code == 2


def test_one_more_file_does_not_hide_weights_that_contradict_their_step(
    house: Path, run_cli: RunCli
) -> None:
    """The foreign weights lie beside a copy of the parent's: two sets, one of which fits."""
    shutil.copytree(house / "other", house / "packed")
    for name in ("model.sig", "model.claims"):
        (house / "packed" / name).unlink(missing_ok=True)
    shutil.copy(house / "base" / "model.safetensors", house / "packed" / "copy.safetensors")
    _state(house, run_cli, "base", "package", model="packed")
    done = run_cli("chain", "packed", "--key", "release.pub", "--with", "base", cwd=house)
    assert done.code == 1
    assert "1 of 2 sets of weights fit none of it" in done.stdout


def test_sets_of_weights_of_two_inputs_that_are_packed_together_are_explained_by_both(
    house: Path, run_cli: RunCli
) -> None:
    """With one of the two at hand the other set could not be checked; it is no contradiction."""
    for name in ("base", "other"):
        (house / "pair" / name).mkdir(parents=True)
        weights = (house / name / "model.safetensors").read_bytes()
        (house / "pair" / name / "model.safetensors").write_bytes(weights)
    links = []
    for name in ("base", "other"):
        done = run_cli("digest", name, "-f", "json", cwd=house)
        digest = json.loads(done.stdout)["artifacts"][0]["identity"].removeprefix("wm1:")
        kind = "application/vnd.weightmark.manifest.v1"
        links.append({"name": name, "mediaType": kind, "digest": {"sha256": digest}})
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/package/v1",
            "externalParameters": {},
            "resolvedDependencies": links,
        },
        "runDetails": {"builder": {"id": "https://example.org/b"}},
    }
    (house / "p.json").write_text(json.dumps(predicate))
    args = ("--type", "provenance", "--predicate", "p.json", "--key", "release.key")
    assert run_cli("attest", "pair", *args, cwd=house).code == 0
    chain = ("chain", "pair", "--key", "release.pub", "--with", "base")
    assert run_cli(*chain, "--with", "other", cwd=house).code == 0
    partly = run_cli(*chain, "--claims", "other/model.claims", cwd=house)
    assert partly.code == 4
    assert "not every input is at hand" in partly.stdout
