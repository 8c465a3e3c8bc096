"""What the demo shows at its end: timelines, webhooks, the email, the videos."""

from __future__ import annotations

import base64
import datetime as dt
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from local.demo.errors import DemoError
from local.twin.api import Api
from local.twin.twin import Access, Twin

_ARRIVAL_TIMEOUT_S = 60.0


def timeline(events: list[dict[str, Any]], finished_at: str) -> str:
    """Return how long a job was in each of its stages."""
    began = _at(events[0]["at"])
    marks = [("validating", began)]
    marks += [(e["data"]["stage"], _at(e["at"])) for e in events if e["type"] == "stage.entered"]
    ends = [at for _, at in marks[1:]] + [_at(finished_at)]
    spans = [f"{stage} {_s(end - at)}" for (stage, at), end in zip(marks, ends, strict=True)]
    return " → ".join(spans) + f"  = {_s(ends[-1] - began)}"


def webhooks(twin: Twin, access: Access, jobs: dict[str, Any]) -> list[str]:
    """Wait for each job's webhook, verify it as a receiver does, and return lines to print.

    Raises:
        DemoError: one did not come, or its signature does not hold.
    """
    wanted = {job["job_id"]: name for name, job in jobs.items()}
    received = _await(lambda: twin.webhooks(), len(wanted), "webhooks")
    lines: list[str] = []
    for one in received:
        body = base64.b64decode(one["body_base64"])
        try:
            message: Any = Webhook(access.webhook_secret).verify(body, one["headers"])
        except WebhookVerificationError as exc:
            raise DemoError("A webhook's signature does not hold.") from exc
        name = wanted.pop(message["data"]["job_id"], None)
        if name is None:
            raise DemoError("A webhook came twice, or for a job that is not ours.")
        lines.append(f"{name}: {message['type']}, signature holds ({one['headers']['webhook-id']})")
    return lines


def emails(twin: Twin, jobs: dict[str, Any], out: Path) -> list[str]:
    """Wait for each job's email, write them to `out`, and return lines to print.

    Raises:
        DemoError: one did not come.
    """
    by_job = {job["job_id"]: name for name, job in jobs.items()}
    lines: list[str] = []
    for sent in _await(lambda: twin.emails(), len(by_job), "emails"):
        job_id = next((one for one in by_job if one in sent["BodyText"] + sent["BodyHtml"]), None)
        if job_id is None:
            raise DemoError("An email does not say which job it tells of.")
        name = by_job[job_id]
        _write_email(sent, out, name)
        lines.append(f"to {', '.join(sent['To'])}: “{sent['Subject']}”  {_path(out, name, 'eml')}")
    return lines


def videos(twin: Twin, api: Api, jobs: dict[str, Any], out: Path) -> list[str]:
    """Download each job's video and poster to `out`, decode them, and return lines to print.

    Raises:
        DemoError: a video does not play, or is not what the API says of it.
    """
    lines: list[str] = []
    for name, job in jobs.items():
        asset_id = job["outputs"][0]["asset_id"]
        facts, video = api.asset(asset_id)["media"], out / f"{name}.mp4"
        video.write_bytes(api.download(asset_id))
        decoded = _decode(video)
        if (decoded["width"], decoded["height"]) != (facts["width"], facts["height"]):
            raise DemoError(f"{video} is not as large as the API says.")
        (out / f"{name}.jpg").write_bytes(_poster(twin, asset_id))
        lines.append(
            f"{_path(out, name, 'mp4')}  {decoded['width']} × {decoded['height']},"  # noqa: RUF001
            f" {decoded['duration_s']:.1f} s, {decoded['codec']}, {decoded['frames']} frames,"
            f" {video.stat().st_size / 1e6:.1f} MB   poster {_path(out, name, 'jpg')}"
        )
    return lines


def _decode(video: Path) -> dict[str, Any]:
    try:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            frames = sum(1 for _ in container.decode(stream))
            return {
                "width": stream.width,
                "height": stream.height,
                "codec": stream.codec_context.name,
                "frames": frames,
                "duration_s": frames / float(stream.average_rate or 24),
            }
    except (FFmpegError, IndexError) as exc:
        raise DemoError(f"{video} does not play: {exc}") from exc


def _poster(twin: Twin, asset_id: str) -> bytes:
    # The API shows posters in emails only, so the demo looks into the bucket, as an operator may.
    s3, bucket = twin.emulator.client("s3"), twin.outputs["MediaBucketName"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="posters/").get("Contents", [])
    keys = [one["Key"] for one in listed if asset_id in one["Key"]]
    if not keys:
        raise DemoError(f"{asset_id} has no poster frame.")
    return s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read()


def _write_email(sent: dict[str, Any], out: Path, name: str) -> None:
    message = EmailMessage()
    message["From"], message["To"] = sent["Source"], ", ".join(sent["To"])
    message["Subject"] = sent["Subject"]
    message.set_content(sent["BodyText"])
    message.add_alternative(sent["BodyHtml"], subtype="html")
    poster = (out / f"{name}.jpg").read_bytes()
    page: Any = message.get_payload(1)
    page.add_related(poster, "image", "jpeg", cid="<poster>", filename="poster.jpg")
    (out / f"{name}.eml").write_bytes(message.as_bytes())
    shown = sent["BodyHtml"].replace("cid:poster", f"{name}.jpg")
    (out / f"{name}.html").write_text(shown, "utf-8")


def _await(read: Any, count: int, what: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + _ARRIVAL_TIMEOUT_S
    while len(found := read()) < count:
        if time.monotonic() > deadline:
            raise DemoError(
                f"{len(found)} {what} came within {_ARRIVAL_TIMEOUT_S:.0f} s, not {count}."
            )
        time.sleep(0.3)
    return found


def _path(out: Path, name: str, suffix: str) -> str:
    return f"{out.name}/{name}.{suffix}"


def _at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _s(span: dt.timedelta) -> str:
    return f"{span.total_seconds():.1f} s"
