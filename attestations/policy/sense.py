"""Whether a policy makes sense: demands that contradict each other, or that demand nothing, are errors."""

from collections.abc import Iterator

from weightmark.attestations.policy.choices import Digests
from weightmark.attestations.policy.model import RELEASE, Policy
from weightmark.attestations.spelling import nearest
from weightmark.errors import PolicyError

__all__ = ["named_roles", "require_members", "require_sense"]


def require_sense(
    policy: Policy, *, provenance_said: bool, scan_said: bool, unclassified_said: bool
) -> None:
    """Raise `PolicyError` for the first thing that makes no sense."""
    _require_roles(policy)
    _require_demand(policy, scan_said=scan_said)
    rule = policy.require.release
    if policy.vsa and policy.digests is not Digests.ANY:
        raise PolicyError(
            "`vsa` and `digests` of the policy contradict each other",
            why="an earlier decision names an identity, which is made of BLAKE3 digests alone",
            fix='set `digests = "any"`, or leave `[vsa]` out',
        )
    if policy.ledger.required and rule is None:
        raise PolicyError(
            "the policy demands a release entry and trusts nobody to release",
            fix="add `[require.release]`, or leave `[ledger] required` out",
        )
    if rule and rule.approvals and policy.digests is not Digests.ANY:
        raise PolicyError(
            "`require.release.approvals` and `digests` contradict each other",
            why="an approval names an identity, which is made of BLAKE3 digests alone",
            fix='set `digests = "any"`, or leave `approvals` out',
        )
    if provenance_said and policy.require.provenance is None:
        raise PolicyError(
            "the policy says how the artifact may have been made, and demands no statement of it",
            why="without the statement there is nothing to compare",
            fix="add `[require.provenance]` with the role of your builders",
        )
    if unclassified_said and not policy.max_classification:
        raise PolicyError(
            "`unclassified` of the policy says what an unclassified artifact counts as, and nothing asks for it",
            fix="add `max_classification`, or leave `unclassified` out",
        )
    _require_counting(policy)
    _require_witnesses(policy)
    _require_other_verifiers(policy)


def require_members(policy: Policy) -> None:
    """Raise `PolicyError` for a role without members; the caller of a preset names them."""
    for name, setting in named_roles(policy):
        if not policy.role(name).all_anchors:
            raise PolicyError(
                "the policy does not say whom to trust",
                why=f"`{setting}` names the role `{name}`, and that has no member",
                fix=f'name a key: `keys = ["release.pub"]`, or a trust file: `trust = "acme.toml"`, under `[roles.{name}]`',
            )


def named_roles(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield every role that anything names, with the setting that does."""
    for kind, one in policy.require.stated.items():
        yield one.role, f"require.{kind}"
    for number, builder in enumerate(policy.provenance.builders, start=1):
        if builder.role:
            yield builder.role, f"provenance.builders.{number}.role"
    if policy.lineage:
        yield policy.lineage.role, "chain.role"
        yield policy.lineage.vouchers, "chain.vouchers"
        for kind, role in policy.lineage.steps.items():
            yield role, f"chain.steps.{kind}"
    if policy.licenses and policy.licenses.role:
        yield policy.licenses.role, "licenses.role"
    if policy.vsa:
        yield policy.vsa.role, "vsa.role"


def _require_roles(policy: Policy) -> None:
    named = dict(named_roles(policy))
    for name, setting in named.items():
        if name not in policy.roles:
            near = nearest(name, policy.roles)
            raise PolicyError(
                f"`{setting}` of the policy names the role `{name[:64]}`, which it does not have",
                fix=f"did you mean `{near}`?" if near else f"add `[roles.{name[:64]}]`",
            )
    for name in policy.roles:
        if name not in named:
            raise PolicyError(
                f"the policy has a role `{name}` of whom nothing is demanded",
                why="signers who never have to sign protect nothing: an attacker takes the signature away",
                fix=f'demand something of it, as `[require.release]` with `role = "{name}"`, or leave it out',
            )


def _require_demand(policy: Policy, *, scan_said: bool) -> None:
    """Refuse a policy by which everything is good, and one that asks for no signature without saying so."""
    if policy.require.stated:
        return
    if policy.scan.required and scan_said:
        return
    if policy.scan.required:
        raise PolicyError(
            "the policy does not say who must sign",
            why="a demand that is forgotten would let everything through that the scan finds harmless",
            fix="add `[require.release]` and its role; if a scan alone is enough, say `required = true` under `[scan]`",
        )
    raise PolicyError(
        "the policy demands neither a signature nor a scan",
        why="a policy that demands nothing would let everything through",
        fix="add `[require.release]`, or set `required = true` under `[scan]`",
    )


def _require_counting(policy: Policy) -> None:
    """Refuse a threshold where any one signer answers: of whom it is said that several agree, one must not suffice."""
    rule = policy.require.provenance
    single = [(policy.vsa.role, "vsa.role")] if policy.vsa else []
    single += [
        (one.role, f"provenance.builders.{number}.role")
        for number, one in enumerate(policy.provenance.builders, start=1)
        if one.role and not (rule and one.role == rule.role)
    ]
    for name, setting in single:
        if policy.role(name).threshold > 1:
            raise PolicyError(
                f"`{setting}` of the policy names the role `{name}`, of which {policy.role(name).threshold} have to agree",
                why="there one signer answers, and the threshold would count for nothing",
                fix="name another role there, without `threshold`; `[require.KIND]`, `[chain]` and `[licenses]` count",
            )


def _require_witnesses(policy: Policy) -> None:
    """Refuse a number that the named witnesses can't reach; without any named, every consulted ledger is refused."""
    rule = policy.ledger
    if rule.witness_policy and rule.witnesses > len(rule.witness_policy.witnesses):
        raise PolicyError(
            f"`ledger.witnesses` of the policy is {rule.witnesses}, and its witness policy names"
            f" {len(rule.witness_policy.witnesses)}"
        )


def _require_other_verifiers(policy: Policy) -> None:
    """Refuse decisions by whoever signs the artifact: they would be judges in their own cause."""
    if policy.vsa is None:
        return
    deciders = {one.name for one in policy.role(policy.vsa.role).all_anchors}
    release = policy.require.release.role if policy.require.release else RELEASE
    if policy.vsa.role == release or deciders & {*policy.release.trusted}:
        raise PolicyError(
            "`vsa.role` of the policy holds somebody who may release as well",
            why="whoever signs the artifact would decide about it",
            fix="let the gate sign its decisions with a key of its own",
        )
