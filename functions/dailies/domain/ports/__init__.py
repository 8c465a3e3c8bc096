"""The seams: what services need from the outside, by noun.

Adapters implement them; fakes stand in for them in tests.
"""

from dailies.domain.ports.ledger import Ledger, Page, Snapshot
from dailies.domain.ports.media import (
    Analyzed,
    Analyzer,
    FetchedHead,
    Fetcher,
    Inspection,
    Inspector,
    MediaStore,
    ObjectHead,
    UploadForm,
)
from dailies.domain.ports.notification import (
    DeliveryWorkflow,
    EventBus,
    InlineImage,
    Mailer,
    Topic,
    WebhookEndpoints,
    WebhookPoster,
)
from dailies.domain.ports.providers import (
    AttemptRef,
    CallsBack,
    Cancels,
    GenerationRequest,
    InputMedia,
    InputVideo,
    LooksUp,
    MediaSource,
    Origin,
    Provider,
    Providers,
)
from dailies.domain.ports.surroundings import Clock, Secrets
from dailies.domain.ports.workflow import Compute, ExecutionStatus, LatencyStats, Workflow

__all__ = [
    "Analyzed",
    "Analyzer",
    "AttemptRef",
    "CallsBack",
    "Cancels",
    "Clock",
    "Compute",
    "DeliveryWorkflow",
    "EventBus",
    "ExecutionStatus",
    "FetchedHead",
    "Fetcher",
    "GenerationRequest",
    "InlineImage",
    "InputMedia",
    "InputVideo",
    "Inspection",
    "Inspector",
    "LatencyStats",
    "Ledger",
    "LooksUp",
    "Mailer",
    "MediaSource",
    "MediaStore",
    "ObjectHead",
    "Origin",
    "Page",
    "Provider",
    "Providers",
    "Secrets",
    "Snapshot",
    "Topic",
    "UploadForm",
    "WebhookEndpoints",
    "WebhookPoster",
    "Workflow",
]
