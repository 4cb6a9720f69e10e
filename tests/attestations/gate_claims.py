"""Decisions over claims of made-up artifacts: real signatures, real policies, no files."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.attestations.chain.chains import identity, signer
from tests.attestations.gate_makers import NOW, parse, pem
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.gate.claims import claims_by_roles
from weightmark.attestations.gate.decision import Decision, decide
from weightmark.attestations.gate.evidence import Evidence
from weightmark.attestations.gate.lineage import lineage_of
from weightmark.attestations.policy.model import Policy
from weightmark.scanners.findings import FileScan, ScanReport
from weightmark.scanners.findings import Outcome as Scanned

ROLES = ("release", "builder", "merger", "scanner", "tester", "legal")
CLEAN = ScanReport.of([FileScan("model.safetensors", ("safetensors",), Scanned.CLEAN, (), ())])


def rules(text: str, *, roles: Iterable[str] = (), top: str = "", **more: Any) -> Policy:
    """A policy that asks `release` for a signature; `text` stands at its end."""
    named = "".join(f"[roles.{name}]\nkeys = {pem(signer(name).public)}\n" for name in roles)
    release = f"[roles.release]\nkeys = {pem(signer('release').public)}\n[require.release]\n"
    return parse(f"version = 1\n{top}\n{release}{named}{text}\n", **more)


def evidence(policy: Policy, *bundles: Bundle, root: str = "model", at: datetime = NOW) -> Evidence:
    """What the gate would gather of these claims about an artifact that `release` signed."""
    trusts = {name: role.trust for name, role in policy.roles.items() if role.trust}
    grown = None
    if policy.needs_chain:
        grown = lineage_of(
            policy,
            identity(root),
            bundles,
            trusts=trusts,
            consultation=None,
            claims_about=lambda _: (),
            now=at,
        )
    told = claims_by_roles(bundles, trusts, None, at)
    return Evidence(
        name=root,
        at=at,
        identity=identity(root),
        files=1,
        size=10,
        checks=(
            Check("signature", Outcome.PASS, "signed by release"),
            Check("manifest claim", Outcome.PASS, "1 file as signed"),
            *told.checks,
        ),
        trusted=policy.release.trusted,
        signed=told.claims,
        chain=grown.chain if grown else None,
        scan=CLEAN,
        claims=tuple(one.claim_id for one in told.claims),
    )


def judged(policy: Policy, *bundles: Bundle, **options: Any) -> Decision:
    """The decision over these claims."""
    return decide(policy, evidence(policy, *bundles, **options))


def dated(found: Evidence, times: dict[str, datetime]) -> Evidence:
    """The same claims, each kind made and proven at the time that is given for it."""
    signed = tuple(
        replace(one, at=times.get(one.kind, one.at), since=times.get(one.kind, one.since))
        for one in found.signed
    )
    return replace(found, signed=signed)
