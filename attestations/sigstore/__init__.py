"""Sigstore: who logged in where and signed, as logs and clocks prove it. Offline, from one trusted root.

    from datetime import UTC, datetime
    from weightmark.attestations.sigstore.identity import IdentityRule
    from weightmark.attestations.sigstore.trusted_root import TrustedRoot
    from weightmark.attestations.sigstore.verifier import verify_certificate_bundle

    proof = verify_certificate_bundle(bundle, TrustedRoot.public_good(), now=datetime.now(UTC))
    IdentityRule.exact("me@example.com", issuer="https://accounts.google.com").check(proof.certificate)

The proof says who; the rule says whether that is whom the caller means.
"""
