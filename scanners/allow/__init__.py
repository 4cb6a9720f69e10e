"""Names that a pickle may use, as data: exact module and name, and what may be done with it."""

from weightmark.scanners.allow.names import Grade, Permission, data_digest, permission

__all__ = ["Grade", "Permission", "data_digest", "permission"]
