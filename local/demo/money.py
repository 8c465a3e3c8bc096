"""The demo's proof: each job cost exactly one paid task, by our ledger and the vendors' count."""

from __future__ import annotations

from typing import Any

from local.demo.errors import DemoError
from local.twin.api import Api
from local.twin.twin import Twin


def prove_one_paid_task_each(twin: Twin, api: Api, jobs: dict[str, Any]) -> list[str]:
    """Return what was found, in lines to print.

    Raises:
        DemoError: ledger and vendor disagree, or a job was paid for twice or not at all.
    """
    lines: list[str] = []
    for name, job in jobs.items():
        attempts = api.attempts(job["job_id"])
        paid = [one for one in attempts if one["charge"]]
        if len(paid) != 1:
            raise DemoError(f"The ledger holds {len(paid)} paid attempts of {name}, not one.")
        vendor, attempt_id = paid[0]["vendor"], paid[0]["attempt_id"]
        tasks = [t for t in twin.simulated(vendor)["tasks"] if attempt_id in t["external_id"]]
        if len(tasks) != 1:
            raise DemoError(f"{vendor} counts {len(tasks)} tasks of {name}, not one.")
        lines.append(f"{name}: 1 paid task at {vendor}, {_price(paid[0]['charge'])}")
    for vendor in {job["attempt"]["vendor"] for job in jobs.values()}:
        created = twin.simulated(vendor)["created"]
        wanted = sum(job["attempt"]["vendor"] == vendor for job in jobs.values())
        if created != wanted:
            raise DemoError(f"{vendor} counts {created} paid tasks in all, not {wanted}.")
    return lines


def require_faults(twin: Twin) -> list[str]:
    """Return the faults that the scenario really played, in lines to print.

    Raises:
        DemoError: one of them did not happen, so that the demo proves nothing about it.
    """
    refused = twin.simulated("google", "requests")["calls"].get("submit_refused", 0)
    callbacks = twin.simulated("kling", "requests")["callbacks"]
    words = [sent["status"] for sent in callbacks]
    if refused != 1:
        raise DemoError(f"google refused {refused} submits; the scenario throttles one.")
    if "succeeded" in words or not words:
        raise DemoError(f"kling called back {words}; the scenario holds back the last one only.")
    unanswered = [sent for sent in callbacks if sent["answer"] != 204]
    if unanswered:
        raise DemoError(f"The API answered {unanswered[0]['answer']} to a callback, not 204.")
    return [
        "google throttled one submit: it was sent again when google had said, and taken once",
        f"kling called back ({', '.join(words)}), but never said that it was done: a poll did",
    ]


def _price(charge: dict[str, Any]) -> str:
    whose = "as billed" if charge["basis"] == "vendor" else "by its price list"
    return f"${charge['amount_usd']} {whose}"
