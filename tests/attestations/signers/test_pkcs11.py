"""Keys in tokens, with SoftHSM: they sign as keys in files do, and every failure has its words."""

import sys
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import PIN, SOFTHSM, Chain, Token, write_pem
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.keys.pkcs11 import Pkcs11Key
from weightmark.attestations.keys.pkcs11_uri import Pkcs11Uri
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.signers.certificate import CertificateSigner
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.trust import Trust
from weightmark.attestations.verifying.verification import examine
from weightmark.errors import (
    CallError,
    Exit,
    ExtraMissingError,
    KeyLockedError,
    TrustMissingError,
    UnsupportedError,
    WeightmarkError,
)

pytestmark = pytest.mark.needs("softhsm")


def open_key(uri: str, pin: bytes | None = None) -> Pkcs11Key:
    return Pkcs11Key.open(Pkcs11Uri.parse(uri), lambda _token: pin)


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519"])
def test_a_key_in_a_token_signs_as_it_would_in_a_file(
    token: Token, tmp_path: Path, kind: str
) -> None:
    inside = PrivateKey.generate(kind)
    token.put(inside, "release")
    key = open_key(token.uri())
    assert key.public.fingerprint == inside.public.fingerprint
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, KeySigner(key), SignOptions(scan=False))
    trust = Trust.in_keys([inside.public])
    assert examine(tree, trust).report.exit is Exit.GOOD
    (tree / "config.json").write_bytes(b"[]")
    assert examine(tree, trust).report.exit is Exit.BAD


def test_a_key_in_a_token_signs_under_its_certificate(token: Token, tmp_path: Path) -> None:
    inside, chain = PrivateKey.generate(), Chain()
    token.put(inside, "release")
    leaf = write_pem(tmp_path / "leaf.pem", chain.leaf(inside), chain.middle, chain.root)
    signer = CertificateSigner.load(open_key(token.uri()), leaf)
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signer, SignOptions(scan=False))
    assert examine(tree, signer.own_trust()).report.exit is Exit.GOOD


def test_two_keys_of_one_token_sign_in_one_call(token: Token, tmp_path: Path) -> None:
    first, second = PrivateKey.generate(), PrivateKey.generate("ecdsa-p384")
    token.put(first, "one", "01")
    token.put(second, "two", "02")
    signers = [KeySigner(open_key(token.uri(label))) for label in ("one", "two")]
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, signers[0], SignOptions(scan=False), cosigners=signers[1:])
    for key in (first, second):
        assert examine(tree, Trust.in_keys([key.public])).report.exit is Exit.GOOD


def test_the_pin_comes_from_uri_file_or_caller(token: Token, tmp_path: Path) -> None:
    token.put(PrivateKey.generate(), "release")
    bare = f"pkcs11:token=wm;object=release?module-path={SOFTHSM}"
    (tmp_path / "pin").write_text(f"{PIN}\n")
    asked: list[str] = []

    def ask(name: str) -> bytes:
        asked.append(name)
        return PIN.encode()

    Pkcs11Key.open(Pkcs11Uri.parse(f"{bare}&pin-source={tmp_path / 'pin'}"), ask)
    assert asked == []


def test_the_pin_is_asked_for_by_the_name_of_the_token(token: Token) -> None:
    token.put(PrivateKey.generate(), "release")
    asked: list[str] = []
    uri = Pkcs11Uri.parse(f"pkcs11:token=wm;object=release?module-path={SOFTHSM}")

    def ask(name: str) -> bytes:
        asked.append(name)
        return PIN.encode()

    Pkcs11Key.open(uri, ask)
    assert asked == ["the token `wm`"]


def test_a_wrong_pin_is_not_a_crash_and_not_repeated(token: Token) -> None:
    token.put(PrivateKey.generate(), "release")
    with pytest.raises(KeyLockedError, match="does not open") as caught:
        open_key(token.uri(pin="9999"))
    assert "9999" not in caught.value.what + caught.value.why
    with pytest.raises(KeyLockedError, match="none was given"):
        open_key(f"pkcs11:token=wm;object=release?module-path={SOFTHSM}")
    with pytest.raises(CallError, match="there is no PIN"):
        open_key(f"pkcs11:token=wm;object=release?module-path={SOFTHSM}&pin-source=/no/pin")


FAILURES: dict[str, tuple[str, type[WeightmarkError], str]] = {
    "no such object": (
        "pkcs11:token=wm;object=nope?pin-value=1234",
        TrustMissingError,
        "there is no private key",
    ),
    "no such id": (
        "pkcs11:token=wm;id=%77?pin-value=1234",
        TrustMissingError,
        "there is no private key",
    ),
    "no such token": (
        "pkcs11:token=other;object=release?pin-value=1234",
        TrustMissingError,
        "there is no token",
    ),
    "no such serial": (
        "pkcs11:serial=0;object=release?pin-value=1234",
        TrustMissingError,
        "there is no token",
    ),
    "no such slot": (
        "pkcs11:slot-id=7;object=release?pin-value=1234",
        TrustMissingError,
        "there is no token",
    ),
    "no object named": ("pkcs11:token=wm?pin-value=1234", CallError, "names no key"),
    "a public key meant": (
        "pkcs11:token=wm;object=release;type=public?pin-value=1234",
        CallError,
        "not mean a private key",
    ),
    "a vendor's attribute": (
        "pkcs11:token=wm;object=release;x-role=admin?pin-value=1234",
        UnsupportedError,
        "`x-role`",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_is_not_there_is_said_and_nothing_else_is_taken(token: Token, name: str) -> None:
    token.put(PrivateKey.generate(), "release")
    uri, error, words = FAILURES[name]
    with pytest.raises(error, match=words):
        Pkcs11Key.open(Pkcs11Uri.parse(uri), lambda _token: None, module=Path(SOFTHSM))


def test_two_keys_with_one_label_are_not_guessed_between(token: Token) -> None:
    first = PrivateKey.generate()
    token.put(first, "release", "01")
    token.put(PrivateKey.generate(), "release", "02")
    with pytest.raises(CallError, match="2 private keys fit") as caught:
        open_key(token.uri())
    assert "%01" in caught.value.why
    exact = token.uri().replace("object=release", "object=release;id=%01")
    assert open_key(exact).public.fingerprint == first.public.fingerprint


def test_two_tokens_with_one_label_are_not_guessed_between(token: Token) -> None:
    token.put(PrivateKey.generate(), "release")
    token.init("wm")
    with pytest.raises(CallError, match="2 tokens fit"):
        open_key(token.uri())


def test_a_stranger_with_the_same_id_is_not_taken_for_the_public_key(token: Token) -> None:
    token.put(PrivateKey.generate(), "release", "01")
    token.put(PrivateKey.generate(), "stranger", "01")
    with pytest.raises(CallError, match="2 public keys have the id"):
        open_key(token.uri())


@pytest.mark.parametrize("content", [b"", b"text", b"\x7fELF" + bytes(60)])
def test_what_is_no_pkcs11_library_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.so").write_bytes(content)
    with pytest.raises(TrustMissingError, match="can't be used as a PKCS#11 library"):
        open_key(f"pkcs11:object=k?module-path={tmp_path / 'm.so'}")


def test_a_library_that_is_missing_or_not_named_is_a_wrong_call() -> None:
    with pytest.raises(CallError, match="there is no PKCS#11 library"):
        open_key("pkcs11:object=k?module-path=/no/such.so")
    with pytest.raises(CallError, match="does not name the token's library"):
        open_key("pkcs11:object=k")
    with pytest.raises(TrustMissingError, match="there is no PKCS#11 library `nosuch`"):
        open_key("pkcs11:object=k?module-name=nosuch")


def test_an_rsa_key_in_a_token_is_unsupported(token: Token) -> None:
    import pkcs11

    (found,) = [one for one in pkcs11.lib(SOFTHSM).get_tokens() if one.label == "wm"]
    with found.open(rw=True, user_pin=PIN) as session:
        session.generate_keypair(pkcs11.KeyType.RSA, 2048, store=True, label="release", id=b"\x01")
    with pytest.raises(UnsupportedError):
        open_key(token.uri())


def test_many_files_are_read_by_workers_while_the_session_is_open(
    token: Token, tmp_path: Path
) -> None:
    inside = PrivateKey.generate()
    token.put(inside, "release")
    tree = make_tree(tmp_path / "m", {f"d/{n}.txt": b"%d" % n for n in range(600)})
    sign_artifact(tree, KeySigner(open_key(token.uri())), jobs=2)
    assert examine(tree, Trust.in_keys([inside.public])).report.exit is Exit.GOOD


def test_a_missing_library_for_tokens_is_said_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ExtraMissingError) as caught:
        open_key(f"pkcs11:object=k?module-path={SOFTHSM}")
    assert "weightmark[pkcs11]" in caught.value.fix
