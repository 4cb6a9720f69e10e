"""Each test is one tar that hides something, or that two readers read in two ways."""

import gzip
import io
import pickle
import struct
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.attacks.scan_builders import EVIL, STATE_DICT, rules, scan, torch_zip, worst
from weightmark.scanners.scan import Limits, Outcome, Severity

EMPTY = bytes(1024)


def header(
    name: str, size: int, kind: bytes = b"0", *, mode: int = 0o644, link: str = "", magic: bytes = b"ustar\x0000"
) -> bytes:  # fmt: skip
    block = bytearray(512)
    block[0:100] = name.encode()[:100].ljust(100, b"\0")
    block[100:108] = b"%07o\0" % mode
    block[124:136] = b"%011o\0" % size
    block[156:157] = kind
    block[157:257] = link.encode().ljust(100, b"\0")
    block[257:265] = magic
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name: str, content: bytes, kind: bytes = b"0", **more: object) -> bytes:
    padded = content + bytes(-len(content) % 512)
    return header(name, len(content), kind, **more) + padded  # type: ignore[arg-type]  # keywords


def pax(records: dict[str, str], kind: bytes = b"x") -> bytes:
    body = b""
    for key, value in records.items():
        length = len(key) + len(value) + 3
        while len(str(length)) + len(key) + len(value) + 3 != length:
            length = len(str(length)) + len(key) + len(value) + 3
        body += f"{length} {key}={value}\n".encode()
    return member("PaxHeaders/x", body, kind)


def honest(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


HIDDEN = {
    "plain": honest(model=EVIL),
    "v7 without a magic": member("m", EVIL, magic=bytes(8)) + EMPTY,
    "inside gzip": gzip.compress(honest(model=EVIL)),
    "inside a tar": honest(inner=honest(model=EVIL)),
    "gzip inside a tar": honest(model=gzip.compress(EVIL)),
    "zip inside a tar": honest(model=torch_zip(EVIL)),
    "second of two names": honest(a=STATE_DICT) [:1024] + member("a", EVIL) + EMPTY,
    "first of two names": member("a", EVIL) + member("a", STATE_DICT) + EMPTY,
    "after the end": member("a", STATE_DICT) + EMPTY + member("b", EVIL) + EMPTY,
    "far after the end": member("a", STATE_DICT) + bytes(300_000 // 512 * 512) + member("b", EVIL),
    "unknown type": member("m", EVIL, b"Z") + EMPTY,
    "contiguous type": member("m", EVIL, b"7") + EMPTY,
    "folder with content": member("m", EVIL, b"5") + EMPTY,
    "link with content": member("m", EVIL, b"2", link="x") + EMPTY,
    "device with content": member("m", EVIL, b"3") + EMPTY,
    "name that ends in a slash": member("m/", EVIL, b"0") + EMPTY,
    "long name": member("././@LongLink", b"a" * 300 + b"\0", b"L") + member("a", EVIL) + EMPTY,
    "pax name": pax({"path": "x" * 200}) + member("a", EVIL) + EMPTY,
    "global pax": pax({"comment": "x"}, b"g") + member("a", EVIL) + EMPTY,
    "pax says empty": pax({"size": "0"}) + member("a", EVIL) + EMPTY,
    "pax size skips a header": pax({"size": "1024"}) + member("a", STATE_DICT) + member("b", EVIL) + EMPTY,
    "header size skips a header": pax({"size": str(len(STATE_DICT))})
    + header("a", 1024) + STATE_DICT.ljust(512, b"\0") + member("b", EVIL) + EMPTY,
    "folder whose size skips a header": header("a", 512, b"5") + member("b", EVIL) + EMPTY,
    "cut after the content": member("a", EVIL),
    "cut in the padding": member("a", EVIL)[:600],
    "base-256 size": header("a", 0)[:124] + b"\x80" + struct.pack(">QI", 0, len(EVIL))[1:] + header("a", 0)[136:],
    "sparse": member("a", EVIL, b"S") + EMPTY,
}  # fmt: skip


def _summed(data: bytes) -> bytes:
    """Mend the checksum of the first header."""
    block = bytearray(data[:512])
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data[512:]


HIDDEN["base-256 size"] = _summed(HIDDEN["base-256 size"]) + EVIL.ljust(512, b"\0") + EMPTY


@pytest.mark.parametrize("case", HIDDEN)
def test_evil_member_is_found_however_the_tar_is_built(case: str) -> None:
    assert worst(HIDDEN[case]) == Severity.CRITICAL, scan(HIDDEN[case])


SUSPICIOUS = {
    "TAR001": [
        member("../x", b"x"), member("/etc/x", b"x"), member("a\\..\\..\\x", b"x"),
        member("C:/x", b"x"), pax({"path": "../../x"}) + member("x", b"x"),
        member("l", b"", b"2", link="../../etc"), member("l", b"", b"2", link="/etc/passwd"),
        member("d/l", b"", b"1", link="../x"), member("a/b/../../../x", b"x"),
        member("l", b"", b"2", link=".") + member("l/x", b"x"),
    ],
    "TAR002": [member("l", b"", b"2", link="x"), member("d/l", b"", b"1", link="x")],
    "TAR003": [member("d", b"", kind) for kind in (b"3", b"4", b"6")],
    "TAR004": [member("s", b"x", mode=0o4755), member("s", b"x", mode=0o2755)],
    "TAR005": [
        pax({"size": "5"}) + member("a", b"x"),
        header("d", 512, b"5") + bytes(512),
    ],
    "TAR006": [member("a", b"x") + EMPTY + b"hidden", member("a", b"x") + EMPTY + member("b", b"x")],
    "TAR007": [member("a", b"x") + member("a", b"y"), member("a", b"x") + member("./a", b"y")],
    "TAR008": [member("a", b"x") + b"\xff" * 512, header("a", 5000) + b"x"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "data"), [(rule, data) for rule, rows in SUSPICIOUS.items() for data in rows]
)
def test_tar_trick_is_a_finding_by_itself(rule: str, data: bytes) -> None:
    assert rule in rules(data + EMPTY * (rule not in {"TAR006", "TAR008"})), scan(data)


@pytest.mark.parametrize("data", [member("a", STATE_DICT)[:700], header("a", 1 << 40)])
def test_cut_tar_is_never_clean(data: bytes) -> None:
    assert scan(data).problems


def test_sparse_member_could_not_be_checked() -> None:
    assert scan(member("a", STATE_DICT, b"S") + EMPTY).outcome is Outcome.UNCHECKED


def test_honest_tars_are_clean() -> None:
    files = {"config.json": b"{}", "model.pkl": STATE_DICT, "notes.txt": b"text\n"}
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            folder = tarfile.TarInfo("d" * 120 + "/é")
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
            for name, content in files.items():
                entry = tarfile.TarInfo(f"{folder.name}/{name}")
                entry.size, entry.mtime = len(content), 12345.5
                entry.mtime = entry.mtime if form == tarfile.PAX_FORMAT else 12345
                archive.addfile(entry, io.BytesIO(content))
        found = scan(out.getvalue())
        assert found.outcome is Outcome.CLEAN, found
        assert found.formats == ("tar",)


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("name", ["d/" * 55 + "a", "d/" * 60, "a" * 120])
def test_a_long_name_whose_short_form_ends_at_a_slash_is_honest(form: int, name: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        info = tarfile.TarInfo(name)
        if name.endswith("/"):
            info.type = tarfile.DIRTYPE
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("b"))
    assert not scan(buffer.getvalue()).findings


def test_endless_members_hit_a_limit_that_is_named() -> None:
    data = b"".join(member(f"{n}", b"") for n in range(60))
    assert any("members" in text for text in scan(data, Limits(members=20)).problems)


def test_headers_that_lead_to_each_other_end() -> None:
    data = pax({"size": "0"}) + header("a", 512) + pax({"size": "0"}) + header("b", 512) * 3
    assert scan(data).findings


def test_an_extended_header_without_end_is_a_limit() -> None:
    data = header("x", 3_000_000, b"x") + bytes(3_000_064) + member("a", EVIL)
    assert any("extended tar header" in text for text in scan(data).problems)


@given(
    cut=st.integers(0, 2000), edits=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 255)))
)
def test_mutated_tar_never_raises_and_never_loses_a_finding(
    cut: int, edits: list[tuple[int, int]]
) -> None:
    data = bytearray(pax({"path": "x"}) + member("a", EVIL) + member("b", b"", b"2", link="a"))
    for at, value in edits:
        data[at % len(data)] = value
    found = scan(bytes(data[: max(1, len(data) - cut)]))
    assert (found.outcome is Outcome.CLEAN) <= (not found.problems)


STORAGE = b"\x80\x02(K\x07U\x03cpuctorch\nFloatStorage\nt."


def torch_tar(
    *, entry: bytes = STORAGE, count: int = 2, numbers: bytes = bytes(8), views: bytes = b"\x80\x02].",
    tensor: bytes = b"\x80\x02(K\x09K\x07ctorch\nFloatTensor\nt.", dimensions: int = 1,
    main: bytes = b"\x80\x02}U\x01wK\x09Qs.", more: bytes = b"",
) -> bytes:  # fmt: skip
    storages = b"\x80\x02K\x01." + entry + struct.pack("<q", count) + numbers + views
    tensors = b"\x80\x02K\x01." + tensor + struct.pack("<ii", dimensions, 0)
    tensors += struct.pack("<qqq", 2, 1, 0)
    files = {"sys_info": pickle.dumps({}, 2), "pickle": main, "tensors": tensors}
    return honest(**files, storages=storages + more)


def test_torch_tar_as_torch_reads_it_is_clean() -> None:
    found = scan(torch_tar())
    assert found.outcome is Outcome.CLEAN, found
    assert "torch-tar" in found.formats


@pytest.mark.parametrize(
    "data",
    [
        torch_tar(main=EVIL),
        torch_tar(entry=EVIL),
        torch_tar(views=EVIL),
        torch_tar(tensor=EVIL),
        torch_tar(main=b"\x80\x02(cos\nsystem\nU\x01fU\x01ctQ" + b"(S'echo x'\ntR."),
    ],
    ids=["object", "storage", "views", "tensor", "class by persistent id"],
)
def test_every_pickle_of_torch_tar_is_judged(data: bytes) -> None:
    assert worst(data) == Severity.CRITICAL, scan(data)


@pytest.mark.parametrize(
    "data",
    [
        torch_tar(count=3),
        torch_tar(count=-1),
        torch_tar(dimensions=70),
        torch_tar(dimensions=2),
        torch_tar(entry=b"\x80\x02N."),
        torch_tar(entry=STORAGE.replace(b"FloatStorage", b"StrangeStorage")),
        torch_tar(more=b"hidden"),
    ],
)
def test_torch_tar_whose_numbers_lie_is_never_clean(data: bytes) -> None:
    assert scan(data).outcome is not Outcome.CLEAN, scan(data)
