"""Decisions as evidence: recorded with all that they rest on, signed, replayed, and believed later.

`record` holds the inputs of a decision, `replay` judges them again, `what_if` judges them by another
policy, and `answering` lets an earlier decision answer in place of a new look at the content.
"""
