"""What a caller says about whom to trust: what each answer names, and what no call may widen."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.attestations.forge import make_tree, put
from tests.attestations.signers.parties import Chain, write_pem
from tests.attestations.trust.makers import Stamps, by_chain, certified
from tests.cli.published import fitting
from tests.cli.running import Ran, RunCli
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.making.signing import SignOptions, sign_artifact
from weightmark.attestations.predicates.key_rotation import KeyRotation
from weightmark.attestations.signers.key import KeySigner

OLD, NEW, NEXT, STRANGER = (PrivateKey.generate() for _ in range(4))
ISSUER = "https://sigstore.verify.ibm.com/oauth2"
KEYLESS = ("--identity", "stefanb@us.ibm.com", "--issuer", ISSUER)


@dataclass
class House:
    """A model signed by `NEW`, and public keys and rotations beside it."""

    place: Path
    run: RunCli

    def path(self, name: str) -> str:
        return str(self.place / name)

    def verify(self, *words: str) -> Ran:
        return self.run("verify", self.path("m"), *words)

    def trust(self, *words: str) -> Ran:
        return self.run("trust", words[0], self.path("t.toml"), *words[1:])


@pytest.fixture
def house(run_cli: RunCli, tmp_path: Path) -> House:
    tree = make_tree(tmp_path / "m")
    sign_artifact(tree, KeySigner(NEW), SignOptions(scan=False))
    for name, key in (("old", OLD), ("new", NEW), ("next", NEXT), ("stranger", STRANGER)):
        (tmp_path / f"{name}.pub").write_bytes(key.public.pem)
    (tmp_path / "new.rotation").write_bytes(KeyRotation.sign(OLD, NEW))
    (tmp_path / "next.rotation").write_bytes(KeyRotation.sign(NEW, NEXT))
    return House(tmp_path, run_cli)


def test_a_rotation_that_was_followed_is_told(house: House) -> None:
    done = house.verify("--key", house.path("old.pub"), "--rotation", house.path("new.rotation"))
    assert done.code == 0
    assert "handed over" in done.stdout
    assert "new.rotation" in done.stdout
    assert OLD.public.identity in done.stdout


def test_rotations_are_followed_in_any_order(house: House) -> None:
    files = ("--rotation", house.path("next.rotation"), "--rotation", house.path("new.rotation"))
    assert house.verify("--key", house.path("old.pub"), *files).code == 0


def test_a_rotation_to_a_key_that_is_trusted_already_is_ignored(house: House) -> None:
    given = ("--key", house.path("new.pub"), "--rotation", house.path("new.rotation"))
    done = house.verify(*given)
    assert done.code == 0
    assert "handed over" not in done.stdout


def test_a_rotation_by_nobody_who_is_trusted_is_a_wrong_call_that_names_it(house: House) -> None:
    missing = house.verify(
        "--key", house.path("old.pub"), "--rotation", house.path("next.rotation")
    )
    assert missing.code == 2
    assert "next.rotation` was not made by a key that you trust" in missing.stderr
    stranger = house.verify(
        "--key", house.path("stranger.pub"), "--rotation", house.path("new.rotation")
    )
    assert stranger.code == 2


def test_a_revoked_key_hands_over_to_nobody_although_it_is_named_again(house: House) -> None:
    assert house.trust("add", "--key", house.path("old.pub"), "--revoked", "2020-01-01").code == 0
    given = ("--trust", house.path("t.toml"), "--key", house.path("old.pub"))
    done = house.verify(*given, "--rotation", house.path("new.rotation"))
    assert done.code == 1
    assert "new.rotation" in done.stderr
    assert "revoked" in done.stderr


def test_no_rotation_makes_a_revoked_key_good_again(house: House) -> None:
    assert house.trust("add", "--key", house.path("old.pub")).code == 0
    assert house.trust("add", "--key", house.path("new.pub"), "--revoked", "2020-01-01").code == 0
    done = house.verify("--trust", house.path("t.toml"), "--rotation", house.path("new.rotation"))
    assert done.code == 1
    assert "revoked" in done.stdout + done.stderr


def test_what_a_trust_file_revokes_no_flag_makes_good(house: House) -> None:
    assert house.trust("add", "--key", house.path("new.pub"), "--revoked", "2020-01-01").code == 0
    done = house.verify("--trust", house.path("t.toml"), "--key", house.path("new.pub"))
    assert done.code == 1
    assert "revoked" in done.stdout


def test_a_second_entry_for_one_key_is_refused(house: House) -> None:
    assert house.trust("add", "--key", house.path("new.pub"), "--revoked", "2020-01-01").code == 0
    again = house.trust("add", "--key", house.path("new.pub"), "--as", "again")
    assert again.code == 2
    assert "`keys.again` of the trust file" in again.stderr
    assert "holds the key of `keys.new` once more" in again.stderr
    file = house.place / "t.toml"
    pem = NEW.public.pem.decode()
    file.write_text(f"{file.read_text()}\n[keys.again]\npem = '''\n{pem}'''\n")
    assert house.verify("--trust", str(file)).code == 2


def test_an_entry_is_revoked_and_nothing_else_changes(house: House) -> None:
    for name in ("old", "new"):
        assert house.trust("add", "--key", house.path(f"{name}.pub")).code == 0
    file = house.place / "t.toml"
    file.write_text("# ours\n" + file.read_text().replace("[keys.new]", "[ keys . 'new' ] # CI"))
    assert house.verify("--trust", str(file)).code == 0
    done = house.trust("revoke", "new", "--since", "2026-01-31", "--reason", "laptop stolen")
    assert done.code == 0, done.stderr
    refused = house.verify("--trust", str(file))
    assert refused.code == 1
    assert "laptop stolen" in refused.stdout
    shown = json.loads(house.trust("show", "--format", "json").stdout)
    revoked = {one["label"]: one["revoked"] for one in shown["anchors"]}
    assert revoked == {"old": None, "new": "2026-01-31T00:00:00Z"}
    assert file.read_text().startswith("# ours\n")
    assert house.trust("revoke", "new").code == 2, "it is revoked already"
    assert house.trust("revoke", "nobody").code == 2


def test_a_revocation_is_moved_to_an_earlier_moment_and_never_to_a_later_one(house: House) -> None:
    for name in ("old", "new"):
        assert house.trust("add", "--key", house.path(f"{name}.pub")).code == 0
    file = house.place / "t.toml"
    file.write_text("# ours\n" + file.read_text())
    first = ("revoke", "old", "--since", "2026-01-31", "--reason", "laptop stolen")
    assert house.trust(*first).code == 0
    for since in ("2026-01-31", "2026-02-01", "2090-01-01"):
        later = house.trust("revoke", "old", "--since", since)
        assert later.code == 2
        assert "count again" in later.stderr
    earlier = house.trust("revoke", "old", "--since", "2025-12-24")
    assert earlier.code == 0, earlier.stderr
    assert file.read_text().count("revoked = ") == 1
    assert file.read_text().startswith("# ours\n")
    shown = json.loads(house.trust("show", "--format", "json").stdout)
    revoked = {one["label"]: one["revoked"] for one in shown["anchors"]}
    assert revoked == {"old": "2025-12-24T00:00:00Z", "new": None}
    assert "laptop stolen" in file.read_text(), "the reason stays"
    assert house.trust("revoke", "old", "--since", "2025-01-01", "--reason", "found").code == 0
    assert "laptop stolen" not in file.read_text()


def test_a_revocation_that_lies_ahead_comes_with_a_caution(house: House) -> None:
    assert house.trust("add", "--key", house.path("new.pub")).code == 0
    done = house.trust("revoke", "new", "--since", "2090-01-01")
    assert done.code == 0
    assert "caution: 2090-01-01" in done.stdout + done.stderr
    past = house.trust("revoke", "new", "--since", "2026-01-01")
    assert past.code == 0
    assert "caution" not in past.stdout + past.stderr


def test_what_stands_in_a_string_is_not_revoked_instead(house: House) -> None:
    pem = NEW.public.pem.decode()
    text = f"version = 1\n[keys]\nnew = {{ pem = '''\n{pem}''' }}\n"
    (house.place / "t.toml").write_text(text + "# \n")
    done = house.trust("revoke", "new")
    assert done.code == 2
    assert "editor" in done.stderr
    assert (house.place / "t.toml").read_text() == text + "# \n"


@pytest.mark.parametrize(
    "words",
    [
        ("--key", "new.pub", "--root", "own"),
        ("--key", "new.pub", "--staging"),
        ("--key", "new.pub", "--rotation", "new.rotation"),
        ("--key", "new.pub", "--trust", "acme"),
        ("--key", "new.pub", "--cert-san", "a@b"),
        ("--key", "new.pub", "--issuer", ISSUER),
        (*KEYLESS, "--root", "nowhere"),
        (*KEYLESS, "--root", "own", "--staging"),
        ("--tsa-chain", "new.pub"),
    ],
    ids=" ".join,
)
def test_trust_add_writes_all_that_it_is_told_or_nothing(
    house: House, words: tuple[str, ...]
) -> None:
    given = [house.path(one) if (house.place / one).exists() else one for one in words]
    assert house.trust("add", *given).code in (2, 4)
    assert not (house.place / "t.toml").exists()


def test_an_identity_is_proven_by_the_root_that_was_pinned(house: House) -> None:
    from weightmark.attestations.sigstore.packaged import STAGING, packaged_root

    (house.place / "root.json").write_bytes(packaged_root(STAGING))
    assert house.trust("pin", house.path("root.json"), "--as", "own").code == 0
    assert house.trust("add", *KEYLESS, "--root", "own").code == 0
    assert 'root = "own"' in (house.place / "t.toml").read_text()


def test_a_timestamp_authority_is_written_beside_the_key(house: House) -> None:
    (house.place / "our tsa.pem").write_bytes(Stamps().pem)
    chain = ("--tsa-chain", house.path("our tsa.pem"))
    assert house.trust("add", "--key", house.path("new.pub"), *chain).code == 0
    assert "[timestamp_authorities.our-tsa]" in (house.place / "t.toml").read_text()
    assert house.verify("--trust", house.path("t.toml")).code == 0


@pytest.mark.parametrize(
    "words", [("--owner", "acme"), ("--identity-regex", ".*", "--issuer", ISSUER)], ids=" ".join
)
def test_trust_in_nobody_in_particular_is_told(house: House, words: tuple[str, ...]) -> None:
    done = house.trust("add", *words)
    assert done.code == 0
    assert "caution" in done.stderr + done.stdout


def test_a_trust_file_names_no_key_inside_the_artifact(house: House) -> None:
    (house.place / "m" / "evil.pub").write_bytes(NEW.public.pem)
    (house.place / "t.toml").write_text('version = 1\n[keys.x]\nfile = "m/evil.pub"\n')
    done = house.verify("--trust", house.path("t.toml"))
    assert done.code == 2
    assert "inside the artifact" in done.stderr


def test_a_policy_names_a_trust_file_and_that_nothing_inside_the_artifact(house: House) -> None:
    assert house.trust("add", "--key", house.path("new.pub")).code == 0
    (house.place / "ci").mkdir()
    policy = house.path("ci/gate.toml")
    made = house.run("policy", "init", "-o", policy, "--trust", house.path("t.toml"))
    assert made.code == 0, made.stderr
    assert 'trust = "../t.toml"' in Path(policy).read_text()
    assert NEW.public.identity in house.run("policy", "explain", policy).stdout
    done = house.run("gate", house.path("m"), "--policy", policy)
    assert NEW.public.identity in done.stdout
    assert "signed by" in done.stdout
    (house.place / "m" / "evil.pub").write_bytes(NEW.public.pem)
    (house.place / "t.toml").write_text('version = 1\n[keys.x]\nfile = "m/evil.pub"\n')
    refused = house.run("gate", house.path("m"), "--policy", policy)
    assert refused.code == 2
    assert "inside the artifact" in refused.stderr


def test_a_drafted_policy_names_a_key_once_and_no_revoked_one_as_trusted(house: House) -> None:
    old, new = house.path("old.pub"), house.path("new.pub")
    assert house.trust("add", "--key", new, "--revoked", "2020-01-01").code == 0
    words = ("--key", old, "--key", new, "--key", old, "--trust", house.path("t.toml"))
    made = house.run("policy", "init", "-o", house.path("p.toml"), *words, "--format", "json")
    assert made.code == 0, made.stderr
    facts = json.loads(made.stdout)
    assert facts["trusted"] == [OLD.public.identity]
    assert facts["revoked"] == [NEW.public.identity]
    assert (house.place / "p.toml").read_bytes().count(OLD.public.pem) == 1
    shown = house.run("policy", "check", house.path("p.toml"), "--format", "json")
    assert json.loads(shown.stdout)["trusted"] == facts["trusted"]
    done = house.run("gate", house.path("m"), "--policy", house.path("p.toml"))
    assert done.code == 1
    assert "revoked" in done.stdout


def test_answers_about_a_policy_that_trusts_identities_and_certificates_fit_their_schemas(
    house: House,
) -> None:
    authority = write_pem(house.place / "ca.pem", Chain().root)
    entries = (
        KEYLESS,
        ("--as", "glob", "--identity-glob", "*@us.ibm.com", "--issuer", ISSUER),
        (
            "--as",
            "old",
            "--identity",
            "x@us.ibm.com",
            "--issuer",
            ISSUER,
            "--revoked",
            "2020-01-01",
        ),
        ("--as", "ca", "--cert-chain", str(authority), "--cert-san", "release@example.com"),
    )
    for words in entries:
        assert house.trust("add", *words).code == 0
    policy = house.path("p.toml")
    made = house.run("policy", "init", "-o", policy, "--trust", house.path("t.toml"), "-f", "json")
    answers = [fitting(made.stdout, "policy-init")]
    answers += [
        fitting(house.run("policy", word, policy, "-f", "json").stdout)
        for word in ("check", "explain")
    ]
    for answer in answers:
        assert len(answer["trusted"]) == 3
        assert answer["revoked"] == [f"sigstore:x@us.ibm.com@{ISSUER}"]
    denied = fitting(house.run("gate", house.path("m"), "--policy", policy, "-f", "json").stdout)
    assert denied["verdict"] == "deny"
    assert f"sigstore:stefanb@us.ibm.com@{ISSUER}" in denied["trusted"]


def test_whom_to_trust_beside_a_policy_file_is_called_by_its_name(house: House) -> None:
    made = house.run("policy", "init", "-o", house.path("p.toml"), "--key", house.path("new.pub"))
    assert made.code == 0
    done = house.run("gate", house.path("m"), "--policy", house.path("p.toml"), *KEYLESS)
    assert done.code == 2
    assert "`--key`" not in done.stderr


@pytest.mark.parametrize("scheme", ["pkcs11:", "PKCS11:", "./pkcs11:"])
def test_no_answer_repeats_a_pin(house: House, scheme: str) -> None:
    done = house.verify("--key", f"{scheme}token=wm;object=r?module-path=/x&pin-value=4711")
    assert done.code == 2
    assert "4711" not in done.stdout + done.stderr


def test_another_key_is_told_by_fingerprint_and_hint(house: House) -> None:
    done = house.verify("--key", house.path("old.pub"), "--format", "json")
    assert done.code == 1
    (check,) = (one for one in json.loads(done.stdout)["checks"] if one["name"] == "signature")
    for told in (NEW.public.hint, OLD.public.hint, OLD.public.identity):
        assert told in check["why"] + "".join(check["details"])


def test_a_signer_before_its_time_is_not_called_somebody_else(house: House) -> None:
    added = house.trust("add", "--key", house.path("new.pub"), "--not-before", "2090-01-01")
    assert added.code == 0
    done = house.verify("--trust", house.path("t.toml"), "--format", "json")
    assert done.code == 1
    (check,) = (one for one in json.loads(done.stdout)["checks"] if one["name"] == "signature")
    assert check["code"] == "out-of-time"
    assert "before its time" in check["summary"]


def test_a_certificate_that_does_not_fit_is_told_by_what_it_says(
    run_cli: RunCli, tmp_path: Path
) -> None:
    chain = Chain()
    leaf = chain.leaf(NEW)
    tree = put(make_tree(tmp_path / "m"), json.loads(by_chain(chain, NEW, leaf).to_bytes()))
    root = ("--cert-chain", str(write_pem(tmp_path / "ca.pem", chain.root)))
    wrong = run_cli("verify", str(tree), *root, "--cert-san", "mallory@example.com")
    assert wrong.code == 1
    assert "`release@example.com`" in wrong.stdout
    assert "`mallory@example.com`" in wrong.stdout
    other = write_pem(tmp_path / "other.pem", Chain().root)
    foreign = run_cli("verify", str(tree), "--cert-chain", str(other), "--cert-any")
    assert foreign.code == 1
    assert "no path" in foreign.stdout or "may not issue" in foreign.stdout
    named = f"certificate:{NEW.public.fingerprint}"
    for word in (named, NEW.public.fingerprint):
        assert run_cli("verify", str(tree), *root, "--cert-fingerprint", word).code == 0
    stranger = f"certificate:{OLD.public.fingerprint}"
    assert run_cli("verify", str(tree), *root, "--cert-fingerprint", stranger).code == 1


@pytest.mark.needs("vectors")
def test_an_identity_that_does_not_fit_is_told_by_what_it_says(
    run_cli: RunCli, vectors: Path, tmp_path: Path
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    done = run_cli("verify", str(tree), "--identity", "x@us.ibm.com", "--issuer", ISSUER)
    assert done.code == 1
    assert "`stefanb@us.ibm.com`, not `x@us.ibm.com`" in done.stdout
    elsewhere = run_cli("verify", str(tree), *KEYLESS[:3], "https://accounts.google.com")
    assert f"`issuer` is `{ISSUER}`" in elsewhere.stdout


@pytest.mark.needs("vectors")
def test_a_strangers_root_in_a_bundle_breaks_no_keyless_signature(
    run_cli: RunCli, vectors: Path, tmp_path: Path
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    chain = Chain()
    bundle = certified(STRANGER, chain.leaf(STRANGER), chain.middle, chain.root)
    (tree / "model.claims").write_bytes(bundle.to_bytes() + b"\n")
    ignored = ("--ignore-paths", str(tree / "ignore-me"))
    done = run_cli("verify", str(tree), *KEYLESS, *ignored)
    assert done.code == 0, done.stdout


@pytest.mark.parametrize(("digests", "code"), [("sha256", 4), ("both", 4), ("any", 0)])
def test_a_list_of_blake3_digests_alone_is_no_sha256(house: House, digests: str, code: int) -> None:
    (house.place / "new.key").write_bytes(NEW.to_pem(None))
    how = ("--key", house.path("new.key"), "--replace", "--no-scan", "--oms-hash", "blake3")
    signed = house.run("sign", house.path("m"), *how)
    assert signed.code == 0, signed.stderr
    (house.place / "m" / "model.claims").unlink()
    assert house.verify("--key", house.path("new.pub"), "--digests", digests).code == code


def test_deep_beside_sha256_alone_is_a_wrong_call(house: House) -> None:
    given = ("--key", house.path("new.pub"), "--deep", "--digests", "sha256")
    assert house.verify(*given).code == 2


def test_the_private_key_is_no_way_to_verify(house: House) -> None:
    assert house.verify("--private_key", house.path("new.pub")).code == 2


@pytest.mark.needs("vectors")
@pytest.mark.parametrize("glob_first", [True, False])
def test_a_revoked_identity_is_not_saved_by_a_pattern_that_fits_it(
    run_cli: RunCli, vectors: Path, tmp_path: Path, *, glob_first: bool
) -> None:
    tree = shutil.copytree(vectors / "model-transparency/v1.1.0-sigstore", tmp_path / "m")
    one = (
        f'[identities.one]\nissuer = "{ISSUER}"\nidentity = "{KEYLESS[1]}"\nrevoked = 2020-01-01\n'
    )
    all_of_them = f'[identities.all]\nissuer = "{ISSUER}"\nidentity_glob = "*@us.ibm.com"\n'
    tables = (all_of_them, one) if glob_first else (one, all_of_them)
    (tmp_path / "t.toml").write_text("version = 1\n" + "".join(tables))
    ignored = ("--ignore-paths", str(tree / "ignore-me"))
    done = run_cli("verify", str(tree), "--trust", str(tmp_path / "t.toml"), *ignored)
    assert done.code == 1
    assert "revoked" in done.stdout
