"""Measure a decision: over 20 checks over 100 signed claims, in this process.

Usage: ``python benchmarks/decision_speed.py [--rounds N] [--strict]``.

Signatures are verified before the clock starts, as the gate does while it gathers evidence. The goal
is 5 ms; the figure is the median.
"""

import argparse
import statistics
import sys
import time
from datetime import UTC, datetime
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.claims import claims_by_roles
from weightmark.attestations.gate.decision import decide
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.keys import PrivateKey, PublicKey
from weightmark.attestations.policy.parse import parse_policy
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.classification import CLASSIFICATION_PREDICATE
from weightmark.attestations.predicates.dataset import DATASET_PREDICATE
from weightmark.attestations.predicates.test_result import TEST_RESULT_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.scanners.findings import FileScan, ScanReport
from weightmark.scanners.findings import Outcome as Scanned

GOAL = 0.005
CLAIMS = 100
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
    scan = ScanReport.of([FileScan("m", ("safetensors",), Scanned.CLEAN, (), ())])
    signed = Check("signature", Outcome.PASS, "signed")
    content = Check("manifest claim", Outcome.PASS, "as signed")
    return policy, Evidence(
        "model", now, IDENTITY, 1, 10, (signed, content), (), signed=told.claims, scan=scan
    )


def main() -> int:
    """Print the median; with `--strict` fail when it misses the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--strict", action="store_true")
    arguments = parser.parse_args()
    signer = KeySigner(PrivateKey.generate())
    policy, evidence = gathered(signer.public, claims(signer), datetime.now(UTC))
    times = []
    decision = decide(policy, evidence)
    for _ in range(arguments.rounds):
        begin = time.perf_counter()
        decision = decide(policy, evidence)
        times.append(time.perf_counter() - begin)
    median = statistics.median(times)
    checks, count = len(decision.checks), len(evidence.signed)
    print(f"{checks} checks over {count} claims: {median * 1000:.2f} ms ({decision.word})")
    missed = median > GOAL or not decision.allows
    return int(missed and arguments.strict)


if __name__ == "__main__":
    sys.exit(main())
