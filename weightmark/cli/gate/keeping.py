"""Keeping a decision: signed for others, as a document that can be replayed, and as an entry of a ledger."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightmark.cli.options.ledger import ledger_place
from weightmark.cli.private_keys import read_passphrase
from weightmark.errors import CallError, UncheckedError, WeightmarkError
from weightmark.values import dataclass

if TYPE_CHECKING:
    from weightmark.attestations.bundles.bundle import Bundle
    from weightmark.attestations.checks import Check
    from weightmark.attestations.gate.decision import Decision
    from weightmark.attestations.signers.interface import Signer

__all__ = ["Keeping", "KeepingRequest", "Kept"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of keeping one decision."""

    checks: "tuple[Check, ...]" = ()
    """one a thing that was kept, or could not be"""
    record: dict[str, Any] | None = None
    """`origin`, `index` and `kind` of the entry"""


@dataclass(frozen=True, slots=True)
class KeepingRequest:
    """What the caller wants to be kept, in the words of the flags."""

    vsa: str | None
    """where the signed summary goes"""
    svr: str | None
    """where the signed result goes"""
    decision: str | None
    """where the decision document goes"""
    ledger: str
    """a ledger; empty for none"""
    record: bool
    """whether the decision enters it"""
    signing_key: str | None
    """the gate's own private key"""
    submit_key: str | None
    """the key of who submits; the gate's own when not named"""
    passphrase_file: str | None
    """where the passphrase of the keys lies"""
    tsa_url: tuple[str, ...]
    """time-stamping authorities"""
    resource: str
    """name of the artifact in the summary"""

    def load(self, paths: Sequence[str], *, offline: bool) -> "Keeping":
        """Check before anything is read that decisions can be kept as the caller wants; raises `CallError`."""
        files = {"--vsa": self.vsa, "--svr": self.svr, "--decision": self.decision}
        self._require_sense(paths, files)
        signed = "--record" if self.record else "--vsa" if self.vsa else "--svr" if self.svr else ""
        if signed and not self.signing_key:
            raise CallError(
                f"`{signed}` needs a signer",
                why="a decision that nobody signed proves nothing",
                fix="name the gate's own private key with `--signing-key gate.key`",
            )
        signer = self._signer(self.signing_key, offline=offline) if signed else None
        submitter = self._signer(self.submit_key, offline=True) if self.submit_key else signer
        return Keeping(
            signer=signer,
            submitter=submitter,
            files={flag.lstrip("-"): Path(file) for flag, file in files.items() if file},
            ledger=self.ledger if self.record else "",
            resource=self.resource,
        )

    def _require_sense(self, paths: Sequence[str], files: dict[str, str | None]) -> None:
        if self.record and not self.ledger:
            raise CallError(
                "`--record` does not say in which ledger", fix="name it with `--ledger PATH`"
            )
        if self.submit_key and not self.record:
            raise CallError(
                "`--submit-key` says who enters the decision, and it is not to be entered",
                fix="add `--record`, or leave `--submit-key` out",
            )
        named = next((flag for flag, file in files.items() if file), "")
        if named and len(paths) > 1:
            raise CallError(
                f"`{named}` names one file, and there are {len(paths)} decisions",
                fix="gate the artifacts one by one, or enter the decisions with `--record`",
            )

    def _signer(self, key: str | None, *, offline: bool) -> "Signer":
        from weightmark.attestations.signers.choice import SignerChoice

        choice = SignerChoice(
            keys=(key,) if key else (),
            passphrase=lambda name: read_passphrase(name, self.passphrase_file),
            tsa_urls=() if key == self.submit_key and key != self.signing_key else self.tsa_url,
        )
        return choice.load(offline=offline and bool(self.tsa_url))[0]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What to do with each decision once it is made."""

    signer: "Signer | None"
    """who signs it"""
    submitter: "Signer | None"
    """who enters it"""
    files: dict[str, Path]
    """`vsa`, `svr`, `decision` to the file that is written"""
    ledger: str
    """the ledger that it enters; empty for none"""
    resource: str
    """name of the artifact in the summary"""

    def keep(self, decision: "Decision") -> Kept:
        """Sign, write and record; whatever fails is a check of its own and hides no decision."""
        from weightmark.attestations.checks import Check, Outcome
        from weightmark.provenance.atomic import replace_files

        checks: list[Check] = []
        record = None
        step = "decision"
        try:
            for name, path in self.files.items():
                step = name
                replace_files({path: self._bytes_of(name, decision) + b"\n"})
                checks.append(Check(name, Outcome.INFO, f"written to `{path}`"))
            if self.ledger:
                step = "record"
                record, recorded = self._record(self._summary(decision))
                checks.append(recorded)
        except WeightmarkError as error:
            checks.append(Check.from_error(step, error))
        return Kept(tuple(checks), record)

    def _bytes_of(self, name: str, decision: "Decision") -> bytes:
        from weightmark.attestations.gate.decisions.record import DecisionRecord
        from weightmark.attestations.gate.summary import sign_result

        if name == "decision":
            return DecisionRecord.of(decision).to_bytes()
        if name == "vsa":
            return self._summary(decision).to_bytes()
        return sign_result(decision, self._signing()).to_bytes()

    def _summary(self, decision: "Decision") -> "Bundle":
        from weightmark.attestations.gate.summary import sign_summary

        return sign_summary(decision, self._signing(), resource=self.resource)

    def _signing(self) -> "Signer":
        if self.signer is None:
            raise UncheckedError("nobody signs the decision, so it can't be kept")
        return self.signer

    def _record(self, bundle: "Bundle") -> "tuple[dict[str, Any], Check]":
        from weightmark.attestations.checks import Check, Outcome
        from weightmark.attestations.ledger.submission import submit
        from weightmark.provenance.ledger.log import Ledger

        with Ledger.open(ledger_place(self.ledger)) as ledger:
            (receipt,) = submit(ledger, [bundle], self.submitter or self._signing())
            origin = ledger.origin
        summary = f"entry {receipt.index} of `{origin}`"
        facts = {"origin": origin, "index": receipt.index, "kind": receipt.event.kind.value}
        return facts, Check("record", Outcome.INFO, summary)
