"""A gate that signs its decisions, a policy that takes them, and a model that nobody vouches for any more."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.attestations.gate_makers import KEY, NOW, STRANGER, make_signed, parse, pem
from tests.attestations.trust.makers import Stamps
from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.gate.gate import gate
from weightmark.attestations.gate.sources import Sources
from weightmark.attestations.gate.summary import sign_summary, summarize
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.predicates.vsa import VSA_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement

GATE_KEY, OTHER_KEY = PrivateKey.generate(), PrivateKey.generate()
GATE, OTHER_GATE = KeySigner(GATE_KEY), KeySigner(OTHER_KEY)
STAMPS = Stamps()
AGES = "max_age = '7d'\nclock = 'verifier'"


def rules(vsa: str = AGES, end: str = "", *, top: str = "", environment: str = "") -> Policy:
    """A policy that asks `release` for a signature and takes decisions by the gate."""
    return parse(
        f"version = 1\n{top}\n[roles.release]\nkeys = {pem(KEY.public)}\n[roles.gate]\n"
        f"keys = {pem(GATE.public)}\n[require.release]\n[vsa]\nrole = 'gate'\n{vsa}\n{end}\n",
        environment,
    )


def stamped(policy: Policy) -> Policy:
    """The same policy, whose role `gate` believes the timestamps of `STAMPS`."""
    role = replace(policy.role("gate"), clocks=STAMPS.clocks())
    return replace(policy, roles={**policy.roles, "gate": role})


def bare_copy(model: Path) -> Path:
    """A copy of the content without signature and claims: a full look at it denies."""
    copy = model.with_name(f"{model.name}-bare")
    shutil.copytree(model, copy, ignore=shutil.ignore_patterns("model.sig", "model.claims"))
    return copy


def store(path: Path, *bundles: Bundle) -> Sources:
    """A store of claims elsewhere."""
    path.write_bytes(b"".join(one.to_bytes() + b"\n" for one in bundles))
    return Sources(claims=(path,))


def decided(
    tmp_path: Path, policy: Policy, at: datetime = NOW, *, large: bytes = b""
) -> tuple[Path, Decision]:
    """A signed model, and the full decision about it."""
    model = (
        make_signed(tmp_path / "model", large=large) if large else make_signed(tmp_path / "model")
    )
    return model, gate(model, policy, now=at)


def said(decision: Decision, signer: KeySigner = GATE, **changes: Any) -> Bundle:
    """The summary of a decision as a verifier could sign it, with other predicate fields where named."""
    if not changes:
        return sign_summary(decision, signer)
    identity = changes.pop("identity", decision.evidence.identity)
    predicate = {**summarize(decision).to_predicate(), **changes}
    predicate = {name: value for name, value in predicate.items() if value is not None}
    return state(identity, predicate, signer)


def state(identity: str, predicate: dict[str, Any], signer: KeySigner) -> Bundle:
    payload = Statement.about_manifest("model", identity, VSA_PREDICATE, predicate, {})
    return Bundle.parse(signer.sign_statement(payload).to_bytes())


def stamp(bundle: Bundle, at: datetime) -> Bundle:
    """The bundle with a timestamp of `at`."""
    token = STAMPS.over(bundle.envelope.signature, at)
    return replace(bundle, timestamps=(token,))


def answer(
    tmp_path: Path, model: Path, policy: Policy, *bundles: Bundle, at: datetime = NOW, **more: Any
) -> Decision:
    """What the gate says of a bare copy beside these decisions."""
    copy = bare_copy(model)
    try:
        sources = store(tmp_path / "store.jsonl", *bundles)
        return gate(copy, policy, replace(sources, **more), now=at, earlier=True)
    finally:
        shutil.rmtree(copy)


Cheat = Callable[[Decision], Bundle]
__all__ = [
    "AGES",
    "GATE",
    "GATE_KEY",
    "OTHER_GATE",
    "OTHER_KEY",
    "STAMPS",
    "STRANGER",
    "Cheat",
    "answer",
    "bare_copy",
    "decided",
    "rules",
    "said",
    "stamp",
    "stamped",
    "state",
    "store",
]
