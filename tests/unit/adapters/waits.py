"""What the state Await does to a job's row by itself, for tests that need a wait."""

from __future__ import annotations

from typing import Any

from dailies.adapters.dynamodb_ledger import DynamoDbLedger
from dailies.domain.errors import ConflictError


class WaitingLedger(DynamoDbLedger):
    """The ledger on DynamoDB, with the write that only the workflow makes."""

    def __init__(self, table: str, client: Any) -> None:
        super().__init__(table, client)
        self._dynamodb = client
        self._name = table

    def put_token(self, job_id: str, *, run: int, seen: int, token: str) -> None:
        """Raise ConflictError if a signal has come since `seen`, or the run is not the job's."""
        try:
            self._dynamodb.update_item(
                TableName=self._name,
                Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}},
                UpdateExpression="SET #token = :token",
                ConditionExpression="signal_seq = :seen AND #run = :run",
                ExpressionAttributeNames={"#token": "token", "#run": "run"},
                ExpressionAttributeValues={
                    ":token": {"S": token},
                    ":seen": {"N": str(seen)},
                    ":run": {"N": str(run)},
                },
            )
        except self._dynamodb.exceptions.ConditionalCheckFailedException as exc:
            raise ConflictError("there is a signal that the wait would miss") from exc
