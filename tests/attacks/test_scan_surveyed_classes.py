"""What the survey of sources says of a class raises or lowers a finding, and no more than it can vouch for."""

import pickle
import types

import pytest

from tests.attacks.scan_builders import rules, scan, stack_global, text, worst
from tests.attacks.test_scan_unlisted_classes import P4, lab, net
from weightmark.scanners.allow.surveyed import Reach, reach
from weightmark.scanners.scan import Severity

__all__ = ["lab"]

ACTING = [
    ("sqlitedict", "SqliteDict"),
    ("gitdb.util", "LockedFD"),
    ("partd.file", "File"),
    ("partd", "File"),
    ("zarr.storage._zip", "ZipStore"),
    ("zarr.storage", "ZipStore"),
    ("intake.catalog.local", "YAMLFileCatalog"),
    ("cloudpathlib.local.localclient", "LocalClient"),
    ("cloudpathlib", "S3Client"),
]
CLEARED = ("einops.layers.torch", "Rearrange")
MAKES = ("einops.layers.torch", "Rearrange")


def made(module: str, name: str, state: bytes = b"}" + text("x") + b"K\x01s") -> bytes:
    return P4 + stack_global(module, name) + b")\x81" + state + b"b."


def called(arguments: bytes, module: str = MAKES[0], name: str = MAKES[1]) -> bytes:
    return P4 + stack_global(module, name) + arguments + b"R."


@pytest.mark.parametrize(("module", "name"), ACTING)
def test_a_class_that_acts_when_it_is_loaded_is_refused_whatever_its_state(
    module: str, name: str
) -> None:
    """These remove, open or fetch; also by the other names that their package gives them."""
    assert reach(module, name) is Reach.ACTS
    assert worst(made(module, name)) >= Severity.HIGH


def test_a_cleared_class_of_a_listed_package_is_a_finding_and_not_a_refusal() -> None:
    assert reach(*CLEARED) in (Reach.KEEPS, Reach.MAKES)
    data = made(*CLEARED)
    assert rules(data) == {"PKL022"}
    assert worst(data) is Severity.MEDIUM


def test_a_class_of_a_listed_package_that_nobody_has_seen_stays_high() -> None:
    assert worst(made("einops.layers.torch", "NobodyKnows")) >= Severity.HIGH
    assert worst(made("torch._C", "PyTorchFileReader")) >= Severity.HIGH


def test_the_entry_point_of_a_package_is_no_class_of_it() -> None:
    assert worst(made("somelab.__main__", "Net")) >= Severity.HIGH


CALLED_HIGH = {
    "with a path": text("/etc/x") + b"\x85",
    "with an address": text("s3://bucket/x") + b"\x85",
    "with a path in a list": b"](" + text("/etc/x") + b"e\x85",
    "with a function": stack_global("torch.storage", "_load_from_bytes") + b"\x85",
    "with a function in a list": b"](" + stack_global("torch.storage", "_load_from_bytes") + b"e\x85",
    "with an object of an unknown class": stack_global("somelab", "Net") + b")\x81\x85",
    "with such an object in a list": b"](" + stack_global("somelab", "Net") + b")\x81e\x85",
    "with such an object behind many": b"](" + b"K\x01" * 40 + stack_global("somelab", "Net") + b")\x81e\x85",
    "with such an object in a dict": b"}" + text("k") + stack_global("somelab", "Net") + b")\x81s\x85",
    "with a path object": stack_global("pathlib", "PosixPath") + text("x") + b"\x85R\x85",
}  # fmt: skip


@pytest.mark.parametrize("case", CALLED_HIGH)
def test_a_call_of_a_cleared_class_with_more_than_plain_data_stays_high(case: str) -> None:
    assert worst(called(CALLED_HIGH[case])) >= Severity.HIGH, scan(called(CALLED_HIGH[case]))


def test_a_call_of_a_cleared_class_with_plain_data_is_no_refusal() -> None:
    assert reach(*MAKES) is Reach.MAKES
    data = called(b"(" + text("a b -> b a") + b"K\x01](K\x01K\x02et")
    assert rules(data) == {"PKL022"}
    assert worst(data) is Severity.MEDIUM


def test_a_call_of_a_class_that_is_only_loaded_harmlessly_stays_high() -> None:
    """What its constructor does was not followed to its end."""
    assert reach("einops.layers.torch", "EinMix") is not Reach.MAKES
    assert worst(called(b")", "somelab", "Net")) >= Severity.HIGH


PLACES = ["filename", "path", "_path", "_fd", "url", "address", "_local_cache_dir", "tmp_dir", "File_Name"]  # fmt: skip


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("count", [0, 7, 8, 9, 40, 1001])
def test_a_relative_name_under_the_key_of_a_place_is_refused(
    lab: types.ModuleType, protocol: int, count: int
) -> None:
    """Classes remove or truncate `model.safetensors` of the working directory when they go away."""
    many: dict[str, object] = {f"k{number}": number for number in range(count)}
    data = pickle.dumps(net(lab, **many, filename="model.safetensors"), protocol)
    assert worst(data) >= Severity.HIGH


@pytest.mark.parametrize("key", PLACES)
def test_every_name_of_a_place_counts(lab: types.ModuleType, key: str) -> None:
    value = 3 if key == "_fd" else "words"
    assert worst(pickle.dumps(net(lab, **{key: value}))) >= Severity.HIGH
    assert worst(pickle.dumps(net(lab, **{key: None}))) is Severity.MEDIUM


def test_a_place_among_the_slots_is_refused() -> None:
    slots = b"N}" + text("_path") + text("x.lock") + b"s\x86"
    assert worst(made("somelab", "Net", slots)) >= Severity.HIGH


def test_a_name_under_another_key_is_kept(lab: types.ModuleType) -> None:
    assert worst(pickle.dumps(net(lab, yaml_file="yolov5s.yaml", name="a"))) is Severity.MEDIUM


def test_a_cleared_class_may_keep_the_name_of_a_file_and_no_path() -> None:
    name = b"}" + text("filename") + text("x.csv") + b"s"
    path = b"}" + text("filename") + text("/etc/x") + b"s"
    assert worst(made(*CLEARED, name)) is Severity.MEDIUM
    assert worst(made(*CLEARED, path)) >= Severity.HIGH


def array_of(module: str, name: str, *more: bytes) -> bytes:
    shape = b"K\x00\x85C\x01b"
    inner = stack_global("numpy._core.multiarray", "_reconstruct") + stack_global(module, name)
    return P4 + inner + shape + b"\x87R" + b"".join(more) + b"."


def test_an_array_of_an_unlisted_class_is_no_refusal() -> None:
    assert rules(array_of("somelab", "Array")) == {"PKL022"}
    assert worst(array_of("somelab", "Array")) is Severity.MEDIUM


@pytest.mark.parametrize(
    "cls",
    [("sqlitedict", "SqliteDict"), ("os", "system"), ("somelab", "Net.Inner"), ("tempfile", "X")],
)
def test_an_array_of_a_class_that_acts_stays_high(cls: tuple[str, str]) -> None:
    assert worst(array_of(*cls)) >= Severity.HIGH


def test_an_array_of_an_unlisted_class_may_not_name_a_place() -> None:
    state = b"}" + text("path") + text("x") + b"sb"
    assert worst(array_of("somelab", "Array", state)) >= Severity.HIGH


def temporary(**state: object) -> bytes:
    """A state of the class that keeps a file's bytes, and removes the file when it goes away."""
    given: dict[str, object] = {
        "name": None,
        "auto": True,
        "suffix": ".crfsuite",
        "prefix": "model",
    }
    body = pickle.dumps(given | state, 4)[2:-1]
    body = body[9:] if body[:1] == b"\x95" else body
    return (
        P4
        + stack_global("sklearn_crfsuite._fileresource", "FileResource")
        + b")\x81"
        + body
        + b"b."
    )


def test_the_bytes_of_a_temporary_file_are_no_refusal() -> None:
    data = temporary(__FILE_RESOURCE_DATA__=b"lCRF" + bytes(40), keep_tempfiles=False)
    assert worst(data) < Severity.MEDIUM, scan(data)


@pytest.mark.parametrize(
    "state",
    [
        {"name": "model.safetensors"},
        {"fd": 3, "name": "x"},
        {"prefix": "../../x"},
        {"suffix": "/x"},
        {"prefix": 1},
        {"cleanup": 1},
        {"__FILE_RESOURCE_DATA__": "x"},
        {f"k{number}": 1 for number in range(20)},
    ],
    ids=str,
)
def test_a_temporary_file_that_is_somebody_elses_is_refused(state: dict[str, object]) -> None:
    assert worst(temporary(**state)) >= Severity.HIGH
