"""An object store that speaks S3, on loopback: moto's server, and the environment by which clients find it."""

import logging
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["environment", "running"]


@contextmanager
def running() -> Iterator[str]:
    """Serve an empty store; yields its endpoint."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        _empty(endpoint)
        yield endpoint
    finally:
        server.stop()


def _empty(endpoint: str) -> None:
    """Forget what an earlier server of this process was given: they share their memory."""
    request = urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")  # noqa: S310 - loopback
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
        answer.read()


def environment(endpoint: str, nothing: Path) -> Mapping[str, str]:
    """Return the variables of a client that knows this store only; `nothing` is no file."""
    return {
        "AWS_ACCESS_KEY_ID": "publisher",
        "AWS_CONFIG_FILE": str(nothing),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_SECRET_ACCESS_KEY": "a-secret-of-tests",
        "AWS_SHARED_CREDENTIALS_FILE": str(nothing),
    }
