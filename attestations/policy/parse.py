"""From the text of a policy to its value: strict, versioned, every key known."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from weightmark.attestations.policy.choices import Digests, Mode, OutsideRule
from weightmark.attestations.policy.model import PRESET_URI, RELEASE, Policy
from weightmark.attestations.policy.presets import PRESETS
from weightmark.attestations.policy.reading.conditions import read_conditions
from weightmark.attestations.policy.reading.document import (
    MAX_POLICY_SIZE,
    environments_of,
    overlaid,
    read_toml,
)
from weightmark.attestations.policy.reading.exemptions import read_exemptions
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.policy.reading.ledger import read_ledger, read_vsa
from weightmark.attestations.policy.reading.making import (
    read_license_rule,
    read_lineage,
    read_provenance,
)
from weightmark.attestations.policy.reading.requirements import read_requirements
from weightmark.attestations.policy.reading.roles import read_roles, root_elsewhere
from weightmark.attestations.policy.reading.scan import read_names, read_scan
from weightmark.attestations.policy.requirements import Requirements
from weightmark.attestations.policy.roles import NamedOnly, Role
from weightmark.attestations.policy.sense import require_members, require_sense
from weightmark.attestations.predicates.classification import LEVELS
from weightmark.attestations.strict_toml import Table
from weightmark.errors import PolicyError

__all__ = ["MAX_POLICY_SIZE", "POLICY_VERSION", "parse_policy", "parse_preset", "parse_recorded"]

POLICY_VERSION = 1
"""the value of `version`"""
_MAX_NAME = 200
_MAX_REVISION = 2**31
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


def parse_policy(text: bytes, *, source: str, files: PolicyFiles, environment: str = "") -> Policy:
    """Parse a policy file strictly; raises `PolicyError`, also for one that is called as a preset is.

    `source` is the path, for people; `files` finds what the policy names. Every environment has to
    be sound, whichever is meant.
    """
    tables = read_toml(text, source)
    names = tuple(environments_of(tables))
    for name in names:
        if not _ENVIRONMENT.match(name):
            raise PolicyError(
                f"`{name[:64]}` is no name of an environment",
                fix="use letters, digits, `_` and `-`",
            )
    digest = hashlib.sha256(text).hexdigest()
    found = {}
    for name in dict.fromkeys(("", *names, environment)):
        uri = f"weightmark:policy/sha256:{digest}" + (f"#{name}" if name else "")
        origin = {
            "source": source,
            "uri": uri,
            "sha256": digest,
            "text": text.decode("utf-8"),
            "environments": names,
        }
        found[name] = _read(overlaid(tables, name), files, origin | {"environment": name})
        require_members(found[name])
        _refuse_preset_name(found[name].name)
    return found[environment]


def parse_recorded(text: bytes, *, source: str, members: Mapping[str, tuple[str, ...]]) -> Policy:
    """Parse a policy as a decision recorded it, to judge by it again; raises `PolicyError`.

    Of each role of `members` only the names are known, so that nobody can verify anything by it.
    Behind `#` in `source` stands the environment.
    """
    place, _, environment = source.partition("#")
    name = place.removeprefix("preset ")
    if name != place:
        policy = parse_preset(text, name)
    else:
        tables = overlaid(read_toml(text, place), environment)
        digest = hashlib.sha256(text).hexdigest()
        uri = f"weightmark:policy/sha256:{digest}" + (f"#{environment}" if environment else "")
        origin = {
            "source": place,
            "uri": uri,
            "sha256": digest,
            "text": text.decode("utf-8"),
            "environment": environment,
        }
        policy = _read(_without_files(tables), PolicyFiles(_refuse), origin)
    roles = {
        role: Role(
            role, policy.role(role).threshold, anchors=tuple(NamedOnly(one) for one in names)
        )
        for role, names in members.items()
    }
    return replace(policy, roles=roles)


def _without_files(tables: dict[str, Any]) -> dict[str, Any]:
    """Return the tables without the files that they name, and without members of roles."""
    found = dict(tables)
    roles, ledger = found.get("roles"), found.get("ledger")
    if isinstance(roles, dict):
        found["roles"] = {name: _kept(one, ("threshold",)) for name, one in roles.items()}
    if isinstance(ledger, dict):
        found["ledger"] = _kept(ledger, ("required", "max_age", "witnesses"))
    return found


def _kept(table: object, keys: tuple[str, ...]) -> object:
    if not isinstance(table, dict):
        return table
    return {key: value for key, value in table.items() if key in keys}


def _refuse(item: str) -> Any:
    raise PolicyError(f"the policy names `{item[:100]}`, which was not recorded")


def parse_preset(text: bytes, name: str) -> Policy:
    """Parse a preset; the caller says whom to trust."""

    def refuse(item: str) -> Any:
        raise PolicyError(f"the preset `{name}` names `{item}`", fix="report this")

    origin = {
        "source": f"preset {name}",
        "uri": f"{PRESET_URI}{name}",
        "sha256": hashlib.sha256(text).hexdigest(),
        "text": text.decode("utf-8"),
    }
    return _read(read_toml(text, name), PolicyFiles(refuse), origin)


def _read(tables: dict[str, Any], files: PolicyFiles, origin: dict[str, Any]) -> Policy:
    fields = Table(tables)
    _check_version(fields)
    if fields.has("roots"):
        raise root_elsewhere("roots", RELEASE)
    requirements = read_requirements(fields.table("require"))
    release = requirements.release.role if requirements.release else RELEASE
    provenance = requirements.provenance.role if requirements.provenance else release
    chain, licenses, vsa = (fields.table(key) for key in ("chain", "licenses", "vsa"))
    policy = Policy(
        name=_read_name(fields) or str(origin["source"]),
        **origin,
        revision=fields.count("revision", 0, limit=_MAX_REVISION),
        expires=fields.moment("expires", end_of_day=True),
        mode=fields.choice("mode", Mode.ENFORCE),
        digests=fields.choice("digests", Digests.ANY),
        outside=fields.choice("outside", OutsideRule.REFUSE),
        trust_receipts=fields.flag("trust_receipts", default=False),
        max_classification=_read_level(fields, "max_classification", ""),
        unclassified=_read_level(fields, "unclassified", LEVELS[-1]),
        roles=read_roles(fields.table("roles"), files),
        require=requirements,
        scan=read_scan(fields.table("scan")),
        names=read_names(fields.table("names")),
        ledger=read_ledger(fields.table("ledger"), files),
        provenance=read_provenance(fields.table("provenance")),
        lineage=read_lineage(chain, usual=provenance, vouchers=release)
        if fields.has("chain") or _speaks_of_ancestors(fields, requirements)
        else None,
        licenses=read_license_rule(licenses) if fields.has("licenses") else None,
        vsa=read_vsa(vsa) if fields.has("vsa") else None,
        exemptions=read_exemptions(fields),
        conditions=read_conditions(fields),
    )
    fields.finish()
    require_sense(
        policy,
        provenance_said=fields.has("provenance"),
        scan_said=fields.table("scan").has("required"),
        unclassified_said=fields.has("unclassified"),
    )
    return policy


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


def _read_name(fields: Table) -> str:
    name = fields.text("name", "")
    if len(name) > _MAX_NAME or not name.isprintable():
        raise PolicyError(f"the name of the policy is not a line of at most {_MAX_NAME} characters")
    return name


def _refuse_preset_name(name: str) -> None:
    """Refuse a file that every decision would show as a preset."""
    if name.strip().casefold() in PRESETS:
        raise PolicyError(
            f"the policy calls itself `{name}`, as a preset is called",
            why="a decision names the policy, and nobody could tell the two apart",
            fix="give it a `name` of its own",
        )


def _read_level(fields: Table, key: str, default: str) -> str:
    level = fields.text(key, default)
    if fields.has(key) and level not in LEVELS:
        raise fields.wrong(key, " or ".join(f"`{one}`" for one in LEVELS))
    return level


def _speaks_of_ancestors(fields: Table, requirements: Requirements) -> bool:
    """Tell whether a demand is about all that the artifact was made from: it means nothing for half a chain."""
    along = fields.has("licenses") or fields.has("max_classification")
    return along or bool(requirements.dataset or requirements.classification)
