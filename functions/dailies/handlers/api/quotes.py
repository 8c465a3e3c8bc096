"""The route of quotes: what a job would cost and take, without making it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

from pydantic import ConfigDict, Field

from dailies.bootstrap import ApiPorts
from dailies.domain.jobs import JobRequest
from dailies.handlers.api.answer import Answer, json_answer
from dailies.handlers.api.contract import Call, Operation, Parameters, Success
from dailies.handlers.api.view import View
from dailies.services.quote_job import quote_job


class RouteQuote(View):
    """What a model's price list asks for the job."""

    model: str
    price_usd: Decimal


class EnhancementOption(View):
    """One way to enhance the video, or to leave it as it is."""

    device: Literal["gpu", "cpu", "skip"]
    """What to send as `enhance.device`; `skip`: leave `enhance` out."""
    machine: str = Field(examples=["g6.xlarge, on demand"])
    """What it is estimated for."""
    seconds: float | None
    """About how long it takes, the machine's start included; null where the size is not known."""
    cost_usd: Decimal | None


class EnhancementQuote(View):
    """The ways to enhance the job's video."""

    basis: Literal["estimate"]
    options: list[EnhancementOption]


class QuoteView(View):
    """What a job would cost. Nothing is reserved, and nothing promised."""

    model_config = ConfigDict(title="Quote")

    routes: list[RouteQuote]
    """The model and its fallbacks: only one result is paid for."""
    enhancement: EnhancementQuote | None
    """Null where the job asks for none."""
    valid_on: dt.date
    """The price lists are those of this day (UTC)."""


def quote(call: Call[Parameters, Parameters, JobRequest], ports: ApiPorts) -> Answer:
    """Quote a job."""
    today = ports.clock.now().date()
    found = quote_job(
        call.body,
        tenant=call.tenant,
        ledger=ports.ledger,
        catalogue=ports.catalogue,
        prices=ports.compute_prices,
        kind=ports.compute_kind,
        today=today,
    )
    options = [EnhancementOption(**vars(option)) for option in found.options]
    view = QuoteView(
        routes=[RouteQuote(model=r.model, price_usd=r.price_usd) for r in found.routes],
        enhancement=EnhancementQuote(basis="estimate", options=options) if options else None,
        valid_on=today,
    )
    return json_answer(200, view)


QUOTES = (
    Operation(
        id="quoteJob",
        method="POST",
        path="/v1/quotes",
        tag="Jobs",
        summary="Ask what a job would cost and take",
        run=quote,
        query=Parameters,
        headers=Parameters,
        body=JobRequest,
        example={
            "kind": "text_to_video",
            "model": "kling/kling-3.0",
            "prompt": "A red fox runs through fresh snow at dawn, camera alongside.",
            "duration_s": 5,
            "enhance": {"stages": [{"name": "sr", "scale": 2}]},
        },
        successes=(Success(200, "The quote; nothing was created.", QuoteView),),
        problems=(410,),
    ),
)
