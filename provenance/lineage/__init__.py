"""Lineage: which artifact was made from which. Pure values; who says so is judged in `attestations`."""
