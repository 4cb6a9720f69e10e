"""A first policy: the commented text of a preset with the caller's keys in it."""

import json
import re
from collections.abc import Sequence

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.parse import TrustReader, parse_policy
from weightmark.attestations.policy.presets import preset_text
from weightmark.errors import PolicyError

__all__ = ["draft_policy"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}\Z")


def draft_policy(
    preset: str,
    keys: Sequence[PublicKey],
    *,
    name: str,
    trust: str = "",
    read_trust: TrustReader | None = None,
) -> bytes:
    """Return the text of a policy file; raises `PolicyError` for an unknown preset, nobody to trust or a bad name.

    `trust` is the path of a trust file, relative to the policy file; `read_trust` reads it.
    """
    load_preset(preset)
    if not keys and not trust:
        raise PolicyError(
            "a policy has to say whom to trust",
            fix="name the public key of your releases with `--key release.pub`, or a trust file with `--trust ./acme.toml`",
        )
    if not _NAME.match(name):
        raise PolicyError(
            f"`{name[:100]}` is no name for a policy",
            fix="use letters, digits, spaces, `.`, `_` and `-`",
        )
    once = {key.identity: key for key in keys}.values()
    pems = "".join(f"'''\n{key.pem.decode('ascii')}''',\n" for key in once)
    text = preset_text(preset).decode("utf-8")
    if keys:
        text = _replace_line(text, "keys = []", f"keys = [\n{pems}]")
    if trust:
        text = _replace_line(text, 'trust = ""', f"trust = {json.dumps(trust, ensure_ascii=False)}")
    text = _replace_line(text, f'name = "{preset}"', f'name = "{name}"')
    drafted = text.encode("utf-8")
    parse_policy(
        drafted,
        source=name,
        read_key=lambda item: PublicKey.from_pem(item.encode("ascii")),
        read_trust=read_trust,
    )
    return drafted


def _replace_line(text: str, line: str, by: str) -> str:
    before, found, after = text.partition(f"\n{line}\n")
    if not found:
        raise ValueError(f"the preset has no line `{line}`")
    return f"{before}\n{by}\n{after}"
