"""One recorded step: inputs before, the command, inputs again, outputs after, and the signed statement."""

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
    masked_words,
    source_facts,
)
from weightmark.attestations.signers.interface import Signer
from weightmark.errors import CallError, FileChangedError
from weightmark.provenance.identification import identify
from weightmark.provenance.reading.engine import ProgressSink
from weightmark.values import dataclass

__all__ = ["RecordedInput", "Recording", "StepRequest", "record_step"]

_ROLES = {
    "base": "base",
    "adapter": "adapter",
    "data": "data",
    "train": "data",
    "dataset": "data",
    "eval": "evaluation-data",
}
"""what an input is for, by the usual names of inputs"""


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


@dataclass(frozen=True, slots=True)
class RecordedInput:
    """An input as it was before the step."""

    name: str
    """as the statement calls it"""
    path: Path
    """where it stands"""
    identity: str
    """`wm1:…`"""


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
        self._inputs: tuple[RecordedInput, ...] = ()
        self._started = clock()
        self.results: tuple[SignResult, ...] = ()

    def __enter__(self) -> Self:
        """Identify the inputs; raises what reading raises."""
        self._inputs = tuple(
            RecordedInput(name, path, self._identity(path))
            for name, path in self._request.inputs.items()
        )
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
        was not made, and what `add_claim` raises.
        """
        finished = self._clock()
        for path in self._request.outputs:
            _require_made(path)
        for one in self._inputs:
            if self._identity(one.path) != one.identity:
                raise FileChangedError(
                    f"the input `{one.path}` changed while the step ran",
                    why="it can't be said from what the result was made",
                    fix="run the step again on inputs that nothing writes to",
                )
        predicate = self._provenance(finished).to_predicate()
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
            for path in self._request.outputs
        )
        return self.results

    def _identity(self, path: Path) -> str:
        return identify(path, progress=self._progress, jobs=self._jobs).identity

    def _provenance(self, finished: datetime) -> SlsaProvenance:
        external: dict[str, Any] = {"parameters": dict(sorted(self._parameters.items()))}
        if self._request.words:
            external["command"] = masked_words(self._request.words)
        if self._source:
            external["source"] = self._source
        inputs = tuple(
            Descriptor.of_identity(one.name, one.identity, _role(one.name)) for one in self._inputs
        )
        return SlsaProvenance(
            build_type=f"{BUILD_TYPE_PREFIX}{self._request.step}/v1",
            external_parameters=external,
            internal_parameters=environment_facts(),
            dependencies=(*inputs, *self._found),
            builder=self._request.builder or default_builder(),
            invocation=secrets.token_hex(16),
            started=self._started,
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
) -> tuple[int, tuple[SignResult, ...]]:
    """Record a command: `run` runs its words and returns its exit code, which is returned as it is.

    A command that fails leaves no statement. Raises as `Recording.finish`.
    """
    recording = Recording(request, signer, out=out, progress=progress, jobs=jobs)
    recording.__enter__()
    code = run(request.words)
    return code, recording.finish() if code == 0 else ()


def _require_made(path: Path) -> None:
    if not path.exists():
        raise CallError(
            f"the step did not make `{path}`",
            why="it ran to its end, and nothing is there that could be stated as its result",
            fix="compare `--output` with where the command writes",
        )


def _role(name: str) -> dict[str, Any]:
    role = _ROLES.get(name.partition("-")[0].partition(".")[0])
    return {"role": role} if role else {}
