"""A TUF repository that hands out the trusted root and the signing config."""

from datetime import timedelta
from typing import TypeVar

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata

from tests.sim.clock import SimClock
from tests.sim.faults import Faults
from tests.sim.web import Answer, Request

__all__ = ["TufRepository"]

T = TypeVar("T", Root, Timestamp, Snapshot, Targets)

_LIFE = timedelta(days=30)


class TufRepository:
    """One key for all four roles; each `publish` is a new version."""

    def __init__(self, clock: SimClock, faults: Faults) -> None:
        self._clock = clock
        self._faults = faults
        self._signer = CryptoSigner.generate_ed25519()
        self._root = Root(expires=clock.now() + timedelta(days=3650), consistent_snapshot=True)
        for role in ("root", "timestamp", "snapshot", "targets"):
            self._root.add_key(self._signer.public_key, role)
        self.files: dict[str, bytes] = {"1.root.json": self._sign(self._root)}
        self._version = 0

    @property
    def root(self) -> bytes:
        """Return what a client has to be given by another way."""
        return self.files["1.root.json"]

    def publish(self, targets: dict[str, bytes]) -> None:
        """Make a new version that holds `targets`."""
        self._version += 1
        version, expires = self._version, self._clock.now() + _LIFE
        listed = {}
        for name, data in targets.items():
            file = TargetFile.from_data(name, data, ["sha256"])
            listed[name] = file
            self.files[f"targets/{file.hashes['sha256']}.{name}"] = data
        made = Targets(version=version, expires=expires, targets=listed)
        self.files[f"{version}.targets.json"] = self._sign(made)
        snapshot = Snapshot(version=version, expires=expires)
        snapshot.meta["targets.json"] = MetaFile(version=version)
        self.files[f"{version}.snapshot.json"] = self._sign(snapshot)
        timestamp = Timestamp(version=version, expires=expires)
        timestamp.snapshot_meta = MetaFile(version=version)
        self.files["timestamp.json"] = self._sign(timestamp)

    def handle(self, request: Request) -> Answer:
        """Answer `GET /tuf/<file>`."""
        name = request.path.removeprefix("/tuf/")
        data = self.files.get(name)
        if data is None:
            return Answer.refusal(404, "no such file")
        if self._faults.lies("tuf", "wrong target") and name.startswith("targets/"):
            data = data.replace(b"loopback", b"elsewher")
        return Answer(data)

    def _sign(self, payload: T) -> bytes:
        metadata: Metadata[T] = Metadata(payload)
        metadata.sign(self._signer)
        return metadata.to_bytes()
