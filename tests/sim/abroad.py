"""A host that looks public: TLS under a name of its own, reached through a proxy on loopback.

    with Abroad.running(tmp_path) as abroad:
        abroad.redirects["/v2/acme/bert/manifests/v1"] = "https://169.254.169.254/x"

Only through the proxy is there anything behind the name, so no test ever leaves this machine.
"""

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["HOST", "Abroad"]

HOST = "models.example"
_SECONDS = 10


class Abroad:
    """One host behind a proxy; edit its attributes to spoil it."""

    def __init__(self, folder: Path) -> None:
        self.redirects: dict[str, str] = {}
        """by path: where it leads to"""
        self.challenge = ""
        """`WWW-Authenticate` of everything else"""
        self.connected: list[str] = []
        """what the proxy was asked to connect to"""
        self._certificate = folder / "abroad.pem"
        self._certificate.write_bytes(_certificate())
        self._inner = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._outer = socket.create_server(("127.0.0.1", 0))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self._certificate)

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["Abroad"]:
        """Start it, and close it at the end."""
        abroad = cls(folder)
        threading.Thread(target=abroad._accept, daemon=True).start()
        try:
            yield abroad
        finally:
            abroad._outer.close()
            abroad._inner.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """Return what a client has to know: the proxy, and whom to trust."""
        proxy = f"http://127.0.0.1:{self._outer.getsockname()[1]}"
        trusted = str(self._certificate)
        return {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "NO_PROXY": "",
            "no_proxy": "",
            "REQUESTS_CA_BUNDLE": trusted,
            "SSL_CERT_FILE": trusted,
        }

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._outer.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Answer `CONNECT`, then be the host itself, whatever it is called."""
        with suppress(OSError, ssl.SSLError), client:
            client.settimeout(_SECONDS)
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.connected.append(head.split()[1].decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with self._context.wrap_socket(client, server_side=True) as secured:
                _handler(self)(secured, ("127.0.0.1", 0), self._inner)


def _handler(abroad: Abroad) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

        def do_GET(self) -> None:
            target = abroad.redirects.get(self.path.partition("?")[0])
            self.send_response(302 if target else 401)
            if target:
                self.send_header("Location", target)
            elif abroad.challenge:
                self.send_header("WWW-Authenticate", abroad.challenge)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return Handler


def _certificate() -> bytes:
    """Return a key and a certificate for the name, by itself, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(pem)
