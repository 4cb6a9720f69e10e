"""Repositories as their loaders see them: configurations, templates, and files that run by name."""
