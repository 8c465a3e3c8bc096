"""Cloud Storage, as far as Veo's results need it: list by prefix, metadata, ranged download."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.simulators.clock import rfc3339
from local.simulators.director import Subject
from local.simulators.google_errors import storage_error
from local.simulators.scenario import ChangeContent, ExpireUrl, Missing
from local.simulators.server import Request, Response, Router, json_response
from local.simulators.serving import entity_tag, serve_bytes
from local.simulators.state import Task
from local.simulators.vendor import Refused

if TYPE_CHECKING:
    from local.simulators.google import GoogleSimulator


@dataclass(frozen=True)
class _Stored:
    bucket: str
    name: str
    task: Task
    sample: int

    @property
    def subject(self) -> Subject:
        return Subject(self.task.model, self.task.prompt, self.task.external_id)


class CloudStorage:
    """The objects that finished operations have left in buckets."""

    def __init__(self, google: GoogleSimulator) -> None:
        """Show the results of `google`."""
        self._google = google

    def add_routes(self, router: Router) -> None:
        """Answer the JSON API's list, get and media calls."""
        for root in ("/storage/v1", "/download/storage/v1"):
            router.add("GET", root + "/b/{bucket}/o", self._google.call(self._list))
            router.add("GET", root + "/b/{bucket}/o/{object:path}", self._google.call(self._get))

    def _objects(self, bucket: str) -> list[_Stored]:
        from local.simulators.google import filtered_count, object_uri

        now = self._google.world.clock.now()
        found: list[_Stored] = []
        for task in self._google.tasks:
            without = task.ending.kind in ("failed", "canceled")
            if not task.external_id or not task.done(now) or without:
                continue
            for sample in range(task.samples - filtered_count(task)):
                at, _, name = object_uri(task, sample).removeprefix("gs://").partition("/")
                if at == bucket:
                    found.append(_Stored(bucket, name, task, sample))
        return sorted(found, key=lambda stored: stored.name)

    def _list(self, request: Request) -> Response:
        self._google.store.count("lookup")
        self._authorize(request)
        bucket, prefix = request.params["bucket"], request.arg("prefix") or ""
        subject = self._subject_of_prefix(f"gs://{bucket}/{prefix}")
        fault = self._google.world.director.fault("google", "lookup", subject)
        self._google.before(fault, "lookup")
        matching = [stored for stored in self._objects(bucket) if stored.name.startswith(prefix)]
        if isinstance(fault, Missing):
            matching = []
        start = int(request.arg("pageToken") or 0)
        size = min(int(request.arg("maxResults") or 1000), 1000)
        page = matching[start : start + size]
        document: dict[str, Any] = {"kind": "storage#objects"}
        if page:
            document["items"] = [self._resource(stored) for stored in page]
        if start + size < len(matching):
            document["nextPageToken"] = str(start + size)
        return self._google.after(fault, json_response(200, document))

    def _subject_of_prefix(self, uri: str) -> Subject:
        """Return the task that a listing is about, for the scenario's `match`."""
        for task in self._google.tasks:
            if task.external_id and (
                uri.startswith(task.external_id) or task.external_id.startswith(uri)
            ):
                return Subject(task.model, task.prompt, task.external_id)
        return Subject(external_id=uri)

    def _get(self, request: Request) -> Response:
        media = request.arg("alt") == "media"
        self._google.store.count("download" if media else "lookup")
        self._authorize(request)
        bucket, name = request.params["bucket"], request.params["object"]
        stored = next((one for one in self._objects(bucket) if one.name == name), None)
        if stored is None:
            return storage_error(404, f"No such object: {bucket}/{name}", "notFound")
        if not media:
            return json_response(200, self._resource(stored))
        fault = self._google.world.director.fault("google", "download", stored.subject)
        self._google.before(fault, "download")
        if isinstance(fault, ExpireUrl):
            return storage_error(404, f"No such object: {bucket}/{name}", "notFound")
        content = self._content(stored, changed=isinstance(fault, ChangeContent))
        headers = {
            "x-goog-generation": str(self._generation(stored)),
            "x-goog-hash": f"md5={_md5(content)}",
        }
        response = serve_bytes(
            request, content, modified_at=stored.task.ends_at, headers=headers, fault=fault
        )
        return self._google.after(fault, response)

    def _authorize(self, request: Request) -> None:
        try:
            self._google.authorize(request)
        except Refused as refusal:
            raise Refused(storage_error(401, "Invalid Credentials", "authError")) from refusal

    def _content(self, stored: _Stored, *, changed: bool = False) -> bytes:
        from local.simulators.google import frames

        sample = stored.sample + (100 if changed else 0)
        spec = self._google.clip_spec(stored.task, frames=frames(stored.task), sample=sample)
        return self._google.world.studio.clip(spec)

    def _generation(self, stored: _Stored) -> int:
        return int(stored.task.ends_at * 1_000_000)

    def _resource(self, stored: _Stored) -> dict[str, Any]:
        content = self._content(stored)
        root, generation = self._google.files_url, self._generation(stored)
        path = f"b/{stored.bucket}/o/{quote(stored.name, safe='')}"
        return {
            "kind": "storage#object",
            "id": f"{stored.bucket}/{stored.name}/{generation}",
            "selfLink": f"{root}/storage/v1/{path}",
            "mediaLink": f"{root}/download/storage/v1/{path}?generation={generation}&alt=media",
            "name": stored.name,
            "bucket": stored.bucket,
            "generation": str(generation),
            "metageneration": "1",
            "contentType": "video/mp4",
            "storageClass": "STANDARD",
            "size": str(len(content)),
            "md5Hash": _md5(content),
            "etag": entity_tag(content).strip('"'),
            "timeCreated": rfc3339(stored.task.ends_at),
            "updated": rfc3339(stored.task.ends_at),
        }


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
