"""From the text of a policy to its value: strict, versioned, every key known."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.model import (
    PRESET_URI,
    Clashes,
    Digests,
    LedgerRule,
    Mode,
    NamesRule,
    OutsideRule,
    Policy,
    ReleaseRule,
    ScanRule,
    Unsupported,
)
from weightmark.attestations.strict_toml import Table
from weightmark.errors import CallError, PolicyError
from weightmark.scanners.findings import Severity
from weightmark.scanners.limits import Limits

if TYPE_CHECKING:
    from weightmark.attestations.trust.trust_file import TrustFile

__all__ = [
    "MAX_POLICY_SIZE",
    "POLICY_VERSION",
    "KeyReader",
    "TrustReader",
    "parse_policy",
    "parse_preset",
]

POLICY_VERSION = 1
"""the value of `version`"""
MAX_POLICY_SIZE = 256 * 1024
"""bytes"""
_MAX_NAME = 200
_MAX_KEYS = 1000
_MAX_WITNESSES = 1000
_LARGEST_LIMIT = 2**53

KeyReader = Callable[[str], PublicKey]
"""turns an item of `[release] keys`, a PEM text or a path, into a key"""
TrustReader = Callable[[str], "TrustFile"]
"""turns `[release] trust`, the path of a trust file, into whom it trusts, and whose clocks"""


def parse_policy(
    text: bytes, *, source: str, read_key: KeyReader, read_trust: TrustReader | None = None
) -> Policy:
    """Parse a policy file strictly; raises `PolicyError`.

    `source` is the path, for people; `read_key` finds the keys that the policy names, `read_trust`
    the trust files. Without the latter they are refused.
    """
    policy = _parse(
        text,
        source=source,
        preset="",
        read_key=read_key,
        read_trust=read_trust or _refuse_trust,
    )
    if policy.release.required and policy.trust is None:
        raise PolicyError(
            "the policy does not say whom to trust",
            why="`[release] required` is true, and neither `keys` nor `trust` names anybody",
            fix='name a key: `keys = ["release.pub"]`, or a trust file: `trust = "acme.toml"`, under `[release]`',
        )
    return policy


def parse_preset(text: bytes, name: str) -> Policy:
    """Parse a policy that comes with weightmark; whom to trust is left to the caller."""
    return _parse(
        text,
        source=f"preset `{name}`",
        preset=name,
        read_key=_refuse_key,
        read_trust=_refuse_trust,
    )


def _refuse_key(item: str) -> PublicKey:
    raise PolicyError("a preset names no keys", why=f"it names `{item[:100]}`")


def _refuse_trust(item: str) -> "TrustFile":
    raise PolicyError("trust files can't be named here", why=f"it names `{item[:100]}`")


def _parse(
    text: bytes, *, source: str, preset: str, read_key: KeyReader, read_trust: TrustReader
) -> Policy:
    fields = Table(_parse_toml(text, source))
    _check_version(fields)
    digest = hashlib.sha256(text).hexdigest()
    name = _parse_name(fields) or preset or "unnamed"
    policy = Policy(
        name=name,
        source=source,
        uri=f"{PRESET_URI}{preset}" if preset else f"weightmark:policy/sha256:{digest}",
        sha256=digest,
        mode=fields.choice("mode", Mode.ENFORCE),
        digests=fields.choice("digests", Digests.ANY),
        outside=fields.choice("outside", OutsideRule.REFUSE),
        trust_receipts=fields.flag("trust_receipts", default=False),
        release=_parse_release(fields.table("release"), read_key, read_trust),
        scan=_parse_scan(fields.table("scan")),
        names=_parse_names(fields.table("names")),
        ledger=_parse_ledger(fields.table("ledger")),
    )
    fields.finish()
    _check_sense(policy)
    return policy


def _parse_toml(text: bytes, source: str) -> dict[str, Any]:
    import tomllib

    if len(text) > MAX_POLICY_SIZE:
        raise PolicyError(
            f"the policy is over {MAX_POLICY_SIZE >> 10} KiB", fix="check that this is a policy"
        )
    try:
        return tomllib.loads(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise PolicyError(
            f"the policy `{source}` is not UTF-8 at byte {error.start}",
            fix="save it as UTF-8",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(
            f"the policy `{source}` is not TOML",
            why=str(error),
            fix="correct that line, or begin again with `weightmark policy init`",
        ) from error
    except (RecursionError, ValueError) as error:
        raise PolicyError(
            f"the policy `{source}` is not TOML that can be read: nested too deep",
            fix="begin again with `weightmark policy init`",
        ) from error


def _check_version(fields: Table) -> None:
    if not fields.has("version"):
        raise PolicyError(
            "the policy has no version",
            why="an empty policy, or one of another format, demands nothing",
            fix=f"begin it with `version = {POLICY_VERSION}`, or make one with `weightmark policy init`",
        )
    version = fields.count("version", 0, limit=2**31)
    if version != POLICY_VERSION:
        raise PolicyError(
            f"the policy is of version {version}",
            why=f"this weightmark reads version {POLICY_VERSION}",
            fix="read it with a newer weightmark" if version > POLICY_VERSION else "",
        )


def _parse_name(fields: Table) -> str:
    name = fields.text("name", "")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise PolicyError(f"the name of the policy is not a line of at most {_MAX_NAME} characters")
    return name


def _parse_release(fields: Table, read_key: KeyReader, read_trust: TrustReader) -> ReleaseRule:
    required = fields.flag("required", default=True)
    approvals = fields.flag("approvals", default=False)
    items = fields.texts("keys")
    trust = fields.text("trust", "")
    fields.finish()
    if len(items) > _MAX_KEYS:
        raise PolicyError(f"`release.keys` of the policy holds over {_MAX_KEYS} keys")
    if (items or trust) and not required:
        raise PolicyError(
            "the policy names signers of whom nobody has to sign",
            why="without `required` an attacker takes the signature away",
            fix="set `required = true` under `[release]`, or leave `keys` and `trust` out",
        )
    keys = tuple(read_key(item) for item in items)
    if not trust:
        return ReleaseRule(required, keys, approvals)
    file = read_trust(trust)
    return ReleaseRule(required, keys, approvals, file.anchors, file.clocks)


def _parse_scan(fields: Table) -> ScanRule:
    rule = ScanRule(
        required=fields.flag("required", default=True),
        fail_on=_parse_severity(fields.text("fail_on", Severity.HIGH.word)),
        unsupported=fields.choice("unsupported", Unsupported.LIST),
        claim_required=fields.flag("claim_required", default=False),
        limits=_parse_limits(fields.table("limits")),
    )
    fields.finish()
    return rule


def _parse_limits(fields: Table) -> Limits:
    """Read `[scan.limits]`: names of limits and whole numbers."""
    named = {name: fields.count(name, 0, limit=_LARGEST_LIMIT) for name in fields.names()}
    try:
        return Limits.of(named)
    except CallError as error:
        raise PolicyError(f"`scan.limits` of the policy: {error.what}", fix=error.fix) from error


def _parse_severity(word: str) -> Severity:
    try:
        return Severity.parse(word)
    except CallError as error:
        raise PolicyError(f"`scan.fail_on` of the policy: {error.what}", fix=error.fix) from error


def _parse_names(fields: Table) -> NamesRule:
    rule = NamesRule(clashes=fields.choice("clashes", Clashes.REFUSE))
    fields.finish()
    return rule


def _parse_ledger(fields: Table) -> LedgerRule:
    rule = LedgerRule(
        required=fields.flag("required", default=False),
        witnesses=fields.count("witnesses", 0, limit=_MAX_WITNESSES),
    )
    fields.finish()
    return rule


def _check_sense(policy: Policy) -> None:
    """Refuse demands that contradict each other or demand nothing."""
    if not policy.release.required and not policy.scan.required:
        raise PolicyError(
            "the policy demands neither a signature nor a scan",
            why="a policy that demands nothing would let everything through",
            fix="set `required = true` under `[release]` or `[scan]`",
        )
    if policy.scan.claim_required and not policy.release.required:
        raise PolicyError(
            "the policy demands a scan claim and trusts nobody to make one",
            fix="name keys under `[release]`, or leave `claim_required` out",
        )
    if policy.ledger.required and not policy.release.required:
        raise PolicyError(
            "the policy demands a release entry and trusts nobody to release",
            fix="name keys under `[release]`, or leave `[ledger] required` out",
        )
    if policy.release.approvals and policy.digests is not Digests.ANY:
        raise PolicyError(
            "`release.approvals` and `digests` contradict each other",
            why="an approval names an identity, which is made of BLAKE3 digests alone",
            fix='set `digests = "any"`, or leave `approvals` out',
        )
