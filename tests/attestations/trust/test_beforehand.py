"""Many claims on several processes: the same belief as on one, and no proof that verifying did not make."""

import base64
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.forge import signed_tree
from tests.attestations.keyless.statements import STATEMENT
from tests.sim.client import sign_statement
from tests.sim.loopback import LoopbackSigstore
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Outcome
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.loading.releases import decided_release, find_releases
from weightmark.attestations.policy.choices import Unsupported
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.rules import ScanRule
from weightmark.attestations.sigstore.many import ProvenBundles
from weightmark.attestations.sigstore.thresholds import Thresholds
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.sigstore.verifier import SigstoreProof
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.beforehand import prove_beforehand
from weightmark.attestations.trust.identities import IdentityAnchor, parse_rule
from weightmark.attestations.trust.roots import Root, parse_root
from weightmark.attestations.verifying.belief import Belief, weigh_evidence
from weightmark.attestations.verifying.evidence import Claim, Evidence
from weightmark.errors import TamperedError, UncheckedError, WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.values import dataclass

COUNT = 60


@dataclass(frozen=True)
class Instance:
    """An instance of Sigstore that is gone: its root, its issuer, and bundles that it proved."""

    root: Root
    issuer: str
    good: tuple[bytes, ...]
    stranger: bytes

    def trust(self, *subjects: str) -> Trust:
        return Trust.in_anchors(
            IdentityAnchor(parse_rule(exact=one, issuer=self.issuer), self.root, exact=one)
            for one in subjects or ("release@example.com",)
        )


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    with LoopbackSigstore.running() as sim:
        root = parse_root(json.dumps(sim.trusted_root()).encode(), name="sim")
        good = tuple(sign_statement(sim, STATEMENT) for _ in range(COUNT))
        sim.oidc.person = "mallory@example.com"
        yield Instance(root, sim.oidc.url, good, sign_statement(sim, STATEMENT))


def forged(data: bytes) -> bytes:
    document = json.loads(data)
    document["dsseEnvelope"]["payload"] = "e30="
    return json.dumps(document).encode()


def unlogged(data: bytes) -> bytes:
    document = json.loads(data)
    document["verificationMaterial"]["tlogEntries"] = []
    return json.dumps(document).encode()


def evidence_of(*bundles: Bundle, reserved: bool = True) -> Evidence:
    claims = tuple(
        Claim(f"model.claims:{number}", bundle, reserved)
        for number, bundle in enumerate(bundles, start=1)
    )
    return Evidence(None, claims, None, ())


def told(belief: Belief) -> Any:
    """Return all that a belief says, with errors by their words."""
    strangers = [
        (one.source, one.claimed, one.refusal.what, one.refusal.why) for one in belief.strangers
    ]
    return belief.others, belief.listed, belief.checks, strangers


def test_several_processes_believe_what_one_believes_refusals_included(instance: Instance) -> None:
    bad = (forged(instance.good[0]), unlogged(instance.good[1]), instance.stranger)
    evidence = evidence_of(*map(Bundle.parse, (*instance.good, *bad, instance.good[0])))
    alone = weigh_evidence(evidence, instance.trust())
    shared = weigh_evidence(evidence, instance.trust(), workers=2)
    assert told(alone) == told(shared)
    assert len(shared.others) == COUNT + 1
    assert [check.code for check in shared.checks] == ["tampered", "proof-missing"]
    assert len(shared.strangers) == 1


def test_each_identity_judges_the_same_proof_by_its_own_rule(instance: Instance) -> None:
    evidence = evidence_of(*map(Bundle.parse, (*instance.good, instance.stranger)))
    both = instance.trust("mallory@example.com", "release@example.com")
    belief = weigh_evidence(evidence, both, workers=2)
    assert len(belief.others) == COUNT + 1
    assert not belief.strangers


@dataclass(frozen=True, slots=True)
class Deadly(Bundle):
    """A bundle that ends whatever process receives it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def test_a_claim_whose_process_dies_could_not_be_checked(instance: Instance) -> None:
    one = Bundle.parse(instance.good[0])
    deadly = Deadly(one.material, one.content, one.log_entries, one.timestamps, one.version)
    evidence = evidence_of(*map(Bundle.parse, instance.good), deadly)
    belief = weigh_evidence(evidence, instance.trust(), workers=2)
    assert belief.checks, "it is not passed over"
    assert {check.outcome for check in belief.checks} == {Outcome.UNCHECKED}
    assert {check.code for check in belief.checks} == {"unchecked"}
    assert belief.checks[-1].summary.startswith(f"model.claims:{COUNT + 1}: ")
    assert "process" in belief.checks[-1].summary
    assert len(belief.others) + len(belief.checks) == COUNT + 1, "each is believed or named"


def test_a_dead_process_hides_no_forgery_behind_a_good_one(instance: Instance) -> None:
    """What died with its process is never believed, also where the good bundle stands beside it."""
    one = Bundle.parse(instance.good[0])
    deadly = Deadly(one.material, one.content, one.log_entries, one.timestamps, one.version)
    evidence = evidence_of(deadly, *map(Bundle.parse, instance.good))
    belief = weigh_evidence(evidence, instance.trust(), workers=2)
    assert all(bundle.bundle is not deadly for bundle in belief.others)


def test_few_bundles_and_one_worker_start_no_process(instance: Instance) -> None:
    trust, now = instance.trust(), datetime.now(UTC)
    bundles = [Bundle.parse(one) for one in instance.good]
    assert prove_beforehand(trust, bundles, now=now, workers=1) is trust
    assert prove_beforehand(trust, bundles[:50], now=now, workers=8) is trust


@pytest.fixture(scope="module")
def proven(instance: Instance) -> ProvenBundles:
    bundles = [Bundle.parse(one) for one in (instance.good[0], forged(instance.good[1]))]
    return ProvenBundles.of(
        bundles,
        instance.root.trusted,
        now=datetime.now(UTC),
        thresholds=instance.root.thresholds,
        workers=1,
    )


def test_a_verdict_counts_for_its_own_bundle_root_moment_and_demands_alone(
    instance: Instance, proven: ProvenBundles
) -> None:
    bundle = Bundle.parse(instance.good[0])
    how: dict[str, Any] = {"now": proven.now, "thresholds": proven.thresholds}
    assert isinstance(proven.verdict(bundle, proven.root, **how), SigstoreProof)
    broken = proven.verdict(Bundle.parse(forged(instance.good[1])), proven.root, **how)
    assert isinstance(broken, TamperedError)
    assert proven.verdict(Bundle.parse(instance.good[2]), proven.root, **how) is None
    moved = replace(bundle, timestamps=())
    assert proven.verdict(moved, proven.root, **how) is None
    assert proven.verdict(bundle, TrustedRoot.public_good(), **how) is None
    later = {**how, "now": proven.now + timedelta(seconds=1)}
    assert proven.verdict(bundle, proven.root, **later) is None
    stricter = {**how, "thresholds": Thresholds(timestamps=2)}
    assert proven.verdict(bundle, proven.root, **stricter) is None


def test_an_anchor_with_the_proof_of_another_bundle_verifies_itself(
    instance: Instance, proven: ProvenBundles
) -> None:
    (anchor,) = instance.trust().anchors
    assert isinstance(anchor, IdentityAnchor)
    holding = replace(anchor, proven=(proven,))
    with pytest.raises(TamperedError):
        holding.prove(Bundle.parse(forged(instance.good[0])), proven.now)
    with pytest.raises(WeightmarkError):
        replace(holding, timestamps=2).prove(Bundle.parse(instance.good[0]), proven.now)


def test_verdicts_can_not_be_made_by_hand(proven: ProvenBundles) -> None:
    with pytest.raises(TypeError):
        ProvenBundles(proven.root, proven.thresholds, proven.now, proven.verdicts, object())
    with pytest.raises(TypeError):
        replace(proven, seal=object())
    with pytest.raises(TypeError):
        proven.verdicts[next(iter(proven.verdicts))] = UncheckedError("x")  # type: ignore[index]  # read-only


def processor_time_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_gate_and_verified_loading_weigh_many_claims_in_other_processes(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    places = open_artifact(tree).sidecars
    line = json.loads(places.claims.read_bytes().splitlines()[0])
    manifest = base64.b64decode(line["dsseEnvelope"]["payload"])
    with LoopbackSigstore.running() as sim:
        lines = [sign_statement(sim, STATEMENT) for _ in range(COUNT)]
        lines.append(sign_statement(sim, manifest))
        root = parse_root(json.dumps(sim.trusted_root()).encode(), name="sim")
        trust = Instance(root, sim.oidc.url, (), b"").trust(sim.oidc.person)
    places.signature.unlink()
    places.claims.write_bytes(b"\n".join(lines) + b"\n")
    policy = load_preset("baseline").with_trust(trust)
    policy = replace(policy, scan=ScanRule(unsupported=Unsupported.ALLOW))
    answers = []
    for workers in (1, 2):
        before = processor_time_of_children()
        decision = gate(tree, policy, jobs=1, workers=workers)
        by_gate = processor_time_of_children()
        releases = find_releases(open_artifact(tree), trust, workers=workers)
        by_loading = processor_time_of_children()
        decided = decided_release(open_artifact(tree), decision, (), workers=workers)
        spent = (by_gate - before, by_loading - by_gate, processor_time_of_children() - by_loading)
        assert [one > 0 for one in spent] == [workers > 1] * 3
        assert decision.allows
        answers.append((decision.word, decision.checks, decision.evidence.claims))
        assert decided.newest.identity == releases.newest.identity == decision.evidence.identity
    assert answers[0] == answers[1]


def test_the_command_answers_alike_with_one_process_and_with_two(tmp_path: Path) -> None:
    tree = signed_tree(tmp_path / "m")
    places = open_artifact(tree).sidecars
    line = json.loads(places.claims.read_bytes().splitlines()[0])
    manifest = base64.b64decode(line["dsseEnvelope"]["payload"])
    with LoopbackSigstore.running() as sim:
        lines = [sign_statement(sim, STATEMENT) for _ in range(COUNT)]
        lines += [forged(lines[0]), sign_statement(sim, manifest)]
        (tmp_path / "root.json").write_text(json.dumps(sim.trusted_root()))
        who = ["--identity", sim.oidc.person, "--issuer", sim.oidc.url]
    places.signature.unlink()
    good = b"\n".join((*lines[:COUNT], lines[-1]))
    for content, code in ((good, 0), (b"\n".join(lines), 1)):
        places.claims.write_bytes(content + b"\n")
        call = [sys.executable, "-m", "weightmark", "verify", str(tree), "--format", "json"]
        call += ["--trusted-root", str(tmp_path / "root.json"), *who]
        answers = [
            subprocess.run(
                [*call, "--jobs", jobs],
                capture_output=True,
                text=True,
                check=False,
            )
            for jobs in ("1", "2")
        ]
        assert [one.returncode for one in answers] == [code, code]
        assert len({one.stdout for one in answers}) == 1
        assert [one.stderr for one in answers] == ["", ""]
