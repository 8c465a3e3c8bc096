"""Every operation of the API. `docs/openapi.json` is made from this list."""

from __future__ import annotations

from dailies.handlers.api.contract import AnyOperation
from dailies.handlers.api.jobs import JOBS
from dailies.handlers.api.media import MEDIA
from dailies.handlers.api.quotes import QUOTES
from dailies.handlers.api.service import SERVICE

OPERATIONS: tuple[AnyOperation, ...] = (*JOBS, *QUOTES, *MEDIA, *SERVICE)
