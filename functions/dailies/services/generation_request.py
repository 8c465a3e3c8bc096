"""Fills in a job's request for one attempt: defaults, and inputs proven to be what they claim."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dailies.domain.assets import Asset
from dailies.domain.attempts import Attempt
from dailies.domain.catalogue import Catalogue, InputLimits
from dailies.domain.errors import FieldProblem, InvalidRequestError
from dailies.domain.jobs import AssetRef, Job
from dailies.domain.media_types import SNIFF_BYTES, sniff
from dailies.domain.options import resolve_options
from dailies.domain.ports import GenerationRequest, InputMedia, Ledger, MediaStore

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
            InvalidRequestError: an option is not the model's, or an input is missing or not the
                image it claims to be.
        """
        vendor, model = self.catalogue.route(attempt.vendor, attempt.model)
        options, degraded = resolve_options(job.request, vendor, model)
        limits = vendor.input_image
        media = {n: self._input(job, n, getattr(job.request, n), limits) for n in options.inputs}
        request = options.request(image=media.get("image"), last_frame=media.get("last_frame"))
        return replace(request, degraded=tuple(degraded))

    def _input(
        self, job: Job, name: str, ref: AssetRef | None, limits: InputLimits
    ) -> InputMedia | None:
        if ref is None:
            return None
        asset = self.ledger.asset(ref.asset_id)
        if asset is None or asset.tenant != job.tenant:
            raise _unusable(name, "There is no such asset.")
        return self._proven(name, asset, limits)

    def _proven(self, name: str, asset: Asset, limits: InputLimits) -> InputMedia:
        media = self.open_media()
        head = media.head(asset.key)
        if head is None:
            raise _unusable(name, "Nothing was uploaded under this asset.")
        if head.size_bytes > limits.max_bytes:
            raise _unusable(name, f"The vendor takes at most {limits.max_bytes} bytes.")
        content_type = sniff(media.read(asset.key, start=0, length=SNIFF_BYTES))
        if content_type not in limits.content_types:
            raise _unusable(name, f"The vendor takes {', '.join(limits.content_types)}.")
        url = media.download_url(
            asset.key,
            filename=asset.asset_id,
            content_type=content_type,
            expires_s=_INPUT_URL_EXPIRES_S,
        )
        source = _StoredObject(media, asset.key)
        return InputMedia(content_type, head.size_bytes, url=url, source=source)


def _unusable(name: str, detail: str) -> InvalidRequestError:
    problem = FieldProblem(f"/{name}", detail)
    return InvalidRequestError(f"The input {name} cannot be used. {detail}", (problem,))
