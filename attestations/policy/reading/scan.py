"""`[scan]` and `[names]`: what the read of the gate itself must show."""

from weightmark.attestations.policy.choices import Clashes, RemoteCode, Unsupported
from weightmark.attestations.policy.reading.severities import read_severity
from weightmark.attestations.policy.rules import NamesRule, ScanRule
from weightmark.attestations.strict_toml import Table
from weightmark.errors import CallError, PolicyError
from weightmark.patterns import lazy_pattern
from weightmark.scanners.limits import Limits

__all__ = ["read_names", "read_scan"]

_LARGEST_LIMIT = 2**53
_WORD = lazy_pattern(r"[a-z0-9][a-z0-9._+-]{0,63}\Z")
_OWN = "weightmark"


def read_scan(fields: Table) -> ScanRule:
    """Read the table; raises `PolicyError`."""
    rule = ScanRule(
        required=fields.flag("required", default=True),
        engines=_words(fields, "engines") or (_OWN,),
        fail_on=read_severity(fields, "fail_on"),
        unsupported=fields.choice("unsupported", Unsupported.LIST),
        deny_formats=_words(fields, "deny_formats"),
        allow_formats=_words(fields, "allow_formats"),
        remote_code=fields.choice("remote_code", RemoteCode.JUDGE),
        limits=_read_limits(fields.table("limits")),
    )
    fields.finish()
    if _OWN not in rule.engines:
        raise fields.wrong("engines", f"a list with `{_OWN}`, whose scan says what each file is")
    both = sorted({*rule.deny_formats} & {*rule.allow_formats})
    if both:
        raise PolicyError(
            f"`scan` of the policy allows and denies the format `{both[0]}`",
            fix="keep it in one of the two lists",
        )
    return rule


def read_names(fields: Table) -> NamesRule:
    """Read the table; raises `PolicyError`."""
    rule = NamesRule(clashes=fields.choice("clashes", Clashes.REFUSE))
    fields.finish()
    return rule


def _words(fields: Table, key: str) -> tuple[str, ...]:
    said = fields.texts(key)
    if not all(_WORD.match(word) for word in said):
        raise fields.wrong(
            key, "a list of names in lower case, as `weightmark inspect` prints them"
        )
    return said


def _read_limits(fields: Table) -> Limits:
    """Read `[scan.limits]`: names of limits and whole numbers."""
    named = {name: fields.count(name, 0, limit=_LARGEST_LIMIT) for name in fields.names()}
    try:
        return Limits.of(named)
    except CallError as error:
        raise PolicyError(f"`scan.limits` of the policy: {error.what}", fix=error.fix) from error
