"""Which revision of each signed policy this user saw last, so that an older one that is shown again is noticed.

One file a policy in `$XDG_STATE_HOME/weightmark/policies`: who signed it, what the owner calls it, its revision and
what was signed. A policy is the same one when its owner and its `name` are; those without one are one policy of their owner.
A second file for each owner and path says which policy was judged by there: another one of the same owner, which no
revision compares with it, does not pass in its place.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

from weightmark.attestations.policy.model import Policy
from weightmark.attestations.trust import VerifiedBundle
from weightmark.errors import MalformedError, ReadError, TamperedError, WeightmarkError
from weightmark.provenance.atomic import replace_file, sync_folder
from weightmark.provenance.ledger.files import locked, make_folders, read_file
from weightmark.provenance.strict_json import canonical_json, parse_object
from weightmark.values import dataclass

__all__ = ["RevisionMemory", "given_name", "require_not_older"]

_MAX_SIZE = 64 * 1024
"""bytes of what is remembered of one policy"""


@dataclass(frozen=True, slots=True)
class RevisionMemory:
    """The newest revision of each signed policy that was judged by here."""

    folder: Path
    """made when something is remembered"""

    @classmethod
    def of_user(cls) -> "RevisionMemory":
        """Use the user's state directory; raises `ReadError` when there is none."""
        base = os.environ.get("XDG_STATE_HOME", "")
        if not Path(base).is_absolute():
            try:
                base = str(Path.home() / ".local" / "state")
            except RuntimeError as error:
                raise ReadError(
                    "there is no home directory to remember policies in",
                    fix="set `XDG_STATE_HOME` to a folder that stays, or name the least revision with"
                    " `--policy-name NAME --policy-min-revision N`",
                ) from error
        return cls(Path(base) / "weightmark" / "policies")

    def admit(self, verified: VerifiedBundle, policy: Policy, *, named: bool = False) -> None:
        """Remember a policy whose signature was verified, unless a newer revision was seen.

        Where the caller `named` the policy, another one may have been seen at its path.

        Raises `TamperedError` for an older revision, for another text of the same one, and for another policy than
        was seen at this path, `MalformedError` for a memory that is damaged, and `ReadError` where nothing can be
        remembered.
        """
        owner, name = verified.signer.name, given_name(policy)
        path = self._file(owner, name)
        # not where links lead: whoever renews a mounted policy gives it another place each time
        at = str(Path(policy.source).absolute()).encode("utf-8", "backslashreplace").decode()
        place = self._file(owner, at, kind="path")
        try:
            make_folders([self.folder], mode=0o700)
            with locked(self.folder / "policies.lock"):
                before = self._recall(place, "name")
                seen = self._recall(path, "claim_id")
                if not named:
                    _require_same(before, name, policy, place)
                require_not_older(seen, policy, verified.claim_id)
                fields = {"name": name, "owner": owner, "revision": policy.revision, "v": 1}
                self._keep(path, seen, {**fields, "claim_id": verified.claim_id})
                self._keep(place, before, {**fields, "path": at})
        except ReadError as error:
            raise ReadError(
                "which revision of the policy was seen last can't be remembered",
                why=error.what,
                fix="set `XDG_STATE_HOME` to a folder that can be written, or name the least revision with"
                " `--policy-name NAME --policy-min-revision N`, for which nothing has to be remembered",
            ) from error

    def _file(self, owner: str, what: str, *, kind: str = "") -> Path:
        words = [owner, what, kind] if kind else [owner, what]
        told = hashlib.sha256("\n".join(words).encode("utf-8", "backslashreplace"))
        return self.folder / f"{told.hexdigest()}.json"

    def _keep(self, path: Path, seen: dict[str, Any], fields: dict[str, Any]) -> None:
        if seen != fields:
            replace_file(path, canonical_json(fields), mode=0o600)
            sync_folder(path.parent)

    def _recall(self, path: Path, demanded: str) -> dict[str, Any]:
        data = read_file(path, max_size=_MAX_SIZE)
        if data is None:
            return {}
        damaged = MalformedError(
            f"`{path}` is not what weightmark wrote there",
            why="it says which revision of a signed policy was seen last",
            fix="remove it if you know the present revision, and say that with `--policy-name NAME --policy-min-revision N`",
        )
        try:
            fields = parse_object(data, what=f"`{path}`")
        except WeightmarkError as error:
            raise damaged from error
        if type(fields.get("revision")) is not int or not isinstance(fields.get(demanded), str):
            raise damaged
        return fields


def given_name(policy: Policy) -> str:
    """Return what the owner calls a policy; empty where its text says no name.

    There the path stands in its place, which whoever moves the file chooses.
    """
    return "" if policy.name == policy.source else policy.name


def _require_same(before: dict[str, Any], name: str, policy: Policy, place: Path) -> None:
    """Refuse another policy of the same owner at a path: raises `TamperedError`."""
    if not before or before["name"] == name:
        return
    was, now = (f"`{one}`" if one else "without a `name`" for one in (before["name"], name))
    raise TamperedError(
        f"the policy `{policy.source}` is another one: it is {now}, and {was} was seen there",
        why="its owner signed both, and the revision of one says nothing of the other",
        fix="get the policy that belongs there; if this one is meant, "
        + (f"say so with `--policy-name {name}`" if name else f"remove `{place}`"),
    )


def require_not_older(seen: dict[str, Any], policy: Policy, claim_id: str) -> None:
    """Refuse a revision that is older than what was `seen`, or the same one with another content.

    Raises `TamperedError`; where nothing was seen, there is nothing to refuse.
    """
    where, revision = policy.source, policy.revision
    if not seen or revision > seen["revision"]:
        return
    if revision == seen["revision"] and claim_id == seen["claim_id"]:
        return
    if revision < seen["revision"]:
        raise TamperedError(
            f"the policy `{where}` was rolled back: it is revision {revision}, and revision {seen['revision']} was seen",
            why="its owner signed both, and the older one may allow what the newer one refuses",
            fix=f"get the present policy and its signature from their owner{_if_others(policy)}",
        )
    raise TamperedError(
        f"two policies are revision {revision} of `{where}`: this one, and another one that was seen",
        why="its owner signed both, and nobody can tell which is newer",
        fix=f"have the owner raise `revision` and sign again{_if_others(policy)}",
    )


def _if_others(policy: Policy) -> str:
    named = policy.name != policy.source
    return (
        ""
        if named
        else "; if these are different policies, give each a `name`, and sign them again"
    )
