"""`weightmark trust add`: write down whom you trust."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.moments import parse_moment
from weightmark.cli.options import option
from weightmark.cli.render.interface import Document
from weightmark.cli.trust.files import target, write_entry
from weightmark.cli.trust_options import trust_choice_options
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["add"]

_MAX_FILE = 1024 * 1024
_LENGTH_OF_DATE = 10

Values = dict[str, str | bool | datetime]


@command("trust add")
@click.argument("word", metavar="NAME|FILE")
@option("--as", "label", metavar="LABEL", help="Name of the entry (default: after the key's file)")
@option("--not-before", metavar="DATE", help="Signatures count from then on")
@option("--not-after", metavar="DATE", help="Signatures count until then")
@option("--revoked", metavar="DATE", help="Only signatures proven to be older count")
@option("--reason", metavar="TEXT", help="Why it was revoked")
@trust_choice_options()
@pass_console
def add(
    console: Console,
    word: str,
    *,
    choice: "TrustChoice",
    label: str | None,
    not_before: str | None,
    not_after: str | None,
    revoked: str | None,
    reason: str | None,
) -> None:
    """Add one signer to a trust file, which is made if there is none.

    Name the signer as for `weightmark verify`: `--key`, `--identity` with `--issuer`, `--repo`,
    `--cert-chain` with `--cert-san`. Keys and certificates are written into the file.
    """
    path = target(word)
    kind, values, name = _entry(choice)
    values |= _window(not_before, not_after, revoked, reason)
    entry = label or name
    digest = write_entry(path, kind, entry, values)
    console.finish(
        Document(
            schema="weightmark/trust-add/v1",
            exit=Exit.GOOD,
            facts={"path": str(path), "entry": f"{kind}.{entry}", "digest": f"sha256:{digest}"},
            notices=(f"wrote {path}: `{kind}.{entry}`; use it with `--trust {word}`",),
        )
    )


def _window(
    not_before: str | None, not_after: str | None, revoked: str | None, reason: str | None
) -> Values:
    """Return dates as times: a day begins with its first second and ends with its last."""
    said = {
        "not_before": _beginning(not_before),
        "not_after": parse_moment(not_after),
        "revoked": _beginning(revoked),
        "reason": reason,
    }
    return {key: value for key, value in said.items() if value is not None}


def _beginning(text: str | None) -> datetime | None:
    whole_day = text is not None and len(text) == _LENGTH_OF_DATE
    return parse_moment(f"{text}T00:00:00Z" if whole_day else text)


def _entry(choice: "TrustChoice") -> tuple[str, Values, str]:
    """Return kind, fields and default label of the one signer that the options name."""
    kinds = (_keys(choice), _certificates(choice), _identities(choice))
    found = [one for one in kinds if one]
    if len(found) != 1:
        raise CallError(
            f"the options name {len(found)} kinds of signers instead of one",
            fix="add one signer a call: `--key`, `--identity` with `--issuer`, `--repo`, or `--cert-chain`",
        )
    # Whatever contradicts itself is refused here as it is when verifying.
    choice.load(Path())
    return found[0]


def _keys(choice: "TrustChoice") -> tuple[str, Values, str] | None:
    from weightmark.attestations.keys import PublicKey

    if not choice.keys:
        return None
    (word,) = _one(choice.keys, "--key")
    key = PublicKey.load(str(word))
    return "keys", {"pem": key.pem.decode("ascii")}, Path(str(word)).stem


def _certificates(choice: "TrustChoice") -> tuple[str, Values, str] | None:
    from weightmark.provenance.sidecars import read_named

    if not choice.cert_chains:
        return None
    paths = [Path(path) for path in choice.cert_chains]
    pem = b"".join(read_named(path, "certificate chain", limit=_MAX_FILE) for path in paths)
    said: dict[str, str | bool] = {
        "subject": choice.cert_subject,
        "san": choice.cert_san,
        "fingerprint": choice.cert_fingerprint,
        "any": choice.cert_any,
    }
    text = pem.decode("ascii", "replace").replace("\r\n", "\n")
    return "certificates", {"pem": text, **_said(said)}, paths[0].stem


def _identities(choice: "TrustChoice") -> tuple[str, Values, str] | None:
    subjects = {
        "identity": choice.identities,
        "identity_glob": choice.identity_globs,
        "identity_regex": choice.identity_regexes,
    }
    named = {key: _one(words, f"--{key}")[0] for key, words in subjects.items() if words}
    github = {
        "repository": choice.repository,
        "owner": choice.owner,
        "signer_workflow": choice.signer_workflow,
    }
    said: dict[str, str | bool] = {**named, **github, "issuer": choice.issuer}
    values = _said(said)
    if not named and not any(github.values()):
        return None
    if choice.trusted_root or choice.trust_config:
        raise CallError(
            "a trusted root is not written with an identity",
            fix="pin it first with `weightmark trust pin`, and set `root` of the entry to its label",
        )
    if choice.staging:
        values["root"] = "staging"
    return "identities", values, "release"


def _one(words: tuple[object, ...], flag: str) -> tuple[str]:
    if len(words) != 1:
        raise CallError(f"`{flag}` is given {len(words)} times", fix="add one signer a call")
    return (str(words[0]),)


def _said(values: Mapping[str, str | bool]) -> Values:
    return {key: value for key, value in values.items() if value}
