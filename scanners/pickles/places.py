"""Names of attributes that are places, and texts that lead to one: paths and addresses."""

from weightmark.patterns import lazy_pattern

__all__ = ["is_place", "is_reaching"]

_REACHING = lazy_pattern(r"(?:[/~]|\.\.?[/\\]|[A-Za-z]:[/\\])\S|[A-Za-z][\w+.-]*://")
_PLACES = frozenset(
    [
        "address",
        "base_dir",
        "base_path",
        "cache_dir",
        "connection_string",
        "database",
        "db_path",
        "dir",
        "directory",
        "dirname",
        "fd",
        "file",
        "file_name",
        "file_path",
        "filename",
        "filename_template",
        "filepath",
        "fileno",
        "fname",
        "folder",
        "host",
        "hostname",
        "in_temp",
        "local_cache_dir",
        "lock_file",
        "lockfile",
        "path",
        "pathname",
        "remote_path",
        "root_dir",
        "socket_path",
        "storage_dir",
        "temp_dir",
        "temp_file",
        "tempdir",
        "tempfile",
        "tmp_dir",
        "tmp_file",
        "tmpdir",
        "tmpfile",
        "uri",
        "url",
        "urlpath",
        "work_dir",
        "zip_path",
        "zmode",
    ]
)
"""names by which classes keep what they open, fetch or remove"""


def is_place(key: object, value: object) -> bool:
    """Tell an attribute whose name is that of a place, and that holds a text or the number of an open file."""
    if type(value) is int or (type(value) is str and value):
        return type(key) is str and key.lower().strip("_") in _PLACES
    return False


def is_reaching(text: str) -> bool:
    """Tell a path from the root or a home, one that climbs, and an address."""
    if ("/" not in text and "\\" not in text) or "\n" in text:
        return False
    return _REACHING.match(text) is not None or "/../" in text
