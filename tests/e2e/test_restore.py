"""The restore drill on the emulator: rows and objects that were lost come back, others stay."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.stage import stage_config
from local.emulator.process import Emulator
from tools.restore import Restore, Restored, Source

STACK = "Dailies-local-Data"
QUICK = {"Delay": 1, "MaxAttempts": 10}


def data_template() -> dict[str, Any]:
    """Synthesize the data stack as the stage deploys it."""
    from aws_cdk import App

    from infra.data_stack import DataStack

    app = App()
    DataStack(app, STACK, stage=stage_config("local"))
    return app.synth().get_stack_by_name(STACK).template


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        cloudformation = emulator.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(data_template()))
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        yield emulator


class Stage:
    """A stage with three jobs and three results, as a tenant left it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        stack = emulator.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
        self.table, self.bucket = outputs["TableName"], outputs["MediaBucketName"]
        self.dynamodb, self.s3 = emulator.client("dynamodb"), emulator.client("s3")
        # The stage local keeps no versions; those that retain their data do.
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        for number in range(3):
            self.put(number, "succeeded")
            self.s3.put_object(Bucket=self.bucket, Key=self.key(number), Body=b"video %d" % number)

    def put(self, number: int, state: str) -> None:
        row = {"pk": {"S": f"JOB#job_{number}"}, "sk": {"S": "JOB"}, "state": {"S": state}}
        self.dynamodb.put_item(TableName=self.table, Item=row)

    def key(self, number: int) -> str:
        return f"outputs/acme/job_{number}/a.mp4"

    def state(self, number: int) -> str | None:
        key = {"pk": {"S": f"JOB#job_{number}"}, "sk": {"S": "JOB"}}
        item = self.dynamodb.get_item(TableName=self.table, Key=key).get("Item")
        return item["state"]["S"] if item else None

    def backup(self) -> Source:
        """Take a backup of now. The emulator's point-in-time recovery knows no past."""
        made = self.dynamodb.create_backup(TableName=self.table, BackupName="drill")
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        return Source(now, made["BackupDetails"]["BackupArn"])

    def lose(self) -> None:
        """Lose a job and a result, and let another job go on."""
        key = {"pk": {"S": "JOB#job_0"}, "sk": {"S": "JOB"}}
        self.dynamodb.delete_item(TableName=self.table, Key=key)
        self.s3.delete_object(Bucket=self.bucket, Key=self.key(0))
        self.put(1, "canceled")

    def objects(self) -> set[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {one["Key"] for one in listed}

    def restore(self, source: Source, *, drill: bool) -> Restored:
        return Restore("local", self.emulator.client, wait=QUICK).run(source, drill=drill)

    def tables(self) -> list[str]:
        return self.dynamodb.list_tables()["TableNames"]


@pytest.fixture
def stage(emulator: Emulator) -> Stage:
    return Stage(emulator)


def test_what_was_lost_is_there_again_when_a_stage_is_restored(stage: Stage) -> None:
    source = stage.backup()
    stage.lose()

    done = stage.restore(source, drill=False)

    assert (done.rows_in_copy, done.rows_missing, done.objects_covered) == (3, 1, 1)
    assert stage.state(0) == "succeeded"
    content = stage.s3.get_object(Bucket=stage.bucket, Key=stage.key(0))["Body"].read()
    assert content == b"video 0"
    assert stage.tables() == [stage.table]


def test_what_happened_since_stays_when_a_stage_is_restored(stage: Stage) -> None:
    source = stage.backup()
    stage.lose()

    stage.restore(source, drill=False)

    assert stage.state(1) == "canceled"
    assert stage.restore(stage.backup(), drill=False).rows_missing == 0


def test_nothing_changes_when_it_is_a_drill(stage: Stage) -> None:
    source = stage.backup()
    stage.lose()
    before = stage.objects()

    done = stage.restore(source, drill=True)

    assert (done.rows_in_copy, done.rows_missing, done.objects_covered) == (3, 1, 1)
    assert stage.state(0) is None
    assert stage.objects() == before
    assert stage.tables() == [stage.table]


def test_copy_is_made_by_point_in_time_recovery_when_no_backup_is_named(stage: Stage) -> None:
    now = dt.datetime.now(dt.UTC)

    done = stage.restore(Source(now), drill=True)

    assert done.rows_in_copy == 3
    assert done.rows_missing == 0
    assert stage.tables() == [stage.table]


def test_rows_come_from_a_table_when_it_was_restored_before(stage: Stage) -> None:
    source = stage.backup()
    stage.lose()
    stage.dynamodb.restore_table_from_backup(TargetTableName="copy", BackupArn=source.backup_arn)

    done = stage.restore(Source(source.at, table="copy"), drill=False)

    assert done.rows_missing == 1
    assert stage.state(0) == "succeeded"
    assert "copy" in stage.tables()
    stage.dynamodb.delete_table(TableName="copy")
