"""How a call makes sure that it judges by the policy that is meant: by its owner, its text, its name and its revision."""

from pathlib import Path
from typing import TYPE_CHECKING

from weightmark.patterns import lazy_pattern
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["PolicyPin"]

_SHA256 = lazy_pattern(r"(?:sha256:)?([0-9a-f]{64})\Z")


@dataclass(frozen=True, slots=True)
class PolicyPin:
    """How a call makes sure that the policy is the one that is meant."""

    key: str | None = None
    """public key that must have signed it"""
    digest: str | None = None
    """SHA-256 of its text"""
    name: str | None = None
    """what its owner calls it; None for the one that was seen at its path before"""
    min_revision: int | None = None
    """the least revision that counts; None for the newest that was seen here"""

    def require(self, path: str, word: str, policy: "Policy") -> None:
        """Refuse a policy that is not the one that is meant, for judging the artifact at `path`.

        Raises `PolicyError` where the pin makes no sense, `TamperedError` for another policy or one that is older than
        what was seen, `RefusedError` for one below the least revision, and what verifying its signature raises.
        """
        self._require_sense()
        if self.digest:
            _require_digest(self.digest, policy, signed=self.key is not None)
        if self.key:
            _require_signed(path, word, policy, self)

    def _require_sense(self) -> None:
        from weightmark.errors import PolicyError

        said = "--policy-min-revision" if self.min_revision is not None else ""
        said = said or ("--policy-name" if self.name else "")
        if said and not self.key:
            raise PolicyError(
                f"`{said}` is about a signed policy",
                why="whoever edits a text that nobody signed edits its name and revision as well",
                fix="name its owner with `--policy-key FILE`, or pin the text with `--policy-digest`",
            )
        if self.min_revision is not None and not self.name:
            raise PolicyError(
                "`--policy-min-revision` does not say of which policy",
                why="its owner may have signed others, and the revision of one says nothing of another",
                fix="name the policy as its text does: `--policy-name NAME`",
            )


def _require_digest(said: str, policy: "Policy", *, signed: bool) -> None:
    from weightmark.errors import PolicyError, TamperedError

    found = _SHA256.match(said)
    if found is None:
        raise PolicyError(
            "`--policy-digest` names no SHA-256",
            fix="write `sha256:` and 64 lowercase hexadecimal digits, as `policy check` prints it",
        )
    if found[1] != policy.sha256:
        raise TamperedError(
            f"the policy `{policy.source}` is not the one that was pinned",
            why=f"pinned is sha256:{found[1]}, and this is sha256:{policy.sha256}",
            fix="get the pinned policy, or pin this one once you have read it",
        )
    if policy.files and not signed:
        raise PolicyError(
            f"the policy names `{min(policy.files)[:200]}`, which its digest says nothing of",
            why="whoever replaces that file says whom the pinned text trusts",
            fix="write keys into the policy itself as PEM, or have it signed: `--policy-key` covers what it names",
        )


def _require_signed(path: str, word: str, policy: "Policy", pin: PolicyPin) -> None:
    from datetime import UTC, datetime

    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.outside import require_outside
    from weightmark.attestations.policy.revisions import RevisionMemory, given_name
    from weightmark.attestations.policy.signature import verify_policy
    from weightmark.attestations.trust import Trust
    from weightmark.errors import PolicyError, RefusedError, TamperedError

    if policy.is_preset:
        raise PolicyError(
            f"the preset `{word}` is signed by nobody", fix="leave `--policy-key` out"
        )
    key = pin.key or ""
    require_outside(Path(path), Path(key), "the key of the policy's owner")
    trust = Trust.in_keys([PublicKey.load(key)])
    verified = verify_policy(Path(word), policy, trust, now=datetime.now(UTC))
    if pin.name and given_name(policy) != pin.name:
        raise TamperedError(
            f"the policy `{word}` is not `{pin.name[:100]}`",
            why=f"its owner signed it as `{given_name(policy)[:100]}`"
            if given_name(policy)
            else "its owner signed it without a `name`",
            fix="get the policy that is meant and its signature from their owner",
        )
    if pin.min_revision is None:
        RevisionMemory.of_user().admit(verified, policy, named=bool(pin.name))
    elif policy.revision < pin.min_revision:
        raise RefusedError(
            f"the policy `{word}` is revision {policy.revision}, and {pin.min_revision} is the least that counts",
            why="its owner signed it, and a later one in its place",
            fix="get the present policy and its signature from their owner",
        )
