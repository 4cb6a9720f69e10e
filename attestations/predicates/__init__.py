"""Predicates: what a statement says about its subject; one file a predicate type."""
