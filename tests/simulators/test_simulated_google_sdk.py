"""The vendor's own SDK against the simulator, over a real socket, in Vertex mode."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator

import av
import pytest
from google import genai
from google.auth.exceptions import RefreshError
from google.genai import errors, types
from google.genai._gaos.lib.compat_errors import BadRequestError, PermissionDeniedError
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

from local.simulators import Simulators

LITE = "veo-3.1-lite-generate-001"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
OpenClient = Callable[..., genai.Client]


@pytest.fixture
def open_client() -> Iterator[OpenClient]:
    clients: list[genai.Client] = []

    def begin(
        sims: Simulators, credentials: object | None = None, location: str | None = None
    ) -> genai.Client:
        given = sims.google.credentials
        account = service_account.Credentials.from_service_account_info(
            given["service_account"], scopes=_SCOPES
        )
        client = genai.Client(
            vertexai=True,
            project=given["project"],
            location=location or given["location"],
            credentials=credentials or account,
            http_options=types.HttpOptions(base_url=sims.google.base_url),
        )
        clients.append(client)
        return client

    yield begin
    for client in clients:
        client.close()


def _generate(client: genai.Client, prompt: str = "a kite", image=None, **config):
    return client.models.generate_videos(
        model=config.pop("model", LITE),
        source=types.GenerateVideosSource(prompt=prompt, image=image),
        config=types.GenerateVideosConfig(**config),
    )


def _finished(sims: Simulators, client: genai.Client, operation):
    assert not client.operations.get(operation).done
    sims.advance(3600)
    return client.operations.get(operation)


def _decoded(content: bytes) -> tuple[int, int, int, int]:
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        return video.width, video.height, video.frames, len(container.streams.audio)


def test_sdk_completes_text_to_video_when_results_are_inline(start, open_client) -> None:
    sims = start()
    client = open_client(sims)
    operation = _generate(client, duration_seconds=4, generate_audio=False)

    done = _finished(sims, client, operation)

    [generated] = done.response.generated_videos
    assert (done.done, done.error) == (True, None)
    assert _decoded(generated.video.video_bytes) == (128, 72, 96, 0)
    assert generated.video.mime_type == "video/mp4"
    assert sims.google.calls == {"token": 1, "submit": 1, "poll": 2}


def test_sdk_completes_image_to_video_when_results_go_to_a_bucket(start, open_client, png) -> None:
    sims = start()
    client = open_client(sims)
    image = types.Image(image_bytes=png(64, 64), mime_type="image/png")
    operation = _generate(
        client,
        image=image,
        last_frame=image,
        aspect_ratio="9:16",
        duration_seconds=6,
        number_of_videos=2,
        output_gcs_uri="gs://results/att_1",
    )

    done = _finished(sims, client, operation)

    uris = [one.video.uri for one in done.response.generated_videos]
    assert [uri.rpartition("/")[2] for uri in uris] == ["sample_0.mp4", "sample_1.mp4"]
    assert all(uri.startswith("gs://results/att_1/") for uri in uris)
    assert sims.google.created_for("gs://results/att_1") == 1
    assert sims.google.tasks[0].mode == "image_to_video"


def test_sdk_raises_the_status_when_a_parameter_is_refused(start, open_client) -> None:
    sims = start()
    client = open_client(sims)

    with pytest.raises(errors.ClientError) as refused:
        _generate(client, duration_seconds=5)
    with pytest.raises(errors.ClientError) as unknown:
        _generate(client, model="veo-9")

    assert (refused.value.code, refused.value.status) == (400, "INVALID_ARGUMENT")
    assert "durationSeconds" in refused.value.message
    assert (unknown.value.code, unknown.value.status) == (404, "NOT_FOUND")
    assert sims.google.created == 0


def test_sdk_raises_resource_exhausted_when_throttled(start, open_client) -> None:
    throttle = {"kind": "throttle", "retry_after_s": 7}
    sims = start(rules=[{"vendor": "google", "on": "submit", "do": throttle}])
    client = open_client(sims)

    with pytest.raises(errors.ClientError) as refused:
        _generate(client)
    accepted = _generate(client)

    assert (refused.value.code, refused.value.status) == (429, "RESOURCE_EXHAUSTED")
    [detail] = refused.value.details["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}
    assert accepted.name and sims.google.created == 1


def test_sdk_raises_server_error_when_the_vendor_is_unavailable(start, open_client) -> None:
    fault = {"kind": "http_error", "status": 503}
    sims = start(rules=[{"on": "poll", "do": fault}])
    client = open_client(sims)
    operation = _generate(client)

    with pytest.raises(errors.ServerError) as unavailable:
        client.operations.get(operation)

    assert (unavailable.value.code, unavailable.value.status) == (503, "UNAVAILABLE")


def test_sdk_raises_unauthenticated_when_the_token_is_unknown(start, open_client) -> None:
    sims = start()

    with pytest.raises(errors.ClientError) as refused:
        _generate(open_client(sims, Credentials(token="x")))

    assert (refused.value.code, refused.value.status) == (401, "UNAUTHENTICATED")


def test_sdk_works_when_given_the_ready_access_token(start, open_client) -> None:
    sims = start()

    assert _generate(open_client(sims, Credentials(token=sims.google.credentials["access_token"])))


def test_token_is_refused_when_another_key_signed(start, open_client) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    sims = start()
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    info = sims.google.credentials["service_account"] | {"private_key": other.decode()}
    stranger = service_account.Credentials.from_service_account_info(info, scopes=_SCOPES)

    with pytest.raises(RefreshError, match="Invalid JWT Signature"):
        _generate(open_client(sims, stranger))


def test_sdk_surfaces_the_error_when_the_operation_fails(start, open_client) -> None:
    fail = {"kind": "fail", "code": 3, "message": "Bad input. Support codes: 15236754"}
    sims = start(rules=[{"on": "finish", "do": fail}])
    client = open_client(sims)

    done = _finished(sims, client, _generate(client))

    assert done.done and done.response is None
    assert done.error == {"code": 3, "message": "Bad input. Support codes: 15236754"}
    assert sims.google.billed == 0


def test_sdk_shows_the_reasons_when_every_video_is_filtered(start, open_client) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "moderation"}}])
    client = open_client(sims)

    done = _finished(sims, client, _generate(client, number_of_videos=2))

    assert done.error is None and not done.response.generated_videos
    assert done.response.rai_media_filtered_count == 2
    assert "Support codes: 64151117" in done.response.rai_media_filtered_reasons[0]
    assert sims.google.billed == 0


def test_sdk_shows_the_rest_when_some_videos_are_filtered(start, open_client) -> None:
    sims = start(rules=[{"on": "finish", "do": {"kind": "partial_rai", "filtered": 1}}])
    client = open_client(sims)

    done = _finished(sims, client, _generate(client, number_of_videos=3, duration_seconds=4))

    assert len(done.response.generated_videos) == 2
    assert done.response.rai_media_filtered_count == 1
    assert sims.google.billed == 1


def test_sdk_raises_invalid_argument_when_the_prompt_is_refused(start, open_client) -> None:
    blocked = {"kind": "moderation", "when": "before"}
    sims = start(rules=[{"on": "submit", "do": blocked}])

    with pytest.raises(errors.ClientError, match="Support codes") as refused:
        _generate(open_client(sims))

    assert refused.value.code == 400
    assert (sims.google.created, sims.google.calls["submit_refused"]) == (0, 1)


def _interact(client: genai.Client, **wanted: str):
    return client.interactions.create(
        model="gemini-omni-1.2-flash",
        input="a kite",
        background=True,
        response_format={"type": "video", "duration": "4s", "resolution": "360p"} | wanted,
    )


def test_sdk_completes_an_interaction_when_it_goes_to_a_bucket(start, open_client) -> None:
    sims = start()
    client = open_client(sims, location="global")

    created = _interact(client, delivery="uri", gcs_uri="gs://results/att_1/")
    sims.advance(3600)
    done = client.interactions.get(created.id)

    assert done.status == "completed"
    assert done.output_video.uri.startswith("gs://results/att_1/")
    assert sims.google.created_for("att_1") == 1


def test_sdk_completes_an_interaction_when_it_is_inline(start, open_client) -> None:
    sims = start()
    client = open_client(sims, location="global")

    created = _interact(client)
    sims.advance(3600)
    done = client.interactions.get(created.id)

    assert _decoded(base64.b64decode(done.output_video.data))[2] == 96


def test_sdk_cancels_an_interaction_when_asked(start, open_client) -> None:
    sims = start()
    client = open_client(sims, location="global")
    created = _interact(client, delivery="uri", gcs_uri="gs://results/att_1/")

    assert client.interactions.cancel(created.id).status == "cancelled"
    sims.advance(3600)

    assert client.interactions.get(created.id).status == "cancelled"
    assert sims.google.billed == 0


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"delivery": "uri"}, "gcs_uri is required"),
        ({"delivery": "uri", "gcs_uri": "s3://x/y"}, "gcs_uri"),
        ({"duration": "60s"}, "duration"),
    ],
)
def test_sdk_raises_when_an_interaction_is_wrong(start, open_client, wanted, text) -> None:
    sims = start()

    with pytest.raises(BadRequestError, match=text):
        _interact(open_client(sims, location="global"), **wanted)

    assert sims.google.created == 0


def test_sdk_raises_when_an_interaction_is_asked_of_a_region(start, open_client) -> None:
    with pytest.raises(PermissionDeniedError):
        _interact(open_client(start()))
