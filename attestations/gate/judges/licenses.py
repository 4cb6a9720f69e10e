"""Under which licences the artifact and everything that it was made from stand."""

from collections.abc import Iterator
from typing import Any, cast

from weightmark.attestations.checks import Check, Outcome, counted
from weightmark.attestations.gate.evidence import Evidence, SignedClaim
from weightmark.attestations.gate.judges.chain import along_chain
from weightmark.attestations.gate.judges.demands import about, distinct_signers
from weightmark.attestations.gate.judges.exceptions import softened
from weightmark.attestations.identities import SignerIdentity
from weightmark.attestations.licenses.expressions import (
    canonical_license,
    is_acceptable,
    is_denied,
    is_stated,
)
from weightmark.attestations.policy.model import RELEASE, Policy
from weightmark.attestations.predicates.bom import BillOfMaterials
from weightmark.attestations.predicates.dataset import DatasetClaim

__all__ = ["judge_licenses", "licenses_of"]

_UNREADABLE = "?"
"""stands for a licence that is given by its text or a link only; no list accepts it"""


def judge_licenses(policy: Policy, evidence: Evidence) -> Iterator[Check]:
    """Judge every artifact of the chain: one licence that is not accepted, or none at all, denies."""
    rule = policy.licenses
    if rule is None or not evidence.identity:
        return
    # the list of licences is read only where it is asked
    from weightmark.attestations.licenses.license import is_known

    allow = frozenset(canonical_license(one) for one in rule.allow)
    deny = frozenset(canonical_license(one) for one in rule.deny)
    artifacts = along_chain(evidence)
    for identity in artifacts:
        found = licenses_of(policy, evidence, identity)
        if not found:
            yield softened(policy, evidence, _unstated(evidence, identity), identity)
        elif few := _too_few(policy, evidence, identity):
            yield softened(policy, evidence, few, identity)
        for said in found:
            if not is_acceptable(
                said,
                lambda one: not is_denied(one, deny) and (one in allow if allow else is_known(one)),
            ):
                check = Check(
                    "licenses",
                    Outcome.FAIL,
                    f"`{identity[:16]}…` is under `{said[:100]}`",
                    "the policy does not accept that licence anywhere along the chain, or it is no SPDX expression",
                    "use another base or dataset, have it stated as an SPDX identifier or `LicenseRef-NAME`,"
                    " or add it to `[licenses] allow`",
                    code="license-refused",
                )
                yield softened(policy, evidence, check, identity)
    yield Check("licenses", Outcome.PASS, f"{counted(len(artifacts), 'artifact')} looked at")


def licenses_of(policy: Policy, evidence: Evidence, identity: str) -> tuple[str, ...]:
    """Return the licences that the role states of one artifact: in dataset claims and bills of materials.

    What says openly that it states none, as `NOASSERTION`, is none.
    """
    return tuple(sorted({text for text, _ in _stated_of(policy, evidence, identity)}))


def _role_of(policy: Policy) -> str:
    usual = policy.require.release.role if policy.require.release else RELEASE
    return (policy.licenses.role if policy.licenses else "") or usual


def _stated_of(
    policy: Policy, evidence: Evidence, identity: str
) -> Iterator[tuple[str, SignerIdentity]]:
    for kind, read in (("dataset", _of_dataset), ("sbom", _of_bom)):
        for one in about(evidence, kind, _role_of(policy), identity):
            yield from ((text, one.signer) for text in read(one) if is_stated(text))


def _too_few(policy: Policy, evidence: Evidence, identity: str) -> Check | None:
    """Return a check when fewer distinct signers state a licence than the role demands."""
    role = policy.role(_role_of(policy))
    found = distinct_signers([who for _, who in _stated_of(policy, evidence, identity)])
    if found >= role.threshold:
        return None
    return Check(
        "licenses",
        Outcome.FAIL,
        f"{found} of {counted(role.threshold, 'signer')} of the role `{role.name}` state the licence of `{identity[:16]}…`",
        "the policy asks for as many distinct ones",
        "have it stated by another member of the role as well",
        code="licenses-too-few",
    )


def _unstated(evidence: Evidence, identity: str) -> Check:
    what = "the artifact" if identity == evidence.identity else f"`{identity[:16]}…`"
    return Check(
        "licenses",
        Outcome.FAIL,
        f"nobody whom the policy trusts says under which licence {what} is",
        "a licence that is not stated is none that was checked",
        "`weightmark attest PATH --type dataset --predicate FILE --key KEY`, or `--type cyclonedx` with the licence of its component",
        code="license-unstated",
    )


def _of_dataset(signed: SignedClaim) -> Iterator[str]:
    yield cast(DatasetClaim, signed.predicate).license


def _of_bom(signed: SignedClaim) -> Iterator[str]:
    bom = cast(BillOfMaterials, signed.predicate)
    if bom.form == "CycloneDX":
        component = _part(_part(bom.document, "metadata"), "component")
        for entry in _list(component, "licenses"):
            named = _part(entry, "license")
            said = _text(entry, "expression") or _text(named, "id") or _text(named, "name")
            yield said or _UNREADABLE
        return
    described = _list(bom.document, "documentDescribes")
    for package in _list(bom.document, "packages"):
        if _text(package, "SPDXID") in described:
            # what the author declares and what the reviewer concludes both count: either can be the stricter
            yield from (_text(package, "licenseDeclared"), _text(package, "licenseConcluded"))


def _part(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _list(value: Any, key: str) -> list[Any]:
    found = _part(value, key)
    return found if isinstance(found, list) else []


def _text(value: Any, key: str) -> str:
    found = _part(value, key)
    return found if isinstance(found, str) else ""
