"""What every provider must do, on its own recorded replies. A new one is picked up by itself."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from provider_cases import FIXTURES, Case, attempt, build, cases, request_for, settings
from pydantic import BaseModel

from dailies.domain.catalogue import CallbackKind, load_catalogue
from dailies.domain.errors import (
    ProviderError,
    ProviderRejectedError,
    ProviderThrottledError,
    ProviderUnavailableError,
    SubmitUnknownError,
)
from dailies.domain.outcomes import Handle, Output, Pending
from dailies.domain.ports import CallsBack, Cancels, LooksUp, Provider
from dailies.providers import names

ALWAYS = {
    "submit_auth", "submit_balance", "submit_moderation", "submit_throttled", "submit_server_error",
    "poll_pending", "poll_succeeded", "poll_no_output", "poll_failed", "poll_blocked",
    "poll_server_error", "download_output",
}  # fmt: skip
LOOKUP = {"lookup_found", "lookup_empty"}
CALLBACK = {"callback_ended", "callback_under_way", "callback_of_another"}
CANCEL = {"cancel_running", "cancel_ended"}
MOST_READS = 5
"""A look-up may ask in several places."""
JUNK = [
    "", "null", "[]", "{}", "42", '"text"', "<html>502 Bad Gateway</html>", "[" * 5000, '{"data":',
    '{"code":0,"data":7}', '{"code":0,"data":["x",null]}', '{"code":[],"message":{}}', "\x00\xff",
    '{"name":7,"done":"yes"}', '{"error":"text"}', '[{"error":{"code":500}}]', '{"data":{"id":{}}}',
    '{"error":{"code":true,"message":[],"details":{}}}',
]  # fmt: skip

VENDORS = names()
DIALECTS = [
    pytest.param(case, id=f"{v}-{case.name}")
    for v in VENDORS
    for case in cases(v)
    if case.name.startswith("poll_pending")
]
"""A task under way in each form that a vendor's handles have; `model` says whose it is."""
EVERY_CASE = [pytest.param(case, id=f"{v}-{case.name}") for v in VENDORS for case in cases(v)]


@pytest.mark.parametrize("vendor", VENDORS)
def test_cases_are_complete_when_a_provider_is_discovered(vendor: str) -> None:
    assert sorted(_required(vendor) - _present(vendor)) == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_requests_are_written_down_when_a_case_is_about_them(vendor: str) -> None:
    models = load_catalogue().vendor(vendor).models
    modes = {f"submit_{mode}" for model in models for mode in model.modes}
    wanted = modes | {"poll_pending", "lookup_found"}

    silent = [c.name for c in cases(vendor) if c.name in wanted and not c.data.get("requests")]

    assert silent == []


def _present(vendor: str) -> set[str]:
    return {case.name for case in cases(vendor)}


def _required(vendor: str) -> set[str]:
    spec = load_catalogue().vendor(vendor)
    provider, _ = build(vendor, [])
    wanted = ALWAYS | {f"submit_{mode}" for model in spec.models for mode in model.modes}
    wanted |= LOOKUP if isinstance(provider, LooksUp) else set()
    wanted |= CANCEL if isinstance(provider, Cancels) else set()
    return wanted | (CALLBACK if isinstance(provider, CallsBack) else set())


@pytest.mark.parametrize("vendor", VENDORS)
def test_catalogue_and_adapter_agree_when_a_capability_is_optional(vendor: str) -> None:
    spec = load_catalogue().vendor(vendor)
    provider, _ = build(vendor, [])

    assert isinstance(provider, LooksUp) == (spec.lookup != "none")
    assert isinstance(provider, CallsBack) == (spec.callbacks is not CallbackKind.NONE)
    assert isinstance(provider, Cancels) == spec.cancel
    assert (FIXTURES / vendor).is_dir()


@pytest.mark.parametrize("case", EVERY_CASE)
def test_adapter_does_what_its_case_says_when_the_vendor_answers_so(case: Case) -> None:
    expected = case.data["expect"]
    provider, wire = build(case.vendor, list(case.data.get("replies", [])))

    if "error" in expected:
        with pytest.raises(ProviderError) as caught:
            _call(provider, case)
        assert _facts_of(caught.value, expected["error"]) == expected["error"]
        _assert_silent(caught.value, case.vendor)
    else:
        answer = _call(provider, case)
        assert _contains(_plain(answer), expected["answer"])
        assert not _secrets_in(json.dumps(_kept(answer)), case.vendor)
    if "requests" in case.data:
        assert [_asked(request) for request in wire.asked] == case.data["requests"]


@pytest.mark.parametrize("case", [p for p in EVERY_CASE if p.values[0].call == "download"])
def test_result_may_be_fetched_when_its_address_is_checked(case: Case) -> None:
    hosts = load_catalogue().vendor(case.vendor).download_hosts
    provider, _ = build(case.vendor, [])

    download = _call(provider, case)

    host = httpx.URL(download.url).host
    assert any(host == one or host.endswith(f".{one}") for one in hosts or [host])
    assert hosts or not download.headers


def _call(provider: Provider, case: Case) -> Any:
    given = case.data.get("given", {})
    calls: dict[str, Callable[[], Any]] = {
        "submit": lambda: provider.submit(_request(case, given), attempt()),
        "poll": lambda: provider.poll(_handle(case)),
        "lookup": lambda: provider.lookup(attempt(), given.get("model", "")),  # type: ignore[attr-defined]
        "callback": lambda: provider.callback(  # type: ignore[attr-defined]
            attempt(), given.get("headers", {}), json.dumps(given["body"]).encode()
        ),
        "download": lambda: provider.download(Output.model_validate(given["output"])),
        "cancel": lambda: provider.cancel(_handle(case)),  # type: ignore[attr-defined]
    }
    return calls[case.call]()


def _handle(case: Case) -> Handle:
    given = case.data["given"]
    return Handle(vendor=case.vendor, version=given.get("version", 1), data=given["handle"])


def _request(case: Case, given: dict[str, Any]) -> Any:
    spec = load_catalogue().vendor(case.vendor)
    modes = {str(mode) for model in spec.models for mode in model.modes}
    named = case.name.removeprefix("submit_")
    mode = next((m for m in sorted(modes, key=len, reverse=True) if named.startswith(m)), None)
    return request_for(case.vendor, mode or "text_to_video", given)


def _plain(answer: Any) -> Any:
    """Return an answer as JSON; what it is called stands under `type`."""
    if not isinstance(answer, BaseModel):
        return answer
    members = answer.model_dump(mode="json")
    for name, value in members.items():
        if isinstance(getattr(answer, name), bytes):
            members[name] = json.loads(value)
    return {"type": type(answer).__name__} | members


def _kept(answer: Any) -> Any:
    """Return what of an answer goes into the ledger: not a download, which is used at once."""
    return None if type(answer).__name__ == "Download" else _plain(answer)


def _contains(whole: Any, part: Any) -> bool:
    """Whether `whole` has all that `part` has: objects may have more members."""
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(k in whole and _contains(whole[k], v) for k, v in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        pairs = zip(whole, part, strict=False)
        return len(whole) == len(part) and all(_contains(w, p) for w, p in pairs)
    return bool(whole == part)


def _facts_of(error: ProviderError, wanted: dict[str, Any]) -> dict[str, Any]:
    facts = {"type": type(error).__name__}
    return facts | {k: getattr(error, k) for k in wanted if k != "type"}


def _asked(request: httpx.Request) -> dict[str, Any]:
    """Return a request as fixtures write it; the body only where there is one."""
    asked: dict[str, Any] = {"method": request.method, "url": str(request.url)}
    keys = ("authorization", "x-goog-api-key")
    asked |= {name: request.headers[name] for name in keys if name in request.headers}
    return asked | ({"json": json.loads(request.content)} if request.content else {})


# ---------------------------------------------------------------- the same for all


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (httpx.ConnectError("x"), ProviderUnavailableError),
        (httpx.ConnectTimeout("x"), ProviderUnavailableError),
        (httpx.ReadTimeout("x"), SubmitUnknownError),
        (httpx.ReadError("x"), SubmitUnknownError),
        (httpx.RemoteProtocolError("x"), SubmitUnknownError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_submit_is_unknown_only_when_it_may_have_arrived(
    dialect: Case, failure: Exception, expected: type[Exception]
) -> None:
    provider, _ = build(dialect.vendor, [failure])

    with pytest.raises(expected) as caught:
        provider.submit(_any_request(dialect), attempt())
    _assert_silent(caught.value, dialect.vendor)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x")])
def test_reads_find_nothing_out_when_the_network_fails(dialect: Case, failure: Exception) -> None:
    provider, _ = build(dialect.vendor, [failure, failure])

    with pytest.raises(ProviderUnavailableError):
        provider.poll(_handle(dialect))
    if "lookup_found" in _present(dialect.vendor) and isinstance(provider, LooksUp):
        with pytest.raises(ProviderUnavailableError):
            provider.lookup(attempt(), _model(dialect))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_no_task_is_invented_when_a_submit_is_answered_with_junk(dialect: Case, body: str) -> None:
    statuses = (200, 202, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504)
    provider, _ = build(dialect.vendor, [{"status": status, "text": body} for status in statuses])
    for status in statuses:
        with pytest.raises(ProviderError) as caught:
            provider.submit(_any_request(dialect), attempt())
        if status in (200, 202, 302, 408, 500, 502, 504):
            assert isinstance(caught.value, SubmitUnknownError), status
        elif status == 429:
            assert isinstance(caught.value, ProviderThrottledError | ProviderUnavailableError)
        elif status != 503:
            assert isinstance(caught.value, ProviderRejectedError | ProviderUnavailableError)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
def test_no_end_is_invented_when_a_read_is_answered_with_junk(dialect: Case, body: str) -> None:
    statuses = (200, 302, 400, 401, 403, 404, 429, 500, 503)
    replies = [{"status": status, "text": body} for status in statuses]
    handle, model = _handle(dialect), _model(dialect)
    provider, wire = build(dialect.vendor, [*replies])
    for _ in statuses:
        assert _outcome(lambda: provider.poll(handle)) in ("Pending", "nothing")
    for reply in replies:
        wire.replies = [reply] * MOST_READS
        if isinstance(provider, LooksUp):
            assert _outcome(lambda: provider.lookup(attempt(), model)) in ("CannotTell", "nothing")


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b"\xff\xfe", b"[" * 5000, b'{"id":7}']
)
def test_callback_is_ignored_when_it_is_junk(vendor: str, body: bytes) -> None:
    provider, _ = build(vendor, [])

    if isinstance(provider, CallsBack):
        assert provider.callback(attempt(), {}, body) is None


@pytest.mark.parametrize(
    "case", [param for param in EVERY_CASE if param.values[0].data.get("replies")]
)
def test_adapter_answers_by_its_port_when_any_member_of_a_reply_is_junk(case: Case) -> None:
    replies = case.data["replies"]
    broken = [
        [*replies[:i], {**reply, "json": document}, *replies[i + 1 :]]
        for i, reply in enumerate(replies)
        for document in _mutants(reply.get("json"))
    ]
    provider, wire = build(case.vendor, [])

    for answers in broken:
        wire.replies = answers + [answers[-1]] * MOST_READS
        try:
            answer = _call(provider, case)
        except ProviderError as error:
            _assert_silent(error, case.vendor)
        else:
            assert isinstance(answer, BaseModel) or (case.call == "cancel" and answer is None)


def _mutants(document: Any) -> list[Any]:
    """Return the document with each of its members, at any depth, replaced by each kind of junk."""
    found: list[Any] = [None, 7, -1.5, True, "", "junk", [], [None], {}, {"x": 1}, "9" * 40]
    if isinstance(document, dict):
        for name, value in document.items():
            found += [document | {name: mutant} for mutant in _mutants(value)]
            found.append({k: v for k, v in document.items() if k != name})
    if isinstance(document, list):
        for i, value in enumerate(document):
            found += [[*document[:i], mutant, *document[i + 1 :]] for mutant in _mutants(value)]
    return found


@pytest.mark.parametrize("dialect", DIALECTS)
def test_error_is_silent_when_the_vendor_echoes_our_secrets(dialect: Case) -> None:
    vendor = dialect.vendor
    secret = " ".join(settings(vendor)["secret"].values())
    replies = [
        {
            "status": status,
            "json": {"code": 1200, "message": secret, "error": {"code": 7, "message": secret}},
        }
        for status in (200, 400, 401, 429, 500)
    ]
    handle = _handle(dialect)
    provider, _ = build(vendor, [*replies, *replies])
    asks: list[Callable[[], Any]] = [
        *[lambda: provider.submit(_any_request(dialect), attempt())] * len(replies),
        *[lambda: provider.poll(handle)] * len(replies),
    ]
    for ask in asks:
        with pytest.raises(ProviderError) as caught:
            ask()
        _assert_silent(caught.value, vendor)


@pytest.mark.parametrize("vendor", VENDORS)
def test_adapter_is_silent_when_it_is_shown(vendor: str) -> None:
    provider, _ = build(vendor, [])

    assert not _secrets_in(repr(provider), vendor)


def _outcome(ask: Callable[[], Any]) -> str:
    try:
        answer = ask()
    except (ProviderUnavailableError, ProviderThrottledError):
        return "nothing"
    return "Pending" if isinstance(answer, Pending) else type(answer).__name__


def _any_request(dialect: Case) -> Any:
    given = {"model": _model(dialect)} if _model(dialect) else {}
    return request_for(dialect.vendor, "text_to_video", given)


def _model(dialect: Case) -> str:
    return dialect.data["given"].get("model", "")


def _assert_silent(error: BaseException, vendor: str) -> None:
    """Fail where a secret stands in anything that a log may show of an error."""
    shown = "".join(traceback.format_exception(error))
    members = {k: v for k, v in vars(error).items() if isinstance(v, str)}
    shown += repr(error) + json.dumps(members)
    assert not _secrets_in(shown, vendor)


def _secrets_in(text: str, vendor: str) -> list[str]:
    data = settings(vendor)
    hidden = [data["secret"][name] for name in data["hidden"]] + data.get("hidden_values", [])
    lines = [
        line for value in hidden for line in value.splitlines() if not line.startswith("-----")
    ]
    return [line[:4] for line in lines if len(line) > 30 and line in text]
