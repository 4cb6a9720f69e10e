"""Small chains: artifacts by made-up identities, steps, roles, and the bundles that state them."""

import hashlib
from functools import cache
from typing import Any

from weightmark.attestations.bundles.bundle import Bundle
from weightmark.attestations.chain.building import build_chain
from weightmark.attestations.chain.model import Chain, GapKind, StepRoles
from weightmark.attestations.keys import PrivateKey
from weightmark.attestations.predicates.approval import APPROVAL_PREDICATE
from weightmark.attestations.predicates.slsa_provenance import SLSA_PROVENANCE_PREDICATE
from weightmark.attestations.signers.key import KeySigner
from weightmark.attestations.statements import Statement
from weightmark.attestations.trust import Trust
from weightmark.provenance.manifest import MANIFEST_MEDIA_TYPE

TYPES = "https://weightmark/buildtypes"


@cache
def signer(name: str) -> KeySigner:
    return KeySigner(PrivateKey.generate())


def trust(*names: str) -> Trust:
    return Trust.in_keys([signer(name).key.public for name in names])


def identity(name: str) -> str:
    return f"wm1:{hashlib.sha256(name.encode()).hexdigest()}"


def descriptor(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "mediaType": MANIFEST_MEDIA_TYPE,
        "digest": {"sha256": identity(name).removeprefix("wm1:")},
        **more,
    }


def state(name: str, predicate_type: str, predicate: dict[str, Any], by: str) -> Bundle:
    statement = Statement.about_manifest(name, identity(name), predicate_type, predicate, {})
    return signer(by).sign_statement(statement)


def approve(name: str, by: str = "release") -> Bundle:
    return state(name, APPROVAL_PREDICATE, {"reason": "looked at it"}, by)


def made(
    name: str,
    *inputs: str | dict[str, Any],
    step: str = "finetune",
    by: str = "builder",
    **parameters: Any,
) -> Bundle:
    dependencies = [descriptor(one) if isinstance(one, str) else one for one in inputs]
    predicate = {
        "buildDefinition": {
            "buildType": f"{TYPES}/{step}/v1",
            "externalParameters": parameters,
            "resolvedDependencies": dependencies,
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    }
    return state(name, SLSA_PROVENANCE_PREDICATE, predicate, by)


def build(*bundles: Bundle, root: str = "model", **options: Any) -> Chain:
    roles = options.pop("roles", None) or StepRoles(trust("builder"))
    vouchers = options.pop("vouchers", None) or trust("release", "builder")
    return build_chain(identity(root), bundles, roles, vouchers=vouchers, **options)


def kinds(chain: Chain) -> set[GapKind]:
    return {gap.kind for gap in chain.gaps}
