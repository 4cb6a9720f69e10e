"""`[roles.NAME]`: members by key, trust file, identity and certificate, and how many have to agree."""

from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.policy.roles import Role
from weightmark.attestations.strict_toml import Table
from weightmark.attestations.trust.clocks import NO_CLOCKS
from weightmark.attestations.trust.interface import Anchor
from weightmark.errors import CallError, PolicyError
from weightmark.patterns import lazy_pattern

__all__ = ["read_roles", "root_elsewhere"]

_NAME = lazy_pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_MAX_ROLES = 100
_MAX_MEMBERS = 1000
_MAX_THRESHOLD = 100
_BY_RULE = ("identities", "certificates")


def read_roles(fields: Table, files: PolicyFiles) -> dict[str, Role]:
    """Read every role; raises `PolicyError`, or what reading a file raises."""
    names = fields.names()
    if len(names) > _MAX_ROLES:
        raise PolicyError(f"the policy has over {_MAX_ROLES} roles")
    for name in names:
        if not _NAME.match(name):
            raise PolicyError(
                f"`{name[:64]}` is no name of a role", fix="use letters, digits, `_` and `-`"
            )
    roles = {name: _read_role(name, fields.table(name), files) for name in names}
    fields.finish()
    return roles


def root_elsewhere(key: str, role: str) -> PolicyError:
    """Return the error for a trusted root that a policy names at `key`; it says how a trust file does that for `role`."""
    return PolicyError(
        f"the policy names a trusted root in `{key}`",
        why="roots stand in a trust file, beside the identities that they vouch for",
        fix='write `[roots.NAME]` with its `file`, and `[identities.NAME]` with `root = "NAME"`, into a trust file,'
        f' and name that by `trust = "FILE"` under `[roles.{role}]`',
    )


def _read_role(name: str, fields: Table, files: PolicyFiles) -> Role:
    threshold = fields.count("threshold", 1, limit=_MAX_THRESHOLD)
    items = fields.texts("keys")
    trust = fields.text("trust", "")
    listed: dict[str, dict[str, object]] = {}
    for kind in _BY_RULE:
        fields.tables(kind, limit=_MAX_MEMBERS)
        entries = fields.value(kind)
        if isinstance(entries, list):
            listed[kind] = {f"{name}-{at}": one for at, one in enumerate(entries, start=1)}
    if fields.has("root"):
        raise root_elsewhere(f"roles.{name}.root", name)
    fields.finish()
    if not threshold:
        raise PolicyError(
            f"`roles.{name}.threshold` of the policy is 0",
            why="nobody would have to sign",
            fix="say how many distinct signers have to agree, at least 1",
        )
    if len(items) > _MAX_MEMBERS:
        raise PolicyError(f"`roles.{name}.keys` of the policy holds over {_MAX_MEMBERS} keys")
    keys = tuple(files.key(item) for item in items)
    file = files.trust(trust) if trust else None
    anchors = (*(file.anchors if file else ()), *_read_rules(name, listed, files))
    role = Role(name, threshold, keys, anchors, file.clocks if file else NO_CLOCKS)
    _require_reachable(role)
    return role


def _read_rules(
    name: str, listed: dict[str, dict[str, object]], files: PolicyFiles
) -> tuple[Anchor, ...]:
    if not any(kind in listed for kind in _BY_RULE):
        return ()
    from weightmark.attestations.trust.roots import BUILT_IN_ROOTS
    from weightmark.attestations.trust.trust_file import parse_trust_tables

    for one in listed.get("identities", {}).values():
        if isinstance(one, dict) and one.get("root", BUILT_IN_ROOTS[0]) not in BUILT_IN_ROOTS:
            raise root_elsewhere(f"roles.{name}.identities.root", name)
    try:
        found = parse_trust_tables(
            listed, document=f"the role `{name}` of the policy", read=files.content
        )
    except PolicyError:
        raise
    except CallError as error:
        raise PolicyError(error.what, why=error.why, fix=error.fix) from error
    return found.anchors


def _require_reachable(role: Role) -> None:
    """Refuse a threshold that its members can never reach; a role of a preset has none yet."""
    most = role.largest_agreement
    if most and role.threshold > most:
        raise PolicyError(
            f"`roles.{role.name}` of the policy asks for {role.threshold} signers and has {most}",
            why="it could never be met, and one key that stands there twice is one signer",
            fix="lower `threshold`, or name further members",
        )
