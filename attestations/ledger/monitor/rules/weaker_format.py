"""Rule `weaker-format`: the format falls from safetensors to one that can run code."""

from collections.abc import Iterator
from datetime import datetime

from weightmark.attestations.ledger.monitor.interface import Alert, Known, Seen, Watch
from weightmark.provenance.ledger.event import Kind

__all__ = ["WeakerFormat"]

_CAN_RUN_CODE = frozenset(
    {
        *(".bin", ".pt", ".pth", ".pkl", ".pickle", ".dill", ".ckpt", ".joblib", ".npy", ".npz"),
        *(".h5", ".hdf5", ".keras", ".mar", ".nemo", ".tar", ".zip"),
    }
)
"""endings of formats in which a usual loader can meet code"""


class WeakerFormat:
    """A model whose weights were safetensors, and now are in a format that can hold code."""

    id = "weaker-format"
    title = "the format falls from safetensors to one that can run code"
    severity = "high"
    help = "ask for safetensors; scan the files before anybody loads them"

    def look(self, seen: Seen, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Compare the endings of file names: a hint, which a scan has to confirm."""
        if seen.event.kind is not Kind.RELEASE or not seen.name or not seen.listed:
            return
        endings = {*seen.suffixes}
        model = known.model(seen.name)
        risky = sorted(endings & _CAN_RUN_CODE)
        if model.get("safe") and risky:
            said = (
                f"`{seen.name}` was safetensors, and now has files that end in {', '.join(risky)}"
            )
            yield Alert(self.id, self.severity, seen.index, said, seen.event.subject)
        model["safe"] = ".safetensors" in endings and not risky

    def finish(self, now: datetime, known: Known, watch: Watch) -> Iterator[Alert]:  # noqa: ARG002 - the protocol's signature
        """Say nothing more."""
        return iter(())
