"""The gate against whole artifacts: each test is named after what somebody tries."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

import weightmark
from tests.attestations.gate_makers import (
    EVIL_PICKLE,
    NOW,
    SIGNER,
    STRANGER,
    check,
    make_model,
    make_signed,
    parse,
    policy,
    preset,
    refused,
    safetensors,
)
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.decision import Decision, Verdict
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.making.signing import add_claim, sign_artifact
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE, ApprovalClaim
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.errors import CallError, Exit, TrustNotSaidError

PRESETS = ("baseline", "strict")


@pytest.fixture
def unreadable() -> Iterator[list[Path]]:
    places: list[Path] = []
    yield places
    for place in places:
        place.chmod(0o644)


def denied(decision: Decision) -> set[str]:
    assert decision.verdict is Verdict.DENY
    assert decision.exit is Exit.BAD
    assert not decision.allows
    return refused(decision)


@pytest.mark.parametrize("name", PRESETS)
def test_a_signed_and_clean_model_is_allowed(tmp_path: Path, name: str) -> None:
    decision = gate(make_signed(tmp_path / "model"), preset(name))
    assert decision.allows
    assert decision.exit is Exit.GOOD
    assert decision.word == "allow"
    assert decision.evidence.identity.startswith("wm1:")
    passed = {one.name for one in decision.checks if one.outcome is Outcome.PASS}
    assert {
        "identity",
        "signature",
        "content",
        "scan",
        "scan claim",
        "sidecars",
        "names",
        "outside",
    } <= passed


@pytest.mark.parametrize("digests", ["blake3", "sha256", "blake3 and sha256"])
def test_content_is_compared_by_the_digests_that_the_policy_names(
    tmp_path: Path, digests: str
) -> None:
    word = {"blake3": "any", "sha256": "sha256"}.get(digests, "both")
    decision = gate(make_signed(tmp_path / "model"), policy(f'digests = "{word}"'))
    assert decision.evidence.verified is not None
    assert decision.evidence.verified.algorithm == digests


def test_a_single_file_is_gated_by_its_own_sidecars(tmp_path: Path) -> None:
    file = make_model(tmp_path / "model") / "model.safetensors"
    sign_artifact(file, SIGNER)
    assert gate(file, preset("strict")).allows
    file.write_bytes(file.read_bytes() + b"!")
    assert "content" in denied(gate(file, preset("strict")))


@pytest.mark.parametrize("name", PRESETS)
def test_an_unsigned_model_is_denied_and_still_identified_and_scanned(
    tmp_path: Path, name: str
) -> None:
    decision = gate(make_model(tmp_path / "model"), preset(name))
    assert "signature" in denied(decision)
    assert decision.evidence.identity.startswith("wm1:")
    assert check(decision, "scan").outcome is Outcome.PASS
    fix = check(decision, "signature").fix
    assert fix.startswith("ask the publisher")
    assert f"weightmark sign {tmp_path / 'model'} --key" in fix
    assert check(decision, "signature").why


def test_an_unsigned_model_is_denied_before_the_question_whom_to_trust(tmp_path: Path) -> None:
    assert "signature" in denied(gate(make_model(tmp_path / "model"), load_preset("baseline")))


def test_a_signed_model_and_nobody_trusted_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(TrustNotSaidError):
        gate(make_signed(tmp_path / "model"), load_preset("baseline"))


def test_who_only_looks_is_told_that_no_signature_was_judged(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    for looking in (load_preset("audit"), load_preset("baseline").with_mode(Mode.WARN)):
        decision = gate(model, looking)
        signature = check(decision, "signature")
        assert (signature.outcome, signature.code) == (Outcome.UNCHECKED, "trust-not-said")
        assert "--key" in signature.fix
        assert check(decision, "scan").outcome is Outcome.PASS
        assert decision.verdict is Verdict.UNCHECKED
        assert (decision.word, decision.exit) == ("would deny", Exit.GOOD)
        assert not decision.allows
    (model / "evil.pkl").write_bytes(EVIL_PICKLE)
    found = gate(model, load_preset("audit"))
    assert (found.verdict, found.exit) == (Verdict.DENY, Exit.GOOD)
    assert "scan" in refused(found)


def test_the_python_gate_warns_where_it_is_told_to(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    assert weightmark.gate(model, "baseline", mode="warn").word == "would deny"
    with pytest.raises(TrustNotSaidError):
        weightmark.gate(model, "audit", mode="enforce")
    with pytest.raises(CallError, match="mode"):
        weightmark.gate(model, "audit", mode="off")


def test_a_signature_by_a_stranger_is_denied(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    sign_artifact(model, STRANGER)
    decision = gate(model, preset("baseline"))
    assert "signature" in denied(decision)
    assert decision.evidence.claims == ()


@pytest.mark.parametrize("name", PRESETS)
def test_a_tampered_file_is_denied_and_named(tmp_path: Path, name: str) -> None:
    model = make_signed(tmp_path / "model")
    (model / "config.json").write_bytes(b'{"x": 1}')
    decision = gate(model, preset(name))
    assert "content" in denied(decision)
    assert any("config.json" in detail for detail in check(decision, "content").details)


@pytest.mark.parametrize("change", ["add", "remove", "rename"])
def test_a_changed_set_of_names_is_denied(tmp_path: Path, change: str) -> None:
    model = make_signed(tmp_path / "model")
    if change == "add":
        (model / "modeling.py").write_bytes(b"x = 1\n")
    elif change == "remove":
        (model / "config.json").unlink()
    else:
        (model / "config.json").rename(model / "config2.json")
    assert "content" in denied(gate(model, preset("baseline")))


@pytest.mark.parametrize("name", PRESETS)
def test_a_malicious_pickle_signed_by_the_trusted_key_is_denied_by_the_scan(
    tmp_path: Path, name: str
) -> None:
    model = make_signed(tmp_path / "model", scan=False, **{"extra.bin": EVIL_PICKLE})
    decision = gate(model, preset(name))
    assert "scan" in denied(decision)
    assert check(decision, "signature").outcome is Outcome.PASS
    assert check(decision, "content").outcome is Outcome.PASS
    assert "extra.bin" in check(decision, "scan").summary


def test_not_having_scanned_is_said_by_baseline_and_denied_by_strict(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model", scan=False)
    assert gate(model, preset("baseline")).allows
    assert denied(gate(model, preset("strict"))) == {"scan claim"}


def test_a_limit_of_the_policy_that_is_hit_allows_nothing(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    (model / "long.pkl").write_bytes(b"\x80\x02" + b"N0" * 500 + b"N.")
    sign_artifact(model, SIGNER)
    decision = gate(model, policy("[scan]\nlimits = { opcodes = 400 }"))
    assert not decision.allows
    assert decision.exit is Exit.UNCHECKED
    assert gate(model, policy("[scan]\nlimits = { opcodes = 4000 }")).allows


def test_a_scan_that_only_shows_decides_nothing_but_is_shown(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model", scan=False, **{"extra.bin": EVIL_PICKLE})
    decision = gate(model, policy("", "\n[scan]\nrequired = false"))
    assert decision.allows
    assert check(decision, "scan").outcome is Outcome.INFO
    assert "extra.bin" in check(decision, "scan").summary


def test_a_policy_that_judges_no_signatures_still_scans(tmp_path: Path) -> None:
    scan_only = parse("version = 1\n[scan]\nrequired = true\n")
    unsigned = make_model(tmp_path / "unsigned")
    assert gate(unsigned, scan_only).allows
    evil = make_model(tmp_path / "evil", **{"extra.bin": EVIL_PICKLE})
    assert denied(gate(evil, scan_only)) == {"scan"}


def test_a_git_folder_with_a_payload_is_refused_by_strict_and_listed_by_baseline(
    tmp_path: Path,
) -> None:
    model = make_signed(tmp_path / "model")
    (model / ".git").mkdir()
    (model / ".git/payload.bin").write_bytes(EVIL_PICKLE)
    decision = gate(model, preset("strict"))
    assert denied(decision) == {"outside"}
    assert ".git" in check(decision, "outside").summary
    listed = gate(model, preset("baseline"))
    assert listed.allows
    assert check(listed, "outside").outcome is Outcome.INFO


def test_root_git_files_beside_a_bare_signature_are_judged_as_outside(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (model / "model.claims").unlink()
    (model / ".gitattributes").write_bytes(b"* -text\n")
    sha256 = 'digests = "sha256"\n'
    decision = gate(model, policy(sha256))
    assert denied(decision) == {"coverage"}
    assert ".gitattributes" in check(decision, "coverage").summary
    assert gate(model, policy(f'{sha256}outside = "report"')).allows


@pytest.mark.parametrize("allowed", [False, True])
def test_names_that_clash_on_other_systems_are_refused_unless_allowed(
    tmp_path: Path, allowed: bool
) -> None:
    model = make_model(tmp_path / "model", **{"Config.json": b"{}"})
    rules = policy("", '[names]\nclashes = "allow"' if allowed else "")
    decision = gate(model, rules)
    assert ("names" in denied(decision)) is not allowed
    assert check(decision, "names").outcome is (Outcome.INFO if allowed else Outcome.FAIL)


def test_a_link_that_leaves_the_root_is_denied_by_every_policy(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (tmp_path / "secret").write_bytes(b"x")
    (model / "leak").symlink_to(tmp_path / "secret")
    decision = gate(model, policy("", '[names]\nclashes = "allow"'))
    assert "names" in denied(decision)
    assert decision.evidence.identity == ""


def test_a_fifo_in_the_model_is_denied_and_never_opened(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    os.mkfifo(model / "pipe")
    assert "names" in denied(gate(model, preset("baseline")))


def test_a_fifo_instead_of_a_model_is_denied_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert denied(gate(tmp_path / "pipe", preset("baseline"))) == {"reading"}
    assert gate(tmp_path / "pipe", preset("audit")).word == "would deny"


def test_a_file_that_poses_as_a_manifest_is_denied(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"weightmark-manifest/v1\n" + b"0" * 64 + b" 1 a\n")
    decision = gate(file, preset("baseline"))
    assert "reading" in denied(decision)
    assert decision.evidence.identity == ""


def test_a_reserved_name_that_holds_something_else_is_denied(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    (model / "model.receipt").write_bytes(EVIL_PICKLE)
    assert denied(gate(model, preset("baseline"))) == {"sidecars"}


def test_a_truncated_file_is_not_clean_but_unchecked(tmp_path: Path) -> None:
    truncated = safetensors()[:20]
    model = make_signed(tmp_path / "model", scan=False, **{"weights.safetensors": truncated})
    decision = gate(model, preset("baseline"))
    assert decision.verdict is Verdict.UNCHECKED
    assert decision.exit is Exit.UNCHECKED
    assert check(decision, "scan").outcome is Outcome.UNCHECKED


def test_a_refusal_outweighs_what_could_not_be_checked(tmp_path: Path) -> None:
    truncated = safetensors()[:20]
    model = make_model(tmp_path / "model", **{"weights.safetensors": truncated})
    assert "signature" in denied(gate(model, preset("baseline")))


def test_nothing_that_can_be_scanned_is_never_allowed(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "blob").write_bytes(bytes(range(200, 256)) * 4)
    sign_artifact_without_scan(model)
    decision = gate(model, preset("baseline"))
    assert decision.verdict is Verdict.UNCHECKED
    allowed = policy("", '[scan]\nunsupported = "allow"')
    assert gate(model, allowed).allows


def test_unsupported_files_can_be_refused_one_by_one(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model", blob=bytes(range(200, 256)) * 4)
    sign_artifact_without_scan(model)
    assert gate(model, preset("baseline")).allows
    assert "scan" in denied(gate(model, policy("", '[scan]\nunsupported = "refuse"')))


def sign_artifact_without_scan(model: Path) -> None:
    from weightmark.attestations.making.signing import SignOptions

    sign_artifact(model, SIGNER, SignOptions(scan=False))


@pytest.mark.parametrize("mode", list(Mode))
def test_an_empty_folder_is_nothing_to_check_in_every_mode(tmp_path: Path, mode: Mode) -> None:
    (tmp_path / "empty").mkdir()
    decision = gate(tmp_path / "empty", preset("baseline").with_mode(mode))
    assert decision.verdict is Verdict.NOTHING
    assert decision.exit is Exit.NOTHING


def test_removing_every_file_of_a_signed_model_is_never_allowed(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    for name in ("model.safetensors", "config.json"):
        (model / name).unlink()
    decision = gate(model, preset("audit"))
    assert not decision.allows
    assert decision.exit is not Exit.GOOD


def test_a_missing_path_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(CallError):
        gate(tmp_path / "none", preset("baseline"))


@pytest.mark.needs("ordinary_user")
def test_a_file_that_cannot_be_read_is_unchecked_and_names_who_signed(
    tmp_path: Path, unreadable: list[Path]
) -> None:
    model = make_signed(tmp_path / "model")
    unreadable.append(model / "config.json")
    unreadable[0].chmod(0)
    decision = gate(model, preset("baseline"))
    assert decision.verdict is Verdict.UNCHECKED
    assert "config.json" in check(decision, "reading").summary
    assert check(decision, "signature").outcome is Outcome.PASS


@pytest.mark.parametrize("rules", [preset("audit"), preset("strict").with_mode(Mode.WARN)])
def test_warn_mode_exits_with_0_and_says_would_deny(tmp_path: Path, rules: Policy) -> None:
    model = make_model(tmp_path / "model", **{"extra.bin": EVIL_PICKLE})
    decision = gate(model, rules)
    assert decision.exit is Exit.GOOD
    assert decision.word == "would deny"
    assert decision.verdict is Verdict.DENY
    assert not decision.allows
    assert {"signature", "scan"} <= refused(decision)


def approve(model: Path, reason: str = "reviewed", **fields: object) -> None:
    claim = {"reason": reason, **fields}
    add_claim(model, SIGNER, APPROVAL_PREDICATE, claim)


def test_an_approval_of_a_foreign_model_stands_in_for_a_signature(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    sign_artifact(model, STRANGER)
    approve(model, "reviewed by the model team")
    decision = gate(model, preset("baseline"))
    assert decision.allows
    assert "reviewed by the model team" in check(decision, "signature").summary
    assert "signature" in denied(gate(model, preset("strict")))


def test_an_approval_of_other_bytes_is_denied(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    approve(model)
    (model / "config.json").write_bytes(b"[]")
    decision = gate(model, preset("baseline"))
    assert "signature" in denied(decision)
    assert "another artifact" in check(decision, "signature").summary


def test_the_first_help_against_a_changed_model_is_not_to_approve_it(tmp_path: Path) -> None:
    model = make_model(tmp_path / "m")
    approve(model)
    (model / "config.json").write_bytes(b"[1]")
    fix = check(gate(model, preset("baseline")), "signature").fix
    assert fix.index("get it again") < fix.index("weightmark diff") < fix.index("approval")


def test_statements_of_other_kinds_by_strangers_leave_a_model_unsigned(tmp_path: Path) -> None:
    """A record of the step is no signature by the wrong signer: what is missing is a signature."""
    model = make_model(tmp_path / "m")
    add_claim(model, STRANGER, DATASET_PREDICATE, {"license": "MIT"})
    said = check(gate(model, preset("baseline")), "signature")
    assert said.summary == "unsigned: nobody vouches for the artifact"
    assert "weightmark sign" in said.fix
    add_claim(model, STRANGER, APPROVAL_PREDICATE, {"reason": "trust me"})
    assert "not by whom you trust" in check(gate(model, preset("baseline")), "signature").summary


def test_an_approval_by_a_stranger_is_denied(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    add_claim(model, STRANGER, APPROVAL_PREDICATE, ApprovalClaim("trust me", None).to_predicate())
    assert "signature" in denied(gate(model, preset("baseline")))


def test_an_approval_ends_at_its_expiry(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    claim = ApprovalClaim("reviewed", NOW)
    add_claim(model, SIGNER, APPROVAL_PREDICATE, claim.to_predicate())
    before = gate(model, preset("baseline"), now=NOW - timedelta(seconds=1))
    assert before.allows
    expired = gate(model, preset("baseline"), now=NOW)
    assert "signature" in denied(expired)
    assert "expired" in check(expired, "signature").summary
    assert "weightmark attest" in check(expired, "signature").fix


@pytest.mark.parametrize(
    "claim", [{}, {"reason": ""}, {"reason": "x", "expires": "soon"}, {"reason": "x", "more": 1}]
)
def test_a_malformed_approval_by_the_trusted_key_is_denied(
    tmp_path: Path, claim: dict[str, object]
) -> None:
    model = make_signed(tmp_path / "model")
    add_claim(model, SIGNER, APPROVAL_PREDICATE, claim)
    assert denied(gate(model, preset("baseline"))) == {"sidecars"}


def test_an_approval_does_not_mend_a_signature_that_contradicts_the_content(
    tmp_path: Path,
) -> None:
    model = make_signed(tmp_path / "model")
    (model / "config.json").write_bytes(b"[]")
    approve(model)
    assert "content" in denied(gate(model, preset("baseline")))


def test_a_signature_and_claims_elsewhere_are_found(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("model.sig", "model.claims"):
        (model / name).rename(elsewhere / name)
    sources = Sources(elsewhere / "model.sig", (elsewhere / "model.claims",))
    assert gate(model, preset("strict"), sources).allows
    with pytest.raises(CallError):
        gate(model, preset("strict"), Sources(elsewhere / "none.sig"))


def test_a_name_that_is_a_shell_command_is_quoted_in_the_advice(tmp_path: Path) -> None:
    model = make_model(tmp_path / "a; echo x")
    fix = check(gate(model, preset("baseline")), "signature").fix
    assert f"weightmark sign '{model}' --key" in fix
