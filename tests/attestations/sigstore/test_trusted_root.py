"""Trusted roots: read whole or not at all, and the packaged ones without a disk cache or a network."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attestations.sigstore.cases import Json, changed
from weightmark.attestations.sigstore.packaged import PUBLIC_GOOD, packaged_root
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
from weightmark.errors import TrustMissingError, UnsupportedError

WITHOUT_DISK = """
import socket, sys
def refuse(*_): raise AssertionError("the network was asked")
socket.socket.connect = refuse
from weightmark.attestations.sigstore.trusted_root import TrustedRoot
import weightmark.attestations.sigstore.verifier
print(len(TrustedRoot.public_good().logs), len(TrustedRoot.staging().logs))
heavy = {"sigstore", "pydantic", "requests", "tuf", "rich", "cryptography", "rfc3161_client"}
print(sorted(heavy & {name.split(".")[0] for name in sys.modules}))
"""


def document() -> Json:
    found: Json = json.loads(packaged_root(PUBLIC_GOOD))
    return found


def parse(root: Json) -> TrustedRoot:
    return TrustedRoot.parse(json.dumps(root).encode())


def test_the_packaged_roots_need_no_home_no_network_and_no_sigstore(tmp_path: Path) -> None:
    nowhere = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"), "/nonexistent")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DISK],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **nowhere},
    )
    assert done.stderr == ""
    assert done.stdout == "2 4\n[]\n"


@pytest.mark.needs("vectors")
def test_the_packaged_roots_are_the_published_ones(vectors: Path) -> None:
    published = (vectors / "trusted_root.public-good.json").read_bytes()
    assert TrustedRoot.parse(published) == TrustedRoot.public_good()
    published = (vectors / "trusted_root.staging.json").read_bytes()
    assert TrustedRoot.parse(published) == TrustedRoot.staging()


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value)
    return [way for name, one in items for way in ((*here, name), *places(one, (*here, name)))]


def test_a_root_with_any_value_retyped_is_unusable_or_means_less() -> None:
    whole = document()
    for way in places(whole):
        values: tuple[Any, ...] = (None, 5, "", [], {}, "!", True)
        for value in values:

            def retype(copy: Any, way: tuple[Any, ...] = way, value: object = value) -> None:
                for step in way[:-1]:
                    copy = copy[step]
                copy[way[-1]] = value

            try:
                root = parse(changed(whole, retype))
                keys = [log.key for log in (*root.logs, *root.certificate_logs)]
                kept = [one.certificates for one in root.certificate_authorities]
            except (TrustMissingError, UnsupportedError):
                continue
            assert len(keys) <= 4
            assert len(kept) <= 2


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.update(mediaType="application/json"),
        lambda root: root.update(revoked=[]),
        lambda root: root["tlogs"][0].update(revoked=True),
        lambda root: root["tlogs"][0]["publicKey"]["validFor"].pop("start"),
        lambda root: root["tlogs"][0]["publicKey"].pop("validFor"),
        lambda root: root["tlogs"][0]["logId"].update(keyId=""),
        lambda root: root["tlogs"][0].update(hashAlgorithm="SHA2_512"),
        lambda root: root["timestampAuthorities"][0]["certChain"].update(certificates=[]),
        lambda root: root["timestampAuthorities"][0]["validFor"].update(start="2025-07-04"),
        lambda root: root["timestampAuthorities"][0]["validFor"].update(
            start="2025-13-04T00:00:00Z"
        ),
        lambda root: root.update(tlogs=root["tlogs"] * 100),
    ],
)
def test_a_root_that_is_not_understood_to_the_last_field_is_unusable(change: Any) -> None:
    with pytest.raises(TrustMissingError) as caught:
        parse(changed(document(), change))
    assert caught.value.exit == 4
    assert caught.value.why


def test_a_key_of_a_kind_that_is_not_known_spoils_only_what_needs_it() -> None:
    root = parse(
        changed(document(), lambda copy: copy["tlogs"][1]["publicKey"].update(keyDetails="PKIX_X"))
    )
    assert root.logs[0].key.kind == "ecdsa-p256"
    with pytest.raises(UnsupportedError, match="`PKIX_X`"):
        _ = root.logs[1].key


def test_a_key_that_is_not_of_the_kind_it_says_is_unusable() -> None:
    root = parse(
        changed(
            document(), lambda copy: copy["tlogs"][0]["publicKey"].update(keyDetails="PKIX_ED25519")
        )
    )
    with pytest.raises(TrustMissingError):
        _ = root.logs[0].key


def test_a_root_goes_to_other_processes() -> None:
    root = TrustedRoot.public_good()
    assert root.logs[0].key.kind
    assert root.timestamp_authorities[0].certificates
    assert pickle.loads(pickle.dumps(root)) == root


def test_an_address_that_is_none_names_the_log_all_the_same() -> None:
    root = parse(changed(document(), lambda copy: copy["tlogs"][0].update(baseUrl="http://[")))
    assert root.logs[0].name == "http://["
