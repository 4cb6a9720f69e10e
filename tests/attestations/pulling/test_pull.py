"""Pulling: what is refused never reaches its destination, whoever writes where and whenever it breaks."""

import ctypes
import hashlib
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.attestations.gate_makers import EVIL_PICKLE, make_model, make_signed, preset
from tests.provenance.sources.scripted import ScriptedSource
from weightmark.attestations.gate.decision import Decision
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.locking.lock_file import LockedArtifact, LockFile
from weightmark.attestations.policy.choices import Mode
from weightmark.attestations.policy.load import load_preset
from weightmark.attestations.policy.model import Policy
from weightmark.attestations.pulling.history import History
from weightmark.attestations.pulling.pull import Pulled, PullPlan, pull
from weightmark.attestations.pulling.quarantine import Quarantine
from weightmark.errors import (
    CallError,
    PromiseBrokenError,
    ReadError,
    RefusedError,
    UncheckedError,
)
from weightmark.provenance.identification import identify
from weightmark.provenance.sources.choice import open_source
from weightmark.provenance.sources.interface import Member, Part, Snapshot, TransferBrokenError

AUDIT = "audit"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@dataclass(frozen=True)
class Place:
    """A published model, and where it is pulled to."""

    model: Path
    to: Path
    history: History

    def pull(
        self,
        policy: Policy | None = None,
        *,
        keep: Callable[[Decision], object] | None = None,
        replace: bool = False,
        locked: LockedArtifact | None = None,
    ) -> Pulled:
        plan = PullPlan(
            self.to,
            policy or preset("baseline"),
            replace=self.history if replace else None,
            locked=locked,
        )
        with open_source(str(self.model)) as source:
            pulled = pull(source, source.resolve(), plan, keep=keep)
        if pulled.placed:
            self.history.remember(self.to, pulled.delivery.manifest.identity, "x")
        return pulled

    @property
    def quarantine(self) -> Path:
        return self.to.parent / f".{self.to.name}.weightmark-pull"

    def nothing_is_left(self) -> bool:
        return names(self.to.parent) == []


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "here").mkdir()
    model = make_signed(tmp_path / "model")
    return Place(model, tmp_path / "here" / "bert", History(tmp_path / "state"))


@pytest.fixture
def evil(tmp_path: Path) -> Place:
    (tmp_path / "here").mkdir()
    model = make_signed(tmp_path / "model", scan=False, **{"x.pkl": EVIL_PICKLE})
    return Place(model, tmp_path / "here" / "bert", History(tmp_path / "state"))


def test_what_the_policy_lets_through_is_placed_with_its_claims(place: Place) -> None:
    pulled = place.pull()
    assert pulled.placed
    assert pulled.decision.allows
    assert identify(place.to).identity == identify(place.model).identity
    assert (place.to / "model.sig").read_bytes() == (place.model / "model.sig").read_bytes()
    assert names(place.to.parent) == ["bert"]


@pytest.mark.parametrize("there", ["nothing", "an empty folder"])
def test_what_is_refused_never_reaches_the_destination(evil: Place, there: str) -> None:
    if there != "nothing":
        evil.to.mkdir()
    pulled = evil.pull()
    assert not pulled.placed
    assert pulled.decision.blocks
    assert there == "nothing" or names(evil.to) == []
    assert not evil.quarantine.exists()


def test_audit_places_what_it_would_deny(evil: Place) -> None:
    assert evil.pull(preset(AUDIT)).placed


# --- the destination ------------------------------------------------------------------------------


def test_somebody_elses_folder_is_never_touched(place: Place) -> None:
    place.to.mkdir()
    (place.to / "thesis").write_bytes(b"mine")
    for replace in (False, True):
        with pytest.raises(CallError):
            place.pull(replace=replace)
    assert (place.to / "thesis").read_bytes() == b"mine"


def test_a_link_as_destination_is_refused(place: Place, tmp_path: Path) -> None:
    place.to.symlink_to(tmp_path)
    with pytest.raises(CallError, match="is a link"):
        place.pull()


def test_a_destination_in_no_folder_is_a_wrong_call(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    with pytest.raises(CallError, match="does not exist"):
        Place(model, tmp_path / "none" / "none" / "bert", History(tmp_path)).pull()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CallError, match="does not exist"):
        Place(model, tmp_path / "file" / "bert", History(tmp_path)).pull()


def test_what_a_pull_placed_may_be_replaced_when_that_is_said(place: Place) -> None:
    place.pull()
    first = place.to.stat().st_ino
    with pytest.raises(CallError, match="not empty"):
        place.pull()
    assert place.pull(replace=True).placed
    assert place.to.stat().st_ino != first
    assert names(place.to.parent) == ["bert"]


def test_what_changed_since_it_was_placed_is_not_replaced(place: Place) -> None:
    place.pull()
    (place.to / "notes").write_bytes(b"mine")
    with pytest.raises(CallError, match="changed"):
        place.pull(replace=True)
    assert (place.to / "notes").read_bytes() == b"mine"


def test_a_refused_replacement_leaves_the_old_artifact_whole(place: Place) -> None:
    place.pull()
    before = identify(place.to).identity
    (place.model / "x.pkl").write_bytes(EVIL_PICKLE)
    assert not place.pull(replace=True).placed
    assert identify(place.to).identity == before


def test_a_folder_that_appears_while_it_is_judged_is_not_replaced(place: Place) -> None:
    def plant(_: Decision) -> None:
        place.to.mkdir()
        (place.to / "thesis").write_bytes(b"mine")

    with pytest.raises(CallError):
        place.pull(keep=plant)
    assert names(place.to) == ["thesis"]


def test_an_exchange_that_was_killed_half_way_is_undone(place: Place) -> None:
    place.pull()
    before = identify(place.to).identity
    place.quarantine.mkdir(mode=0o700)
    place.to.rename(place.quarantine / "replaced")
    with Quarantine.open(place.to, "other plan"):
        assert identify(place.to).identity == before


# --- the quarantine -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "artifact/bert/x.py",
        "artifact/bert/.git/config",
        "artifact/bert/sub/y",
        "artifact/bert/model.receipt",
    ],
)
def test_a_file_that_appears_in_quarantine_is_refused(place: Place, path: str) -> None:
    def plant(_: Decision) -> None:
        target = place.quarantine / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(b"x")

    with pytest.raises(PromiseBrokenError, match="changed in quarantine"):
        place.pull(preset(AUDIT), keep=plant)
    assert place.nothing_is_left()


@pytest.mark.parametrize("name", ["config.json", "model.sig"])
def test_a_file_that_changes_in_quarantine_is_refused(place: Place, name: str) -> None:
    def plant(_: Decision) -> None:
        path = place.quarantine / "artifact" / "bert" / name
        times = path.stat()
        path.write_bytes(path.read_bytes()[::-1])
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    with pytest.raises(PromiseBrokenError):
        place.pull(preset(AUDIT), keep=plant)
    assert place.nothing_is_left()


def test_a_file_that_is_swapped_for_a_link_in_quarantine_is_refused(place: Place) -> None:
    def plant(_: Decision) -> None:
        path = place.quarantine / "artifact" / "bert" / "config.json"
        path.unlink()
        path.symlink_to(place.model / "config.json")

    with pytest.raises(PromiseBrokenError):
        place.pull(preset(AUDIT), keep=plant)


def test_what_lies_in_quarantine_before_is_no_part_of_the_artifact(place: Place) -> None:
    with open_source(str(place.model)) as source:
        snapshot = source.resolve()
    tree = place.quarantine / "artifact" / "bert"
    tree.mkdir(parents=True)
    place.quarantine.chmod(0o700)
    (tree / "planted.py").write_bytes(b"x")
    assert place.pull().placed
    assert not (place.to / "planted.py").exists()
    assert snapshot.parts


def test_a_quarantine_of_another_snapshot_is_emptied(place: Place) -> None:
    with Quarantine.open(place.to, "one") as first:
        (first.tree / "left").write_bytes(b"x")
    with Quarantine.open(place.to, "one") as again:
        assert (again.tree / "left").exists()
    with Quarantine.open(place.to, "two") as other:
        assert not (other.tree / "left").exists()


@pytest.mark.parametrize("mode", [0o777, 0o720])
def test_a_quarantine_that_others_may_write_to_is_not_used(place: Place, mode: int) -> None:
    place.quarantine.mkdir()
    place.quarantine.chmod(mode)
    with pytest.raises(UncheckedError, match="not a private folder"):
        place.pull()
    assert not place.to.exists()


def test_a_link_in_the_place_of_the_quarantine_is_not_followed(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "trap").mkdir()
    place.quarantine.symlink_to(tmp_path / "trap")
    with pytest.raises(UncheckedError):
        place.pull()
    assert names(tmp_path / "trap") == []


def test_of_two_pulls_to_one_place_the_second_is_refused_and_the_first_goes_on(
    place: Place,
) -> None:
    seen: list[BaseException] = []

    def second(_: Decision) -> None:
        with pytest.raises(UncheckedError, match="under way") as refused:
            place.pull()
        seen.append(refused.value)

    assert place.pull(keep=second).placed
    assert seen


def test_many_pulls_at_once_place_one_whole_artifact(place: Place) -> None:
    outcomes: list[str] = []

    def one() -> None:
        try:
            place.pull()
            outcomes.append("placed")
        except (UncheckedError, CallError) as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("placed") == 1
    assert identify(place.to).identity == identify(place.model).identity
    assert names(place.to.parent) == ["bert"]


def test_what_cannot_be_recorded_is_not_placed(place: Place) -> None:
    def fail(_: Decision) -> None:
        raise UncheckedError("the ledger does not answer")

    with pytest.raises(UncheckedError):
        place.pull(keep=fail)
    assert not place.to.exists()
    assert place.pull().delivery.resumed > 0, "what was fetched is kept"


def test_an_interrupt_leaves_the_destination_alone_and_the_next_pull_goes_on(place: Place) -> None:
    def interrupt(_: Decision) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.pull(keep=interrupt)
    assert not place.to.exists()
    pulled = place.pull()
    assert pulled.placed
    sidecars = ("model.sig", "model.claims")
    files = [path for path in place.model.iterdir() if path.name not in sidecars]
    assert pulled.delivery.resumed == sum(path.stat().st_size for path in files) > 0


# --- promises -------------------------------------------------------------------------------------


class Lying(ScriptedSource):
    """Promises one thing and serves another."""

    def resolve(self) -> Snapshot:
        part = Part("f", len(self.data), {"sha256": "a" * 64})
        return Snapshot.of("u", "lying", (part,), digest={})


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("name", ["audit", "baseline", "strict"])
def test_no_policy_lets_a_digest_mismatch_through(tmp_path: Path, name: str, mode: Mode) -> None:
    source = Lying(b"words")
    plan = PullPlan(tmp_path / "bert", preset(name).with_mode(mode))
    with pytest.raises(PromiseBrokenError):
        pull(source, source.resolve(), plan)
    assert names(tmp_path) == []


def test_the_lock_refuses_other_files_before_any_is_fetched(place: Place) -> None:
    first = place.pull()
    locked = LockedArtifact.of(first.snapshot, first.delivery.manifest, first.delivery.sha256)
    (place.model / "more.json").write_bytes(b"{}")
    (place.model / "config.json").write_bytes(b"[]")
    with open_source(str(place.model)) as source:
        snapshot = source.resolve()
    assert locked.differences(snapshot) == ("`config.json` differs", "`more.json` is new")
    place.to.rename(place.to.with_name("old"))
    with pytest.raises(PromiseBrokenError, match="not what the lock says"):
        place.pull(preset(AUDIT), locked=locked)
    assert not place.to.exists()
    assert not place.quarantine.exists()


def test_what_the_lock_pins_and_lies_there_already_is_judged_and_not_fetched(place: Place) -> None:
    first = place.pull()
    locked = LockedArtifact.of(first.snapshot, first.delivery.manifest, first.delivery.sha256)
    before = place.to.stat().st_ino
    again = place.pull(locked=locked)
    assert again.placed
    assert place.to.stat().st_ino == before
    others = load_preset("baseline").with_keys([PrivateKey.generate().public])
    assert not place.pull(others, locked=locked).placed, "judged each time"
    assert place.to.stat().st_ino == before
    (place.to / "config.json").write_bytes(b"[]")
    with pytest.raises(CallError, match="not empty"):
        place.pull(locked=locked)


def test_the_lock_holds_what_arrives_against_its_identity(tmp_path: Path) -> None:
    """A file that is promised by SHA-1 only is held against the lock once it is there."""
    source = ScriptedSource(b"words")
    done = pull(source, source.resolve(), PullPlan(tmp_path / "one", preset(AUDIT)))
    locked = LockedArtifact.of(done.snapshot, done.delivery.manifest, done.delivery.sha256)
    other = ScriptedSource(b"WORDS")
    plan = PullPlan(tmp_path / "two", preset(AUDIT), locked=locked)
    with pytest.raises(PromiseBrokenError, match="lock"):
        pull(other, other.resolve(), plan)
    assert not (tmp_path / "two").exists()
    assert LockFile().with_artifact(locked).artifacts == (locked,)


# --- archives and claims of a source --------------------------------------------------------------


class Packed(ScriptedSource):
    """Serves one archive: lines of `path content`; and claims that it keeps beside it."""

    claims: tuple[bytes, ...] = ()

    def resolve(self) -> Snapshot:
        digest = hashlib.sha256(self.data).hexdigest()
        layer = Part(".", len(self.data), {"sha256": digest}, archive="lines")
        claims = tuple(
            Part(f"c{number}", len(data), location=str(number))
            for number, data in enumerate(self.claims)
        )
        return Snapshot.of("u", "packed", (layer,), digest={}, claims=claims)

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        yield (self.claims[int(part.location)] if part.location else self.data)[offset:]

    def unpack(self, part: Part, archive: BinaryIO) -> Iterator[Member]:  # noqa: ARG002 - the seam
        for line in archive.read().splitlines():
            path, _, content = line.decode().partition(" ")
            yield Member(path, len(content), iter([bytes.fromhex(content)]))


def packed(folder: Path) -> bytes:
    return b"\n".join(
        b"%s %s" % (path.name.encode(), path.read_bytes().hex().encode())
        for path in folder.iterdir()
    )


def test_an_archive_is_unpacked_and_its_files_are_judged(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    source = Packed(packed(model) + b"\n.cache/huggingface/x 00")
    pulled = pull(source, source.resolve(), PullPlan(tmp_path / "bert", preset("baseline")))
    assert pulled.placed
    assert identify(tmp_path / "bert").identity == identify(model).identity
    assert names(tmp_path / "bert") == names(model)


def test_claims_that_a_source_keeps_count_and_are_placed_beside_the_files(tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model")
    said = (model / "model.claims").read_bytes()
    (model / "model.claims").unlink()
    (model / "model.sig").unlink()
    source = Packed(packed(model))
    unsigned = pull(source, source.resolve(), PullPlan(tmp_path / "no", preset("baseline")))
    assert not unsigned.placed
    source.claims = (said, b"no bundle\n")
    pulled = pull(source, source.resolve(), PullPlan(tmp_path / "bert", preset("baseline")))
    assert pulled.placed, pulled.decision.checks
    placed = (tmp_path / "bert" / "model.claims").read_bytes()
    assert placed.count(b"\n") == said.count(b"\n")
    assert b"no bundle" not in placed


@pytest.mark.parametrize(
    "line",
    ["../x 00", "/etc/x 00", "a/../../x 00", "config.json 00\nconfig.json 01", "Model.sig 00"],
)
def test_an_archive_that_leads_out_or_names_a_file_twice_is_refused(
    tmp_path: Path, line: str
) -> None:
    source = Packed(line.encode())
    with pytest.raises(RefusedError):
        pull(source, source.resolve(), PullPlan(tmp_path / "bert", preset(AUDIT)))
    assert names(tmp_path) == []


def test_a_file_that_vanishes_from_quarantine_is_refused(place: Place) -> None:
    def lose(_: Decision) -> None:
        (place.quarantine / "artifact" / "bert" / "model.sig").unlink()

    with pytest.raises(PromiseBrokenError):
        place.pull(keep=lose)
    assert not place.to.exists()


# --- the machine ----------------------------------------------------------------------------------


_DETACH = 2
libc = ctypes.CDLL(None, use_errno=True)


def mount(disk: Path) -> None:
    """Mount a file system of 256 KiB."""
    assert libc.mount(b"tmpfs", os.fsencode(disk), b"tmpfs", 0, b"size=256k") == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount(disk)
    try:
        yield disk
    finally:
        libc.umount2(os.fsencode(disk), _DETACH)


@pytest.mark.needs("tmpfs")
def test_a_full_disk_stops_the_pull_and_touches_nothing(small_disk: Path, tmp_path: Path) -> None:
    model = make_signed(tmp_path / "model", big=bytes(1 << 20))
    (small_disk / "old").write_bytes(b"mine")
    with pytest.raises(ReadError, match="space"):
        Place(model, small_disk / "bert", History(tmp_path / "state")).pull()
    assert not (small_disk / "bert").exists()
    assert (small_disk / "old").read_bytes() == b"mine"


@pytest.mark.needs("tmpfs")
def test_an_empty_mount_point_is_filled(small_disk: Path, tmp_path: Path) -> None:
    """As init containers see it: the folder is a volume, and nothing can be renamed over it."""
    model = make_signed(tmp_path / "model")
    place = Place(model, small_disk, History(tmp_path / "state"))
    assert place.pull().placed
    assert identify(small_disk).identity == identify(model).identity
    assert not [name for name in names(small_disk) if "weightmark" in name]


@pytest.mark.needs("tmpfs")
def test_a_mount_point_that_was_filled_half_way_is_emptied_again(
    small_disk: Path, tmp_path: Path
) -> None:
    model = make_signed(tmp_path / "model")
    with Quarantine.open(small_disk, "plan") as quarantine:
        (quarantine.tree / "config.json").write_bytes(b"{}")
        (quarantine.tree / "model.safetensors").write_bytes(b"")
        quarantine.note_moving(["config.json", "model.safetensors"])
        (quarantine.tree / "config.json").rename(small_disk / "config.json")
    assert Place(model, small_disk, History(tmp_path / "state")).pull().placed


@pytest.mark.needs("tmpfs")
def test_a_mount_point_that_was_filled_wholly_is_never_emptied_again(
    small_disk: Path, tmp_path: Path
) -> None:
    """The pull was killed between the last name and the end; a later one that is refused takes nothing back."""
    with Quarantine.open(small_disk, "plan") as quarantine:
        (quarantine.tree / "config.json").write_bytes(b"{}")
        quarantine.note_moving(["config.json"])
        (quarantine.tree / "config.json").rename(small_disk / "config.json")
    model = make_signed(tmp_path / "model")
    with pytest.raises(CallError, match="not empty"):
        Place(model, small_disk, History(tmp_path / "state")).pull()
    assert names(small_disk) == ["config.json"]


class Dripping(ScriptedSource):
    """Drips one file for a minute, and lies about another one."""

    sent = 0

    def resolve(self) -> Snapshot:
        parts = (Part("slow", 900_000), Part("lie", 3, {"sha256": "0" * 64}))
        return Snapshot.of("u", "dripping", parts, digest={})

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:  # noqa: ARG002 - the seam
        if part.path == "lie":
            yield b"lie"
            return
        for _ in range(6000):
            self.sent += 1
            yield b"x"
            time.sleep(0.01)


def test_a_broken_promise_ends_a_file_that_drips(tmp_path: Path) -> None:
    source = Dripping(b"")
    with pytest.raises(PromiseBrokenError, match="lie"):
        pull(source, source.resolve(), PullPlan(tmp_path / "to", preset(AUDIT)))
    assert source.sent < 3000


class Waiting(Dripping):
    """Asks for a minute of patience."""

    def read(self, part: Part, offset: int = 0) -> Generator[bytes, None, None]:
        if part.path == "slow":
            self.sent += 1
            raise TransferBrokenError("busy", wait=60)
        yield from super().read(part, offset)


def test_a_broken_promise_does_not_wait_for_a_file_that_is_tried_again_later(
    tmp_path: Path,
) -> None:
    source = Waiting(b"")
    with pytest.raises(PromiseBrokenError, match="lie"):
        pull(source, source.resolve(), PullPlan(tmp_path / "to", preset(AUDIT)))
    assert source.sent == 1


def test_a_model_that_holds_nothing_hidden_is_pulled_from_a_plain_folder(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    place = Place(make_model(tmp_path / "model"), tmp_path / "here" / "m", History(tmp_path))
    assert not place.pull().placed
    assert place.pull(preset(AUDIT)).placed
