"""`weightmark ledger anchor`: enter the checkpoint's digest into a public log."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger
from weightmark.cli.options.signers import passphrase_option
from weightmark.cli.private_keys import load_key
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, NetworkError

if TYPE_CHECKING:
    from weightmark.attestations.ledger.anchoring import VerifiedAnchor
    from weightmark.attestations.signers.keyless.instance import SigstoreInstance
    from weightmark.provenance.ledger.log import Ledger

__all__ = ["anchor"]

_MAX_ANCHOR = 16 * 1024 * 1024


@command("ledger anchor")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--key",
    metavar="FILE|URI",
    type=FILE_OR_URI,
    help="ECDSA P-256 key: private to anchor, public to verify",
)
@passphrase_option()
@option("--trust-config", metavar="FILE", type=click.Path(), help="Sigstore instance to anchor at")
@option("--staging", is_flag=True, help="Try it out at sigstage.dev: worth nothing")
@option("--tsa-url", metavar="URL", multiple=True, help="Ask this time-stamping authority as well")
@option("--renew", is_flag=True, help="Add a timestamp by `--tsa-url` over the whole FILE")
@option("--check", is_flag=True, help="Verify FILE, offline")
@pass_console
def anchor(
    console: Console,
    file: Path,
    *,
    ledger: str | None,
    log_key: str | None,
    key: str | None,
    passphrase_file: str | None,
    trust_config: str | None,
    staging: bool,
    tsa_url: tuple[str, ...],
    renew: bool,
    check: bool,
) -> None:
    """Enter the digest of the newest checkpoint into Rekor v2, and keep the proof in FILE.

    Whoever has FILE and the public key can tell that the ledger's history up to there existed, and
    was one. Only a digest leaves the house. For long retention, `--renew` puts a fresh timestamp
    over an old FILE before its clocks stop being believed.
    """
    from weightmark.attestations.ledger.anchoring import make_anchor, renew_anchor
    from weightmark.attestations.making.timestamping import TimestampClient
    from weightmark.provenance.atomic import replace_files

    if renew and check:
        raise CallError("`--renew` and `--check` exclude each other")
    if console.offline and not check:
        raise NetworkError("an anchor needs the network", fix="leave `--offline` out")
    tsa = TimestampClient(tsa_url) if tsa_url else None
    instance = _instance(trust_config, staging=staging)
    with open_ledger(ledger, log_key) as log:
        if renew:
            if tsa is None:
                raise CallError("nobody was named to renew it", fix="name one with `--tsa-url URL`")
            replace_files({file: renew_anchor(_read(file), tsa)})
        elif not check:
            if key is None:
                raise CallError("no key was named", fix="name an ECDSA P-256 key with `--key`")
            signer = load_key(key, passphrase_file)
            replace_files({file: make_anchor(log.refresh(), signer, instance, tsa=tsa)})
        verified = _verified(log, file, key, instance, passphrase_file)
        with log.snapshot() as snapshot:
            snapshot.require_extends(verified.checkpoint, f"`{file}`")
        facts = _facts(log.origin, str(file), verified)
    said = "renewed" if renew else "verified" if check else "anchored"
    console.finish(
        Document(
            schema="weightmark/ledger-anchor/v1",
            exit=Exit.GOOD,
            verdict=said,
            headline=f"{said}: {verified.checkpoint.size} entries in {', '.join(verified.logs)}",
            facts=facts,
        )
    )


def _instance(trust_config: str | None, *, staging: bool) -> "SigstoreInstance":
    from weightmark.attestations.signers.keyless.instance import SigstoreInstance

    if trust_config and staging:
        raise CallError("several Sigstore instances are named")
    if trust_config:
        return SigstoreInstance.from_trust_config(trust_config)
    return SigstoreInstance.staging() if staging else SigstoreInstance.public_good()


def _verified(
    log: "Ledger",
    file: Path,
    key: str | None,
    instance: "SigstoreInstance",
    passphrase_file: str | None,
) -> "VerifiedAnchor":
    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.ledger.anchoring import verify_anchor
    from weightmark.attestations.sigstore.trusted_root import TrustedRoot
    from weightmark.errors import WeightmarkError

    if key is None:
        raise CallError("whose anchor it is was not said", fix="name the public key with `--key`")
    try:
        public = PublicKey.load(key)
    except WeightmarkError:
        public = load_key(key, passphrase_file).public
    root = TrustedRoot.parse(instance.trusted_root)
    return verify_anchor(_read(file), log.verifier, public, root, datetime.now(UTC))


def _read(file: Path) -> bytes:
    from weightmark.provenance.sidecars import read_named

    return read_named(file, "anchor", limit=_MAX_ANCHOR)


def _facts(origin: str, path: str, verified: "VerifiedAnchor") -> dict[str, Any]:
    return {
        "origin": origin,
        "path": path,
        "size": verified.checkpoint.size,
        "root": f"sha256:{verified.checkpoint.root.hex()}",
        "logs": list(verified.logs),
        "times": [
            {"at": one.at.strftime("%Y-%m-%dT%H:%M:%SZ"), "clock": one.clock}
            for one in verified.times
        ],
    }
