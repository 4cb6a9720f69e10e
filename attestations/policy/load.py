"""Finding a policy: a bare word is a preset, a file needs `/` or `.toml`, and never lies in the artifact."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.outside import require_outside
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.policy.parse import MAX_POLICY_SIZE, parse_policy, parse_preset
from weightmark.attestations.policy.presets import PRESETS, preset_text
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.attestations.spelling import nearest
from weightmark.errors import CallError, PolicyError, WeightmarkError
from weightmark.provenance.sidecars import read_bounded

if TYPE_CHECKING:
    from weightmark.attestations.trust.trust_file import TrustFile

Read = TypeVar("Read")

__all__ = ["is_policy_file", "load_policy", "load_policy_file", "load_preset"]


def load_policy(word: str, *, artifact: Path, environment: str = "") -> Policy:
    """Load the policy that `--policy` names, for judging `artifact` in an environment.

    Raises `PolicyError`: unknown preset, no such file, wrong content, an environment that it does
    not have, or a file inside the artifact.
    """
    if is_policy_file(word):
        return load_policy_file(Path(word), artifact=artifact, environment=environment)
    if environment:
        raise PolicyError(
            f"the preset `{word[:100]}` has no environments",
            fix="leave `--env` out, or write a policy file with `[environments]`",
        )
    return load_preset(word)


def load_preset(name: str) -> Policy:
    """Load a policy that comes with weightmark; raises `PolicyError` for an unknown name."""
    if name not in PRESETS:
        near = nearest(name, PRESETS)
        known = ", ".join(f"`{preset}`" for preset in sorted(PRESETS))
        as_file = f", or `--policy ./{name}` for a file" if Path(name).exists() else ""
        raise PolicyError(
            f"`{name[:100]}` is no preset",
            fix=(f"did you mean `{near}`?" if near else f"use one of {known}") + as_file,
        )
    return parse_preset(preset_text(name), name)


def load_policy_file(path: Path, *, artifact: Path | None = None, environment: str = "") -> Policy:
    """Load a policy file; files that it names are relative to it. Raises `PolicyError`."""
    _require_outside_if(artifact, path, "the policy")
    try:
        text = read_bounded(path, limit=MAX_POLICY_SIZE)
    except WeightmarkError as error:
        raise PolicyError(
            f"no policy can be read from `{path}`", why=error.what, fix="check the path"
        ) from error

    named: dict[str, str] = {}

    def read_key(item: str) -> PublicKey:
        if "-----BEGIN" in item:
            return _as_policy_error(
                lambda: PublicKey.from_pem(item.encode(), what="a key of the policy")
            )
        place = path.parent / item
        _require_outside_if(artifact, place, "a key of the policy")
        found = _as_policy_error(lambda: PublicKey.load(place))
        named[item] = found.fingerprint
        return found

    def read_trust(item: str) -> "TrustFile":
        from weightmark.attestations.trust.trust_file import load_trust_file

        place = path.parent / item
        _require_outside_if(artifact, place, "a trust file of the policy")
        found = _as_policy_error(lambda: load_trust_file(place, artifact=artifact))
        named[item] = found.sha256
        named.update({f"{item}: {name}": digest for name, digest in found.named.items()})
        return found

    def read_file(item: str) -> bytes:
        place = path.parent / item
        _require_outside_if(artifact, place, "a file of the policy")
        try:
            content = read_bounded(place, limit=MAX_POLICY_SIZE)
        except WeightmarkError as error:
            raise PolicyError(
                f"the policy names `{item[:200]}`, which can't be read",
                why=error.what,
                fix="correct the path; it is relative to the policy",
            ) from error
        named[item] = hashlib.sha256(content).hexdigest()
        return content

    files = PolicyFiles(read_key, read_trust, read_file)
    policy = parse_policy(text, source=str(path), files=files, environment=environment)
    return replace(policy, files=named)


def _require_outside_if(artifact: Path | None, path: Path, what: str) -> None:
    if artifact is not None:
        require_outside(artifact, path, what, error=PolicyError)


def is_policy_file(word: str) -> bool:
    """Tell whether `--policy` names a file rather than a preset."""
    return "/" in word or os.sep in word or word.endswith(".toml")


def _as_policy_error(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except CallError as error:
        raise PolicyError(error.what, why=error.why, fix=error.fix) from error
