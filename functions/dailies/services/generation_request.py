"""Fills in a job's request for one attempt: defaults, and inputs proven to be what they claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import Catalogue, Input, InputLimits, ModelSpec, VendorSpec
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.jobs import AssetRef, Job
from dailies.domain.media_types import SNIFF_BYTES, sniff
from dailies.domain.options import Media, ResolvedOptions, resolve_options
from dailies.domain.ports import (
    GenerationRequest,
    InputMedia,
    InputVideo,
    Ledger,
    MediaStore,
    Origin,
)
from dailies.services.video_rules import why_not

_INPUT_URL_EXPIRES_S = 3600


@dataclass(frozen=True)
class _StoredObject:
    media: MediaStore
    key: str

    def read(self) -> bytes:
        return self.media.read(self.key)


@dataclass(frozen=True)
class RequestBuilder:
    """Makes the request that an adapter gets."""

    ledger: Ledger
    catalogue: Catalogue
    open_media: Callable[[], MediaStore]
    """Opens the bucket: only a request with inputs needs it."""

    def __call__(self, job: Job, attempt: Attempt) -> GenerationRequest:
        """Return the attempt's request.

        Raises:
            InvalidRequestError: an option is not the model's, or an input is missing, is not the
                file it claims to be, or is not a video that the model goes on from.
        """
        vendor, model = self.catalogue.route(attempt.vendor, attempt.model)
        options, degraded = resolve_options(job.request, vendor, model)
        request = options.request(**self._media(job, options, vendor, model))
        if request.video:
            rule, now = model.modes[options.kind].video, attempt.created_at
            why = why_not(request.video, rule, vendor, now=now, added_s=request.duration_s)
            if why:
                raise _unusable(f"/{Input.VIDEO}", why)
        return replace(request, degraded=tuple(degraded))

    def _media(
        self, job: Job, options: ResolvedOptions, vendor: VendorSpec, model: ModelSpec
    ) -> Media:
        references: list[InputMedia] = []
        media = Media()
        for pointer, ref in job.request.input_pointers():
            name = Input(pointer.split("/")[1])
            if name not in options.inputs:
                continue
            asset = self._asset(job, pointer, ref)
            proven = self._proven(pointer, asset, vendor.input_limits(name, model))
            match name:
                case Input.REFERENCES:
                    references.append(proven)
                    media["references"] = tuple(references)
                case Input.VIDEO:
                    media["video"] = self._video(asset, proven)
                case Input.IMAGE:
                    media["image"] = proven
                case Input.LAST_FRAME:
                    media["last_frame"] = proven
        return media

    def _asset(self, job: Job, pointer: str, ref: AssetRef) -> Asset:
        asset = self.ledger.asset(ref.asset_id)
        if asset is None or asset.tenant != job.tenant:
            raise _unusable(pointer, "There is no such asset.")
        return asset

    def _proven(self, pointer: str, asset: Asset, limits: InputLimits) -> InputMedia:
        media = self.open_media()
        head = media.head(asset.key)
        if head is None:
            raise _unusable(pointer, "Nothing was uploaded under this asset.")
        if head.size_bytes > limits.max_bytes:
            raise _unusable(pointer, f"The vendor takes at most {limits.max_bytes} bytes.")
        content_type = sniff(media.read(asset.key, start=0, length=SNIFF_BYTES))
        if content_type not in limits.content_types:
            raise _unusable(pointer, f"The vendor takes {', '.join(limits.content_types)}.")
        url = media.download_url(
            asset.key,
            filename=asset.asset_id,
            content_type=content_type,
            expires_s=_INPUT_URL_EXPIRES_S,
        )
        source = _StoredObject(media, asset.key)
        return InputMedia(content_type, head.size_bytes, url=url, source=source)

    def _video(self, asset: Asset, proven: InputMedia) -> InputVideo:
        return InputVideo(
            proven.content_type,
            proven.size_bytes,
            url=proven.url,
            source=proven.source,
            origin=self._origin(asset),
            duration_s=asset.media.duration_s if asset.media else None,
        )

    def _origin(self, asset: Asset) -> Origin | None:
        if asset.job_id is None or asset.attempt is None:
            return None
        snapshot = self.ledger.snapshot(asset.job_id)
        attempt = snapshot.attempt(asset.attempt) if snapshot else None
        if attempt is None or not attempt.outputs:
            return None
        return Origin(
            vendor=attempt.vendor,
            model=attempt.model,
            output=attempt.outputs[attempt.upload.output if attempt.upload else 0],
            handle=attempt.handle,
            made_at=attempt.finished_at or asset.created_at,
        )


def _unusable(pointer: str, detail: str) -> InvalidRequestError:
    problem = FieldProblem(pointer, detail)
    return InvalidRequestError(f"The input {pointer[1:]} cannot be used. {detail}", (problem,))
