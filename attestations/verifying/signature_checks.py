"""Who signed an artifact, or why nobody whom the caller trusts did."""

from collections.abc import Iterator, Sequence

from weightmark.attestations.checks import Check, Outcome
from weightmark.attestations.identities import SignerKind
from weightmark.attestations.trust import VerifiedBundle
from weightmark.attestations.verifying.belief import Belief
from weightmark.attestations.verifying.evidence import Evidence
from weightmark.errors import OutOfTimeError, WrongSignerError

__all__ = ["signature_checks"]

_REASONS_SHOWN = 3
_STRANGERS_SHOWN = 10


def signature_checks(evidence: Evidence, belief: Belief) -> list[Check]:
    """Return what is said of the signatures: who signed, or why nobody counts who did."""
    bundles = [one.verified for one in belief.manifests]
    bundles += [one.verified for one in belief.unlisted]
    if belief.signature:
        bundles.insert(0, belief.signature.verified)
    if bundles:
        names = ", ".join(dict.fromkeys(one.signer.name for one in bundles))
        details = tuple(dict.fromkeys(line for one in bundles for line in _when_and_what(one)))
        return [Check("signature", Outcome.PASS, f"signed by {names}", details=details)]
    if any(check.outcome in (Outcome.FAIL, Outcome.UNCHECKED) for check in belief.checks):
        return []
    return [_no_signer_check(evidence, belief)]


def _when_and_what(bundle: VerifiedBundle) -> Iterator[str]:
    """Say who a certificate names, when a bundle was signed, by which clocks, and what its anchor noticed."""
    if bundle.signer.kind is SignerKind.CERTIFICATE:
        yield f"the certificate names `{bundle.signer.subject}`, issued by `{bundle.signer.issuer}`"
    for time in bundle.times:
        yield f"the signature of {bundle.signer.name} existed at {time.at:%Y-%m-%dT%H:%M:%SZ} ({time.clock})"
    yield from bundle.notices


def _no_signer_check(evidence: Evidence, belief: Belief) -> Check:
    """Say why nobody whom the caller trusts lists the files."""
    file = evidence.signature
    if belief.others:
        return Check(
            "signature",
            Outcome.NOTHING,
            "your signer made claims, but none lists the files",
            fix="ask the signer for `weightmark sign`",
            code="no-signature",
        )
    if belief.strangers:
        return _strangers_check(belief)
    if evidence.claims or (file and file.bundle):
        return Check(
            "signature",
            Outcome.UNCHECKED,
            "none of the signatures could be checked",
            "each has a form or an algorithm that this version does not support",
            code="unsupported",
        )
    unsupported = [file.unsupported] if file and file.unsupported else evidence.unsupported
    for error in unsupported:
        return Check.from_error("signature", error)
    return Check(
        "signature", Outcome.NOTHING, "no signature that could be checked", code="no-signature"
    )


def _strangers_check(belief: Belief) -> Check:
    """Say who signed instead of whom the caller trusts, and what each signature lacks."""
    if not any(one.vouches for one in belief.strangers):
        return _other_statements(belief)
    refusals = list(dict.fromkeys((one.refusal.what, one.refusal.why) for one in belief.strangers))
    late = [one.refusal for one in belief.strangers if isinstance(one.refusal, OutOfTimeError)]
    first: WrongSignerError | None = next(
        iter([*late, *(one.refusal for one in belief.strangers)]), None
    )
    details = _strangers_named(belief, reasons=len(refusals) > 1)
    if len(details) > _STRANGERS_SHOWN:
        details[_STRANGERS_SHOWN:] = [f"… and {len(details) - _STRANGERS_SHOWN} more"]
    trusted = " or ".join(belief.trusted[:_STRANGERS_SHOWN])
    return Check(
        "signature",
        Outcome.FAIL,
        late[0].what if late else "signed, but not by whom you trust",
        late[0].why if late else _reason(refusals),
        first.fix if first and first.fix else "check which key the publisher announces",
        (*details, *([f"you trust {trusted}"] if trusted else [])),
        code=first.code if first else WrongSignerError.code,
    )


def _reason(refusals: Sequence[tuple[str, str]]) -> str:
    """Return the one reason; several stand with the signature that each is about."""
    return "" if len(refusals) > 1 else "".join(why or what for what, why in refusals)


def _other_statements(belief: Belief) -> Check:
    """Say that the files are unsigned where only statements of other kinds were found."""
    return Check(
        "signature",
        Outcome.NOTHING,
        "unsigned: there are only statements of other kinds, by others than you trust",
        "none of them lists the files or approves them",
        "if it is yours: `weightmark sign PATH --key KEY`; if not, ask the publisher for the signature",
        tuple(_strangers_named(belief, reasons=False)[:_STRANGERS_SHOWN]),
        code="no-signature",
    )


def _strangers_named(belief: Belief, *, reasons: bool) -> list[str]:
    """Return a line for each signer that the signatures name, with what does not fit if `reasons` differ."""
    sources: dict[tuple[str, str], list[str]] = {}
    for one in belief.strangers:
        why = f"; {one.refusal.why or one.refusal.what}" if reasons else ""
        sources.setdefault((one.claimed, why), []).append(one.source)
    return [
        f"{', '.join(named[:_REASONS_SHOWN])}{' and more' if len(named) > _REASONS_SHOWN else ''}: by {claimed}, unverified{why}"
        for (claimed, why), named in sources.items()
    ]
