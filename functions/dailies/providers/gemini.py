"""Gemini Omni on the Gemini Developer API, `v1beta` (https://ai.google.dev/gemini-api/docs).

The secret `providers/gemini` holds `api_key` and, where webhooks are registered for the whole
project, `webhook_secret` (`whsec_…`, what the API shows once as `new_signing_secret`).

Quirks, beside those of `_interactions.py`:
- There is no idempotency key, no id of ours and no list: a submit whose answer was lost cannot be
  looked up, and is never sent again.
- A result is a file of the API's own host, and the key goes there with the download: to that host,
  and to no other that an answer may name.
- Callbacks come in two kinds. For the one that a submit asks for, `Webhook-Signature` is a JSON Web
  Token by Google's published keys; for one that the project registered it is an HMAC (Standard
  Webhooks). Neither says how the task ended.
- A wrong key is answered 400, not 401.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from dailies.domain.errors import StorageError
from dailies.domain.outcomes import (
    Base64Member,
    CallbackHint,
    Download,
    Finished,
    Handle,
    Output,
    PollOutcome,
)
from dailies.domain.ports import AttemptRef, GenerationRequest
from dailies.providers._context import ProviderContext
from dailies.providers._interaction_outcome import outcome_of
from dailies.providers._interactions import InteractionsApi, body_create
from dailies.providers._replies import as_object, as_text, credential, parse_json
from dailies.providers._signed_callbacks import PublishedKeys
from dailies.providers._webhooks import signed

_VERSION = "v1beta"
_BARE_FILE = re.compile(r"/files/[A-Za-z0-9_-]+$")
"""A file's own address answers with what is known of it, not with its bytes."""
_ENDED = frozenset({"interaction.completed", "interaction.failed", "video.generated"})


class GeminiProvider:
    """The `Provider` port over the Interactions API; takes callbacks and cancels."""

    def __init__(self, context: ProviderContext) -> None:
        """Keep the credential.

        Raises:
            ConfigurationError: the secret has no usable `api_key`.
        """
        self._spec = context.spec
        self._errors = context.errors
        self._clock = context.clock
        self._base_url = context.endpoint()
        self._key = credential(context.secret, "api_key", context.spec.vendor)
        self._webhook_secret = context.secret.get("webhook_secret") or ""
        self._interactions = InteractionsApi(
            api=context.api,
            errors=context.errors,
            url=f"{self._base_url}/{_VERSION}/interactions",
            submit_timeout_s=context.spec.submit_timeout_s,
            submit_header=self._header,
            read_header=self._header,
            refused=lambda: False,
            secrets=(self._key,),
        )
        self._keys = PublishedKeys(
            f"{self._base_url}/.well-known/jwks.json", context.api, context.errors, context.clock
        )

    def submit(self, request: GenerationRequest, attempt: AttemptRef) -> Handle | Finished:
        """Start one interaction."""
        webhook = {
            "uris": [attempt.callback_url],
            "user_metadata": {"attempt_id": attempt.attempt_id},
        }
        try:
            body = body_create(request, webhook=webhook if attempt.callback_url else None)
        except StorageError as exc:
            raise self._errors.not_sent("an input could not be read") from exc
        return Handle(vendor="gemini", data={"interaction": self._interactions.create(body)})

    def poll(self, handle: Handle) -> PollOutcome:
        """Ask for the interaction."""
        interaction_id = str(handle.data["interaction"])
        return outcome_of(
            self._interactions.get(interaction_id),
            interaction_id,
            _fetchable,
            token_usd=self._spec.billing_unit_usd,
            secrets=(self._key,),
        )

    def cancel(self, handle: Handle) -> None:
        """Ask Google to stop the interaction."""
        self._interactions.cancel(str(handle.data["interaction"]))

    def download(self, output: Output) -> Download:
        """Return the file's address, or the interaction that holds the bytes."""
        if "uri" in output.data:
            url, headers = self._addressed(str(output.data["uri"]))
            return Download(url=url, headers=headers, content_type=output.content_type)
        return Download(
            url=self._interactions.url_of(str(output.data["interaction"])),
            headers=self._header(),
            content_type=output.content_type,
            base64_member=Base64Member(path=tuple(output.data["path"])),
        )

    def callback(
        self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes
    ) -> CallbackHint | None:
        """Return the hint of a callback for this attempt, of either kind."""
        message = as_object(parse_json(body))
        kind, data = as_text(message.get("type")), as_object(message.get("data"))
        if not kind.startswith(("interaction.", "video.")) or not as_text(data.get("id")):
            return None
        given = as_object(message.get("user_metadata")) or as_object(data.get("user_metadata"))
        if given.get("attempt_id", attempt.attempt_id) != attempt.attempt_id:
            return None
        if not self._signed(attempt, headers, body):
            return None
        return CallbackHint(terminal=kind in _ENDED)

    # ------------------------------------------------------------ private

    def _header(self) -> dict[str, str]:
        return {"x-goog-api-key": self._key}

    def _signed(self, attempt: AttemptRef, headers: Mapping[str, str], body: bytes) -> bool:
        signature = headers.get("webhook-signature", "")
        if "," in signature:
            return bool(self._webhook_secret) and signed(
                self._webhook_secret, headers, body, now=self._clock.now(), vendor="gemini"
            )
        known = bool(signature and attempt.callback_url)
        return known and self._keys.verified(signature, attempt.callback_url or "")

    def _addressed(self, uri: str) -> tuple[str, dict[str, str]]:
        """Return where a result is fetched. Only the API's own host gets the key."""
        parts = urlsplit(uri)
        if f"{parts.scheme}://{parts.netloc}" not in (self._spec.base_url, self._base_url):
            return uri, {}
        host = urlsplit(self._base_url)
        path = f"{parts.path}:download" if _BARE_FILE.search(parts.path) else parts.path
        query = parts.query if "alt=media" in parts.query.split("&") else "alt=media"
        here = (host.scheme, host.netloc, path, query, "")
        return urlunsplit(here), self._header()


def _fetchable(uri: str) -> bool:
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.netloc)  # http: the simulator's
