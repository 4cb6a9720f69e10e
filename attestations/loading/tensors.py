"""The mapping of verified tensors."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

from weightmark.attestations.loading.arrays.choice import choose_form
from weightmark.attestations.loading.arrays.interface import ArrayForm
from weightmark.attestations.loading.opening import MEMORY_LIMIT, OpenedFiles, open_files
from weightmark.attestations.loading.releases import Releases
from weightmark.attestations.loading.weights.interface import WeightsFile
from weightmark.errors import CallError
from weightmark.provenance.artifact import Artifact
from weightmark.values import dataclass

__all__ = ["TensorFacts", "VerifiedTensors"]

_SEAL = object()


@dataclass(frozen=True, slots=True)
class TensorFacts:
    """What a checked header says about one tensor."""

    dtype: str
    """as the safetensors format calls it"""
    shape: tuple[int, ...]
    """dimensions; empty for a single number"""
    size: int
    """bytes"""


class VerifiedTensors(Mapping[str, Any]):
    """Tensors by name; each is read into private memory and checked there before it is handed out.

    Made by `open_verified` only; a context manager. Asking twice reads and checks twice, and gives
    two arrays that share no memory. May be used by several threads.
    """

    def __init__(
        self, opened: OpenedFiles, releases: Releases, form: ArrayForm, *, seal: object
    ) -> None:
        """Hand out the tensors of checked files; `VerifiedTensors.open` makes one."""
        if seal is not _SEAL:
            raise TypeError("VerifiedTensors are made by opening only")
        self._files = opened.files
        self._home = opened.home
        self._releases = releases
        self._form = form
        self._open = True

    @classmethod
    def open(
        cls,
        artifact: Artifact,
        releases: Releases,
        *,
        file: str = "",
        framework: str = "auto",
        memory_limit: int = MEMORY_LIMIT,
    ) -> Self:
        """Open the weights of `artifact` as one of `releases`; see `open_verified`."""
        form = choose_form(framework)
        opened = open_files(artifact, releases, file=file, memory_limit=memory_limit)
        return cls(opened, releases, form, seal=_SEAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Any:
        """Return one tensor in private memory of its own.

        Raises `TamperedError` when its bytes are not what was signed, `FileChangedError`,
        `ReadError`, `UnsupportedError` for a type or shape that the framework does not have.
        """
        file = self._file(name)
        tensor = file.layout.tensors[name]
        return self._form.make(tensor.dtype, tensor.shape, file.read(name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._home)

    def __len__(self) -> int:
        return len(self._home)

    def __contains__(self, name: object) -> bool:
        """Tell without reading anything."""
        return name in self._home

    @property
    def identity(self) -> str:
        """`wm1:…` of the release of which everything that was handed out is part."""
        return self._releases.newest.identity

    @property
    def signers(self) -> tuple[str, ...]:
        """Who vouches for it."""
        return self._releases.newest.signers

    @property
    def framework(self) -> str:
        """What kind of arrays is handed out: `numpy`, `torch` or `bytes`."""
        return self._form.name

    @property
    def metadata(self) -> Mapping[str, str]:
        """The publisher's texts in the headers; of several files the later win."""
        joined: dict[str, str] = {}
        for path in sorted(self._files):
            joined |= self._files[path].layout.metadata
        return MappingProxyType(joined)

    def facts(self, name: str) -> TensorFacts:
        """Return type and shape of a tensor without reading it; raises `KeyError`."""
        tensor = self._file(name).layout.tensors[name]
        return TensorFacts(tensor.dtype, tensor.shape, tensor.end - tensor.start)

    def close(self) -> None:
        """Let go of all files; what was handed out stays good."""
        self._open = False
        for file in self._files.values():
            file.close()

    def _file(self, name: str) -> WeightsFile:
        if not self._open:
            raise CallError("the tensors were closed", fix="use them inside the `with` statement")
        return self._files[self._home[name]]
