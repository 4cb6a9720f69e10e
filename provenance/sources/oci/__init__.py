"""Models in OCI registries (OCI Distribution Specification 1.1): read, checked, written, with claims attached."""
