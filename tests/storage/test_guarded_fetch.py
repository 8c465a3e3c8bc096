"""The guarded fetcher against sources on real sockets."""

from __future__ import annotations

import datetime as dt
import email.utils
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dailies.adapters.guarded_fetch import GuardedFetcher
from dailies.adapters.guarded_post import GuardedPoster
from dailies.domain.errors import FetchBrokenError, FetchRefusedError
from dailies.domain.outcomes import Base64Member, Download
from dailies.domain.ports import FetchedHead
from tests.storage.doubles import an_mp4
from tests.storage.sources import Fault, Source, inline_reply, serving

DATA = an_mp4(3_000_000)
QUICK = httpx.Timeout(0.5)


@pytest.fixture
def source() -> Iterator[Source]:
    with serving(Source(DATA)) as source:
        yield source


@pytest.fixture
def other() -> Iterator[Source]:
    with serving(Source(DATA)) as source:
        yield source


def fetcher(*sources: Source, **options: object) -> GuardedFetcher:
    pairs = frozenset(source.pair for source in sources)
    return GuardedFetcher(pairs, timeout=QUICK, **options)  # type: ignore[arg-type]


def fetch(
    guarded: GuardedFetcher, download: Download | str, start: int = 0, validator: str | None = None
) -> tuple[FetchedHead, bytes]:
    request = Download(url=download) if isinstance(download, str) else download
    try:
        with guarded.open(request, start=start, validator=validator) as (head, chunks):
            return head, b"".join(chunks)
    finally:
        guarded.close()


def test_file_comes_whole_when_nothing_goes_wrong(source: Source) -> None:
    head, data = fetch(fetcher(source), source.url())
    assert data == DATA
    assert head == FetchedHead(200, "video/mp4", len(DATA), 0, '"v1"')
    assert source.asked[0].headers["accept-encoding"] == "identity"
    assert "range" not in source.asked[0].headers


def test_rest_of_the_file_comes_when_a_range_is_asked_for(source: Source) -> None:
    head, data = fetch(fetcher(source), source.url(), start=1000, validator='"v1"')
    assert data == DATA[1000:]
    assert (head.status, head.start, head.total_bytes) == (206, 1000, len(DATA))
    assert source.asked[0].headers["if-range"] == '"v1"'


@pytest.mark.parametrize(
    "fault", [Fault(ranges=False), Fault(etag='"v2"')], ids=["no ranges", "changed"]
)
def test_whole_file_comes_when_the_range_is_not_honoured(source: Source, fault: Fault) -> None:
    source.faults = [fault]
    head, data = fetch(fetcher(source), source.url(), start=1000, validator='"v1"')
    assert (head.start, data) == (0, DATA)


def test_whole_file_comes_when_the_range_cannot_be_satisfied(source: Source) -> None:
    source.faults = [Fault(status=416)]
    head, data = fetch(fetcher(source), source.url(), start=9_000_000, validator='"v1"')
    assert (head.start, data) == (0, DATA)
    assert "range" not in source.asked[1].headers


@pytest.mark.parametrize("chunked", [False, True])
def test_what_came_is_good_when_the_stream_breaks(source: Source, chunked: bool) -> None:
    source.faults = [Fault(breaks_at=1_500_000, chunked=chunked)]
    guarded, got = fetcher(source), bytearray()
    with (
        pytest.raises(FetchBrokenError),
        guarded.open(Download(url=source.url())) as (_, chunks),
    ):
        for chunk in chunks:
            got += chunk
    guarded.close()
    assert got == DATA[: len(got)]
    assert len(got) > 1_400_000


@pytest.mark.parametrize(
    "fault",
    [
        Fault(content_range="bytes 0-2999999/3000000"),
        Fault(content_range="bytes 999-2999999/3000000"),
        Fault(content_range="something"),
        Fault(content_range=f"bytes 1000-2999999/{'9' * 5000}"),
    ],
)
def test_download_is_broken_when_another_range_comes_back(source: Source, fault: Fault) -> None:
    source.faults = [fault]
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(source), source.url(), start=1000, validator='"v1"')


def test_download_is_broken_when_the_source_falls_silent(source: Source) -> None:
    source.faults = [Fault(pause_s=1.2)]
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(source), source.url())


def test_download_is_broken_when_nobody_listens(source: Source) -> None:
    with serving(Source(DATA)) as gone:
        pass
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(gone), gone.url())


def test_download_is_broken_when_two_sizes_are_claimed(source: Source) -> None:
    source.faults = [Fault(headers=[("Content-Length", "5")])]
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(source), source.url())


@pytest.mark.parametrize(
    "modified",
    ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1400"],
)
def test_file_comes_without_validator_when_its_date_is_none(source: Source, modified: str) -> None:
    source.faults = [Fault(etag=None, headers=[("Last-Modified", modified), ("Date", modified)])]
    head, data = fetch(fetcher(source), source.url())
    assert (head.validator, data) == (None, DATA)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
def test_fetch_is_refused_with_its_status_when_the_source_says_no(
    source: Source, status: int
) -> None:
    source.faults = [Fault(status=status)]
    with pytest.raises(FetchRefusedError) as caught:
        fetch(fetcher(source), source.url("/video.mp4?signature=secret"))
    assert caught.value.status == status
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 204])
def test_download_is_broken_when_the_source_is_in_trouble(source: Source, status: int) -> None:
    source.faults = [Fault(status=status)]
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(source), source.url())


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-whatever"])
def test_fetch_is_refused_when_the_file_comes_encoded(source: Source, encoding: str) -> None:
    source.faults = [Fault(headers=[("Content-Encoding", encoding)])]
    with pytest.raises(FetchRefusedError):
        fetch(fetcher(source), source.url())


def validator_of(source: Source, fault: Fault) -> str | None:
    source.faults = [fault]
    return fetch(fetcher(source), source.url())[0].validator


def test_validator_is_only_what_if_range_may_carry(source: Source) -> None:
    now = dt.datetime.now(dt.UTC)
    old = email.utils.format_datetime(now - dt.timedelta(days=1), usegmt=True)
    date = email.utils.format_datetime(now, usegmt=True)
    modified = [("Last-Modified", old)]

    assert validator_of(source, Fault()) == '"v1"'
    assert validator_of(source, Fault(etag='W/"v1"')) is None
    assert validator_of(source, Fault(etag=None, headers=modified)) is None  # no Date to compare
    assert validator_of(source, Fault(etag=None, headers=[*modified, ("Date", date)])) == old
    just_now = [("Last-Modified", date), ("Date", date)]
    assert validator_of(source, Fault(etag=None, headers=just_now)) is None
    assert validator_of(source, Fault(etag=None, headers=[("Last-Modified", "never")])) is None


def test_credentials_stay_at_home_when_the_redirect_leads_to_another_origin(
    source: Source, other: Source
) -> None:
    source.redirects = {"/video.mp4": other.url("/on-the-cdn.mp4")}
    other.redirects = {"/on-the-cdn.mp4": source.url("/back.mp4")}
    secret = {"Authorization": "Bearer key", "X-Goog-Api-Key": "key", "Cookie": "a=b"}

    _, data = fetch(fetcher(source, other), Download(url=source.url(), headers=secret))

    assert data == DATA
    assert source.asked[0].headers["authorization"] == "Bearer key"
    for asked in (other.asked[0], source.asked[1]):  # not even on the way back
        assert not {"authorization", "x-goog-api-key", "cookie"} & set(asked.headers)


def test_credentials_go_along_when_the_redirect_stays_at_the_origin(source: Source) -> None:
    source.redirects = {"/video.mp4": "/moved.mp4"}
    fetch(fetcher(source), Download(url=source.url(), headers={"Authorization": "Bearer key"}))
    assert source.asked[1].headers["authorization"] == "Bearer key"


def test_range_is_asked_of_the_redirects_target(source: Source, other: Source) -> None:
    source.redirects = {"/video.mp4": other.url()}
    head, data = fetch(fetcher(source, other), source.url(), start=10, validator='"v1"')
    assert (head.start, data) == (10, DATA[10:])


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:9001/2018-06-01/runtime/invocation/next",
        "http://169.254.169.254/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://localhost/",
        "https://[::1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://user:pw@example.com/",
        "https://example.com:8443/",
        "http://example.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "https://[broken",
        "",
    ],
)
def test_fetch_is_refused_when_a_redirect_leads_somewhere_forbidden(
    source: Source, target: str
) -> None:
    source.redirects = {"/video.mp4": target}
    with pytest.raises(FetchRefusedError):
        fetch(fetcher(source), source.url())


def test_fetch_is_refused_when_it_is_redirected_too_often(source: Source) -> None:
    source.redirects = {f"/{i}": f"/{i + 1}" for i in range(5)}
    with pytest.raises(FetchRefusedError):
        fetch(fetcher(source), source.url("/0"))
    assert len(source.asked) == 4
    assert fetch(fetcher(source), source.url("/2"))[1] == DATA  # three are fine


def test_fetch_is_refused_when_the_host_is_not_the_vendors() -> None:
    guarded = GuardedFetcher(resolve=lambda host, port: ["93.184.216.34"])
    elsewhere = Download(url="https://elsewhere.example/")
    with pytest.raises(FetchRefusedError), guarded.open(elsewhere, hosts=["klingai.com"]):
        raise AssertionError("opened")


def test_fetch_is_refused_when_a_vendors_name_resolves_to_the_inside(source: Source) -> None:
    guarded = GuardedFetcher(resolve=lambda host, port: ["127.0.0.1"])
    with pytest.raises(FetchRefusedError):
        fetch(guarded, "https://cdn.klingai.com/video.mp4")
    assert source.asked == []


def test_inline_video_is_decoded_when_it_comes_as_base64(source: Source) -> None:
    source.data = inline_reply(DATA)
    download = Download(
        url=source.url("/operations"),
        method="POST",
        headers={"Authorization": "Bearer key"},
        body=b'{"operationName": "op"}',
        base64_member=Base64Member(path=("response", "videos", 0, "bytesBase64Encoded")),
    )
    head, data = fetch(fetcher(source), download, start=500, validator='"v1"')
    assert data == DATA
    assert (head.start, head.total_bytes, head.validator) == (0, None, None)
    asked = source.asked[0]
    assert (asked.method, asked.body) == ("POST", b'{"operationName": "op"}')
    assert "range" not in asked.headers


def test_inline_video_is_broken_when_the_reply_breaks_off(source: Source) -> None:
    source.data = inline_reply(DATA)
    source.faults = [Fault(breaks_at=1_000_000)]
    member = Base64Member(path=("response", "videos", 0, "bytesBase64Encoded"))
    with pytest.raises(FetchBrokenError):
        fetch(fetcher(source), Download(url=source.url(), base64_member=member))


def test_fetch_is_refused_when_a_post_is_redirected(source: Source, other: Source) -> None:
    source.redirects = {"/video.mp4": other.url()}
    with pytest.raises(FetchRefusedError):
        fetch(fetcher(source, other), Download(url=source.url(), method="POST", body=b"{}"))
    assert other.asked == []


# ---------------------------------------------------------------- TLS


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's and a client's context around a fresh certificate for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    try:
        san: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        san = x509.DNSName(name)
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([san]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.create_default_context(
        cadata=cert.public_bytes(serialization.Encoding.PEM).decode()
    )
    return server, client


def test_tls_checks_the_name_when_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    server, client = certificate(tmp_path, "cdn.klingai.test")
    with serving(Source(DATA), server) as source:
        allow = frozenset({f"cdn.klingai.test:{source.port}", f"evil.test:{source.port}"})

        def guarded() -> GuardedFetcher:
            return GuardedFetcher(
                allow, resolve=lambda host, port: ["127.0.0.1"], tls=client, timeout=QUICK
            )

        _, data = fetch(guarded(), f"https://cdn.klingai.test:{source.port}/video.mp4")
        assert data == DATA
        assert source.asked[0].headers["host"] == f"cdn.klingai.test:{source.port}"
        with pytest.raises(FetchBrokenError):
            fetch(guarded(), f"https://evil.test:{source.port}/video.mp4")
        assert len(source.asked) == 1


# ---------------------------------------------------------------- webhooks


def poster(*sources: Source) -> GuardedPoster:
    return GuardedPoster(frozenset(source.pair for source in sources))


def test_answer_is_returned_short_when_a_webhook_is_posted(source: Source) -> None:
    status, body = poster(source).post(source.url("/hook"), {"webhook-id": "evt"}, b"{}", 2.0)
    assert (status, body) == (200, DATA[:1024])
    asked = source.asked[0]
    assert (asked.method, asked.body, asked.headers["webhook-id"]) == ("POST", b"{}", "evt")


def test_redirect_is_an_answer_when_a_webhook_is_posted(source: Source, other: Source) -> None:
    source.redirects = {"/hook": other.url()}
    status, _ = poster(source, other).post(source.url("/hook"), {}, b"{}", 2.0)
    assert status == 302
    assert other.asked == []


@pytest.mark.parametrize(
    "fault", [Fault(pause_s=1.0), Fault(drip_s=0.05)], ids=["silent", "dripping"]
)
def test_post_is_broken_when_no_answer_comes_in_time(source: Source, fault: Fault) -> None:
    source.faults = [fault]
    with pytest.raises(FetchBrokenError):
        poster(source).post(source.url("/hook"), {}, b"{}", 0.4)


@pytest.mark.parametrize(
    "url", ["http://example.com/hook", "https://localhost/hook", "https://169.254.169.254/"]
)
def test_post_is_refused_when_the_address_is_not_public(url: str) -> None:
    with pytest.raises(FetchRefusedError):
        GuardedPoster().post(url, {}, b"{}", 1.0)
