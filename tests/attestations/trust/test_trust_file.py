"""Trust files: strict, and nothing in them is forgotten, guessed or taken from elsewhere."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.attestations.signers.parties import Chain
from tests.attestations.trust.makers import Stamps, signed
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.attestations.trust import Trust
from weightmark.attestations.trust.certificates import CertificateAnchor
from weightmark.attestations.trust.editing import with_entry
from weightmark.attestations.trust.identities import IdentityAnchor
from weightmark.attestations.trust.keys import KeyAnchor
from weightmark.attestations.trust.trust_file import (
    TrustFile,
    find_trust_file,
    load_trust_file,
    parse_trust_file,
)
from weightmark.errors import CallError, SettingsError, TrustMissingError, WeightmarkError

KEY = PrivateKey.generate()
PEM = f"pem = '''\n{KEY.public.pem.decode()}'''"
CA = f"pem = '''\n{Chain().root.public_bytes(Encoding.PEM).decode()}'''"
IDENTITY = 'identity = "ci@example.com"\nissuer = "https://idp.example.com"'


def no_files(name: str) -> bytes:
    raise AssertionError(name)


def parsed(text: str) -> TrustFile:
    return parse_trust_file(f"version = 1\n{text}\n".encode(), source="t.toml", read=no_files)


def test_keys_certificates_and_identities_are_read() -> None:
    found = parsed(
        f'[keys.a]\n{PEM}\nnot_after = 2027-01-31\n[certificates.b]\n{CA}\nsan = "x"\n[identities.c]\n{IDENTITY}'
    )
    key, certificate, identity = found.anchors
    assert isinstance(key, KeyAnchor)
    assert key.expires == datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)
    assert isinstance(certificate, CertificateAnchor)
    assert isinstance(identity, IdentityAnchor)
    assert identity.name == "sigstore:ci@example.com@https://idp.example.com"
    assert identity.root.trusted is TrustedRoot.public_good()


WRONG = {
    "an unknown table": "[key.a]",
    "an unknown field of a key": f"[keys.a]\n{PEM}\nnot_afer = 2027-01-01",
    "a key without a key": "[keys.a]\nnot_after = 2027-01-01",
    "two sources of a key": f'[keys.a]\n{PEM}\nfile = "x"',
    "a date as text": f'[keys.a]\n{PEM}\nnot_after = "2027-01-01"',
    "a time without its offset": f"[keys.a]\n{PEM}\nrevoked = 2027-01-01T00:00:00",
    "a window that is empty": f"[keys.a]\n{PEM}\nnot_before = 2027-01-02\nnot_after = 2027-01-01",
    "a reason without a revocation": f'[keys.a]\n{PEM}\nreason = "x"',
    "another fingerprint": f'[keys.a]\n{PEM}\nfingerprint = "sha256:{"0" * 64}"',
    "a certificate for nobody": f"[certificates.a]\n{CA}",
    "a certificate for all and one": f'[certificates.a]\n{CA}\nany = true\nsan = "x"',
    "an identity without an issuer": '[identities.a]\nidentity = "x"',
    "an issuer without an identity": '[identities.a]\nissuer = "https://x"',
    "two subjects": f'[identities.a]\n{IDENTITY}\nidentity_glob = "*"',
    "a subject and a repository": f'[identities.a]\n{IDENTITY}\nrepository = "a/b"',
    "a regex that is none": '[identities.a]\nidentity_regex = "("\nissuer = "https://x"',
    "an unknown extension": f'[identities.a]\n{IDENTITY}\n[identities.a.extensions]\nrepo = "x"',
    "an unknown root": f'[identities.a]\n{IDENTITY}\nroot = "x"',
    "a workflow of anybody": '[identities.a]\nsigner_workflow = "a/b/c.yml"',
    "a negative threshold": "[thresholds]\ntimestamps = -1",
    "a name with a slash": f'[keys."../a"]\n{PEM}',
    "no TOML": "[keys",
    "a name of a packaged root": '[roots.public-good]\nfile = "x"',
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_and_trusts_nobody(name: str) -> None:
    with pytest.raises(SettingsError):
        parsed(WRONG[name])


def test_a_misspelt_field_is_guessed() -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(WRONG["an unknown field of a key"])
    assert "not_after" in caught.value.fix


@pytest.mark.parametrize("text", ["", "[keys]", "version = 2", 'version = "1"'])
def test_a_file_without_this_version_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_trust_file(text.encode(), source="t.toml", read=no_files)


def test_every_fulcio_extension_can_be_asked_for() -> None:
    from weightmark.attestations.sigstore.extensions import EXTENSION_NAMES

    lines = "\n".join(f'{name} = "x"' for name in EXTENSION_NAMES)
    (anchor,) = parsed(f"[identities.a]\n{IDENTITY}\n[identities.a.extensions]\n{lines}").anchors
    assert isinstance(anchor, IdentityAnchor)
    assert {name for name, _ in anchor.rule.extensions} == set(EXTENSION_NAMES)


def test_a_timestamp_authority_proves_when_a_revoked_key_signed() -> None:
    stamps = Stamps()
    bundle = signed(KEY)
    from dataclasses import replace

    stamped = replace(bundle, timestamps=(stamps.over(bundle.envelope.signature),))
    pem = f"pem = '''\n{stamps.pem.decode()}'''"
    revoked = f"[keys.a]\n{PEM}\nrevoked = 2040-01-01\n"
    found = parsed(f"{revoked}[timestamp_authorities.t]\n{pem}\n[thresholds]\ntimestamps = 1")
    assert Trust(found.anchors).verify(stamped).time is not None
    with pytest.raises(WeightmarkError):
        Trust(found.anchors).verify(bundle)


def test_a_trust_file_is_looked_up_by_name_in_one_place_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "config"
    place.mkdir()
    (tmp_path / "acme.toml").write_text("version = 1")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CallError, match="no trust file"):
        find_trust_file("acme", place)
    (place / "acme.toml").write_text("version = 1")
    assert find_trust_file("acme", place) == place / "acme.toml"
    for word in ("..", ".hidden", "a b", ""):
        with pytest.raises(CallError):
            find_trust_file(word, place)
    with pytest.raises(CallError) as caught:
        find_trust_file("acne", place)
    assert "acme" in caught.value.fix


def test_a_root_that_was_pinned_must_stay_as_it_was(tmp_path: Path) -> None:
    import hashlib

    from weightmark.attestations.sigstore.packaged import STAGING, packaged_root

    data = packaged_root(STAGING)
    (tmp_path / "root.json").write_bytes(data)
    file = tmp_path / "t.toml"
    digest = hashlib.sha256(data).hexdigest()
    file.write_text(f'version = 1\n[roots.own]\nfile = "root.json"\nsha256 = "{digest}"\n')
    assert load_trust_file(file).roots[0].sha256 == digest
    (tmp_path / "root.json").write_bytes(data + b" ")
    with pytest.raises(TrustMissingError, match="pinned"):
        load_trust_file(file)
    (tmp_path / "root.json").unlink()
    with pytest.raises(SettingsError):
        load_trust_file(file)


def test_an_entry_is_added_behind_what_people_wrote() -> None:
    first = with_entry("", "keys", "a", {"pem": KEY.public.pem.decode(), "reason": 'a "b"\\'})
    text = f"# ours\n{first}# last"
    added = with_entry(text, "keys", "b", {"pem": KEY.public.pem.decode()})
    assert added.startswith(text)
    with pytest.raises(CallError, match="already"):
        with_entry(added, "keys", "a", {})
    for label in ("", "a.b", "a]", "a b"):
        with pytest.raises(CallError):
            with_entry("", "keys", label, {})


def test_replacing_an_entry_leaves_the_others() -> None:
    text = with_entry("", "roots", "a", {"file": "1"})
    text = with_entry(text, "roots", "b", {"file": "2"})
    import tomllib

    again = tomllib.loads(with_entry(text, "roots", "a", {"file": "3"}, replace=True))
    assert again["roots"] == {"a": {"file": "3"}, "b": {"file": "2"}}


@given(st.text())
def test_any_text_survives_in_an_entry(text: str) -> None:
    import tomllib

    if any("\ud800" <= char <= "\udfff" for char in text) or "\r" in text:
        return
    document = with_entry("", "keys", "a", {"reason": text})
    assert tomllib.loads(document)["keys"]["a"]["reason"] == text


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"version = 1\n{text}".encode())
)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    try:
        found = parse_trust_file(data, source="t.toml", read=lambda _: b"")
    except WeightmarkError:
        return
    assert not found.anchors


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"], ids=["first", "last"]
)
@pytest.mark.parametrize("field", ["revoked", "not_before", "not_after"])
def test_a_moment_that_no_calendar_of_utc_has_is_a_wrong_file(field: str, moment: str) -> None:
    with pytest.raises(SettingsError, match="years 1 to 9999"):
        parsed(f"[keys.a]\n{PEM}\n{field} = {moment}")


@pytest.mark.parametrize(
    "text",
    [
        '[keys.a]\nfile = "\\u0000"',
        '[certificates.a]\nfile = "a\\u0000.pem"\nany = true',
        '[roots.own]\nfile = "a\\u0000"',
        '[timestamp_authorities.tsa]\nfile = "\\u0000"',
    ],
)
def test_a_nul_in_the_name_of_a_file_is_a_wrong_file_and_no_crash(
    tmp_path: Path, text: str
) -> None:
    path = tmp_path / "t.toml"
    path.write_text(f"version = 1\n{text}\n")
    with pytest.raises(SettingsError, match="NUL"):
        load_trust_file(path)
