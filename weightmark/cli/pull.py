"""`weightmark pull`: fetch a model or a dataset, judge it in quarantine, and place it if a policy allows."""

import dataclasses
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weightmark.cli.command import command
from weightmark.cli.console import Console, pass_console
from weightmark.cli.documents import check_lines, finding_lines
from weightmark.cli.options.common import FILE_OR_URI, option
from weightmark.cli.options.events import events_options
from weightmark.cli.options.evidence import evidence_options, fail_on_option
from weightmark.cli.options.ledger import ledger_place, require_online
from weightmark.cli.options.policy import (
    environment_option,
    load_rules,
    mode_option,
    policy_option,
    policy_pin_options,
)
from weightmark.cli.options.responding import responding_options
from weightmark.cli.options.signers import load_signer, passphrase_option
from weightmark.cli.options.trust import TRUST_FLAGS, trust_choice_options
from weightmark.cli.options.witnesses import read_witness_policy, witness_policy_option
from weightmark.cli.places import state_directory
from weightmark.cli.render.interface import CheckLine, Document
from weightmark.cli.stopping import stoppable
from weightmark.errors import CallError, Exit, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.locking.lock_file import LockedArtifact
    from weightmark.attestations.pulling.pull import Pulled
    from weightmark.attestations.signers.interface import Signer
    from weightmark.attestations.trust.selection import TrustChoice
    from weightmark.cli.options.policy import PolicyPin
    from weightmark.provenance.sources.interface import Snapshot

__all__ = ["as_fetched", "as_placed", "pull"]

_TOLD = (
    "policy",
    "env",
    "policy-key",
    "policy-digest",
    "policy-min-revision",
    *TRUST_FLAGS,
    "mode",
    "fail-on",
    "ledger",
    "witness-policy",
    "record",
    "signing-key",
    "signature",
    "claims",
    "locked",
    "lock",
    "replace",
)
"""flags whose origin is told"""
_FROM_CACHE = ", from the hub's cache: the hub was not asked"


@command("pull")
@click.argument("uri", metavar="URI")
@option("--to", metavar="DIR", type=click.Path(), required=True, help="Folder that is made of it")
@policy_option()
@environment_option()
@policy_pin_options()
@trust_choice_options()
@mode_option("places it all the same")
@fail_on_option(
    "Deny from this severity on; for presets, a policy file says it itself", default=None
)
@evidence_options()
@option("--locked", is_flag=True, help="Fetch exactly what the lock file pins, or nothing")
@option(
    "--lock",
    metavar="FILE",
    type=click.Path(),
    help="Lock file: with `--locked` the one to follow (default: `weightmark.lock`), else the one to write into",
)
@option("--replace", is_flag=True, help="Replace what an earlier pull placed there")
@option("--ledger", metavar="PLACE", type=FILE_OR_URI, help="Ledger to consult")
@witness_policy_option()
@option("--record", is_flag=True, help="Enter the signed decision into the ledger")
@option(
    "--signing-key",
    metavar="FILE",
    type=FILE_OR_URI,
    aliases=("--sign-key",),
    help="Private key that signs the decision",
)
@passphrase_option()
@events_options()
@responding_options("it is denied")
@pass_console
@stoppable
def pull(
    console: Console,
    uri: str,
    *,
    to: str,
    policy_word: str,
    env: str | None,
    pin: "PolicyPin",
    choice: "TrustChoice",
    mode: str | None,
    fail_on: str | None,
    signature: str | None,
    claims: tuple[str, ...],
    locked: bool,
    lock: str | None,
    replace: bool,
    ledger: str | None,
    witness_policy: str | None,
    record: bool,
    signing_key: str | None,
    passphrase_file: str | None,
) -> None:
    """Fetch a model or a dataset, and place it only if a policy allows.

    URI is `hf://`, `oci://`, `s3://`, `gs://`, `https://`, `mlflow:models:/NAME/VERSION` or a folder.

    The revision is pinned, every byte is held against what the source promised, claims are verified
    and the files are scanned, all in a quarantine beside DIR. What is refused never reaches DIR.
    Exits with 0 for what was placed, 1 for a refusal, 4 when something could not be checked.
    """
    from weightmark.attestations.gate.sources import Sources
    from weightmark.attestations.pulling.history import History
    from weightmark.attestations.pulling.pull import PullPlan
    from weightmark.attestations.pulling.pull import pull as run_pull
    from weightmark.attestations.pulling.quarantine import require_room
    from weightmark.provenance.sources.choice import as_named, asked_with, open_source

    require_online(ledger)
    destination = Path(to)
    lock_path = Path(lock or "weightmark.lock")
    for what, place in (
        ("the ledger", ledger),
        ("the witness policy", witness_policy),
        ("the lock file", str(lock_path)),
    ):
        _require_outside(destination, what, place)
    policy = load_rules(
        to, policy_word, choice=choice, mode=mode, fail_on=fail_on, env=env, pin=pin
    )
    if witness_policy:
        policy = policy.with_witnesses(read_witness_policy(witness_policy))
    pinned = _locked(uri, lock_path) if locked else None
    recorder = _recorder(
        f"pull {as_named(uri)}", ledger, signing_key, passphrase_file, record=record
    )
    console.detail(f"policy: {policy.source}, sha256:{policy.sha256}")
    console.tell_origins(_TOLD)
    history = History(state_directory() / "pulls")
    plan = PullPlan(
        destination,
        policy,
        Sources(
            signature=Path(signature) if signature else None,
            claims=tuple(Path(claim) for claim in claims),
            ledger=ledger or "",
        ),
        pinned,
        history if replace else None,
        console.jobs,
    )
    require_room(destination.absolute())
    address = asked_with(uri, pinned.pinned) if pinned else uri
    writes_lock = bool(lock) and not locked
    with open_source(address, offline=console.offline, current=writes_lock) as source:
        snapshot = source.resolve()
        _tell_snapshot(console, snapshot)
        recorder.resource = snapshot.pinned
        with console.progress(None) as progress:
            pulled = run_pull(source, snapshot, plan, progress=progress, keep=recorder.keep)
    if pulled.placed:
        _remember(console, history, destination, pulled)
        if writes_lock:
            _write_lock(lock_path, pulled)
    console.finish(_document(console, to, pulled, recorder.facts))


def _require_outside(to: Path, what: str, place: str | None) -> None:
    from weightmark.attestations.outside import require_outside

    if place and "://" not in place:
        require_outside(to, Path(place), what)


def _locked(uri: str, path: Path) -> "LockedArtifact":
    from weightmark.attestations.locking.lock_file import LockFile

    return LockFile.load(path).find(uri)


def _tell_snapshot(console: Console, snapshot: "Snapshot") -> None:
    if snapshot.pinned != snapshot.uri:
        console.note(f"pinned: {snapshot.pinned}{_FROM_CACHE if snapshot.cached else ''}")
    for path in snapshot.omitted:
        console.note(f"left out: `{path}` lies outside of the artifact")
    for digest in snapshot.absent:
        console.note(
            f"left out: the claim `{digest}` is listed and could not be read: it is not there"
        )


@dataclass(slots=True)
class _Recorder:
    """Signs the decision and enters it into a ledger, if that was asked for."""

    signer: "Signer | None"
    ledger: str
    resource: str = ""
    """the pinned address, by which the decision names the artifact"""
    facts: dict[str, Any] | None = None

    def keep(self, decision: "Decision") -> None:
        """Record the decision; what this raises keeps the artifact from its destination."""
        from weightmark.attestations.gate.summary import sign_summary
        from weightmark.attestations.ledger.submission import submit
        from weightmark.provenance.ledger.log import Ledger

        if self.signer is None:
            return
        bundle = sign_summary(decision, self.signer, resource=self.resource)
        with Ledger.open(ledger_place(self.ledger)) as ledger:
            (receipt,) = submit(ledger, [bundle], self.signer)
            self.facts = {
                "origin": ledger.origin,
                "index": receipt.index,
                "kind": receipt.event.kind.value,
            }


def _recorder(
    words: str,
    ledger: str | None,
    signing_key: str | None,
    passphrase_file: str | None,
    *,
    record: bool,
) -> _Recorder:
    """Check before anything is fetched that the decision can be recorded."""
    if not record:
        return _Recorder(None, "")
    if not ledger:
        raise CallError(
            "`--record` does not say in which ledger", fix="name it with `--ledger PLACE`"
        )
    if not signing_key:
        raise CallError(
            "`--record` needs a signer",
            why="a decision that nobody signed proves nothing",
            fix="name the private key of whoever decides with `--signing-key FILE`",
        )
    return _Recorder(load_signer(signing_key, passphrase_file, command=words), ledger)


def _remember(console: Console, history: Any, to: Path, pulled: "Pulled") -> None:
    """Note what was placed; a pull that can't is as good, only nothing will replace it."""
    try:
        history.remember(to, pulled.delivery.manifest.identity, pulled.snapshot.pinned)
    except (OSError, WeightmarkError) as error:
        what = error.what if isinstance(error, WeightmarkError) else str(error)
        console.note(f"not remembered, so `--replace` will refuse it: {what}")


def _write_lock(path: Path, pulled: "Pulled") -> None:
    from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
    from weightmark.provenance.atomic import exclusive

    artifact = LockedArtifact.of(pulled.snapshot, pulled.delivery.manifest, pulled.delivery.sha256)
    with exclusive(path.absolute().parent):
        LockFile.load_or_new(path).with_artifact(artifact).write(path)


def as_fetched(line: CheckLine, judged_at: str, pinned: str) -> CheckLine:
    """Name the address where a hint names the quarantine: nothing of it lies anywhere to be signed."""
    path, address = shlex.quote(judged_at), shlex.quote(pinned)
    fix = line.fix.replace(f"; if it is yours: `weightmark sign {path} --key KEY`", "")
    vouch = f"weightmark attest {path} "
    if vouch in fix:
        fix = fix.replace(vouch, f"weightmark attest {address} --out DIR ")
        fix += f", then `weightmark pull {address} --claims DIR` as before"
    return as_placed(dataclasses.replace(line, fix=fix), judged_at, pinned)


def as_placed(line: CheckLine, judged_at: str, to: str) -> CheckLine:
    """Name the destination where a hint names the quarantine, which nobody should use."""
    return dataclasses.replace(
        line,
        **{name: getattr(line, name).replace(judged_at, to) for name in ("summary", "why", "fix")},
        details=tuple(detail.replace(judged_at, to) for detail in line.details),
    )


def _told(line: CheckLine, pulled: "Pulled", to: str) -> CheckLine:
    if pulled.placed or pulled.present:
        return as_placed(line, str(pulled.judged_at), to)
    return as_fetched(line, str(pulled.judged_at), pulled.snapshot.pinned)


def _outcome(pulled: "Pulled", to: str) -> str:
    if pulled.present:
        return f"lies at `{to}` already" if pulled.placed else f"it still lies at `{to}`"
    return f"placed at `{to}`" if pulled.placed else f"nothing was placed at `{to}`"


def _document(
    console: Console, to: str, pulled: "Pulled", record: dict[str, Any] | None
) -> Document:
    decision, snapshot, policy = pulled.decision, pulled.snapshot, pulled.decision.policy
    scan = decision.evidence.scan.findings if decision.evidence.scan else ()
    unread = not pulled.placed and decision.exit is Exit.GOOD
    identity = pulled.delivery.manifest.identity
    return Document(
        schema="weightmark/pull/v1",
        exit=Exit.UNCHECKED if unread else decision.exit,
        verdict=decision.word.replace(" ", "-"),
        headline=f"{decision.word}: {identity} by policy `{policy.name}`; {_outcome(pulled, to)}",
        checks=tuple(_told(line, pulled, to) for line in check_lines(decision.checks)),
        findings=finding_lines(one for one in scan if one.severity >= policy.scan.fail_on),
        facts={
            "uri": snapshot.uri,
            "pinned": snapshot.pinned,
            "digest": next((f"{name}:{value}" for name, value in snapshot.digest.items()), None),
            "kind": snapshot.kind.value,
            "to": to,
            "placed": pulled.placed,
            "present": pulled.present,
            "identity": identity,
            "files": len(pulled.delivery.manifest.rows),
            "size": pulled.delivery.manifest.total_size,
            "resumed": pulled.delivery.resumed,
            "omitted": list(snapshot.omitted),
            "cached": snapshot.cached,
            "policy": {
                "name": policy.name,
                "source": policy.source,
                "uri": policy.uri,
                "digest": f"sha256:{policy.sha256}",
                "mode": policy.mode.value,
            },
            "settings": {flag: console.settings.origin(flag) for flag in _TOLD},
            "record": record,
        },
    )
