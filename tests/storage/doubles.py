"""Stand-ins for Store and Probe: a scripted source, a bucket in memory, a job being fetched."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dailies.domain.assets import StoredPart
from dailies.domain.attempts import Attempt, AttemptState
from dailies.domain.changes import Creation, Draft
from dailies.domain.errors import FetchBrokenError, UploadGoneError
from dailies.domain.events import Event, EventType
from dailies.domain.ids import attempt_id, event_id, new_id
from dailies.domain.jobs import Job, JobRequest, JobState, Stage
from dailies.domain.outcomes import Download, Handle, Output
from dailies.domain.ports import FetchedHead, ObjectHead, UploadForm
from tests.fakes.ledger import InMemoryLedger

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
MIB = 1024 * 1024
MP4_HEAD = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41"


def an_mp4(size_bytes: int) -> bytes:
    """Return bytes that begin like an MP4 and repeat nowhere within a part."""
    block = b"".join(hashlib.sha256(i.to_bytes(4)).digest() for i in range(4096))
    body = (block * (size_bytes // len(block) + 1))[: max(0, size_bytes - len(MP4_HEAD))]
    return (MP4_HEAD + body)[:size_bytes]


class FrozenClock:
    def __init__(self, now: dt.datetime = NOW) -> None:
        self._now = now

    def now(self) -> dt.datetime:
        return self._now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError("only Poll waits")


@dataclass(frozen=True)
class Serve:
    """One scripted answer of a source."""

    data: bytes
    breaks_at: int | None = None
    """Position in the file at which the stream breaks off."""
    ranges: bool = True
    validator: str | None = '"v1"'
    total: int | None = None
    """What it claims the size is; the truth by default."""
    chunk: int = MIB


@dataclass
class ScriptedFetcher:
    """Answers each `open` with the next of its script; the last one again and again."""

    script: list[Serve | Exception]
    opened: list[tuple[str, int, str | None, tuple[str, ...]]] = field(default_factory=list)

    @contextmanager
    def open(
        self,
        download: Download,
        *,
        start: int = 0,
        validator: str | None = None,
        hosts: Sequence[str] = (),
    ) -> Iterator[tuple[FetchedHead, Iterator[bytes]]]:
        self.opened.append((download.url, start, validator, tuple(hosts)))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        honoured = answer.ranges and start > 0 and validator == answer.validator
        first = start if honoured else 0
        total = len(answer.data) if answer.total is None else answer.total
        head = FetchedHead(206 if honoured else 200, "video/mp4", total, first, answer.validator)
        yield head, self._chunks(answer, first)

    def _chunks(self, answer: Serve, at: int) -> Iterator[bytes]:
        end = len(answer.data) if answer.breaks_at is None else answer.breaks_at
        while at < end:
            piece = answer.data[at : min(at + answer.chunk, end)]
            at += len(piece)
            yield piece
        if answer.breaks_at is not None:
            raise FetchBrokenError("broke off")


class MemoryMedia:
    """The MediaStore port in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, str | None]] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self.begun = 0
        self.largest_part = 0

    def begin(self, key: str, content_type: str) -> str:
        self.begun += 1
        upload_id = f"upload-{self.begun}"
        self.uploads[upload_id] = (key, content_type, {})
        return upload_id

    def put_part(
        self, key: str, upload_id: str, number: int, data: bytes | bytearray | memoryview
    ) -> StoredPart:
        if upload_id not in self.uploads:
            raise UploadGoneError("gone")
        held = bytes(data)
        self.uploads[upload_id][2][number] = held
        digest = hashlib.sha256(held).digest()
        return StoredPart(
            number=number,
            size_bytes=len(held),
            etag=f'"{hashlib.md5(held).hexdigest()}"',
            sha256=base64.b64encode(digest).decode(),
        )

    def complete(self, key: str, upload_id: str, parts: Sequence[StoredPart]) -> str:
        if key in self.objects:
            self.uploads.pop(upload_id, None)
            return self.objects[key][2] or ""
        if upload_id not in self.uploads:
            raise UploadGoneError("gone")
        _, content_type, held = self.uploads.pop(upload_id)
        data = b"".join(held[part.number] for part in parts)
        digests = b"".join(base64.b64decode(part.sha256) for part in parts)
        whole = base64.b64encode(hashlib.sha256(digests).digest()).decode()
        composite = f"{whole}-{len(parts)}"
        self.objects[key] = (data, content_type, composite)
        return composite

    def abort(self, key: str, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.objects[key] = (data, content_type, None)

    def head(self, key: str) -> ObjectHead | None:
        if key not in self.objects:
            return None
        data, content_type, composite = self.objects[key]
        return ObjectHead(len(data), content_type, composite)

    def read(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        data = self.objects[key][0]
        return data[start : None if length is None else start + length]

    def stream(self, key: str) -> Iterator[bytes]:
        data = self.objects[key][0]
        for at in range(0, len(data), MIB):
            yield data[at : at + MIB]

    def upload_form(
        self, key: str, *, content_type: str, max_bytes: int, expires_s: int
    ) -> UploadForm:
        return UploadForm(url="https://bucket.example", fields={"key": key})

    def download_url(self, key: str, *, filename: str, content_type: str, expires_s: int) -> str:
        return f"https://bucket.example/{key}"


class OneProvider:
    """A provider whose downloads carry our credential, made anew at each call."""

    def __init__(self) -> None:
        self.downloads = 0

    def get(self, name: str) -> Any:
        return self

    def download(self, output: Output) -> Download:
        self.downloads += 1
        return Download(
            url=f"https://cdn.klingai.com/{output.data['id']}",
            headers={"Authorization": "Bearer key"},
        )


def fetching_ledger(**attempt_fields: Any) -> tuple[InMemoryLedger, Job]:
    """Return a ledger whose only job has one attempt with an output to be fetched."""
    job_id = new_id("job", NOW)
    job = Job(
        job_id=job_id,
        tenant="acme",
        stage_at=NOW,
        request=JobRequest(kind="text_to_video", model="kling/kling-3.0", prompt="A heron at dawn"),
        routes=["kling/kling-3.0"],
        estimate_usd=Decimal("0.42"),
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW + dt.timedelta(hours=2),
        event_seq=1,
    )
    queued = Event(
        event_id=event_id(job_id, 1),
        job_id=job_id,
        tenant="acme",
        seq=1,
        type=EventType.JOB_QUEUED,
        at=NOW,
    )
    ledger = InMemoryLedger()
    ledger.create(Creation(job, queued, idempotency_key="k", body_sha256="00", answer="{}"))
    values: dict[str, Any] = {
        "job_id": job_id,
        "number": 1,
        "attempt_id": attempt_id(job_id, 1),
        "vendor": "kling",
        "model": "kling-3.0",
        "state": AttemptState.FETCHING,
        "created_at": NOW,
        "handle": Handle(vendor="kling", data={"id": "task-1"}),
        "outputs": [Output(content_type="video/mp4", data={"id": "video-1"})],
    }
    draft = Draft(job=job, now=NOW).set(state=JobState.RUNNING, stage=Stage.STORING, attempt=1)
    draft.write_attempt(Attempt(**(values | attempt_fields)), was=None)
    ledger.apply(draft.change())
    return ledger, job


def plenty() -> float:
    """An invocation with all the time it could need."""
    return 900.0


def running_out_after(calls: int) -> Callable[[], float]:
    """An invocation whose time gets short after it has looked at the clock `calls` times."""
    left = iter([900.0] * calls)
    return lambda: next(left, 10.0)
