"""The HTTPS API, one conversation at a time, over fakes."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from dailies.domain.assets import Asset, AssetKind
from dailies.domain.attempts import Attempt, AttemptFailure, AttemptState
from dailies.domain.catalogue import Input, Lifecycle, Mode
from dailies.domain.changes import Draft
from dailies.domain.errors import ConfigurationError, ConflictError, StorageError
from dailies.domain.events import EventType
from dailies.domain.ids import attempt_id
from dailies.domain.jobs import Charged, Job, JobState
from dailies.domain.outcomes import Handle
from dailies.domain.ports import ObjectHead
from dailies.handlers.api import handler
from dailies.handlers.api.dispatch import MAX_BODY_BYTES
from dailies.services.share_asset import create_link, revoke_link
from tests.fakes.api import START, TENANT, TRACE_ID, ApiClient, ApiFakes, Reply, api_event

BODY = {"kind": "text_to_video", "model": "kling/kling-3.0", "prompt": "a red fox"}
OTHER = "umbrella"


@pytest.fixture
def fakes() -> ApiFakes:
    return ApiFakes()


@pytest.fixture
def api(fakes: ApiFakes) -> ApiClient:
    return ApiClient(handler, fakes)


@pytest.fixture
def stranger(fakes: ApiFakes) -> ApiClient:
    return ApiClient(handler, fakes, tenant=OTHER)


def create(api: ApiClient, key: str = "key-1", **changed: Any) -> Reply:
    return api.post("/v1/jobs", BODY | changed, headers={"Idempotency-Key": key})


def created(api: ApiClient, fakes: ApiFakes, **changed: Any) -> Job:
    job = fakes.ledger.job(create(api, **changed).json["job_id"])
    assert job is not None
    return job


def problem(reply: Reply, status: int, code: str) -> dict[str, Any]:
    """Assert the problem document's frame, and return it."""
    assert (reply.status, reply.headers["Content-Type"]) == (status, "application/problem+json")
    body = reply.json
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:dailies:problem:{code}"
    assert body["trace_id"] == TRACE_ID
    return body


def with_lifecycle(fakes: ApiFakes, lifecycle: Lifecycle) -> None:
    """Date the model of `BODY`."""
    kling = fakes.catalogue.vendors["kling"]
    models = [m.model_copy(update={"lifecycle": lifecycle}) for m in kling.models]
    vendors = {**fakes.catalogue.vendors, "kling": kling.model_copy(update={"models": models})}
    fakes.catalogue = fakes.catalogue.model_copy(update={"vendors": vendors})


def with_inputs(fakes: ApiFakes, mode: Mode, *inputs: str) -> None:
    """Give the model of `BODY` a mode that takes these inputs."""
    kling = fakes.catalogue.vendors["kling"]
    known = kling.models[0].modes[Mode.TEXT_TO_VIDEO]
    spec = known.model_copy(update={"inputs": dict.fromkeys(map(Input, inputs), "optional")})
    models = [m.model_copy(update={"modes": {**m.modes, mode: spec}}) for m in kling.models]
    vendors = {**fakes.catalogue.vendors, "kling": kling.model_copy(update={"models": models})}
    fakes.catalogue = fakes.catalogue.model_copy(update={"vendors": vendors})


class TestCreating:
    def test_job_is_queued_and_started_when_the_request_is_good(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        reply = create(api, duration_s=10, metadata={"scene": "12"})

        job_id = reply.json["job_id"]
        assert reply.status == 202
        assert reply.headers["Location"] == f"/v1/jobs/{job_id}"
        assert int(reply.headers["Retry-After"]) >= 1
        assert (reply.json["state"], reply.json["charged"]) == ("queued", "no")
        assert reply.json["estimate_usd"] == "0.840"
        assert reply.json["metadata"] == {"scene": "12"}
        assert fakes.workflow.started == [(job_id, 1)]

    def test_sweeper_is_told_when_to_look_when_a_job_is_created(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        job = created(api, fakes)

        assert job.due_at == START + dt.timedelta(seconds=60)
        assert job.deadline_at == START + dt.timedelta(hours=2)
        (event,) = fakes.ledger.events(job.job_id)
        assert (event.seq, event.type) == (1, EventType.JOB_QUEUED)

    @pytest.mark.parametrize("error", [None, StorageError("no answer")])
    def test_answer_is_still_202_when_the_start_is_refused_or_lost(
        self, api: ApiClient, fakes: ApiFakes, error: Exception | None
    ) -> None:
        fakes.workflow.starts, fakes.workflow.error = False, error

        assert create(api).status == 202

    def test_stored_answer_comes_again_when_the_request_is_repeated(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        first = create(api)
        reordered = dict(reversed(BODY.items())) | {"lenient": False}
        again = api.post("/v1/jobs", reordered, headers={"Idempotency-Key": "key-1"})

        assert (again.status, again.text) == (202, first.text)
        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.headers["Location"] == first.headers["Location"]
        assert "Idempotency-Replayed" not in first.headers
        assert len(fakes.workflow.started) == 1

    def test_request_is_refused_when_its_key_belongs_to_another_one(self, api: ApiClient) -> None:
        create(api)

        problem(create(api, prompt="a blue fox"), 422, "idempotency_key_reused")

    def test_keys_are_apart_when_tenants_differ(self, api: ApiClient, stranger: ApiClient) -> None:
        assert create(api).json["job_id"] != create(stranger).json["job_id"]

    def test_answer_is_conflict_when_the_same_key_is_in_flight(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        def busy(phase: str, write: str) -> None:
            raise ConflictError("the transaction met another one")

        fakes.ledger.interrupt = busy

        reply = create(api)

        assert problem(reply, 409, "conflict")["retryable"] is True
        assert reply.headers["Retry-After"] == "1"

    def test_charge_is_unknown_when_the_ledger_does_not_answer(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        def lost(phase: str, write: str) -> None:
            if phase == "after":
                raise StorageError("no answer")

        fakes.ledger.interrupt = lost
        body = problem(create(api), 503, "storage_unavailable")
        fakes.ledger.interrupt = lambda phase, write: None

        assert (body["charged"], body["retryable"]) == ("unknown", True)
        assert "Idempotency-Key" in body["hint"]
        assert create(api).headers["Idempotency-Replayed"] == "true"

    @pytest.mark.parametrize("key", [None, "", "with space", "é", "k" * 256])
    def test_request_is_refused_when_its_key_is_missing_or_odd(
        self, api: ApiClient, key: str | None
    ) -> None:
        headers = {} if key is None else {"Idempotency-Key": key}

        body = problem(api.post("/v1/jobs", BODY, headers=headers), 400, "invalid_parameter")

        assert body["errors"][0]["pointer"] == "header/Idempotency-Key"

    @pytest.mark.parametrize(
        ("changed", "pointer"),
        [
            ({"model": "kling/kling-9"}, "/model"),
            ({"fallbacks": ["nobody/nothing"]}, "/fallbacks/0"),
            ({"duration_s": 599}, "/duration_s"),
            ({"duration_s": "5"}, "/duration_s"),
            ({"lenient": "yes"}, "/lenient"),
            ({"prompt": "x" * 9000}, "/prompt"),
            ({"colour": "red"}, "/colour"),
            ({"notify": {"webhook": {"url": "ftp://x"}}}, "/notify/webhook/url"),
            ({"notify": {"webhook": {"url": "http://hooks.example"}}}, "/notify/webhook/url"),
            ({"notify": {"webhook": {"url": "https://localhost/x"}}}, "/notify/webhook/url"),
            ({"notify": {"email": ["a@b.example", 5]}}, "/notify/email/1"),
            ({"duration_s": 5.5}, "/duration_s"),
            ({"image": {"asset_id": "ast_01JCZ5W2A0B1C2D3E4F5G6H7J8"}}, "/image"),
        ],
    )
    def test_field_is_named_when_it_cannot_be_carried_out(
        self, api: ApiClient, fakes: ApiFakes, changed: dict[str, Any], pointer: str
    ) -> None:
        body = problem(create(api, **changed), 422, "invalid_request")

        assert pointer in [e["pointer"] for e in body["errors"]]
        assert body["charged"] == "no"
        assert fakes.workflow.started == []

    @pytest.mark.parametrize("url", ["https://hooks.example/x", "http://127.0.0.1:8123/x"])
    def test_webhook_is_taken_when_it_is_public_or_the_stage_allows_it(
        self, api: ApiClient, url: str
    ) -> None:
        assert create(api, notify={"webhook": {"url": url}}).status == 202

    def test_input_is_refused_when_it_is_another_tenants(
        self, api: ApiClient, stranger: ApiClient
    ) -> None:
        upload = stranger.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 9})
        theirs = {"asset_id": upload.json["asset_id"]}

        reply = create(api, kind="image_to_video", image=theirs)

        problem(reply, 422, "invalid_request")

    def test_each_missing_input_is_named_when_assets_do_not_exist(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        with_inputs(fakes, Mode.VIDEO_EXTEND, "video", "references")
        upload = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 9}).json
        mine = {"asset_id": upload["asset_id"]}
        none = {"asset_id": "ast_01JCZ5W2A0B1C2D3E4F5G6H7J8"}

        reply = create(api, kind="video_extend", video=none, references=[mine, none])

        pointers = [error["pointer"] for error in problem(reply, 422, "invalid_request")["errors"]]
        assert pointers == ["/video/asset_id", "/references/1/asset_id"]

    def test_whole_number_is_taken_when_it_is_written_with_a_point(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        text = json.dumps(BODY | {"duration_s": 5.0})
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}

        assert api.call("POST", "/v1/jobs", body=text, headers=headers).status == 202

    def test_replacement_is_named_when_the_model_has_retired(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        retired = Lifecycle(retires_on=START.date(), replacement="kling/kling-4.0")
        with_lifecycle(fakes, retired)

        body = problem(create(api), 410, "model_retired")

        assert body["hint"] == "Use kling/kling-4.0."
        assert body["errors"][0]["pointer"] == "/model"

    def test_dates_are_told_when_the_model_is_deprecated(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        dates = Lifecycle(deprecated_on=dt.date(2026, 11, 1), retires_on=dt.date(2027, 2, 1))
        with_lifecycle(fakes, dates)

        for reply in (first := create(api), api.get(first.headers["Location"])):
            assert reply.headers["Deprecation"] == "@1793491200"
            assert reply.headers["Sunset"] == "Mon, 01 Feb 2027 00:00:00 GMT"


class TestReading:
    def test_nothing_is_sent_when_the_job_has_not_changed(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        path = create(api).headers["Location"]
        tag = api.get(path).headers["ETag"]

        same = api.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
        api.post(f"{path}/cancel")
        changed = api.get(path, headers={"If-None-Match": tag})

        assert (same.status, same.text, same.headers["ETag"]) == (304, "", tag)
        assert (changed.status, changed.json["state"]) == (200, "canceling")

    def test_answer_waits_for_a_change_when_that_is_preferred(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        job = created(api, fakes)
        sleep = fakes.clock.sleep

        def sleep_and_change(seconds: float) -> None:
            sleep(seconds)
            if len(fakes.clock.slept) == 3:
                started = Draft(job=job, now=fakes.clock.now()).set(state=JobState.RUNNING)
                fakes.ledger.apply(started.change())

        fakes.clock.sleep = sleep_and_change  # type: ignore[method-assign]

        reply = api.get(f"/v1/jobs/{job.job_id}", headers={"Prefer": "wait=10"})

        assert (reply.status, reply.json["state"]) == (200, "running")
        assert reply.headers["Preference-Applied"] == "wait=10"
        assert len(fakes.clock.slept) == 3

    @pytest.mark.parametrize(
        ("prefer", "applied", "waited_s"),
        [
            ("wait=3", "wait=3", 3),
            ("respond-async, wait=99999", "wait=20", 20),
            ("wait=0", "wait=0", 0),
            ("wait=x", None, 0),
            ("handling=lenient", None, 0),
        ],
    )
    def test_wait_is_bounded_when_nothing_changes(
        self, api: ApiClient, fakes: ApiFakes, prefer: str, applied: str | None, waited_s: int
    ) -> None:
        path = create(api).headers["Location"]
        tag = api.get(path).headers["ETag"]

        reply = api.get(path, headers={"Prefer": prefer, "If-None-Match": tag})

        assert reply.status == 304
        assert reply.headers.get("Preference-Applied") == applied
        assert sum(fakes.clock.slept) == waited_s

    def test_answer_does_not_wait_when_the_caller_has_an_older_version(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        path = create(api).headers["Location"]

        reply = api.get(path, headers={"Prefer": "wait=20", "If-None-Match": '"old"'})

        assert (reply.status, fakes.clock.slept) == (200, [])

    def test_ended_job_tells_its_results_when_it_succeeded(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        job = created(api, fakes)
        asset = "ast_01JCZ5W2A0B1C2D3E4F5G6H7J8"
        ended = Draft(job=job, now=START).set(
            state=JobState.SUCCEEDED, assets=[asset], charged=Charged.YES, attempt=1
        )
        fakes.ledger.apply(ended.change())

        reply = api.get(f"/v1/jobs/{job.job_id}", headers={"Prefer": "wait=20"})

        assert reply.json["outputs"] == [
            {
                "asset_id": asset,
                "asset": f"/v1/assets/{asset}",
                "download": f"/v1/assets/{asset}/download-url",
            }
        ]
        assert reply.json["attempt"]["vendor"] == "kling"
        assert "Retry-After" not in reply.headers
        assert fakes.clock.slept == []

    def test_task_token_and_handle_stay_inside_when_a_job_is_read(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        job = created(api, fakes)
        attempt = Attempt(
            job_id=job.job_id,
            number=1,
            attempt_id=attempt_id(job.job_id, 1),
            vendor="kling",
            model="kling-3.0",
            state=AttemptState.FAILED,
            created_at=START,
            handle=Handle(vendor="kling", data={"task": "handle-secret"}),
            failure=AttemptFailure(code="vendor_failed", message="It failed."),
        )
        begun = Draft(job=job, now=START).write_attempt(attempt, was=None)
        fakes.ledger.apply(begun.change())
        fakes.ledger.put_token(job.job_id, run=1, seen=0, token="token-secret")
        path = f"/v1/jobs/{job.job_id}"

        texts = [api.get(path + part).text for part in ("", "/attempts", "/events")]

        assert not any("secret" in text for text in texts)
        (shown,) = api.get(f"{path}/attempts").json["items"]
        assert (shown["state"], shown["failure"]["code"]) == ("failed", "vendor_failed")

    def test_events_go_on_where_they_ended_when_paged(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        path = create(api).headers["Location"]
        api.post(f"{path}/cancel")

        first = api.get(f"{path}/events", query="limit=1")
        second = api.get(f"{path}/events", query=f"after={first.json['next_after']}")

        assert [e["type"] for e in first.json["items"]] == ["job.queued"]
        assert [e["type"] for e in second.json["items"]] == ["job.canceling"]
        assert second.json["next_after"] is None

    def test_jobs_come_newest_first_when_listed_page_by_page(
        self, api: ApiClient, fakes: ApiFakes, stranger: ApiClient
    ) -> None:
        ids: list[str] = []
        for n in range(3):
            fakes.clock.advance(1)
            ids.append(create(api, key=f"key-{n}").json["job_id"])
        create(stranger)

        first = api.get("/v1/jobs", query="limit=2").json
        second = api.get("/v1/jobs", query=f"limit=2&cursor={first['next_cursor']}").json

        assert [j["job_id"] for j in first["items"] + second["items"]] == ids[::-1]
        assert second["next_cursor"] is None

    def test_page_is_shorter_when_its_jobs_are_too_long_for_one_answer(
        self, api: ApiClient
    ) -> None:
        long = {f"k{n}": "\x01" * 512 for n in range(16)}
        for n in range(80):
            create(api, key=f"key-{n}", metadata=long, prompt="\x02" * 3000)

        page = api.get("/v1/jobs", query="limit=100")

        assert 0 < len(page.json["items"]) < 80
        assert page.json["next_cursor"] is not None
        assert len(page.text) < 6 * 1024 * 1024

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=+5",
            "limit=1_0",
            "limit=5.0",
            "cursor=x",
            "page=2",
            "limit=1&limit=2",
            "&".join(f"a{n}=1" for n in range(60)),
        ],
    )
    def test_query_is_refused_when_the_document_does_not_allow_it(
        self, api: ApiClient, query: str
    ) -> None:
        reply = api.get("/v1/jobs", query=query)

        assert reply.status == 400
        assert reply.json["code"] in {"invalid_parameter", "malformed_request"}


class TestCanceling:
    def test_job_is_canceling_and_its_wait_woken_when_it_is_live(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        job = created(api, fakes)
        fakes.ledger.put_token(job.job_id, run=1, seen=0, token="the-token")

        reply = api.post(f"/v1/jobs/{job.job_id}/cancel")
        again = api.post(f"/v1/jobs/{job.job_id}/cancel")

        assert (reply.status, reply.json["state"]) == (202, "canceling")
        assert (again.status, again.json["state"]) == (202, "canceling")
        assert set(fakes.workflow.woken) == {"the-token"}

    def test_job_stays_as_it_is_when_it_has_ended(self, api: ApiClient, fakes: ApiFakes) -> None:
        job = created(api, fakes)
        fakes.ledger.apply(Draft(job=job, now=START).set(state=JobState.FAILED).change())

        reply = api.post(f"/v1/jobs/{job.job_id}/cancel")

        assert (reply.status, reply.json["state"]) == (200, "failed")


class TestMedia:
    def test_form_is_bound_to_the_tenants_own_key_when_an_upload_is_made(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        reply = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 1000})

        asset_id = reply.json["asset_id"]
        assert reply.status == 201
        assert reply.headers["Location"] == f"/v1/assets/{asset_id}"
        assert reply.json["fields"]["key"] == f"uploads/{TENANT}/{asset_id}"
        assert "image/png 1000" in reply.json["fields"]["policy"]
        shown = api.get(f"/v1/assets/{asset_id}").json
        assert (shown["kind"], shown["size_bytes"]) == ("upload", None)

    @pytest.mark.parametrize(
        "body",
        [
            {"content_type": "image/gif", "size_bytes": 9},
            {"content_type": "image/png", "size_bytes": 0},
            {"content_type": "image/png", "size_bytes": 50 * 1024**2 + 1},
            {"content_type": "video/mp4", "size_bytes": 200 * 1024**2 + 1},
        ],
    )
    def test_upload_is_refused_when_type_or_size_is_not_allowed(
        self, api: ApiClient, body: dict[str, Any]
    ) -> None:
        problem(api.post("/v1/uploads", body), 422, "invalid_request")

    def test_video_may_be_larger_than_an_image_when_it_is_uploaded(self, api: ApiClient) -> None:
        size_bytes = 200 * 1024**2

        video = api.post("/v1/uploads", {"content_type": "video/mp4", "size_bytes": size_bytes})
        image = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": size_bytes})

        assert f"video/mp4 {size_bytes}" in video.json["fields"]["policy"]
        body = problem(image, 422, "invalid_request")
        assert body["errors"][0]["pointer"] == "/size_bytes"

    def test_upload_can_be_downloaded_when_it_has_arrived(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        made = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 9}).json
        path = f"/v1/assets/{made['asset_id']}/download-url"

        before = api.post(path, {})
        fakes.media.objects[made["fields"]["key"]] = ObjectHead(9, "image/png")
        after = api.post(path, {"expires_s": 60})

        problem(before, 404, "not_found")
        assert after.json["expires_at"] == "2026-11-20T12:01:00Z"
        assert f"{made['asset_id']}.png" in after.json["url"]

    def test_download_has_the_usual_time_when_no_body_is_sent(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        made = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 9}).json
        fakes.media.objects[made["fields"]["key"]] = ObjectHead(9, "image/png")
        path = f"/v1/assets/{made['asset_id']}/download-url"

        bare = api.call("POST", path)
        other = api.call("POST", path, body="expires_s=60")

        assert (bare.status, bare.json) == (200, api.post(path, {}).json)
        problem(other, 415, "unsupported_media_type")

    def test_everything_is_missing_when_it_is_another_tenants(
        self, api: ApiClient, stranger: ApiClient
    ) -> None:
        job = create(api).headers["Location"]
        upload = api.post("/v1/uploads", {"content_type": "image/png", "size_bytes": 9})
        asset = upload.headers["Location"]

        replies = [stranger.get(p) for p in (job, f"{job}/attempts", f"{job}/events", asset)]
        replies += [stranger.post(f"{job}/cancel"), stranger.post(f"{asset}/download-url", {})]

        for reply in replies:
            problem(reply, 404, "not_found")
        problem(api.get("/v1/jobs/job_01JCZ5V5ZK8W1R8Q4T9X3M7N2P/attempts"), 404, "not_found")
        assert stranger.get("/v1/jobs").json["items"] == []
        assert api.get(job).json["state"] == "queued"


class TestLinks:
    @pytest.fixture
    def token(self, fakes: ApiFakes) -> str:
        asset = Asset(
            asset_id="ast_01JCZ5W2A0B1C2D3E4F5G6H7J8",
            tenant=TENANT,
            kind=AssetKind.OUTPUT,
            key="outputs/acme/job/asset.mp4",
            content_type="video/mp4",
            size_bytes=9,
            created_at=START,
        )
        fakes.ledger.put_asset(asset)
        return create_link(
            asset.asset_id,
            tenant=TENANT,
            links=fakes.links,
            clock=fakes.clock,
            random_token=lambda: "t" * 43,
        )

    @pytest.fixture
    def browser(self, fakes: ApiFakes) -> ApiClient:
        return ApiClient(handler, fakes, tenant=None)

    def test_browser_is_sent_to_a_fresh_url_when_the_link_is_good(
        self, browser: ApiClient, token: str
    ) -> None:
        reply = browser.get(f"/v1/links/{token}", query="utm_source=mail")

        assert (reply.status, reply.text) == (302, "")
        assert reply.headers["Location"].startswith("https://media.example.com/outputs/acme/")
        assert reply.headers["Referrer-Policy"] == "no-referrer"
        assert reply.headers["Cache-Control"] == "no-store"

    def test_token_is_nowhere_at_rest_when_a_link_is_made(
        self, fakes: ApiFakes, token: str
    ) -> None:
        (link,) = fakes.links.rows.values()
        assert token not in link.model_dump_json()

    def test_link_is_gone_when_it_has_expired(
        self, browser: ApiClient, fakes: ApiFakes, token: str
    ) -> None:
        fakes.clock.advance(30 * 86400)

        problem(browser.get(f"/v1/links/{token}"), 410, "link_ended")

    def test_link_is_gone_when_it_was_revoked(
        self, browser: ApiClient, fakes: ApiFakes, token: str
    ) -> None:
        revoke_link(token, links=fakes.links, clock=fakes.clock)

        problem(browser.get(f"/v1/links/{token}"), 410, "link_ended")

    @pytest.mark.parametrize("token", ["u" * 43, "short", "%00", "t" * 44])
    def test_link_is_missing_when_nobody_made_it(self, browser: ApiClient, token: str) -> None:
        problem(browser.get(f"/v1/links/{token}"), 404, "not_found")


class TestService:
    def test_models_are_listed_with_their_status_when_asked(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        def status_with(**dates: dt.date) -> str:
            with_lifecycle(fakes, Lifecycle(**dates))
            items = api.get("/v1/models").json["items"]
            return next(i["status"] for i in items if i["model"] == "kling/kling-3.0")

        today, tomorrow = START.date(), START.date() + dt.timedelta(days=1)
        assert status_with() == "current"
        assert status_with(deprecated_on=tomorrow) == "current"
        assert status_with(deprecated_on=today, retires_on=tomorrow) == "deprecated"
        assert status_with(deprecated_on=today, retires_on=today) == "retired"
        items = api.get("/v1/models").json["items"]
        assert {item["vendor"] for item in items} == set(fakes.catalogue.vendors)

    def test_health_needs_neither_key_nor_storage_when_asked(self, fakes: ApiFakes) -> None:
        browser = ApiClient(handler, fakes, tenant=None)

        assert browser.get("/healthz").json == {"status": "ok"}
        assert browser.get("/openapi.json").json["openapi"] == "3.1.0"


class TestRefusals:
    def test_caller_is_not_known_when_no_authorizer_has_spoken(self, fakes: ApiFakes) -> None:
        nobody = ApiClient(handler, fakes, tenant=None)

        problem(nobody.get("/v1/jobs"), 401, "unauthenticated")

    @pytest.mark.parametrize("path", ["/", "/v1", "/v1/jobs/", "/v1/jobs/x", "/v2/jobs", "/\x00"])
    def test_path_is_missing_when_nothing_serves_it(self, api: ApiClient, path: str) -> None:
        problem(api.get(path), 404, "not_found")

    def test_methods_are_named_when_the_path_has_others(self, api: ApiClient) -> None:
        reply = api.call("DELETE", "/v1/jobs")

        problem(reply, 405, "method_not_allowed")
        assert reply.headers["Allow"] == "GET, POST"

    @pytest.mark.parametrize(
        "body", ["", "{", '{"kind": "\ud800"}', b"\xff\xfe", "[" * 5000, "NaN,"]
    )
    def test_body_is_malformed_when_it_is_not_json(self, api: ApiClient, body: str | bytes) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
        raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body

        reply = api.call("POST", "/v1/jobs", body=raw, headers=headers, base64_encoded=True)

        problem(reply, 400, "malformed_request")

    @pytest.mark.parametrize("body", ["[]", "null", '"text"', "5", "[{}]"])
    def test_body_is_invalid_when_it_is_no_object(self, api: ApiClient, body: str) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}

        problem(api.call("POST", "/v1/jobs", body=body, headers=headers), 422, "invalid_request")

    def test_odd_text_is_kept_when_it_is_valid(self, api: ApiClient, fakes: ApiFakes) -> None:
        prompt = "\x00\u202e\U0001f98a" + "é" * 1000

        assert created(api, fakes, prompt=prompt).request.prompt == prompt

    @pytest.mark.parametrize("media_type", ["text/plain", "", "application/jsonp", "multipart/x"])
    def test_body_is_refused_when_it_is_not_declared_as_json(
        self, api: ApiClient, media_type: str
    ) -> None:
        headers = {"Content-Type": media_type, "Idempotency-Key": "k"}

        reply = api.post("/v1/jobs", BODY, headers=headers)

        problem(reply, 415, "unsupported_media_type")

    def test_charset_is_ignored_when_the_type_is_json(self, api: ApiClient) -> None:
        headers = {"Content-Type": "Application/JSON; charset=utf-8", "Idempotency-Key": "k"}

        assert api.post("/v1/jobs", BODY, headers=headers).status == 202

    def test_body_is_refused_when_it_is_too_large(self, api: ApiClient) -> None:
        headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}

        reply = api.call("POST", "/v1/jobs", body=" " * (MAX_BODY_BYTES + 1), headers=headers)

        problem(reply, 413, "body_too_large")

    def test_body_is_malformed_when_it_is_not_the_base64_it_claims(self, fakes: ApiFakes) -> None:
        event = api_event("POST", "/v1/jobs") | {"body": "not base64!", "isBase64Encoded": True}

        assert handler(event, None, deps=fakes)["statusCode"] == 400

    def test_details_stay_inside_when_we_have_made_a_mistake(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        def broken(phase: str, write: str) -> None:
            raise ZeroDivisionError("a secret detail")

        fakes.ledger.interrupt = broken

        reply = create(api)

        assert problem(reply, 500, "internal")["charged"] == "unknown"
        assert "secret" not in reply.text

    @pytest.mark.parametrize(
        "header", ["Self=1-2-3", f"Root={'A' * 9000}", "Root=1-67891233-abcdef012345678912345678 x"]
    )
    def test_gateways_id_is_named_when_there_is_no_trace(
        self, fakes: ApiFakes, header: str
    ) -> None:
        event = api_event("GET", "/nowhere")
        event["headers"]["x-amzn-trace-id"] = header

        answer = handler(event, None, deps=fakes)

        request_id = event["requestContext"]["requestId"]
        assert json.loads(answer["body"])["trace_id"] == request_id

    def test_answer_is_ours_to_fix_when_the_stage_is_not_set_up(
        self, api: ApiClient, fakes: ApiFakes
    ) -> None:
        def broken(phase: str, write: str) -> None:
            raise ConfigurationError("no such table: arn:aws:dynamodb:…")

        fakes.ledger.interrupt = broken

        assert "arn:" not in create(api).text
