"""Trust: whom the caller believes, and how a bundle becomes a verified one.

    from weightmark.attestations.keys import PublicKey
    from weightmark.attestations.trust import Trust

    verified = Trust.in_keys([PublicKey.load("release.pub")]).verify(bundle)
    verified.signer.name, verified.time, verified.statement

One file a kind of anchor; `trust_file` reads and `selection` combines what a caller names.
"""

from weightmark.attestations.trust.verified import Trust, VerifiedBundle

__all__ = ["Trust", "VerifiedBundle"]
