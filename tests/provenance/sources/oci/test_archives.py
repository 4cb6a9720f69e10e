"""Archives in layers: plain files come out, and nothing that leads out, links, doubles, or fills the disk."""

import gzip
import io
import tarfile
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from weightmark.errors import (
    ArtifactRefusedError,
    LimitError,
    MalformedError,
    RefusedError,
    UncheckedError,
)
from weightmark.provenance.sources.oci.archives import FORMS, unpack

Named = list[tuple[str, bytes]]
FILES = [("config.json", b"{}"), ("sub/weights.bin", b"w" * 70_000), ("empty", b"")]


def tar(files: Named, form: int = tarfile.PAX_FORMAT, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=form) as archive:  # type: ignore[call-overload] # a mode from outside
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, target
        archive.addfile(entry)
    return out.getvalue()


def read(data: bytes, form: str = "tar") -> Named:
    return [(one.path, b"".join(one.blocks)) for one in unpack(io.BytesIO(data), form, "the layer")]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_every_form_of_tar_gives_its_files(form: int) -> None:
    assert read(tar(FILES, form)) == FILES


def test_compressed_archives_give_their_files() -> None:
    assert read(tar(FILES, mode="w:gz"), "tar+gzip") == FILES
    assert read(zstandard.compress(tar(FILES)), "tar+zstd") == FILES


def test_members_of_gzip_one_after_the_other_are_one_archive() -> None:
    data = tar(FILES)
    assert read(gzip.compress(data[:700]) + gzip.compress(data[700:]), "tar+gzip") == FILES


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_are_read(form: int) -> None:
    files = [("d" * 90 + "/" + "f" * 120, b"1"), ("größe/模型.bin", b"2")]
    assert read(tar(files, form)) == files


def test_folders_and_a_leading_dot_add_nothing() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name in ("./", "./sub"):
            entry = tarfile.TarInfo(name)
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
        entry = tarfile.TarInfo("./sub/f")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    assert read(out.getvalue()) == [("sub/f", b"x")]


def test_a_member_that_nobody_reads_is_passed_over() -> None:
    found = [one.path for one in unpack(io.BytesIO(tar(FILES)), "tar", "the layer")]
    assert found == [name for name, _ in FILES]


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/evil",
        "a//b",
        "a/./b",
        "a/..",
        "Model.SIG",
        "..",
        "./../evil",
    ],
)
def test_zip_slip_a_name_that_leads_out_is_refused(name: str) -> None:
    with pytest.raises(ArtifactRefusedError):
        read(tar([(name, b"x")]))


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "../../etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CONTTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
        (b"D", ""),
        (b"M", ""),
        (b"V", ""),
    ],
)
def test_links_and_devices_are_refused(kind: bytes, target: str) -> None:
    with pytest.raises(ArtifactRefusedError):
        read(special("x", kind, target))


def test_a_folder_that_leads_out_is_refused() -> None:
    with pytest.raises(ArtifactRefusedError):
        read(special("../evil", tarfile.DIRTYPE))


def test_a_name_that_comes_twice_is_refused_since_programs_differ_in_which_they_keep() -> None:
    with pytest.raises(MalformedError):
        read(tar([("a", b"1"), ("a", b"2")]))
    with pytest.raises(MalformedError):
        read(tar([("a", b"1"), ("./a", b"2")]))


def test_a_name_that_is_not_utf8_is_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.GNU_FORMAT, encoding="latin-1"
    ) as archive:
        archive.addfile(tarfile.TarInfo("gr\xf6\xdfe"))
    with pytest.raises(ArtifactRefusedError):
        read(out.getvalue())


@pytest.mark.parametrize("cut", [100, 512, 600, 1024, 5000])
def test_a_truncated_archive_is_refused_and_never_half_a_model(cut: int) -> None:
    with pytest.raises(MalformedError):
        read(tar(FILES)[:cut])


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_archive_is_refused(form: str) -> None:
    for data in (b"", b"x" * 2000, b"\x1f\x8b" + b"x" * 600):
        with pytest.raises(MalformedError):
            read(data, form)


def test_what_follows_the_end_is_refused_since_some_programs_read_on() -> None:
    with pytest.raises(MalformedError):
        read(tar(FILES[:1]) + tar([("hidden.py", b"x")]))
    with pytest.raises(MalformedError):
        read(gzip.compress(tar(FILES)) + b"trailing", "tar+gzip")


def test_a_truncated_gzip_is_refused() -> None:
    with pytest.raises(MalformedError):
        read(gzip.compress(tar(FILES))[:-6], "tar+gzip")


def test_a_forged_header_sum_is_refused() -> None:
    data = bytearray(tar(FILES, tarfile.USTAR_FORMAT))
    data[0] ^= 1
    with pytest.raises(MalformedError):
        read(bytes(data))


def test_a_global_name_is_refused_since_programs_differ_in_whether_they_take_it() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", pax_headers={"path": "evil"}) as archive:
        archive.addfile(tarfile.TarInfo("innocent"))
    with pytest.raises(MalformedError):
        read(out.getvalue())


def test_two_names_for_one_member_are_refused_since_programs_differ_in_which_they_take() -> None:
    pax = tar([("p" * 200, b"x")], tarfile.PAX_FORMAT)
    gnu = tar([("g" * 200, b"x")], tarfile.GNU_FORMAT)
    assert pax[156:157] == b"x"
    assert gnu[156:157] == b"L"
    with pytest.raises(MalformedError):
        read(pax[:1024] + gnu)
    with pytest.raises(MalformedError):
        read(gnu[:1024] + pax)


def test_a_sparse_file_of_pax_is_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("x")
        entry.pax_headers = {"GNU.sparse.name": "evil", "GNU.sparse.major": "1"}
        archive.addfile(entry)
    with pytest.raises(ArtifactRefusedError):
        read(out.getvalue())


@pytest.mark.parametrize("form", ["tar+gzip", "tar+zstd"])
def test_an_archive_that_is_made_to_fill_the_disk_hits_a_limit(form: str) -> None:
    header = tarfile.TarInfo("bomb")
    header.size = 2 << 30
    head = header.tobuf(tarfile.GNU_FORMAT)
    if form == "tar+gzip":
        machine = gzip.compress(head) + gzip.compress(bytes(1 << 22), 9) * 512
    else:
        machine = zstandard.compress(head) + zstandard.compress(bytes(1 << 22)) * 512
    with pytest.raises(LimitError):
        list(unpack(io.BytesIO(machine), form, "the layer"))


@given(st.binary(max_size=2000))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for form in ("tar", "tar+gzip"):
        with suppress(RefusedError, UncheckedError):
            read(data, form)


@given(st.integers(0, 1535), st.integers(0, 255))
def test_a_flipped_byte_gives_the_files_or_a_refusal_and_no_crash(place: int, value: int) -> None:
    data = bytearray(tar([("a/b", b"content")], tarfile.PAX_FORMAT))
    data[place] = value
    with suppress(RefusedError, UncheckedError):
        read(bytes(data))


def sealed(data: bytes) -> bytes:
    """Correct the sums of all headers, so that what was changed in them is read."""
    blocks = bytearray(data)
    for place in range(0, len(blocks) - 511, 512):
        header = blocks[place : place + 512]
        if header[257:262] == b"ustar":
            total = sum(header[:148]) + sum(header[156:]) + 8 * 0x20
            blocks[place + 148 : place + 156] = b"%06o\0 " % total
    return bytes(blocks)


def as_python_reads_it(data: bytes) -> Named:
    """Return what the standard library finds; links and devices among it."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            opened = archive.extractfile(entry) if entry.isreg() else None
            if not entry.isdir():
                found.append((entry.name.removeprefix("./"), opened.read() if opened else b"?"))
    return found


LONG = [("a/b", b"content"), ("d/" * 40 + "c" * 40, b"x" * 600), ("größe", b"")]
CHANGES = st.lists(
    st.tuples(st.sampled_from(["byte", "copy", "drop"]), st.integers(0, 5000), st.integers(0, 255)),
    min_size=1,
    max_size=3,
)


@settings(max_examples=400)
@given(st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]), CHANGES)
def test_what_is_accepted_is_what_another_reader_sees(
    form: int, changes: list[tuple[str, int, int]]
) -> None:
    data = bytearray(tar(LONG, form))
    for kind, place, value in changes:
        block = place // 512 * 512
        if kind == "byte":
            data[place] = value
        elif kind == "copy":
            data[block : block + 512] = data[value % 8 * 512 : value % 8 * 512 + 512]
        else:
            del data[block : block + 512]
    spoiled = sealed(bytes(data))
    with suppress(RefusedError, UncheckedError):
        found = read(spoiled)
        assert found == as_python_reads_it(spoiled)


@pytest.mark.parametrize(
    ("place", "value"),
    [(345, b"evil"), (136, b"x"), (108, b"9"), (329, b"?"), (508, b"tar\0"), (257, b"other\0\0\0")],
    ids=["prefix", "time", "owner", "device", "star", "magic"],
)
def test_a_header_that_ends_the_archive_for_some_programs_is_refused(
    place: int, value: bytes
) -> None:
    data = bytearray(tar([("a", b"1"), ("hidden.py", b"2")], tarfile.GNU_FORMAT))
    data[1024 + place : 1024 + place + len(value)] = value
    header = data[1024:1536]
    total = sum(header[:148]) + sum(header[156:]) + 8 * 0x20
    data[1024 + 148 : 1024 + 156] = b"%06o\0 " % total
    with pytest.raises(MalformedError):
        read(bytes(data))


@pytest.mark.parametrize("name", [b"", b"\0", b"name", b"na\0me\0", b"name\0\0"])
def test_a_long_name_that_does_not_end_where_it_says_is_refused(name: bytes) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, len(name)
    data = header.tobuf(tarfile.GNU_FORMAT) + name.ljust(512 if name else 0, b"\0")
    with pytest.raises(MalformedError):
        read(data + tar([("a", b"1")], tarfile.GNU_FORMAT))
