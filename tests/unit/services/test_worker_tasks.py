"""A task's way through the workers: queued, leased, finished, or given up."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from dailies.domain.errors import AssetError, ConflictError, InvalidRequestError, StorageError
from dailies.domain.worker_tasks import (
    FinishRequest,
    LeaseRequest,
    TaskEndedError,
    WorkerTask,
    WorkerTaskState,
)
from dailies.services.fail_task import ERROR, fail_task
from dailies.services.finish_task import FinishPorts, finish_task
from dailies.services.lease_task import LeasePorts, lease_task
from dailies.services.queue_task import QueuePorts, queue_task
from tests.fakes.time import ManualClock
from tests.fakes.workers import (
    JOB,
    OUTPUT_KEY,
    PREFIX,
    SOURCE_KEY,
    TASK,
    WEIGHTS,
    MemoryObjects,
    MemoryQueue,
    MemoryTasks,
    RecordedTokens,
    compute_task,
    queue_input,
    spec,
)

LEASE_S, MAX_RECEIVES, PASS_S = 60, 8, 30
CHUNK = "chunks/" + "0" * 64


@dataclass
class Floor:
    """Everything that the four services touch."""

    clock: ManualClock = field(default_factory=ManualClock)
    tasks: MemoryTasks = field(default_factory=MemoryTasks)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    tokens: RecordedTokens = field(default_factory=RecordedTokens)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    running: str | None = TASK
    """The task that the job runs."""

    def __post_init__(self) -> None:
        self.objects.hold(f"{PREFIX}spec.json", spec())

    def job(self, job_id: str) -> Any:
        assert job_id == JOB
        task = compute_task(task_id=self.running) if self.running else None
        return SimpleNamespace(running_task=task)

    def put(self, token: str = "token-1", **changed: Any) -> None:
        ports = QueuePorts(self.tasks, self.objects, self.queue, self.clock)
        queue_task(queue_input(token, **changed), ports)

    def lease(self, worker: str = "ann", action: str = "claim", **more: Any) -> Any:
        ports: Any = LeasePorts(
            self.tasks, self, self.objects, self.clock, LEASE_S, MAX_RECEIVES, PASS_S
        )
        asked = {"task_id": TASK, "worker": worker, "action": action} | more
        return lease_task(LeaseRequest.model_validate(asked), ports)

    def finish(self, worker: str = "ann", outcome: str = "ok") -> str:
        asked = FinishRequest(task_id=TASK, worker=worker, outcome=outcome)
        return finish_task(asked, self._ends).state

    def fail(self) -> None:
        fail_task(TASK, self._ends)

    @property
    def _ends(self) -> FinishPorts:
        return FinishPorts(self.tasks, self.tokens, self.clock)

    @property
    def row(self) -> WorkerTask:
        return self.tasks.rows[TASK]


@pytest.fixture
def floor() -> Floor:
    return Floor()


@pytest.fixture
def queued(floor: Floor) -> Floor:
    floor.put()
    return floor


class TestQueueing:
    def test_message_holds_the_id_and_the_row_the_rest(self, queued: Floor) -> None:
        assert queued.queue.sent == [TASK]
        assert (queued.row.source_key, queued.row.output_key) == (SOURCE_KEY, OUTPUT_KEY)
        assert queued.row.models == {WEIGHTS: "models/acme/x.safetensors"}
        assert "token-1" not in repr(queued.row)

    def test_new_token_replaces_the_old_one_when_it_is_queued_again(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.put("token-2")

        assert queued.row.token == "token-2"
        assert queued.row.owner == "ann", "whoever holds it goes on"
        queued.finish("ann")
        assert [token for token, _ in queued.tokens.succeeded] == ["token-2"]

    def test_message_comes_later_when_the_queue_was_down(self, floor: Floor) -> None:
        floor.queue.down = True
        with pytest.raises(StorageError):
            floor.put()
        floor.queue.down = False

        floor.put()

        assert floor.queue.sent == [TASK]

    def test_wait_ends_at_once_when_the_task_has_ended(self, queued: Floor) -> None:
        queued.lease()
        queued.finish()

        with pytest.raises(TaskEndedError):
            queued.put("token-2")

    @pytest.mark.parametrize(
        "changed",
        [
            {"source": {"uri": "s3://elsewhere/a.mp4"}},
            {"output": "file:///etc/passwd"},
            {"output": "s3://media/"},
            {"stages": [{"model": {"uri": "https://x/y.pth", "sha256": WEIGHTS}}]},
        ],
    )
    def test_foreign_objects_are_refused(self, floor: Floor, changed: dict[str, Any]) -> None:
        floor.objects.hold(f"{PREFIX}spec.json", spec(**changed))

        with pytest.raises(AssetError, match="outside"):
            floor.put()
        assert not floor.tasks.rows and not floor.queue.sent

    @pytest.mark.parametrize("found", [None, b"{", b"[]"])
    def test_task_without_a_spec_is_refused(self, floor: Floor, found: bytes | None) -> None:
        floor.objects.objects = {} if found is None else {f"{PREFIX}spec.json": found}

        with pytest.raises(AssetError):
            floor.put()


class TestLeasing:
    def test_free_task_is_leased_with_urls_for_what_was_asked(self, queued: Floor) -> None:
        answer = queued.lease(
            get=["source", "spec.json", f"models/{WEIGHTS}", f"{CHUNK}.mkv"],
            put=["output", "report.json", f"{CHUNK}.mkv", f"{CHUNK}.json"],
        )

        life = LEASE_S * 15
        assert (answer.state, answer.wait_s) == ("leased", LEASE_S)
        assert answer.get == {
            "source": f"GET {SOURCE_KEY} {life}",
            "spec.json": f"GET {PREFIX}spec.json {life}",
            f"models/{WEIGHTS}": f"GET models/acme/x.safetensors {life}",
            f"{CHUNK}.mkv": f"GET {PREFIX}{CHUNK}.mkv {life} once",
        }
        assert answer.put == {
            "output": f"PUT {OUTPUT_KEY} {life}",
            "report.json": f"PUT {PREFIX}report.json {life}",
            f"{CHUNK}.mkv": f"PUT {PREFIX}{CHUNK}.mkv {life} once",
            f"{CHUNK}.json": f"PUT {PREFIX}{CHUNK}.json {life}",
        }
        assert "uploads" not in repr(answer), "URLs are credentials"

    @pytest.mark.parametrize(
        "more",
        [
            {"get": ["../other/report.json"]},
            {"get": ["chunks/../../x.mkv"]},
            {"get": [f"models/{'0' * 64}"]},
            {"get": ["uploads/acme/a.mp4"]},
            {"put": ["spec.json"]},
            {"put": ["source"]},
            {"put": [f"models/{WEIGHTS}"]},
            {"put": ["chunks/short.mkv"]},
        ],
    )
    def test_other_objects_are_refused_and_nothing_is_leased(
        self, queued: Floor, more: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidRequestError):
            queued.lease(**more)
        assert queued.row.owner is None

    def test_task_is_taken_until_its_lease_ends(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.clock.sleep(20.5)

        answer = queued.lease("bob")

        assert (answer.state, answer.wait_s) == ("taken", 40)
        assert queued.row.owner == "ann"

    def test_another_takes_over_when_the_holder_fell_silent(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.clock.sleep(LEASE_S)

        assert queued.lease("bob").state == "leased"
        assert (queued.row.owner, queued.row.claims) == ("bob", 2)
        assert queued.lease("ann", "renew").state == "taken"
        assert queued.finish("ann") == "taken"

    def test_holder_keeps_it_by_renewing(self, queued: Floor) -> None:
        queued.lease("ann")
        for _ in range(5):
            queued.clock.sleep(LEASE_S - 1)
            answer = queued.lease("ann", "renew", get=["source"])
            assert answer.state == "leased" and answer.get

        assert queued.lease("bob").state == "taken"
        assert queued.row.claims == 1

    def test_late_renewal_counts_when_nobody_else_came(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.clock.sleep(LEASE_S * 3)

        assert queued.lease("ann", "renew").state == "leased"

    def test_nobody_renews_what_he_never_held(self, queued: Floor) -> None:
        assert queued.lease("bob", "renew").state == "taken"
        assert queued.row.owner is None

    def test_task_is_free_at_once_when_it_is_given_back(self, queued: Floor) -> None:
        queued.lease("ann")

        assert queued.lease("bob", "release").state == "released"
        assert queued.lease("bob").state == "taken", "only its holder gives it back"
        assert queued.lease("ann", "release").state == "released"
        assert queued.lease("bob").state == "leased"

    @pytest.mark.parametrize("running", [None, f"{TASK[:-1]}2"])
    @pytest.mark.parametrize("action", ["claim", "renew"])
    def test_task_is_gone_when_its_job_runs_it_no_more(
        self, queued: Floor, running: str | None, action: str
    ) -> None:
        queued.lease("ann")
        queued.running = running

        assert queued.lease("ann", action).state == "gone"

    def test_task_is_gone_when_there_is_no_row_or_it_has_ended(self, floor: Floor) -> None:
        assert floor.lease().state == "gone"
        floor.put()
        floor.lease()
        floor.finish()
        assert floor.lease().state == "gone"

    def test_one_of_two_gets_it_when_both_claim_at_once(self, queued: Floor) -> None:
        def interrupt(_: WorkerTask) -> None:
            queued.tasks.before_write = lambda task: None
            assert queued.lease("bob").state == "leased"

        queued.tasks.before_write = interrupt

        assert queued.lease("ann").state == "taken"
        assert queued.row.owner == "bob"

    def test_conflict_is_raised_when_it_never_ends(self, queued: Floor) -> None:
        def interrupt(_: WorkerTask) -> None:
            queued.tasks.rows[TASK] = queued.row.model_copy(update={"rev": queued.row.rev + 1})

        queued.tasks.before_write = interrupt

        with pytest.raises(ConflictError):
            queued.lease("ann")


class TestDemandedGpu:
    @pytest.fixture
    def demanding(self, floor: Floor) -> Floor:
        floor.put(device="cuda")
        return floor

    def test_it_is_left_to_others_when_a_worker_has_none(self, demanding: Floor) -> None:
        answer = demanding.lease(device="cpu", receives=1)

        assert (answer.state, answer.wait_s) == ("unsuited", PASS_S)
        assert demanding.row.owner is None
        assert demanding.lease("gpu", device="cuda").state == "leased"

    def test_it_fails_loudly_when_nobody_else_came(self, demanding: Floor) -> None:
        assert demanding.lease(device="cpu", receives=MAX_RECEIVES).state == "leased"
        assert demanding.lease(device="cpu", action="renew").state == "leased"


class TestEnding:
    def test_token_is_completed_once_the_result_is_written(self, queued: Floor) -> None:
        queued.lease("ann")

        assert queued.finish("ann", "partial_input") == "finished"

        assert queued.tokens.succeeded == [("token-1", {"v": 1, "task_id": TASK})]
        assert (queued.row.state, queued.row.outcome) == (WorkerTaskState.DONE, "partial_input")

    def test_token_is_completed_again_when_the_answer_was_lost(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.tokens.down = True
        with pytest.raises(StorageError):
            queued.finish("ann")
        queued.tokens.down = False

        assert queued.finish("ann") == "finished"
        assert len(queued.tokens.succeeded) == 1

    def test_result_counts_when_the_lease_ran_out_and_nobody_else_came(self, queued: Floor) -> None:
        queued.lease("ann")
        queued.clock.sleep(LEASE_S * 2)

        assert queued.finish("ann") == "finished"

    def test_unknown_task_is_gone(self, floor: Floor) -> None:
        assert floor.finish() == "gone"


class TestDeadLetters:
    def test_token_fails_when_nobody_could_end_the_task(self, queued: Floor) -> None:
        queued.fail()

        assert queued.tokens.failed == [("token-1", ERROR)]
        assert queued.row.state is WorkerTaskState.LOST
        assert queued.lease().state == "gone"
        assert queued.finish() == "gone"

    def test_holder_is_waited_for(self, queued: Floor) -> None:
        queued.lease("ann")
        with pytest.raises(ConflictError):
            queued.fail()
        assert not queued.tokens.failed

        queued.finish("ann")
        queued.fail()

        assert not queued.tokens.failed
        assert len(queued.tokens.succeeded) == 2, "the first one may have been lost"

    def test_token_fails_again_when_the_engine_did_not_answer(self, queued: Floor) -> None:
        queued.tokens.down = True
        with pytest.raises(StorageError):
            queued.fail()
        queued.tokens.down = False

        queued.fail()

        assert queued.tokens.failed == [("token-1", ERROR)]

    def test_message_of_no_task_is_let_go(self, floor: Floor) -> None:
        floor.fail()

        assert not floor.tokens.failed
