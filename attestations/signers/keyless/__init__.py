"""Keyless signing with Sigstore: who logged in where takes the place of a key that has to be kept.

    from weightmark.attestations.signers.keyless import KeylessSigner, SigstoreInstance, obtain_token

    signer = KeylessSigner.logged_in(SigstoreInstance.public_good(), obtain_token(…))

`tokens` and `sources` say who signs, `instance` where, `services` bounds every call to the network,
`signer` puts sigstore-python to work. Nothing here is imported by paths that sign with keys.
"""

from weightmark.attestations.signers.keyless.instance import SigstoreInstance
from weightmark.attestations.signers.keyless.services import Patience
from weightmark.attestations.signers.keyless.signer import KeylessSigner
from weightmark.attestations.signers.keyless.sources import TokenRequest
from weightmark.attestations.signers.keyless.tokens import IdentityToken

__all__ = ["IdentityToken", "KeylessSigner", "Patience", "SigstoreInstance", "TokenRequest"]
