"""OpenTelemetry: log records to a collector by OTLP over HTTP, with the project's own exporter (extra `otel`)."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from weightmark.errors import ExtraMissingError
from weightmark.provenance.events.event import Severity, milliseconds
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.product import PRODUCT
from weightmark.provenance.events.sinks.interface import UndeliveredError, Unkept, remaining
from weightmark.provenance.sources.addresses import is_this_machine, origin_of

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord
    from requests import PreparedRequest, Session

__all__ = ["OtelSink"]

_SEVERITIES = {
    Severity.INFORMATIONAL: 9,
    Severity.LOW: 10,
    Severity.MEDIUM: 13,
    Severity.HIGH: 17,
    Severity.CRITICAL: 21,
}
"""INFO, INFO2, WARN, ERROR, FATAL"""


class OtelSink(Unkept):
    """Exports one log record an event; its body is the event in the form that was asked for."""

    is_remote = True

    def __init__(self, url: str, *, token: str = "") -> None:
        """Name the whole address of the collector, as `https://HOST/v1/logs`; raises `ExtraMissingError`.

        Without a `token` the exporter takes headers from `OTEL_EXPORTER_OTLP_HEADERS`.
        """
        try:
            import opentelemetry.exporter.otlp.proto.http._log_exporter
            import opentelemetry.sdk._logs  # noqa: F401 - looked for, and loaded where it is used
        except ImportError as error:
            raise ExtraMissingError(
                "`otlp+https://` needs the OpenTelemetry SDK, which is not installed",
                fix="run `pip install 'weightmark[otel]'`",
            ) from error
        scheme, host, port = origin_of(url)
        self.name = f"otlp+{scheme}://{host}:{port}"
        self._url = url
        self._token = token

    def send(self, messages: Sequence[Message], deadline: float) -> None:
        """Export all records in one request; raises `UndeliveredError`."""
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs.export import LogRecordExportResult

        _silence()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else None
        exporter = OTLPLogExporter(
            endpoint=self._url,
            headers=headers,
            timeout=remaining(deadline),
            certificate_file=os.environ.get("SSL_CERT_FILE"),
            session=_session(self._url),
        )
        try:
            result = exporter.export([_record(message) for message in messages])
        except Exception as error:
            raise UndeliveredError(f"the exporter failed: {type(error).__name__}") from error
        finally:
            exporter.shutdown()  # type: ignore[no-untyped-call]  # the library leaves its types out
        if result is not LogRecordExportResult.SUCCESS:
            raise UndeliveredError("the collector did not take them")


def _session(url: str) -> "Session":
    """Return a session that follows no redirect, sends no login of `.netrc`, and uses no proxy to this machine."""
    from requests import Session

    session = Session()
    session.max_redirects = 0
    session.auth = _no_login
    session.trust_env = not is_this_machine(url)
    return session


def _no_login(request: "PreparedRequest") -> "PreparedRequest":
    return request


def _silence() -> None:
    """Keep the exporter from writing to stderr: it repeats addresses, and what it says is told by us."""
    import logging

    logger = logging.getLogger("opentelemetry")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False


def _record(message: Message) -> "ReadableLogRecord":
    from opentelemetry._logs import LogRecord, SeverityNumber
    from opentelemetry.sdk._logs import ReadableLogRecord
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    at = milliseconds(datetime.fromisoformat(message.at)) * 1_000_000
    attributes: dict[str, Any] = {"event.id": message.uid}
    record = LogRecord(
        timestamp=at,
        observed_timestamp=at,
        severity_number=SeverityNumber(_SEVERITIES[message.severity]),
        severity_text=message.severity.name,
        body=message.body.decode("utf-8"),
        attributes=attributes,
        event_name=f"{PRODUCT.name}.{message.name}",
    )
    resource = Resource(
        {
            "service.name": PRODUCT.name,
            "service.version": message.version,
            "host.name": message.host,
        }
    )
    return ReadableLogRecord(record, resource, InstrumentationScope(PRODUCT.name, message.version))
