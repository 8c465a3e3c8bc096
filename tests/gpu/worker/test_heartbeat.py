"""A lease is renewed while a task is worked on, and lost when it is."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from enhance.worker.cloud import CloudError, Lease
from enhance.worker.heartbeat import Heartbeat, LostError
from tests.gpu.worker.cloud_double import MESSAGE, MemoryCloud, leased, trouble

TICK = Lease(state="leased", wait_s=0)
"""A lease so short that it is renewed all the time."""
LIMIT_S = 10


def test_lease_and_message_are_kept_with_fresh_urls() -> None:
    offered: list[tuple[str, Mapping[str, str]]] = []
    twice = threading.Event()

    def offer(method: str, urls: Mapping[str, str]) -> None:
        offered.append((method, urls))
        if len(offered) >= 4:
            twice.set()

    cloud = MemoryCloud()
    lease = Heartbeat(cloud, MESSAGE, TICK, offer=offer)
    assert lease.sign("GET", ["source"]) == {"source": "signed:source"}
    lease.sign("PUT", ["output"])
    with lease:
        assert twice.wait(LIMIT_S)

    assert ("renew", "source", "output") in cloud.calls
    assert ("hide", 0) in cloud.calls
    assert offered[0][0] == "GET" and "source" in offered[0][1]
    assert not lease.lost.is_set()


def test_only_the_objects_asked_for_last_are_signed_anew() -> None:
    cloud, beaten = MemoryCloud(), threading.Event()
    lease = Heartbeat(cloud, MESSAGE, TICK, offer=lambda method, urls: beaten.set())
    for number in range(20):
        lease.sign("PUT", [f"chunk-{number}"])
    with lease:
        assert beaten.wait(LIMIT_S)

    (beat, *_) = [call for call in cloud.calls if len(call) > 2]
    assert beat == ("renew", *(f"chunk-{number}" for number in range(4, 20)))


@pytest.mark.parametrize(("state", "gone"), [("taken", False), ("gone", True)])
def test_task_is_lost_when_the_function_says_so(state: Any, gone: bool) -> None:
    lease = Heartbeat(MemoryCloud([Lease(state=state)]), MESSAGE, TICK)
    with lease:
        assert lease.lost.wait(LIMIT_S)

    assert lease.gone is gone
    with pytest.raises(LostError):
        lease.sign("GET", ["source"])


def test_task_is_kept_when_a_renewal_fails_in_time() -> None:
    cloud, beaten = MemoryCloud([trouble(), trouble()]), threading.Event()
    time_s = itertools.chain([100.0], itertools.repeat(99.0))
    lease = Heartbeat(
        cloud, MESSAGE, TICK, clock=lambda: next(time_s), offer=lambda method, urls: beaten.set()
    )
    with lease:
        assert beaten.wait(LIMIT_S)

    assert not lease.lost.is_set()


def test_task_is_lost_when_nobody_answers_until_the_lease_has_ended() -> None:
    time_s = iter([0.0, *(1000.0 for _ in range(9))])
    lease = Heartbeat(MemoryCloud([trouble()]), MESSAGE, TICK, clock=lambda: next(time_s))
    with lease:
        assert lease.lost.wait(LIMIT_S)

    assert not lease.gone


def test_trouble_is_raised_when_urls_are_wanted_now() -> None:
    with pytest.raises(CloudError):
        Heartbeat(MemoryCloud([trouble()]), MESSAGE, leased()).sign("GET", ["source"])
