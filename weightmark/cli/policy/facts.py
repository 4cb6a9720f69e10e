"""What every `policy` command says of a policy, and how it loads one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightmark.attestations.policy.model import Policy

__all__ = ["load_word", "policy_facts"]


def load_word(word: str, environment: str | None) -> "Policy":
    """Load a preset, or a policy file in an environment; raises `PolicyError`."""
    from weightmark.attestations.policy.load import is_policy_file, load_policy_file, load_preset
    from weightmark.errors import PolicyError

    if is_policy_file(word):
        return load_policy_file(Path(word), environment=environment or "")
    if environment:
        raise PolicyError(f"the preset `{word}` has no environments", fix="leave `--env` out")
    return load_preset(word)


def policy_facts(policy: "Policy") -> dict[str, Any]:
    """Return the members that documents about a policy share."""
    return {
        "name": policy.name,
        "source": policy.source,
        "uri": policy.uri,
        "digest": f"sha256:{policy.sha256}",
        "mode": policy.mode.value,
        "trusted": list(policy.release.trusted),
        "revoked": list(policy.release.revoked),
    }
