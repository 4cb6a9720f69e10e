"""Keys: public ones that verify, and the places where private ones are held; one file a place."""

from weightmark.attestations.keys.interface import SigningKey
from weightmark.attestations.keys.kinds import KEY_TYPES
from weightmark.attestations.keys.private import Passphrase, PrivateKey
from weightmark.attestations.keys.public import PublicKey

__all__ = ["KEY_TYPES", "Passphrase", "PrivateKey", "PublicKey", "SigningKey"]
