"""The catalogue: what each vendor's models can do, cost and usually take, as data.

One JSON file per vendor in ``dailies/catalogue/``. Logic never holds a number that varies by model;
it asks here.
The simulators read the same files, so that a laptop refuses and waits like the vendor.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dailies.domain.errors import ConfigurationError


class Mode(StrEnum):
    """What a job turns into what."""

    TEXT_TO_VIDEO = "text_to_video"
    IMAGE_TO_VIDEO = "image_to_video"
    VIDEO_EXTEND = "video_extend"
    """Seconds added to the end of a video; the result holds both. Only what is added is paid."""
    ENHANCE = "enhance"
    """A video made better on a machine of ours: no vendor is asked."""


class Input(StrEnum):
    """The media that a job may refer to, by field of the job: the only list of these names."""

    IMAGE = "image"
    """The first frame."""
    LAST_FRAME = "last_frame"
    VIDEO = "video"
    """The video to go on from."""
    REFERENCES = "references"
    """Images of what shall appear, in any frame."""


class CallbackKind(StrEnum):
    """Whether the vendor calls back, and whether it signs what it sends."""

    NONE = "none"
    UNSIGNED = "unsigned"
    SIGNED = "signed"


class IdempotencyKind(StrEnum):
    """What the vendor does with a second submit under the same external id."""

    NONE = "none"
    """It creates and bills a second task: never resend."""
    DUPLICATE_REFUSED = "duplicate_refused"
    """It refuses the second one: resending is safe, and the refusal means "look it up"."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(_Data):
    """Quantiles of generation time in seconds, before any of our own measurements."""

    q02: float
    p50: float
    p95: float


class Lifecycle(_Data):
    """When a model appears, warns and ends (dates are UTC)."""

    released_on: dt.date | None = None
    deprecated_on: dt.date | None = None
    retires_on: dt.date | None = None
    replacement: str | None = None
    """`<vendor>/<model>` to use instead."""

    def retired(self, today: dt.date) -> bool:
        """Whether new jobs must be refused on `today`."""
        return self.retires_on is not None and today >= self.retires_on


class Price(_Data):
    """One row of a vendor's price list, in US dollars per second of output."""

    resolution: str
    audio: bool
    usd_per_s: Decimal


class Constraint(_Data):
    """A rule: where every `when` option holds, each `then` option must be in its list."""

    when: dict[str, str | int | bool]
    then: dict[str, list[str | int | bool]]
    reason: str


class VideoRule(_Data):
    """Which videos a mode goes on from, where not any video will do."""

    made_by: list[str] = Field(default_factory=list)
    """The vendor takes only what these models of its own made; empty where any video will do."""
    max_age_s: int | None = None
    """How long after it was made."""
    max_total_s: int | None = None
    """The longest that the video and what is added to it may be together."""


class ModeSpec(_Data):
    """The options of one mode; the first of each list is the default."""

    resolutions: list[str]
    durations_s: list[int]
    """Of the output; where a video is extended, of what is added."""
    aspect_ratios: list[str] = Field(default_factory=list)
    """Empty where the ratio follows the input image."""
    audio: list[bool]
    inputs: dict[Input, Literal["required", "optional"]] = Field(
        default_factory=dict[Input, Literal["required", "optional"]]
    )
    """Media inputs by field name of the job."""
    video: VideoRule = VideoRule()
    """Which videos the input `video` may be."""
    prompt: Literal["required", "optional"] = "required"
    negative_prompt: bool = False
    seed: bool = False
    constraints: list[Constraint] = Field(default_factory=list[Constraint])


class InputLimits(_Data):
    """What a vendor accepts as an input file of a kind."""

    content_types: list[str]
    max_bytes: int


class ModelSpec(_Data):
    """One model of a vendor."""

    id: str
    """The vendor's own name for it."""
    title: str
    prompt_max_chars: int
    concurrency: int
    """How many tasks of this model the vendor runs at a time for one account, by default."""
    modes: dict[Mode, ModeSpec]
    prices: list[Price]
    latency_s: Latency
    lifecycle: Lifecycle = Lifecycle()
    input_image: InputLimits | None = None
    """Where it takes other images than its vendor's other models."""
    wire: dict[str, Any] = Field(default_factory=dict)
    """How it differs on the wire from its vendor's other models, for the vendor's adapter alone."""

    def price_usd(self, *, resolution: str, audio: bool, duration_s: int) -> Decimal:
        """Return what the vendor's list asks for one output.

        Raises:
            ConfigurationError: the list has no row for it.
        """
        for row in self.prices:
            if row.resolution == resolution and row.audio == audio:
                return row.usd_per_s * duration_s
        raise ConfigurationError(
            f"The catalogue has no price for {self.id} at {resolution}, audio={audio}."
        )


class VendorSpec(_Data):
    """One vendor: how it behaves (the same for all its models) and its models."""

    vendor: str
    """Its name everywhere: adapter module, secret, fixtures folder, simulator."""
    title: str
    base_url: str
    endpoints: dict[str, str] = Field(default_factory=dict)
    """Base URLs of the vendor's other services, by name (`storage`)."""
    callbacks: CallbackKind
    idempotency: IdempotencyKind
    lookup: Literal["external_id", "output_prefix", "none"]
    """How a task is found again when the answer to its submit was lost."""
    cancel: bool
    submit_timeout_s: float
    acceptance_s: float
    """The longest the vendor may take from receiving a submit to showing the task to a look-up."""
    min_poll_interval_s: float
    retention_s: int
    """How long a finished task can still be found."""
    download_hosts: list[str]
    """Host suffixes that results may be fetched from.

    Empty where the vendor names none: then any public address, and only without a credential.
    """
    input_image: InputLimits
    input_video: InputLimits | None = None
    """None where no model takes a video."""
    billing_unit_usd: Decimal | None = None
    """What one of the vendor's own billing units costs, where it bills in units."""
    models: list[ModelSpec]

    def input_limits(self, name: Input, model: ModelSpec) -> InputLimits:
        """Return what is accepted as an input, or raise ConfigurationError where nothing says."""
        images = model.input_image or self.input_image
        limits = self.input_video if name is Input.VIDEO else images
        if limits is None:
            raise ConfigurationError(
                f"The catalogue does not say what {self.title} takes as {name}."
            )
        return limits

    def model(self, model_id: str) -> ModelSpec | None:
        """Return the model with the vendor's id `model_id`, or None."""
        return next((m for m in self.models if m.id == model_id), None)


class Catalogue(_Data):
    """Every vendor, by name."""

    vendors: dict[str, VendorSpec]

    def without(self, names: Collection[str]) -> Catalogue:
        """Return the catalogue that leaves these vendors out."""
        kept = {name: spec for name, spec in self.vendors.items() if name not in names}
        return Catalogue(vendors=kept)

    def find(self, ref: str) -> tuple[VendorSpec, ModelSpec] | None:
        """Return vendor and model of a `<vendor>/<model>` reference, or None."""
        vendor_name, _, model_id = ref.partition("/")
        vendor = self.vendors.get(vendor_name)
        model = vendor.model(model_id) if vendor else None
        return (vendor, model) if vendor and model else None

    def vendor(self, name: str) -> VendorSpec:
        """Return the vendor, or raise ConfigurationError."""
        try:
            return self.vendors[name]
        except KeyError as exc:
            raise ConfigurationError(f"The catalogue has no vendor {name!r}.") from exc

    def route(self, vendor_name: str, model_id: str) -> tuple[VendorSpec, ModelSpec]:
        """Return vendor and model of a route that a job was created with.

        Raises:
            ConfigurationError: they are not in the catalogue any more.
        """
        vendor = self.vendor(vendor_name)
        if (model := vendor.model(model_id)) is None:
            raise ConfigurationError(f"The catalogue has no model {vendor_name}/{model_id}.")
        return vendor, model


@cache
def load_catalogue() -> Catalogue:
    """Return the catalogue that ships in the package (read once per process)."""
    folder = files("dailies").joinpath("catalogue")
    vendors = (
        VendorSpec.model_validate_json(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    )
    return Catalogue(vendors={v.vendor: v for v in vendors})
