"""A job's request becomes what an adapter gets: its inputs proven, their origin named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from dailies.domain.assets import Asset, AssetKind, MediaFacts
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.catalogue import Catalogue, load_catalogue
from dailies.domain.changes import Draft
from dailies.domain.errors import ConfigurationError, InvalidRequestError
from dailies.domain.jobs import JobRequest
from dailies.domain.outcomes import Handle, Output
from dailies.domain.ports import GenerationRequest, ObjectHead
from dailies.services.generation_request import RequestBuilder
from tests.fakes.ledger import InMemoryLedger
from tests.unit.adapters.samples import NOW, a_creation, a_job, an_attempt

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(20)
IMAGE_ID, VIDEO_ID = "ast_01J9ZQ3V5M8K2N4P6R7S8T9V0W", "ast_01J9ZQ3V5M8K2N4P6R7S8T9V0X"
OUTPUT = Output(content_type="video/mp4", data={"url": "https://cdn.example/1.mp4"})
HANDLE = Handle(vendor="kling", data={"task_id": "7"})


class Objects:
    """A bucket of small objects."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.sizes: dict[str, int] = {}

    def head(self, key: str) -> ObjectHead | None:
        if key not in self.objects:
            return None
        return ObjectHead(self.sizes.get(key, len(self.objects[key])), "application/x-claimed")

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        return self.objects[key][start:][:length]

    def download_url(self, key: str, **_: Any) -> str:
        return f"https://media.example/{key}?signed"


class Stage:
    """A ledger, a bucket, and a model with one mode that takes everything."""

    def __init__(self) -> None:
        self.ledger, self.media = InMemoryLedger(), Objects()
        self.rule: dict[str, Any] = {}
        self.limits: dict[str, Any] | None = {"content_types": ["video/mp4"], "max_bytes": 1000}
        self.image_limits: dict[str, Any] | None = None
        self.put(IMAGE_ID, PNG)
        self.put(VIDEO_ID, MP4)

    def put(self, asset_id: str, content: bytes, **fields: Any) -> None:
        known: dict[str, Any] = {
            "asset_id": asset_id,
            "tenant": "acme",
            "kind": AssetKind.UPLOAD,
            "key": f"uploads/acme/{asset_id}",
            "content_type": "image/png",
            "size_bytes": 0,
            "created_at": NOW,
        }
        asset = Asset.model_validate(known | fields)
        self.ledger.put_asset(asset)
        self.media.objects[asset.key] = content

    def make(
        self,
        *,
        finished_at: dt.datetime = NOW,
        model: str = "kling-3.0",
        duration_s: float = 5.04,
        outputs: Sequence[Output] = (OUTPUT,),
    ) -> None:
        """Let the video be what a job made."""
        job = a_job(job_id="job_01J9ZQ3V5M8K2N4P6R7S8T9V0W")
        self.ledger.create(a_creation(job))
        made: dict[str, Any] = {
            "vendor": "kling",
            "model": model,
            "handle": HANDLE,
            "outputs": [*outputs],
            "upload": None,
            "finished_at": finished_at,
            "state": AttemptState.STORED,
        }
        change = Draft(job, NOW).set(attempt=1).write_attempt(an_attempt(job, **made), was=None)
        self.ledger.apply(change.change())
        media = MediaFacts(container="mp4", duration_s=duration_s)
        self.put(VIDEO_ID, MP4, kind="output", job_id=job.job_id, attempt=1, media=media)

    def catalogue(self) -> Catalogue:
        """Return the catalogue with the mode and its rule."""
        document = load_catalogue().model_dump(mode="json")
        kling = document["vendors"]["kling"]
        kling["input_video"] = self.limits
        model = next(m for m in kling["models"] if m["id"] == "kling-3.0")
        mode = dict(model["modes"]["text_to_video"])
        mode["inputs"] = {"video": "required", "references": "optional", "image": "optional"}
        model["input_image"] = self.image_limits
        model["modes"]["video_extend"] = mode | {"video": self.rule}
        return Catalogue.model_validate(document)

    def build(self, **asked: Any) -> GenerationRequest:
        """Return the request of a job that goes on from the video."""
        body = {"kind": "video_extend", "model": "kling/kling-3.0", "prompt": "A fox"}
        body |= {"video": {"asset_id": VIDEO_ID}} | asked
        job = a_job(request=JobRequest.model_validate(body))
        attempt: Attempt = an_attempt(job, vendor="kling", model="kling-3.0", created_at=NOW)
        media: Any = self.media
        return RequestBuilder(self.ledger, self.catalogue(), lambda: media)(job, attempt)

    def refusal(self, **asked: Any) -> tuple[str, str]:
        """Return pointer and words of the one complaint about the job."""
        with pytest.raises(InvalidRequestError) as caught:
            self.build(**asked)
        [problem] = caught.value.problems
        assert problem.detail in str(caught.value)
        return problem.pointer, problem.detail


@pytest.fixture
def stage() -> Iterator[Stage]:
    yield Stage()


def test_upload_has_no_origin_when_it_is_gone_on_from(stage: Stage) -> None:
    video = stage.build().video

    assert video is not None
    assert (video.content_type, video.size_bytes, video.read()) == ("video/mp4", 32, MP4)
    assert (video.origin, video.duration_s) == (None, None)
    assert video.url == f"https://media.example/uploads/acme/{VIDEO_ID}?signed"


def test_origin_is_the_attempt_when_a_job_made_the_video(stage: Stage) -> None:
    stage.make()

    video = stage.build().video

    assert video is not None and video.origin is not None
    assert (video.origin.vendor, video.origin.model) == ("kling", "kling-3.0")
    assert (video.origin.output, video.origin.handle) == (OUTPUT, HANDLE)
    assert (video.origin.made_at, video.duration_s) == (NOW, 5.04)


def test_references_keep_their_order_when_there_are_several(stage: Stage) -> None:
    stage.put("ast_01J9ZQ3V5M8K2N4P6R7S8T9V0Z", PNG + b"2")
    ids = ["ast_01J9ZQ3V5M8K2N4P6R7S8T9V0Z", IMAGE_ID]

    request = stage.build(references=[{"asset_id": one} for one in ids])

    assert [one.read() for one in request.references] == [PNG + b"2", PNG]
    assert request.image is None


@pytest.mark.parametrize(
    ("asked", "pointer", "words"),
    [
        ({"video": {"asset_id": IMAGE_ID}}, "/video", "takes video/mp4"),
        (
            {"references": [{"asset_id": IMAGE_ID}, {"asset_id": VIDEO_ID}]},
            "/references/1",
            "takes image/png, image/jpeg",
        ),
        ({"image": {"asset_id": VIDEO_ID[:-1] + "Z"}}, "/image", "no such asset"),
    ],
)
def test_input_is_refused_where_it_stands_when_it_is_not_what_it_must_be(
    stage: Stage, asked: dict[str, Any], pointer: str, words: str
) -> None:
    found, detail = stage.refusal(**asked)

    assert found == pointer
    assert words in detail


def test_input_is_refused_when_its_bytes_are_missing_or_too_many(stage: Stage) -> None:
    key = f"uploads/acme/{VIDEO_ID}"
    stage.media.sizes[key] = 1001
    assert stage.refusal() == ("/video", "The vendor takes at most 1000 bytes.")

    del stage.media.objects[key]
    assert stage.refusal() == ("/video", "Nothing was uploaded under this asset.")


def test_models_own_limit_counts_when_it_has_one(stage: Stage) -> None:
    references = [{"asset_id": IMAGE_ID}]
    assert stage.build(references=references).references

    stage.image_limits = {"content_types": ["image/png"], "max_bytes": 31}

    assert stage.refusal(references=references)[1] == "The vendor takes at most 31 bytes."


def test_input_is_refused_when_it_is_another_tenants(stage: Stage) -> None:
    stage.put(VIDEO_ID, MP4, tenant="umbrella")

    assert stage.refusal() == ("/video", "There is no such asset.")


def test_deployment_is_at_fault_when_the_catalogue_has_no_limits_for_videos(stage: Stage) -> None:
    stage.limits = None

    with pytest.raises(ConfigurationError, match="takes as video"):
        stage.build()


def test_frames_are_sent_when_an_image_is_animated(stage: Stage) -> None:
    stage.put("ast_01J9ZQ3V5M8K2N4P6R7S8T9V0Z", PNG + b"2")
    frames = {"image": IMAGE_ID, "last_frame": "ast_01J9ZQ3V5M8K2N4P6R7S8T9V0Z"}
    asked = {name: {"asset_id": asset_id} for name, asset_id in frames.items()}

    request = stage.build(kind="image_to_video", video=None, **asked)

    assert request.image and request.last_frame
    assert (request.image.read(), request.last_frame.read()) == (PNG, PNG + b"2")
    assert request.degraded == ()


def test_input_is_left_out_when_a_lenient_request_gives_one_too_many(stage: Stage) -> None:
    asked = {"video": None, "references": [{"asset_id": IMAGE_ID}], "lenient": True}

    request = stage.build(kind="text_to_video", **asked)

    assert (request.references, request.degraded) == ((), ("references",))


def test_origin_is_unknown_when_the_attempt_has_left_no_output(stage: Stage) -> None:
    stage.make(outputs=[])

    video = stage.build().video

    assert video is not None and video.origin is None


class TestKlingsOwnRules:
    """The catalogue as it ships: an extension is refused before anything is spent."""

    def build(self, stage: Stage) -> GenerationRequest:
        body = {"kind": "video_extend", "model": "kling/kling-v1-6"}
        job = a_job(request=JobRequest.model_validate(body | {"video": {"asset_id": VIDEO_ID}}))
        attempt = an_attempt(job, vendor="kling", model="kling-v1-6", created_at=NOW)
        media: Any = stage.media
        return RequestBuilder(stage.ledger, load_catalogue(), lambda: media)(job, attempt)

    def test_video_is_extended_when_an_older_model_made_it_lately(self, stage: Stage) -> None:
        made_at = NOW - dt.timedelta(days=30)
        stage.make(model="kling-v1-6", finished_at=made_at, duration_s=175.0)

        request = self.build(stage)

        assert request.video and request.video.origin
        assert (request.duration_s, request.prompt) == (5, "")

    @pytest.mark.parametrize(
        ("made", "words"),
        [
            (None, "Give the asset_id of such a job's result."),
            ({"model": "kling-3.0"}, "made itself with one of: kling/kling-v1-6."),
            (
                {"model": "kling-v1-6", "finished_at": NOW - dt.timedelta(days=30, seconds=1)},
                "Make it anew first.",
            ),
            ({"model": "kling-v1-6", "duration_s": 176.0}, "longer than the 180 s"),
        ],
    )
    def test_video_is_refused_with_a_hint_when_the_vendor_would_refuse_it(
        self, stage: Stage, made: dict[str, Any] | None, words: str
    ) -> None:
        if made:
            stage.make(**made)

        with pytest.raises(InvalidRequestError) as caught:
            self.build(stage)

        assert words in str(caught.value)
        assert [problem.pointer for problem in caught.value.problems] == ["/video"]


class TestRules:
    def test_video_is_taken_when_it_keeps_every_rule(self, stage: Stage) -> None:
        stage.rule = {"made_by": ["kling-3.0"], "max_age_s": 86400, "max_total_s": 11}
        stage.make(finished_at=NOW - dt.timedelta(days=1))

        assert stage.build(duration_s=5).video

    @pytest.mark.parametrize("model", [None, "kling-2.6"])
    def test_video_is_refused_when_another_made_it(self, stage: Stage, model: str | None) -> None:
        stage.rule = {"made_by": ["kling-3.0", "kling-3.0-turbo"]}
        if model:
            stage.make(model=model)

        pointer, detail = stage.refusal()

        assert pointer == "/video"
        assert "with one of: kling/kling-3.0, kling/kling-3.0-turbo" in detail

    def test_video_is_refused_when_it_is_too_old(self, stage: Stage) -> None:
        stage.rule = {"max_age_s": 30 * 86400}
        stage.make(finished_at=NOW - dt.timedelta(days=30, seconds=1))

        assert "keeps a video for 30 days" in stage.refusal()[1]

    def test_video_is_refused_when_the_result_would_be_too_long(self, stage: Stage) -> None:
        stage.rule = {"max_total_s": 10}
        stage.make()

        assert "has 5.04 s, and with the 5 s to be added" in stage.refusal(duration_s=5)[1]

    def test_age_and_length_are_left_to_the_vendor_when_they_are_not_known(
        self, stage: Stage
    ) -> None:
        stage.rule = {"max_age_s": 1, "max_total_s": 1}

        assert stage.build().video
