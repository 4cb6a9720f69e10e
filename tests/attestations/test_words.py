"""The words of the Python API: a value of another type is a mistake of the program, and never counts as yes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import weightmark
from tests.attestations.forge import make_tree
from tests.attestations.signers.parties import Chain, write_pem
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.words import paths_of, require_flags
from weightmark.errors import CallError, Exit


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("cert_any", "no"),
        ("cert_any", 1),
        ("staging", "false"),
        ("cert_san", ["release@example.com"]),
        ("cert_subject", ("CN=release",)),
        ("issuer", ["https://example.com"]),
        ("trusted_root", ["root.json"]),
        ("trust_config", True),
    ],
)
def test_whom_to_trust_is_never_read_from_a_value_of_another_type(
    tmp_path: Path, word: str, value: Any
) -> None:
    key, chain = PrivateKey.generate(), Chain()
    model = make_tree(tmp_path / "m")
    leaf, middle, root = (
        write_pem(tmp_path / f"{name}.pem", one)
        for name, one in (
            ("leaf", chain.leaf(key)),
            ("middle", chain.middle),
            ("root", chain.root),
        )
    )
    weightmark.sign(model, key=key, signing_cert=leaf, cert_chain=middle)
    assert weightmark.verify(model, cert_chain=root, cert_any=True).exit is Exit.GOOD
    said: dict[str, Any] = {word: value}
    with pytest.raises(TypeError, match=word):
        weightmark.verify(model, cert_chain=str(root), **said)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("staging", "false"),
        ("keyless", "no"),
        ("require_timestamp", "yes"),
        ("identity_token", b"a.b.c"),
        ("signing_cert", ["leaf.pem"]),
    ],
)
def test_who_signs_is_never_read_from_a_value_of_another_type(
    tmp_path: Path, word: str, value: Any
) -> None:
    model = make_tree(tmp_path / "m")
    said: dict[str, Any] = {word: value}
    with pytest.raises(TypeError, match=word):
        weightmark.sign(model, key=PrivateKey.generate(), **said)
    assert not (model / "model.sig").exists()


def test_a_lone_path_is_one_path_and_not_its_letters() -> None:
    assert paths_of("config.json") == paths_of(["config.json"]) == ("config.json",)
    assert paths_of([Path("logs"), "a"]) == ("logs", "a")
    assert paths_of(()) == ()
    with pytest.raises(TypeError):
        paths_of([7])  # type: ignore[list-item] # that is the mistake


def test_a_flag_is_true_or_false() -> None:
    require_flags(add=True, replace=False)
    with pytest.raises(TypeError, match="`add`"):
        require_flags(add="no", replace=False)


def test_a_lone_ignored_path_and_a_flag_that_is_a_text(tmp_path: Path) -> None:
    model = make_tree(tmp_path / "m", {"config.json": b"{}", "notes.md": b"words"})
    key = PrivateKey.generate()
    for flag in ("add", "scan", "replace", "allow_links"):
        said: dict[str, Any] = {flag: "no"}
        with pytest.raises(TypeError, match=flag):
            weightmark.sign(model, key=key, **said)
    weightmark.sign(model, key=key, ignore_paths="notes.md")
    assert weightmark.verify(model, key=key.public, ignore_paths="notes.md").exit is Exit.GOOD
    unsure: dict[str, Any] = {"allow_legacy": "no"}
    with pytest.raises(TypeError, match="allow_legacy"):
        weightmark.verify(model, key=key.public, **unsure)


def test_a_nul_in_a_path_is_a_wrong_call(tmp_path: Path) -> None:
    tree, key = make_tree(tmp_path / "m"), PrivateKey.generate()
    weightmark.sign(tree, key=key, scan=False)
    bad = "x\0"
    calls: list[Callable[[], object]] = [
        lambda: weightmark.digest(bad),
        lambda: weightmark.scan(bad),
        lambda: weightmark.verify(bad, key=key.public),
        lambda: weightmark.verify(tree, key=bad),
        lambda: weightmark.verify(tree, key=[key.public, bad]),
        lambda: weightmark.verify(tree, key=key.public, trust=bad),
        lambda: weightmark.verify(tree, key=key.public, claims=[bad]),
        lambda: weightmark.verify(tree, key=key.public, claims=bad),
        lambda: weightmark.verify(tree, key=key.public, signature=bad),
        lambda: weightmark.verify(tree, cert_chain=bad, cert_any=True),
        lambda: weightmark.gate(tree, policy=bad, key=key.public),
        lambda: weightmark.gate(tree, ledger=bad, key=key.public),
        lambda: weightmark.open_verified(tree, key=key.public, claims=bad),
        lambda: weightmark.sign(tree, key=bad),
        lambda: weightmark.sign(tree, key=key, out=bad),
    ]
    for call in calls:
        with pytest.raises(CallError, match="NUL"):
            call()


def test_one_file_of_claims_is_one_file_and_not_its_letters(tmp_path: Path) -> None:
    tree, key = make_tree(tmp_path / "m"), PrivateKey.generate()
    weightmark.sign(tree, key=key, scan=False)
    claims = (tree / "model.claims").rename(tmp_path / "elsewhere.claims")
    (tree / "model.sig").unlink()
    for said in (str(claims), claims, [claims]):
        assert weightmark.verify(tree, key=key.public, claims=said).exit is Exit.GOOD
