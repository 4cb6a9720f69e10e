"""`weightmark ledger witness`: see the logs of others, and be seen."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.ledger.entries import receipt_facts
from weightmark.cli.ledger.witness_documents import (
    collection_document,
    unwitnessed_document,
    witnessed_document,
)
from weightmark.cli.moments import parse_beginning
from weightmark.cli.options.common import option
from weightmark.cli.options.ledger import ledger_option, log_key_option, open_ledger, read_log_key
from weightmark.cli.options.listening import Listening, ListeningValues, listening_options
from weightmark.cli.options.witnesses import read_witness_policy
from weightmark.cli.render.interface import Document
from weightmark.errors import CallError, Exit, MalformedError, ProofMissingError, UnsupportedError

if TYPE_CHECKING:
    from weightmark.provenance.ledger.log import Ledger
    from weightmark.provenance.ledger.witnessing.collection import Collection
    from weightmark.provenance.ledger.witnessing.policy import TlogPolicy
    from weightmark.provenance.ledger.witnessing.quorum import WitnessedCheckpoint
    from weightmark.provenance.ledger.witnessing.witness import Witness

__all__ = ["check", "collect", "cosign", "init", "prove", "serve"]

_ALGORITHMS = ("ed25519", "ml-dsa-44")


@command("ledger witness init")
@click.argument("path", metavar="DIR", type=click.Path())
@option(
    "--name",
    metavar="NAME",
    required=True,
    help="Name of the witness, for example `witness.example.com/one`",
)
@option(
    "--algorithm",
    type=click.Choice(_ALGORITHMS),
    multiple=True,
    default=("ed25519",),
    help="Kind of key; twice for one of each, and two lines under every checkpoint",
)
@pass_console
def init(console: Console, path: str, *, name: str, algorithm: tuple[str, ...]) -> None:
    """Make a witness in the new folder DIR: its key, and a memory of what it saw.

    Keep both: a witness that forgets could cosign two histories.
    """
    from weightmark.provenance.ledger.note import check_key_name
    from weightmark.provenance.ledger.witnessing.cosignature import CosignatureType
    from weightmark.provenance.ledger.witnessing.witness import Witness

    try:
        check_key_name(name)
    except MalformedError as error:
        raise CallError(error.what, why=error.why, fix=error.fix) from error
    kinds = (CosignatureType.ED25519, CosignatureType.ML_DSA_44)
    chosen = [kind for word, kind in zip(_ALGORITHMS, kinds, strict=True) if word in algorithm]
    vkeys = Witness.create(Path(path), name, chosen)
    console.hint("publish the witness key; logs name it in their witness policy")
    console.finish(
        Document(
            schema="weightmark/ledger-witness-init/v1",
            exit=Exit.GOOD,
            facts={"path": path, "name": name, "witness_keys": list(vkeys)},
            lines=vkeys,
        )
    )


@command("ledger witness cosign")
@click.argument("path", metavar="DIR", type=click.Path())
@click.argument("log", metavar="LOG")
@log_key_option("Verifier key of the log")
@pass_console
def cosign(console: Console, path: str, log: str, *, log_key: str | None) -> None:
    """Cosign the checkpoint of LOG, a folder or an address, once it extends what this witness saw.

    The cosigned checkpoint goes to stdout. Whoever runs the log keeps it with `weightmark ledger
    witness collect POLICY --file FILE`, also when the log has grown since.
    """
    from weightmark.provenance.ledger.witnessing.visit import visit

    if "://" in log and console.offline:
        raise UnsupportedError(f"`{log}` cannot be read with `--offline`")
    cosigned = visit(_open_witness(path, (log_key,) if log_key else ()), log)
    head = cosigned.checkpoint
    text = cosigned.note.decode("utf-8")
    console.finish(
        Document(
            schema="weightmark/ledger-witness-cosign/v1",
            exit=Exit.GOOD,
            facts={
                "origin": head.origin,
                "size": head.size,
                "root": f"sha256:{head.root.hex()}",
                "checkpoint": text,
            },
            lines=tuple(text.splitlines()),
        )
    )


@command("ledger witness serve", formats=("text",))
@click.argument("path", metavar="DIR", type=click.Path())
@option(
    "--log-key",
    metavar="FILE|VKEY",
    multiple=True,
    help="Verifier key of a log to cosign for; may be given several times",
)
@listening_options(7380)
@pass_console
def serve(
    console: Console, path: str, *, log_key: tuple[str, ...], **listening: Unpack[ListeningValues]
) -> None:
    """Serve as a C2SP tlog-witness until stopped; logs send their checkpoints and get cosignatures."""
    from weightmark.provenance.ledger.witnessing.service import witness_app

    place = Listening.of(console, "a witness", **listening)
    place.serve(console, witness_app(_open_witness(path, log_key)))
    console.finish(Document("weightmark/ledger-witness-serve/v1", Exit.GOOD, notices=("stopped",)))


@command("ledger witness collect")
@click.argument("policy", metavar="POLICY", type=click.Path())
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--timeout",
    type=click.FloatRange(min=0.1, max=600),
    default=10.0,
    show_default=True,
    help="Seconds to wait for one answer of a witness",
)
@option(
    "--file",
    "files",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Take a checkpoint that `ledger witness cosign` printed, instead of asking; may be given several times",
)
@pass_console
def collect(
    console: Console,
    policy: str,
    *,
    ledger: str | None,
    log_key: str | None,
    timeout: float,
    files: tuple[Path, ...],
) -> None:
    """Ask the witnesses of POLICY, a C2SP tlog-policy file, to cosign the newest checkpoint.

    What they send is kept with a ledger in a folder, and published with its checkpoint. With `--file`
    nobody is asked: what witnesses sent by another way is checked and kept, also when the ledger has
    grown since.
    """
    from weightmark.provenance.ledger.witnessing.collection import keep_cosigned

    if console.offline and not files:
        raise UnsupportedError("witnesses cannot be asked with `--offline`")
    rules = read_witness_policy(policy)
    with open_ledger(ledger, log_key) as log:
        if files:
            collection, kept = _taken(log, rules, files)
        else:
            collection = _asked(log, rules, timeout)
            kept = not collection.contradicted and keep_cosigned(
                log.home, collection.cosigned, log.verifier
            )
    if not kept:
        console.note("not kept with the ledger: `--format json` gives the cosigned checkpoint")
    console.finish(collection_document(collection, kept=kept))


@command("ledger witness check")
@click.argument("policy", metavar="POLICY", type=click.Path())
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@option(
    "--receipt",
    metavar="FILE",
    type=click.Path(),
    help="Check this receipt offline instead of a ledger",
)
@option(
    "--since",
    metavar="DATE",
    help="Count no cosignature from before this day or time (UTC), so that none is shown for ever",
)
@pass_console
def check(
    console: Console,
    policy: str,
    *,
    ledger: str | None,
    log_key: str | None,
    receipt: str | None,
    since: str | None,
) -> None:
    """Check that the quorum of POLICY saw the ledger, or the checkpoint of a receipt."""
    oldest = parse_beginning(since)
    rules = read_witness_policy(policy)
    try:
        if receipt:
            witnessed, size = _witnessed_receipt(Path(receipt), rules, oldest)
        else:
            witnessed, size = _witnessed_ledger(ledger, log_key, rules, oldest)
    except ProofMissingError as error:
        console.finish(unwitnessed_document(error))
    console.finish(witnessed_document(witnessed, size))


@command("ledger witness prove")
@click.argument("index", type=click.IntRange(min=0))
@click.argument("policy", metavar="POLICY", type=click.Path())
@ledger_option()
@log_key_option("Verifier key that the ledger must have")
@pass_console
def prove(
    console: Console, index: int, policy: str, *, ledger: str | None, log_key: str | None
) -> None:
    """Print the receipt of an entry under the newest checkpoint that the quorum of POLICY saw.

    Whoever has the policy file can check it offline, without believing the operator.
    """
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint
    from weightmark.provenance.ledger.witnessing.receipts import prove_under

    rules = read_witness_policy(policy)
    with open_ledger(ledger, log_key) as log:
        witnessed = witnessed_checkpoint(log.home, log.verifier, rules, datetime.now(UTC))
        with log.snapshot() as snapshot:
            receipt = prove_under(snapshot, index, witnessed.checkpoint)
    text = receipt.text.decode("utf-8")
    console.finish(
        Document(
            schema="weightmark/ledger-witness-prove/v1",
            exit=Exit.GOOD,
            facts={**receipt_facts(receipt), "receipt": text},
            lines=tuple(text.splitlines()),
        )
    )


def _asked(log: "Ledger", rules: "TlogPolicy", timeout: float) -> "Collection":
    from weightmark.provenance.ledger.witnessing.client import LogHead
    from weightmark.provenance.ledger.witnessing.collection import collect_cosignatures

    with log.snapshot() as snapshot:
        head = LogHead(snapshot.head, log.verifier, snapshot.nodes)
        return collect_cosignatures(head, rules, timeout=timeout)


def _taken(
    log: "Ledger", rules: "TlogPolicy", files: tuple[Path, ...]
) -> "tuple[Collection, bool]":
    """Keep what files hold, all or none; returns what is known of the newest of these checkpoints."""
    from weightmark.provenance.ledger.note import MAX_NOTE_SIZE
    from weightmark.provenance.ledger.witnessing.collection import keep_cosigned, read_cosigned
    from weightmark.provenance.sidecars import read_named

    now = datetime.now(UTC)
    notes = [read_named(path, "cosigned checkpoint", limit=MAX_NOTE_SIZE) for path in files]
    found = [read_cosigned(note, log.verifier, rules, now) for note in notes]
    with log.snapshot() as snapshot:
        for one in found:
            snapshot.require_extends(one.cosigned.checkpoint, "the witnesses' checkpoint")
    kept = [keep_cosigned(log.home, one.cosigned, log.verifier) for one in found]
    newest = max(found, key=lambda one: one.cosigned.checkpoint.size)
    together = log.home.cosigned.get(newest.cosigned.checkpoint.size)
    if together is not None:
        newest = read_cosigned(together.newest, log.verifier, rules, now)
    return newest, all(kept)


def _open_witness(path: str, log_keys: tuple[str, ...]) -> "Witness":
    from weightmark.provenance.ledger.note import NoteVerifier
    from weightmark.provenance.ledger.witnessing.witness import Witness

    if not log_keys:
        raise CallError(
            "whose checkpoints to cosign was not said",
            why="a checkpoint that anybody could have signed is worth nothing",
            fix="name the log's verifier key with `--log-key log.vkey`",
        )
    logs = [NoteVerifier.parse(read_log_key(one)) for one in log_keys]
    return Witness.open(Path(path), logs)


def _witnessed_receipt(
    path: Path, policy: "TlogPolicy", since: datetime | None
) -> "tuple[WitnessedCheckpoint, int]":
    from weightmark.provenance.ledger.witnessing.receipts import verify_witnessed_receipt
    from weightmark.provenance.sidecars import read_named

    data = read_named(path, "receipt")
    _, witnessed = verify_witnessed_receipt(data, policy, datetime.now(UTC), since=since)
    return witnessed, witnessed.checkpoint.size


def _witnessed_ledger(
    ledger: str | None, log_key: str | None, policy: "TlogPolicy", since: datetime | None
) -> "tuple[WitnessedCheckpoint, int]":
    from weightmark.provenance.ledger.witnessing.collection import witnessed_checkpoint

    with open_ledger(ledger, log_key) as log:
        now = datetime.now(UTC)
        witnessed = witnessed_checkpoint(log.home, log.verifier, policy, now, since=since)
        with log.snapshot() as snapshot:
            snapshot.require_extends(witnessed.checkpoint, "the witnesses' checkpoint")
            return witnessed, snapshot.head.size
