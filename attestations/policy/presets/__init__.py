"""Presets: policies that come with weightmark, one TOML file each; whom to trust the caller says."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

__all__ = ["PRESETS", "preset_text"]

PRESETS: Mapping[str, str] = MappingProxyType(
    {
        "airgapped": "what `strict` demands, without a ledger, and neither pickles nor code to run",
        "audit": "judges as `baseline` and never blocks: says what it would deny",
        "baseline": "a signature or an approval by a key of yours, and a scan without severe findings",
        "strict": "a signature over SHA-256 digests, a scan claim, nothing beside the artifact",
    }
)
"""what each preset demands, in one line"""


def preset_text(name: str) -> bytes:
    """Return the TOML text of a preset; raises `KeyError` for an unknown one."""
    if name not in PRESETS:
        raise KeyError(name)
    return Path(__file__).with_name(f"{name}.toml").read_bytes()
