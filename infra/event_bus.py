"""The bus on which every published event of a job appears."""

from __future__ import annotations

from aws_cdk import aws_events as events
from constructs import Construct

SOURCE = "dailies"
"""The `source` of our events: what rules match first."""


class EventBus(Construct):
    """A bus of our own: the sinks listen here, and other systems may."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(self, "Bus", description="Events of Dailies jobs")
