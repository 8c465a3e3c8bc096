from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from enhance.errors import InterruptedRunError
from enhance.interruption import Interruption, SpotNotice, on_signals
from tests.gpu.metadata_service import MetadataService


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[MetadataService]:
    with MetadataService(request.param) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("service", [3], indirect=True)
def test_run_is_asked_to_stop_when_the_notice_comes(service: MetadataService) -> None:
    interruption = Interruption()
    with SpotNotice(interruption, endpoint=service.endpoint, poll_s=0.01):
        assert interruption.wait(10)
    assert service.asked == 3
    assert interruption.reason == "Spot notice: terminate at 2026-11-21T08:22:00Z"


@pytest.mark.parametrize("service", [None], indirect=True)
def test_nothing_happens_while_there_is_no_notice(service: MetadataService) -> None:
    assert SpotNotice(Interruption(), endpoint=service.endpoint).ask() is None


def test_silent_service_is_told_once_and_stops_nothing() -> None:
    told: list[str] = []
    heard = threading.Event()

    def warn(text: str) -> None:
        told.append(text)
        heard.set()

    interruption = Interruption()
    with SpotNotice(interruption, endpoint="http://127.0.0.1:9", poll_s=0.01, warn=warn):
        assert heard.wait(10)
        assert not interruption.wait(0.2)
    assert len(told) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_becomes_a_request(number: signal.Signals) -> None:
    interruption = Interruption()
    before = signal.getsignal(number)
    with on_signals(interruption):
        os.kill(os.getpid(), number)
        assert interruption.wait(5)
        # a second one is not for us any more
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) is before
    with pytest.raises(InterruptedRunError, match=number.name):
        interruption.check()


def test_first_reason_stays() -> None:
    interruption = Interruption()
    interruption.check()
    interruption.request("one")
    interruption.request("two")
    assert interruption.reason == "one"
