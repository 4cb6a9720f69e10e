"""`weightmark trust add`: write down whom you trust."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.moments import parse_beginning, parse_moment
from weightmark.cli.options.common import option
from weightmark.cli.options.trust import trust_choice_options
from weightmark.cli.render.interface import Document
from weightmark.cli.trust.files import Entry, target, write_entries
from weightmark.errors import CallError, Exit

if TYPE_CHECKING:
    from weightmark.attestations.trust.selection import TrustChoice

__all__ = ["add"]

_MAX_FILE = 1024 * 1024
_NOBODY_IN_PARTICULAR = "4f1c@nobody.invalid"

Values = dict[str, str | bool | datetime]


@command("trust add")
@click.argument("word", metavar="NAME|FILE")
@option("--as", "label", metavar="LABEL", help="Name of the entry (default: after the key's file)")
@option("--not-before", metavar="DATE", help="Signatures count from then on")
@option("--not-after", metavar="DATE", help="Signatures count until then")
@option("--revoked", metavar="DATE", help="From then on only signatures proven to be older count")
@option("--reason", metavar="TEXT", help="Why it was revoked")
@option(
    "--root", metavar="LABEL", help="With an identity: the root of the trust file that proves it"
)
@trust_choice_options(without=("trust", "rotation", "trusted-root", "trust-config"))
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
    root: str | None,
) -> None:
    """Add one signer to a trust file, which is made if there is none.

    Name the signer as for `weightmark verify`: `--key`, `--identity` with `--issuer`, `--repo`,
    `--cert-chain` with `--cert-san`. Keys and certificates are written into the file, and so are
    timestamp authorities named by `--tsa-chain`, which may stand alone.
    """
    path = target(word)
    window = _window(not_before, not_after, revoked, reason)
    signer = _signer(choice, label or "", root or "", window)
    entries = [*_clocks(choice, "" if signer else label or ""), *([signer] if signer else [])]
    digest = write_entries(path, entries)
    names = " and ".join(f"`{one.name}`" for one in entries)
    console.finish(
        Document(
            schema="weightmark/trust-add/v1",
            exit=Exit.GOOD,
            facts={"path": str(path), "entry": entries[-1].name, "digest": f"sha256:{digest}"},
            notices=(
                f"wrote {path}: {names}; use it with `--trust {word}`",
                *_cautions(choice),
            ),
        )
    )


def _cautions(choice: "TrustChoice") -> Iterator[str]:
    """Say when many others could sign as well."""
    if choice.owner and not choice.signer_workflow:
        yield f"caution: every workflow of every repository of `{choice.owner}` is trusted now; `--signer-workflow` narrows it"
    for pattern in choice.identity_regexes:
        if re.fullmatch(pattern, _NOBODY_IN_PARTICULAR):
            yield f"caution: `{pattern}` fits anybody who can log in at `{choice.issuer}`"
    if choice.cert_any:
        yield "caution: everybody to whom these authorities issue a certificate is trusted now"


def _window(
    not_before: str | None, not_after: str | None, revoked: str | None, reason: str | None
) -> Values:
    """Return dates as times: a day begins with its first second and ends with its last."""
    said = {
        "not_before": parse_beginning(not_before),
        "not_after": parse_moment(not_after),
        "revoked": parse_beginning(revoked),
        "reason": reason,
    }
    return {key: value for key, value in said.items() if value is not None}


def _signer(choice: "TrustChoice", label: str, root: str, window: Values) -> Entry | None:
    """Return the entry of the one signer that the options name; None when they name clocks alone."""
    kinds = (_keys(choice), _certificates(choice), _identities(choice, root))
    found = [one for one in kinds if one]
    if not found and choice.tsa_chains and not (window or root):
        return None
    if len(found) != 1:
        raise CallError(
            f"the options name {len(found)} kinds of signers instead of one",
            fix="add one signer a call: `--key`, `--identity` with `--issuer`, `--repo`, or `--cert-chain`",
        )
    kind, values, name = found[0]
    if kind != "identities" and (root or choice.staging):
        raise CallError(
            f"`{'--root' if root else '--staging'}` stands beside a key or a certificate",
            why="only identities are proven by the root of a Sigstore instance",
            fix="leave it out",
        )
    # Whatever contradicts itself is refused here as it is when verifying.
    choice.load(Path())
    return Entry(kind, label or name, {**values, **window})


def _clocks(choice: "TrustChoice", label: str) -> list[Entry]:
    """Return an entry for each timestamp authority, named after its file unless `label` names the only one."""
    from weightmark.attestations.sigstore.timestamps import authorities_from_pem
    from weightmark.provenance.sidecars import read_named

    entries = []
    for path in map(Path, choice.tsa_chains):
        pem = read_named(path, "timestamp authority", limit=_MAX_FILE)
        authorities_from_pem(pem, what=f"`{path}`")
        name = label if label and len(choice.tsa_chains) == 1 else _label(path)
        entries.append(Entry("timestamp_authorities", name, {"pem": _text(pem)}))
    return entries


def _label(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", path.stem).lstrip("-_") or "tsa"


def _text(pem: bytes) -> str:
    return pem.decode("ascii", "replace").replace("\r\n", "\n")


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
    return "certificates", {"pem": _text(pem), **_said(said)}, paths[0].stem


def _identities(choice: "TrustChoice", root: str) -> tuple[str, Values, str] | None:
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
    if root and choice.staging:
        raise CallError("`--root` and `--staging` name two instances", fix="leave one of them out")
    if root or choice.staging:
        values["root"] = root or "staging"
    return "identities", values, "release"


def _one(words: tuple[object, ...], flag: str) -> tuple[str]:
    if len(words) != 1:
        raise CallError(f"`{flag}` is given {len(words)} times", fix="add one signer a call")
    return (str(words[0]),)


def _said(values: Mapping[str, str | bool]) -> Values:
    return {key: value for key, value in values.items() if value}
