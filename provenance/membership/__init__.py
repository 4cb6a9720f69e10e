"""Membership: proofs that a file or a record is, or is not, in the artifact of an identity.

docs/formats/membership.md says what is proven, by whose word, and byte for byte how.
"""
