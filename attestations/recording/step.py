"""One recorded step: inputs before, the command, inputs again, outputs after, and the signed statement."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from weightmark.attestations.making.signing import SignResult, add_claim
from weightmark.attestations.predicates.descriptor import Descriptor
from weightmark.attestations.predicates.slsa_provenance import (
    SLSA_PROVENANCE_PREDICATE,
    SlsaProvenance,
)
from weightmark.attestations.predicates.steps import BUILD_TYPE_PREFIX, STEPS
from weightmark.attestations.recording.facts import (
    default_builder,
    environment_facts,
    source_facts,
)
from weightmark.attestations.recording.masking import masked_settings, masked_words
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError, FileChangedError, WeightmarkError
from weightmark.provenance.artifact import open_artifact
from weightmark.provenance.identification import identify
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.provenance.sidecars import RESERVED_NAMES
from weightmark.values import dataclass

__all__ = ["RecordedInput", "RecordedStep", "Recording", "StepRequest", "record_step"]

_ROLES = {
    "base": "base",
    "model": "model",
    "adapter": "adapter",
    "data": "data",
    "train": "data",
    "dataset": "data",
    "eval": "evaluation-data",
}
"""what an input is for, by the usual names of inputs"""
_WORD_END = re.compile("[-._]")


_Look = tuple[str, int, int, int, int]
"""path, inode, size, and the times of a file"""
_MADE_FROM = frozenset(["convert", "evaluate", "finetune", "merge", "package", "quantize"])
"""steps whose result is made from another artifact"""


@dataclass(frozen=True, slots=True)
class StepRequest:
    """What the caller says about a step."""

    step: str
    """one of `STEPS`"""
    inputs: Mapping[str, Path]
    """artifacts that go in, by the name that the statement gives them"""
    outputs: tuple[Path, ...]
    """artifacts that come out; each gets a statement"""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """what the caller chose, as texts"""
    words: tuple[str, ...] = ()
    """the command, if there is one"""
    builder: str = ""
    """URI of who runs it; found out when empty"""
    folder: Path = field(default_factory=Path)
    """whose source and lock files are recorded"""

    def __post_init__(self) -> None:
        if self.step not in STEPS:
            raise CallError(f"`{self.step}` is no step", fix=f"use one of {', '.join(STEPS)}")
        if not self.outputs:
            raise CallError(
                "nothing comes out of the step", fix="name its result with `--output PATH`"
            )
        if not self.inputs and self.step in _MADE_FROM:
            raise CallError(
                f"the step `{self.step}` makes something from nothing",
                why="what came out of it would have no past, and nobody could follow its chain",
                fix="name what goes in with `--input NAME=PATH`",
            )


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """An input as it was before the step."""

    name: str
    """as the statement calls it"""
    path: Path
    """where it stands"""
    identity: str
    """`wm1:…`"""
    files: frozenset[tuple[str, int]] = frozenset()
    """path and size of each of its files"""


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """A command that was run, and what was stated of it."""

    code: int
    """its exit code, as it is"""
    inputs: tuple[RecordedInput, ...]
    """what went in"""
    results: tuple[SignResult, ...]
    """one statement an output; none when the command failed"""


class Recording(AbstractContextManager["Recording"]):
    """A step while it runs: inputs are identified on entry; `finish` states what came out.

    with Recording(request, signer) as step:
        train()
        step.parameter("lr", "2e-5")

    Leaving the block without an error states the step; an error inside states nothing.
    """

    def __init__(
        self,
        request: StepRequest,
        signer: Signer,
        *,
        out: Path | None = None,
        progress: ProgressSink | None = None,
        jobs: int | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._request = request
        self._signer = signer
        self._out = out
        self._progress = progress
        self._jobs = jobs
        self._clock = clock
        self._parameters = dict(request.parameters)
        self._outputs: tuple[Path, ...] = ()
        self._source: Mapping[str, Any] = {}
        self._found: tuple[Descriptor, ...] = ()
        self._before: tuple[frozenset[_Look], ...] = ()
        self._started: datetime | None = None
        self.inputs: tuple[RecordedInput, ...] = ()
        self.results: tuple[SignResult, ...] = ()

    def __enter__(self) -> Self:
        """Identify the inputs; raises what reading raises.

        Paths are taken as they stand now, so that a step may change its working folder.
        """
        self.inputs = tuple(
            self._identified(name, path) for name, path in self._request.inputs.items()
        )
        self._outputs = tuple(path.absolute() for path in self._request.outputs)
        self._before = tuple(_look(path) for path in self._outputs)
        self._source, self._found = source_facts(self._request.folder)
        self._started = self._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and not self.results:
            self.finish()

    def parameter(self, name: str, value: str) -> None:
        """Record a parameter that is known only now."""
        self._parameters[name] = value

    def trainer_callback(self) -> Any:
        """Return a callback for a `transformers` trainer that records its settings as parameters.

        Raises `ExtraMissingError` without `transformers`.
        """
        from weightmark.attestations.recording.trainer import make_callback

        return make_callback(self.parameter)

    def finish(self) -> tuple[SignResult, ...]:
        """State the step for every output.

        Raises `FileChangedError` when an input is not what it was, `CallError` for an output that
        was not made or that is an input, and what `add_claim` raises.
        """
        if self._started is None:
            raise CallError(
                "the step has not begun, so nobody knows what went in",
                fix="record it in a block: `with weightmark.record(…) as step:`",
            )
        finished = self._clock()
        for path, given, before in zip(
            self._outputs, self._request.outputs, self._before, strict=True
        ):
            _require_made(path, given, before)
        for one in self.inputs:
            self._require_unchanged(one)
        for path, given in zip(self._outputs, self._request.outputs, strict=True):
            self._require_new(path, given)
        if len(self._outputs) > 1:
            # one that can't be identified leaves no other stated: a step is stated whole or not at all
            for path in self._outputs:
                self._identity(path)
        predicate = self._provenance(self._started, finished).to_predicate()
        self.results = tuple(
            add_claim(
                path,
                self._signer,
                SLSA_PROVENANCE_PREDICATE,
                predicate,
                out=self._out,
                progress=self._progress,
                jobs=self._jobs,
            )
            for path in self._outputs
        )
        return self.results

    def _require_unchanged(self, one: RecordedInput) -> None:
        try:
            if self._identity(one.path) == one.identity:
                return
            why = "it can't be said from what the result was made"
        except WeightmarkError as error:
            why = f"it can't be read any more: {error.what}"
        raise FileChangedError(
            f"the input `{self._request.inputs[one.name]}` changed while the step ran",
            why=why,
            fix="run the step again on inputs that nothing writes to",
        )

    def _require_new(self, path: Path, given: Path) -> None:
        """Refuse an output that is an input: it would be made from itself, which no chain believes."""
        listed = {(entry.path, entry.size) for entry in open_artifact(path).entries}
        alike = {one.identity: one.name for one in self.inputs if one.files == listed}
        identity = self._identity(path) if alike else ""
        if identity in alike:
            raise CallError(
                f"the step made nothing: `{given}` is what went in as `{alike[identity]}`",
                why="the identity is the same, so every claim about the one holds for the other",
                fix="leave the step out, or vouch for it with `weightmark attest --type approval`",
            )

    def _identified(self, name: str, path: Path) -> RecordedInput:
        found = identify(path, progress=self._progress, jobs=self._jobs)
        files = frozenset((row.path, row.size) for row in found.manifest.rows)
        return RecordedInput(name, path.absolute(), found.identity, files)

    def _identity(self, path: Path) -> str:
        return identify(path, progress=self._progress, jobs=self._jobs).identity

    def _provenance(self, started: datetime, finished: datetime) -> SlsaProvenance:
        external: dict[str, Any] = {"parameters": masked_settings(self._parameters)}
        if self._request.words:
            external["command"] = masked_words(self._request.words)
        if self._source:
            external["source"] = self._source
        inputs = tuple(
            Descriptor.of_identity(one.name, one.identity, _role(one.name)) for one in self.inputs
        )
        return SlsaProvenance(
            build_type=f"{BUILD_TYPE_PREFIX}{self._request.step}/v1",
            external_parameters=external,
            internal_parameters=environment_facts(),
            dependencies=(*inputs, *self._found),
            builder=self._request.builder or default_builder(),
            invocation=secrets.token_hex(16),
            started=started,
            finished=finished,
        )


def record_step(
    request: StepRequest,
    signer: Signer,
    run: Callable[[Sequence[str]], int],
    *,
    out: Path | None = None,
    progress: ProgressSink | None = None,
    jobs: int | None = None,
) -> RecordedStep:
    """Record a command: `run` runs its words and returns its exit code, which is returned as it is.

    A command that fails leaves no statement. Raises as `Recording.finish`.
    """
    recording = Recording(request, signer, out=out, progress=progress, jobs=jobs)
    recording.__enter__()
    code = run(request.words)
    results = recording.finish() if code == 0 else ()
    return RecordedStep(code, recording.inputs, results)


def _require_made(path: Path, given: Path, before: frozenset[_Look]) -> None:
    if not path.exists():
        raise CallError(
            f"the step did not make `{given}`",
            why="it ran to its end, and nothing is there that could be stated as its result",
            fix="compare `--output` with where the command writes",
        )
    if before and _look(path) == before:
        raise CallError(
            f"the step did not make `{given}`: it stood there before, and nothing in it changed",
            why="it would be stated to be made from what it was not made from",
            fix="compare `--output` with where the command writes, or remove what an earlier run left",
        )


def _look(path: Path) -> frozenset[_Look]:
    """Return what the system says of each file, which any write changes; empty where nothing stands."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    found = ((str(one), one.stat()) for one in files if one.name not in RESERVED_NAMES)
    return frozenset(
        (name, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) for name, now in found
    )


def _role(name: str) -> dict[str, Any]:
    role = _ROLES.get(_WORD_END.split(name, maxsplit=1)[0].lower())
    return {"role": role} if role else {}
