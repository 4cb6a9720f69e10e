"""Receivers: what they get is what their protocol says, and what they do wrong changes nothing but a message."""

import base64
import fcntl
import hashlib
import hmac
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.provenance.events.makers import DENIED, FOUND, poisoned
from tests.provenance.events.receivers import (
    Script,
    SyslogServer,
    authority,
    closed_port,
    parsed,
    web_server,
)
from weightmark.errors import CallError
from weightmark.provenance.events.event import CheckFact, Event, Subject, new_uid
from weightmark.provenance.events.forms import named
from weightmark.provenance.events.message import Message
from weightmark.provenance.events.sinks import Sink, SinkOptions, UndeliveredError, sink_of
from weightmark.provenance.events.sinks.interface import Fate
from weightmark.provenance.events.sinks.webhook import Webhook, parse_secret

SECRET = b"0123456789abcdef"
TOKEN = "hunter2"  # noqa: S105 - of nobody
JSON = named("json")


def messages(*events: Event, form: str = "json") -> list[Message]:
    return [Message.of(event, named(form)) for event in events or (DENIED,)]


def send(sink: Sink, sent: Sequence[Message], seconds: float = 10) -> None:
    sink.send(sent, time.monotonic() + seconds)


def options(tmp_path: Path, **more: object) -> SinkOptions:
    return SinkOptions(JSON, tmp_path / "spool", **more)  # type: ignore[arg-type]  # each test names real fields


# --- files and streams ----------------------------------------------------------------------------


def test_a_file_grows_by_a_line_an_event_and_is_its_owners_alone(tmp_path: Path) -> None:
    sink = sink_of(str(tmp_path / "events"), options(tmp_path))
    send(sink, messages(DENIED, FOUND))
    send(sink, messages(poisoned(FOUND)))
    lines = (tmp_path / "events").read_bytes().splitlines()
    assert [json.loads(line)["command"] for line in lines][:2] == ["gate", "scan"]
    assert len(lines) == 3
    assert stat.S_IMODE((tmp_path / "events").stat().st_mode) == 0o600


def test_a_file_that_ends_in_half_a_line_spoils_no_event(tmp_path: Path) -> None:
    (tmp_path / "events").write_bytes(b'{"half": ')
    send(sink_of(str(tmp_path / "events"), options(tmp_path)), messages())
    first, second = (tmp_path / "events").read_bytes().splitlines()
    assert first == b'{"half": '
    assert json.loads(second)["command"] == "gate"


def test_a_full_disk_leaves_no_half_a_line(tmp_path: Path) -> None:
    script = (
        "import resource, sys, time\n"
        "from tests.provenance.events.makers import DENIED\n"
        "from weightmark.provenance.events.forms import named\n"
        "from weightmark.provenance.events.message import Message\n"
        "from weightmark.provenance.events.sinks.file import FileSink\n"
        "from weightmark.provenance.events.sinks.interface import UndeliveredError\n"
        "event = Message.of(DENIED, named('json'))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(1.5 * len(event.body)),) * 2)\n"
        "for _ in range(3):\n"
        "    try:\n"
        "        FileSink(sys.argv[1]).send([event], time.monotonic() + 9)\n"
        "        print('taken')\n"
        "    except UndeliveredError:\n"
        "        print('lost')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "e")],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["taken", "lost", "lost"]
    assert (tmp_path / "e").read_bytes().endswith(b"}\n")
    assert len((tmp_path / "e").read_bytes().splitlines()) == 1


@pytest.mark.needs("ordinary_user")
def test_a_file_that_can_only_be_written_is_served_as_well(tmp_path: Path) -> None:
    (tmp_path / "e").touch(mode=0o200)
    send(sink_of(str(tmp_path / "e"), options(tmp_path)), messages())
    (tmp_path / "e").chmod(0o600)
    assert len((tmp_path / "e").read_bytes().splitlines()) == 1


def test_many_processes_write_whole_lines_into_one_file(tmp_path: Path) -> None:
    script = (
        "import sys, time\n"
        "from tests.provenance.events.makers import DENIED\n"
        "from weightmark.provenance.events.forms import named\n"
        "from weightmark.provenance.events.message import Message\n"
        "from weightmark.provenance.events.sinks.file import FileSink\n"
        "for _ in range(50):\n"
        "    FileSink(sys.argv[1]).send([Message.of(DENIED, named('json'))] * 20, time.monotonic() + 9)\n"
    )
    root = str(Path(__file__).parents[3])
    calls = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "e")], cwd=root)
        for _ in range(3)
    ]
    assert [call.wait(60) for call in calls] == [0, 0, 0]
    lines = (tmp_path / "e").read_bytes().splitlines()
    assert len(lines) == 3 * 50 * 20
    assert {json.loads(line)["uid"] for line in lines} == {DENIED.uid}


def test_a_pipe_that_nobody_reads_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UndeliveredError):
        send(sink_of(str(tmp_path / "pipe"), options(tmp_path)), messages())


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "gopher://example.com",
        "https://",
        "https://user:hunter2@example.com/x",
        "https://host:99999999/x",
        "https://[::1/x",
        "http://example.com/hook",
        "otlp+http://collector.example/v1/logs",
        "http://127.0.0.1.example.com/hook",
        "syslog://",
        "syslog://host/path",
        "syslog+tcp://host?x=hunter2",
        "file:///etc/passwd",
        "https://exa\nmple.com",
        "https://" + "a" * 5000,
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_read(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(CallError) as caught:
        sink_of(address, options(tmp_path))
    assert "hunter2" not in f"{caught.value.what}{caught.value.why}{caught.value.fix}"


@given(
    st.sampled_from(["https://", "syslog://", "syslog+tcp://", "otlp+https://", "http://", "x://"]),
    st.text(max_size=40),
)
def test_any_address_is_a_receiver_or_a_wrong_call(scheme: str, rest: str) -> None:
    try:
        sink = sink_of(scheme + rest, SinkOptions(JSON, Path("spool")))
    except CallError:
        return
    assert sink.is_remote
    assert "?" not in sink.name
    assert "@" not in sink.name


def test_the_name_of_a_web_address_tells_no_path_and_no_query(tmp_path: Path) -> None:
    sink = sink_of("https://hooks.example/services/T0/hunter2?token=hunter2", options(tmp_path))
    assert sink.name == "https://hooks.example"


# --- syslog ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["ocsf", "cef", "json"])
def test_syslog_over_tcp_is_framed_and_follows_its_grammar(tmp_path: Path, form: str) -> None:
    server = SyslogServer()
    sent = messages(DENIED, poisoned(DENIED), poisoned(FOUND), form=form)
    send(sink_of(f"syslog+tcp://127.0.0.1:{server.port}", options(tmp_path)), sent)
    came = [parsed(one) for one in server.messages(3)]
    assert [one["text"].encode() for one in came] == [one.body for one in sent]
    assert [one["pri"] for one in came] == ["107", "107", "106"]
    assert came[0]["element"] == "weightmark@32473"
    assert f'uid="{DENIED.uid}"' in came[0]["data"]
    assert came[0]["host"] == "ci-7"


def test_syslog_over_tls_needs_a_certificate_that_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = authority(tmp_path)
    server = SyslogServer(tls=context)
    sink = sink_of(f"syslog+tls://127.0.0.1:{server.port}", options(tmp_path))
    with pytest.raises(UndeliveredError):
        send(sink, messages(), seconds=3)
    assert not any(server.came)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(sink, messages(FOUND))
    texts = [json.loads(parsed(one)["text"])["command"] for one in server.messages(2)]
    assert sorted(texts) == ["gate", "scan"], "what was kept comes as well"


def test_a_connection_that_is_dropped_is_made_again(tmp_path: Path) -> None:
    server = SyslogServer(drops=1)
    send(sink_of(f"syslog+tcp://127.0.0.1:{server.port}", options(tmp_path)), messages())
    assert len(server.messages(1)) == 1


def test_syslog_over_udp_sends_the_short_form_of_what_does_not_fit(tmp_path: Path) -> None:
    server = SyslogServer(udp=True)
    checks = tuple(CheckFact(f"check {number}", "fail", "s" * 400) for number in range(50))
    large = replace(DENIED, checks=checks)
    sent = messages(DENIED, large)
    send(sink_of(f"syslog://127.0.0.1:{server.port}", options(tmp_path)), sent)
    first, second = (json.loads(parsed(one)["text"]) for one in server.messages(2))
    assert len(first["checks"]) == 4
    assert (second["truncated"], len(second["checks"])) == (True, 5)
    assert second["uid"] == DENIED.uid


def oversized(event: Event) -> Message:
    """Return a message that fits into no datagram however it is shortened."""
    (message,) = messages(event)
    return replace(message, body=b"x" * 9000, short=b"x" * 9000)


def test_one_event_that_is_too_long_keeps_no_other_back(tmp_path: Path) -> None:
    """A publisher hides no finding behind one whose name sorts first."""
    server = SyslogServer(udp=True)
    sent = [oversized(FOUND), *messages(DENIED), oversized(FOUND), *messages(FOUND)]
    with pytest.raises(UndeliveredError, match="2 of 4") as caught:
        send(sink_of(f"syslog://127.0.0.1:{server.port}", options(tmp_path)), sent)
    assert caught.value.fate is Fate.PARTLY
    texts = [json.loads(parsed(one)["text"])["command"] for one in server.messages(2)]
    assert texts == ["gate", "scan"]


@pytest.mark.parametrize("form", ["ocsf", "cef", "json"])
@pytest.mark.parametrize("letter", ["a", "\u00e9", "\U0001f600", "\ud800", "\n", "=", "\\"])
def test_however_long_names_are_a_datagram_takes_the_event(
    form: str, letter: str, tmp_path: Path
) -> None:
    server = SyslogServer(udp=True)
    name = letter * 5000
    finding = (
        replace(FOUND.finding, title=name, location=name, detail=name) if FOUND.finding else None
    )
    checks = tuple(CheckFact(f"{number} {name}", "fail", name) for number in range(50))
    found = replace(FOUND, subject=Subject(name), message=name, finding=finding)
    denied = replace(DENIED, subject=Subject(name), checks=checks, signers=(name,) * 20,
                     message=name, labels={f"l{number}": name for number in range(20)})  # fmt: skip
    sent = messages(found, denied, form=form)
    send(sink_of(f"syslog://127.0.0.1:{server.port}", options(tmp_path)), sent)
    assert all(len(one) <= 8192 for one in server.messages(2))


@pytest.mark.needs("rsyslog")
def test_rsyslog_reads_what_is_sent(tmp_path: Path) -> None:
    port = closed_port()
    config = tmp_path / "rsyslog.conf"
    out = tmp_path / "out"
    config.write_text(
        f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}")\n'
        'template(name="t" type="string" '
        'string="%hostname%|%programname%|%msgid%|%pri%|%structured-data%|%msg%\\n")\n'
        f'*.* action(type="omfile" file="{out}" template="t")\n'
    )
    words = ["rsyslogd", "-n", "-f", str(config), "-i", str(tmp_path / "pid")]
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        sink = sink_of(f"syslog+tcp://127.0.0.1:{port}", options(tmp_path))
        sent = messages(DENIED, poisoned(FOUND))
        deadline = time.monotonic() + 20
        while True:
            try:
                send(sink, sent)
                break
            except UndeliveredError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        while not out.exists() or len(out.read_bytes().splitlines()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        child.terminate()
        child.wait(20)
    lines = out.read_text().splitlines()
    assert lines[0].split("|")[:4] == ["ci-7", "weightmark", "GATE.DENY", "107"]
    bodies = [json.loads(line[line.index('{"act"') :]) for line in lines]
    assert {one["uid"] for one in bodies} == {DENIED.uid}
    assert bodies[1]["message"] == json.loads(sent[1].body)["message"], "to the letter"


# --- webhooks -------------------------------------------------------------------------------------


def test_a_webhook_gets_a_batch_that_it_can_verify(tmp_path: Path) -> None:
    script = Script()
    sent = messages(DENIED, FOUND)
    with web_server(script) as url:
        send(sink_of(f"{url}/hook?a=b", options(tmp_path, secret=SECRET, token=TOKEN)), sent)
    (came,) = script.requests
    assert came.path == "/hook?a=b"
    assert [one["command"] for one in json.loads(came.body)] == ["gate", "scan"]
    signed = b".".join(
        [came.headers["webhook-id"].encode(), came.headers["webhook-timestamp"].encode(), came.body]
    )
    mac = base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest()).decode()
    assert came.headers["webhook-signature"] == f"v1,{mac}"
    assert abs(int(came.headers["webhook-timestamp"]) - time.time()) < 60
    assert came.headers["authorization"] == f"Bearer {TOKEN}"
    assert came.headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed(tmp_path: Path) -> None:
    script = Script()
    with web_server(script) as url:
        send(sink_of(url, options(tmp_path)), messages())
    assert not {"webhook-signature", "authorization"} & set(script.requests[0].headers)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_receiver_that_is_busy_is_asked_again_with_the_same_id(status: int) -> None:
    script, pauses = Script([status, status]), [0.0]
    with web_server(script) as url:
        send(Webhook(url, JSON, pause=pauses.append), messages())
    assert len({one.headers["webhook-id"] for one in script.requests}) == 1
    assert len({one.body for one in script.requests}) == 1
    assert len(script.requests) == 3
    assert len(pauses) == 3


def test_a_receiver_is_waited_for_as_it_asks_and_never_past_the_bound() -> None:
    script, pauses = Script([503, 503], {"Retry-After": "3"}), [0.0]
    with web_server(script) as url:
        send(Webhook(url, JSON, pause=pauses.append), messages(), seconds=9)
    assert pauses[1:] == [3.0, 3.0]
    script = Script([503] * 9, {"Retry-After": "86400"})
    with web_server(script) as url, pytest.raises(UndeliveredError):
        send(Webhook(url, JSON, pause=lambda _: pytest.fail("it waited")), messages(), seconds=9)
    assert len(script.requests) == 1


def test_attempts_end_although_the_receiver_always_asks_for_another() -> None:
    script = Script([500] * 1000)
    with web_server(script) as url, pytest.raises(UndeliveredError):
        send(Webhook(url, JSON, pause=lambda _: None), messages())
    assert len(script.requests) == 4


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed_as_it_would_choose_another_receiver(status: int) -> None:
    other = Script()
    with web_server(other) as elsewhere:
        script = Script([status] * 9, {"Location": f"{elsewhere}/steal"})
        with web_server(script) as url, pytest.raises(UndeliveredError):
            send(Webhook(url, JSON, token=TOKEN, pause=lambda _: None), messages())
    assert not other.requests


@pytest.mark.parametrize(
    ("status", "again"), [(400, False), (413, False), (401, True), (404, True)]
)
def test_what_is_refused_for_ever_is_told_from_what_may_be_mended(status: int, again: bool) -> None:
    script = Script([status] * 9)
    with web_server(script) as url, pytest.raises(UndeliveredError) as caught:
        send(Webhook(url, JSON, pause=lambda _: None), messages())
    assert caught.value.again is again


def test_a_certificate_that_nobody_trusts_gets_no_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = authority(tmp_path)
    script = Script()
    with web_server(script, context) as url:
        with pytest.raises(UndeliveredError, match=r"certificate|self.signed"):
            send(Webhook(url, JSON, pause=lambda _: None), messages())
        assert not script.requests
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        send(Webhook(url, JSON), messages())
    assert len(script.requests) == 1


@pytest.mark.parametrize("kind", ["", "otlp+"])
def test_what_is_for_this_machine_goes_through_no_proxy(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, script = Script(), Script()
    with web_server(proxy) as elsewhere, web_server(script) as url:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, elsewhere)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        send(sink_of(f"{kind}{url}/v1/logs", options(tmp_path)), messages())
    assert proxy.requests == []
    assert len(script.requests) == 1


def test_a_lock_that_somebody_holds_for_ever_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "events").touch()
    with (tmp_path / "events").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        send(sink_of(str(tmp_path / "events"), options(tmp_path)), messages())
    assert len((tmp_path / "events").read_bytes().splitlines()) == 1


def test_errors_of_a_webhook_repeat_no_address(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/services/hunter2?key=hunter2"
    with pytest.raises(UndeliveredError) as caught:
        send(sink_of(url, options(tmp_path, token=TOKEN)), messages())
    assert "hunter2" not in caught.value.what


def test_large_batches_are_split() -> None:
    script = Script()
    many = [Message.of(replace(DENIED, uid=new_uid()), JSON)
            for _ in range(250)]  # fmt: skip
    with web_server(script) as url:
        send(Webhook(url, JSON), many)
    assert [len(json.loads(one.body)) for one in script.requests] == [100, 100, 50]
    assert len({one.headers["webhook-id"] for one in script.requests}) == 3


def test_cef_travels_as_lines_of_text() -> None:
    script = Script()
    with web_server(script) as url:
        send(Webhook(url, named("cef")), messages(DENIED, FOUND, form="cef"))
    (came,) = script.requests
    assert came.headers["content-type"] == "text/plain; charset=utf-8"
    assert [line[:6] for line in came.body.splitlines()] == [b"CEF:0|", b"CEF:0|"]


@pytest.mark.parametrize("text", ["short", "whsec_!!!", "whsec_AAAA", "x" * 5000])
def test_a_secret_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the caller puts it into words
        parse_secret(text)


def test_a_secret_of_standard_webhooks_is_read() -> None:
    text = "whsec_" + base64.b64encode(SECRET).decode()
    assert parse_secret(text) == SECRET
    assert parse_secret("plain-secret-of-words") == b"plain-secret-of-words"


# --- OpenTelemetry --------------------------------------------------------------------------------


def test_a_collector_gets_log_records_by_otlp(tmp_path: Path) -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    script = Script()
    sent = messages(DENIED, poisoned(FOUND), form="ocsf")
    with web_server(script) as url:
        send(sink_of(f"otlp+{url}/v1/logs", options(tmp_path, token=TOKEN)), sent)
    (came,) = script.requests
    assert (came.path, came.headers["authorization"]) == ("/v1/logs", f"Bearer {TOKEN}")
    body = came.body
    if came.headers.get("content-encoding") == "gzip":
        import gzip

        body = gzip.decompress(body)
    resource, other = ExportLogsServiceRequest.FromString(body).resource_logs
    known = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert (known["service.name"], known["host.name"]) == ("weightmark", "ci-7")
    assert known["service.version"] == "1.2.3"
    records = [*resource.scope_logs[0].log_records, *other.scope_logs[0].log_records]
    assert [one.body.string_value.encode() for one in records] == [one.body for one in sent]
    assert [one.severity_number for one in records] == [17, 21]
    assert records[0].event_name == "weightmark.gate.deny"
    assert records[0].time_unix_nano // 10**6 == int(DENIED.at.timestamp() * 1000)


@pytest.mark.parametrize("status", [302, 307])
def test_a_collector_cannot_send_events_elsewhere(status: int, tmp_path: Path) -> None:
    other = Script()
    with web_server(other) as elsewhere:
        script = Script([status] * 9, {"Location": f"{elsewhere}/steal"})
        with web_server(script) as url, pytest.raises(UndeliveredError):
            send(
                sink_of(f"otlp+{url}/v1/logs", options(tmp_path, token=TOKEN)),
                messages(),
                seconds=3,
            )
    assert other.requests == []


def test_a_collector_that_is_down_is_told_without_noise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sink = sink_of(f"otlp+http://127.0.0.1:{closed_port()}/v1/logs", options(tmp_path))
    with pytest.raises(UndeliveredError) as caught:
        send(sink, messages(), seconds=2)
    assert caught.value.fate is Fate.KEPT
    assert capfd.readouterr().err == ""
