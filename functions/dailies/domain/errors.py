"""What can go wrong, as types.

::

    PipelineError
    ├── InvalidRequestError        the caller's mistake; nothing was spent
    ├── NotFoundError              there is no such thing for this tenant
    ├── ConfigurationError         ours: a missing secret, an unknown vendor
    ├── ConflictError              a conditional write lost; read again
    ├── AssetError                 the result's bytes are unusable (wrong type, too big, gone)
    ├── FetchRefusedError          a result's address is not allowed, or its server said no (4xx)
    ├── FetchBrokenError           a download could not start or broke off; go on by range
    ├── StorageError               our own storage or ledger could not answer; retry
    │   └── UploadGoneError            a multipart upload is not there any more; begin a new one
    ├── DeliveryFailedError        a receiver did not take a notification; try again later
    ├── DeliveryRefusedError       it never will
    └── ProviderError              a vendor call failed
        ├── ProviderThrottledError     certainly not accepted; come back after `retry_after_s`
        ├── ProviderUnavailableError   certainly not accepted, or a read that told nothing; retry
        ├── ProviderRejectedError      certainly not accepted, and never will be
        ├── DuplicateSubmitError       the external id is taken: look the task up
        └── SubmitUnknownError         sent, but no answer: the task may exist

A vendor's "this task failed" is data (`outcomes.Failed`), never one of these. Retryability is a
property of the class.
ASL compares error names as exact strings and Lambda reports only a class name, so the handler
boundary raises exactly
`Throttled`, `Transient` or `Permanent`, with the cause chained.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class PipelineError(Exception):
    """The root: a `code` that never changes its meaning, a message fit for the caller."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False


class FieldProblem(Exception):
    """One complaint about one field of a request; collected in InvalidRequestError."""

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(f"{pointer}: {detail}")
        self.pointer = pointer
        """JSON pointer (RFC 6901) into the request body."""
        self.detail = detail


class InvalidRequestError(PipelineError):
    """The request cannot be carried out as written."""

    code = "invalid_request"

    def __init__(
        self, message: str, problems: tuple[FieldProblem, ...] = (), *, hint: str = ""
    ) -> None:
        super().__init__(message)
        self.problems = problems
        self.hint = hint


class NotFoundError(PipelineError):
    """There is no such thing, or it is another tenant's: the answer is the same."""

    code = "not_found"


class ConfigurationError(PipelineError):
    """This deployment lacks something it needs."""

    code = "configuration"


class ConflictError(PipelineError):
    """A conditional write found another state than the one it was made from."""

    code = "conflict"
    retryable = True


class AssetError(PipelineError):
    """A result's bytes cannot be used; `reason` is a stable word."""

    code = "asset_unusable"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FetchRefusedError(PipelineError):
    """We may not fetch from the address, or its server refused (`status`; None: we did)."""

    code = "fetch_refused"

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class FetchBrokenError(PipelineError):
    """A download could not start or ended early; what came so far is good."""

    code = "fetch_broken"
    retryable = True


class StorageError(PipelineError):
    """Our own storage did not answer."""

    code = "storage_unavailable"
    retryable = True


class DeliveryFailedError(PipelineError):
    """A receiver did not take a notification now.

    The message never holds its address or its answer.
    """

    code = "delivery_failed"
    retryable = True


class DeliveryRefusedError(PipelineError):
    """A notification cannot be delivered, and never will be."""

    code = "delivery_refused"


class UploadGoneError(StorageError):
    """A multipart upload is not there any more, or its parts are not the ones we named."""

    code = "upload_gone"


class Rejection(StrEnum):
    """Why a vendor refused a submit, in our words."""

    INVALID = "invalid"
    AUTH = "auth"
    BALANCE = "balance"
    MODERATION = "moderation"
    MODEL_GONE = "model_gone"
    FORBIDDEN = "forbidden"
    UNAVAILABLE = "unavailable"
    """Not the vendor's word: it stayed throttled or down for longer than we wait."""


class ProviderError(PipelineError):
    """A vendor call failed.

    The message never holds the vendor's reply body, a URL's query or a credential.
    """

    code = "provider_error"

    def __init__(
        self,
        message: str,
        *,
        vendor: str,
        vendor_code: str = "",
        http_status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.vendor = vendor
        self.vendor_code = vendor_code
        self.http_status = http_status
        self.retry_after_s = retry_after_s


class ProviderThrottledError(ProviderError):
    """The vendor has too much to do; the request was certainly not accepted."""

    code = "provider_throttled"
    retryable = True


class ProviderUnavailableError(ProviderError):
    """The vendor could not be reached or could not say; a submit was certainly not accepted."""

    code = "provider_unavailable"
    retryable = True


class ProviderRejectedError(ProviderError):
    """The vendor refused, for good; nothing was created."""

    code = "provider_rejected"

    def __init__(
        self,
        message: str,
        *,
        reason: Rejection,
        vendor: str,
        vendor_code: str = "",
        http_status: int | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(message, vendor=vendor, vendor_code=vendor_code, http_status=http_status)
        self.reason = reason
        self.detail = detail
        """The vendor's own words, shortened and redacted; empty where it had none."""


class DuplicateSubmitError(ProviderError):
    """The vendor says that our external id exists already: an earlier submit was accepted."""

    code = "provider_duplicate"


class SubmitUnknownError(ProviderError):
    """The submit was sent and no answer came back: the task may exist, and may be billed."""

    code = "submit_unknown"
