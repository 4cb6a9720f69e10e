"""Pulling: fetch into quarantine, judge there, and place only what the policy lets through."""
