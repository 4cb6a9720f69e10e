"""Pushing: files and claims to a registry, a hub or MLflow."""
