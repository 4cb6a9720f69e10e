"""Whether what a page shows still counts: what revokes it, and what revokes that which it was made from or holds."""

from weightmark.attestations.ledger.revocation import Revocation
from weightmark.attestations.pages.lineage import Lines
from weightmark.attestations.pages.source import Source
from weightmark.values import dataclass

__all__ = ["RevokedBy", "Standing", "Taint", "revoked_by", "shown_revocation", "standing_of"]

_SHOWN = 50
_PARTIES = ("key:", "salted:")


@dataclass(frozen=True, slots=True)
class RevokedBy:
    """A revocation in force that concerns what is shown."""

    index: int
    """of its entry; 0 for one from the log before"""
    subject: str
    """what it revokes"""
    reason: str
    """why"""
    since: str
    """RFC 3339; empty when nothing is spared"""
    binds_all: bool
    """whether it binds everybody, or only the claims of whoever revoked"""


@dataclass(frozen=True, slots=True)
class Taint:
    """Something revoked on the way to an artifact."""

    name: str
    """what is revoked: `wm1:<hex>` or `sha256:<hex>`"""
    held: bool
    """whether the artifact itself holds it as a file; otherwise it went in, or something that did holds it"""
    by: RevokedBy
    """the revocation"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an artifact by revocations in force."""

    revoked_by: tuple[RevokedBy, ...]
    """those about it"""
    taints: tuple[Taint, ...]
    """those about what it was made from, or holds; up to 50"""
    more: bool
    """whether there is more that it was made from or holds, at which nobody looked for this page"""
    problem: str
    """why revocations could not be read; empty when they were"""


def standing_of(source: Source, subject: str, *names: str) -> Standing:
    """Return what revocations in force say of an artifact or file, and of `names` beside it (its claim, its signer)."""
    own = revoked_by(source, subject, *names)
    problem = source.context.problem
    if not subject.startswith(("wm1:", "sha256:")):
        return Standing(own, (), more=False, problem=problem)
    above = Lines(source).above(subject)
    taints = [
        Taint(one.name, one.held and one.generation == -1, shown_revocation(by))
        for one in above.relatives
        if one.revoked
        for by in source.context.about(one.name)
        if by.is_about(one.name)
    ]
    more = above.more or len(taints) > _SHOWN
    return Standing(own, tuple(taints[:_SHOWN]), more, problem)


def revoked_by(source: Source, *names: str) -> tuple[RevokedBy, ...]:
    """Return the revocations in force about any of these names."""
    context = source.context
    found = [*context.about(*names)]
    found += [one for name in names if name.startswith(_PARTIES) for one in context.of_signer(name)]
    return tuple(dict.fromkeys(shown_revocation(one) for one in found))


def shown_revocation(one: Revocation) -> RevokedBy:
    """Return a revocation as pages show it."""
    since = one.since.isoformat() if one.since else ""
    return RevokedBy(one.index, one.subject.text, one.reason, since, one.only_of is None)
