"""Measure decisions in this process: over 100 signed claims, by an earlier one, and over a long chain.

Usage: ``python benchmarks/decision_speed.py [--rounds N] [--strict]``.

Of the first, signatures are verified before the clock starts, as the gate does while it gathers evidence;
the goal is 5 ms. An answer by an earlier decision is all of it, for an identity and for the files of a small
model: 15 ms. A chain of 1000 steps is built of verified and of unverified claims: 1 s. Each figure is the
median, as wall time and as time of this process's own work, which a busy machine changes less.
"""

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from artifacts import tiny_model

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.model import StepRoles
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.claims import claims_by_roles
from weightmark.attestations.gate.decision import decide
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.lineage import lineage_of
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.gate.summary import sign_summary
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.policy.parse import parse_policy
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.provenance.lineage.graph import Bounds
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE
from weightmark.scanners.findings import FileScan, ScanReport
from weightmark.scanners.findings import Outcome as Scanned

GOAL, ANSWER_GOAL, CHAIN_GOAL = 0.005, 0.015, 1.0
"""seconds"""
CLAIMS, STEPS = 100, 1000
ANSWERING = """
version = 1
[roles.release]
keys = ["release"]
[roles.gate]
keys = ["gate"]
[require.release]
[scan]
required = false
[vsa]
role = "gate"
max_age = "7d"
clock = "verifier"
"""
IDENTITY = f"wm1:{'a' * 64}"
RULES = "".join(
    f"[[rule]]\nname = 'rule {number}'\nfield = 'artifact.size'\nop = 'at_most'\nvalue = {1000 + number}\n"
    for number in range(8)
)
POLICY = f"""
version = 1
max_classification = "internal"
[roles.release]
keys = ["release"]
[require.release]
[require.test]
role = "release"
[require.approval]
role = "release"
[require.dataset]
role = "release"
[require.classification]
role = "release"
[scan]
deny_formats = ["pickle"]
remote_code = "refuse"
[licenses]
allow = ["MIT"]
{RULES}
"""


def claims(signer: KeySigner) -> list[Bundle]:
    """Return 100 claims about one artifact, of four kinds."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        (TEST_RESULT_PREDICATE, {"result": "PASSED", "configuration": []}),
        (APPROVAL_PREDICATE, {"reason": "looked at it"}),
        (DATASET_PREDICATE, {"license": "MIT"}),
        (CLASSIFICATION_PREDICATE, {"level": "internal"}),
    ]
    found = []
    for number in range(CLAIMS):
        type_, predicate = kinds[number % len(kinds)]
        name = f"model {number}"
        found.append(
            signer.sign_statement(Statement.about_manifest(name, IDENTITY, type_, predicate, {}))
        )
    return found


def gathered(key: PublicKey, bundles: list[Bundle], now: datetime) -> tuple[Any, Evidence]:
    """Return policy and evidence, with every signature verified."""
    policy = parse_policy(POLICY.encode(), source="policy", files=PolicyFiles(lambda _: key))
    trusts = {name: role.trust for name, role in policy.roles.items() if role.trust}
    told = claims_by_roles(bundles, trusts, None, now)
    grown = lineage_of(
        policy,
        IDENTITY,
        bundles,
        trusts=trusts,
        consultation=None,
        claims_about=lambda _: (),
        now=now,
    )
    scan = ScanReport.of([FileScan("m", ("safetensors",), Scanned.CLEAN, (), ())])
    signed = Check("signature", Outcome.PASS, "signed")
    content = Check("manifest claim", Outcome.PASS, "as signed")
    return policy, Evidence(
        "model",
        now,
        IDENTITY,
        1,
        10,
        (signed, content),
        (),
        signed=told.claims,
        scan=scan,
        chain=grown.chain if grown else None,
    )


def judged() -> tuple[str, Callable[[], bool]]:
    """Return what decides over 20 checks and 100 claims."""
    signer = KeySigner(PrivateKey.generate())
    policy, evidence = gathered(signer.public, claims(signer), datetime.now(UTC))
    checks, count = len(decide(policy, evidence).checks), len(evidence.signed)
    return f"{checks} checks over {count} claims", lambda: decide(policy, evidence).allows


def answered(folder: Path) -> Iterator[tuple[str, Callable[[], bool]]]:
    """Yield what answers by an earlier decision, for an identity and for files."""
    release, own = KeySigner(PrivateKey.generate()), KeySigner(PrivateKey.generate())
    keys = {"release": release.public, "gate": own.public}
    policy = parse_policy(
        ANSWERING.encode(), source="policy", files=PolicyFiles(lambda item: keys[item])
    )
    model = tiny_model(folder / "model")
    sign_artifact(model, release, SignOptions(scan=False))
    decision = gate(model, policy)
    store = folder / "decision.vsa"
    store.write_bytes(sign_summary(decision, own).to_bytes())
    sources = Sources(claims=(store,))
    identity = decision.evidence.identity

    def ask(asked: str | Path) -> bool:
        found = gate(asked, policy, sources, earlier=True)
        return found.allows and found.evidence.answer is not None

    yield "an identity, by an earlier decision", lambda: ask(identity)
    yield "a small model, by an earlier decision", lambda: ask(model)


def chained(steps: int = STEPS) -> tuple[str, Callable[[], bool]]:
    """Return what builds a chain of so many steps, every signature verified."""
    signer = KeySigner(PrivateKey.generate())
    trust = Trust.in_keys([signer.public])
    names = [f"wm1:{number:064x}" for number in range(steps + 1)]
    bundles = [_step(signer, *pair) for pair in itertools.pairwise(names)]

    def build() -> bool:
        bounds = Bounds(depth=steps + 1)
        chain = build_chain(names[0], bundles, StepRoles(trust), vouchers=trust, bounds=bounds)
        return chain.lineage.depth == steps

    return f"a chain of {steps} steps", build


def _step(signer: KeySigner, output: str, base: str) -> Bundle:
    digest = {"sha256": base.removeprefix("wm1:")}
    predicate = {
        "buildDefinition": {
            "buildType": "https://weightmark/buildtypes/finetune/v1",
            "externalParameters": {},
            "resolvedDependencies": [
                {"name": "base", "mediaType": MANIFEST_MEDIA_TYPE, "digest": digest}
            ],
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    }
    return signer.sign_statement(
        Statement.about_manifest("m", output, SLSA_PROVENANCE_PREDICATE, predicate, {})
    )


def measured(name: str, work: Callable[[], bool], goal: float, rounds: int) -> bool:
    """Print the medians, and return whether the work succeeds and meets its goal."""
    good = work()
    wall, own = [], []
    for _ in range(rounds):
        begin, busy = time.perf_counter(), time.process_time()
        good = work() and good
        wall.append(time.perf_counter() - begin)
        own.append(time.process_time() - busy)
    median, cpu = statistics.median(wall), statistics.median(own)
    met = good and median <= goal
    said = "met" if met else "MISSED" if good else "REFUSED"
    print(
        f"{name:40} {median * 1e3:8.2f} ms  {cpu * 1e3:8.2f} ms of work  <= {goal * 1e3:g} ms  {said}"
    )
    return met


def main() -> int:
    """Print the medians; with `--strict` fail when one misses its goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--strict", action="store_true")
    arguments = parser.parse_args()
    met = [measured(*judged(), GOAL, arguments.rounds)]
    with tempfile.TemporaryDirectory() as folder:
        met += [measured(*one, ANSWER_GOAL, arguments.rounds) for one in answered(Path(folder))]
    met.append(measured(*chained(), CHAIN_GOAL, max(arguments.rounds // 40, 1)))
    return int(arguments.strict and not all(met))


if __name__ == "__main__":
    sys.exit(main())
