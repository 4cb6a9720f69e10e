"""The provenance chain: from the artifact at hand to everything it was made from, by verified claims only.

    from weightmark.attestations.chain.building import build_chain

    chain = build_chain(identity, bundles, roles)
    chain.gaps  # what is missing, and the command that would supply it

`rule` is what a policy demands of a chain, `judging` compares both.
"""
