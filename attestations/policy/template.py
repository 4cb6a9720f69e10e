"""A first policy: the commented text of a preset with the caller's keys in it."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightmark.attestations.keys import PublicKey
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.parse import parse_policy
from weightmark.attestations.policy.presets import preset_text
from weightmark.attestations.policy.reading.files import PolicyFiles
from weightmark.errors import PolicyError

if TYPE_CHECKING:
    from weightmark.attestations.trust.trust_file import TrustFile

__all__ = ["draft_policy"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}\Z")


def draft_policy(
    preset: str,
    keys: Sequence[PublicKey],
    *,
    name: str,
    trust: str = "",
    identities: Sequence[tuple[str, str]] = (),
    formats: Sequence[str] = (),
    read_trust: "Callable[[str], TrustFile] | None" = None,
) -> bytes:
    """Return the text of a policy file; raises `PolicyError` for an unknown preset, nobody to trust or a bad name.

    `trust` is the path of a trust file, relative to the policy file; `read_trust` reads it.
    `identities` are subject and issuer of keyless signers. With `formats` every file must be of one of these.
    """
    load_preset(preset)
    if not keys and not trust and not identities:
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
    if trust and identities:
        raise PolicyError(
            "a trust file and identities are named", fix="write the identities into the trust file"
        )
    if trust:
        text = _replace_line(text, 'trust = ""', f"trust = {_quoted(trust)}")
    if identities:
        text = _replace_line(text, 'trust = ""', f'trust = ""\n\n{_identities(identities)}')
    if formats:
        denied = "deny_formats = ["
        head, _, rest = text.partition(f"\n{denied}")
        text = f"{head}\nallow_formats = {json.dumps(list(formats))}\n{denied}{rest}"
    text = _replace_line(text, f'name = "{preset}"', f'name = "{name}"')
    drafted = text.encode("utf-8")
    files = PolicyFiles(lambda item: PublicKey.from_pem(item.encode("ascii")))
    parse_policy(
        drafted, source=name, files=replace(files, trust=read_trust) if read_trust else files
    )
    return drafted


def _identities(identities: Sequence[tuple[str, str]]) -> str:
    entries = [
        f"[[roles.release.identities]]\nissuer = {_quoted(issuer)}\nidentity = {_quoted(subject)}"
        for subject, issuer in identities
    ]
    head = (
        "# Taken from signatures that nobody has verified: keep those who are known from elsewhere."
    )
    return "\n".join([head, *entries])


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string: both escape alike what either must escape.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _replace_line(text: str, line: str, by: str) -> str:
    before, found, after = text.partition(f"\n{line}\n")
    if not found:
        raise ValueError(f"the preset has no line `{line}`")
    return f"{before}\n{by}\n{after}"
