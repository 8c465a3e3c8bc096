"""The dashboard and the saved queries: what they show exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from dailies.domain.jobs import Stage as JobStage
from dailies.observability import FIELDS, METRICS
from dailies.services.measure import NO_VENDOR as COUNTED_AS
from infra.metrics import NO_VENDOR, STAGES
from infra.stage import stage_config
from tests.infra.conftest import Stage, short

QUERY = "AWS::Logs::QueryDefinition"


def widgets(stage: Stage) -> list[dict[str, Any]]:
    """Return the dashboard's widgets, references written out."""
    body = stage.pipeline.the_one("AWS::CloudWatch::Dashboard")["DashboardBody"]
    found: list[dict[str, Any]] = json.loads(short(body))["widgets"]
    return found


def own_metrics(stage: Stage) -> set[tuple[str, ...]]:
    """Return our own metrics on the dashboard: the name, then dimensions and values."""
    return {
        tuple(part for part in row[1:] if isinstance(part, str))
        for widget in widgets(stage)
        for row in widget["properties"].get("metrics", [])
        if row[0] == f"Dailies/{stage.name}"
    }


@pytest.fixture(params=["dev", "staging", "prod"])
def in_cloud(request: pytest.FixtureRequest) -> Stage:
    from tests.infra.conftest import synthesize

    return synthesize(request.param)


def test_own_metrics_are_those_that_the_code_writes_when_drawn(in_cloud: Stage) -> None:
    drawn = {metric[0] for metric in own_metrics(in_cloud)}

    assert drawn <= METRICS.keys()
    assert METRICS.keys() - drawn == {"DueJobs", "RetiringModels"}


def test_dimensions_are_vendor_and_stage_alone_when_drawn(in_cloud: Stage) -> None:
    stages = {stage.value for stage in JobStage}
    vendors = {*stage_config(in_cloud.name).providers, NO_VENDOR}

    assert NO_VENDOR == COUNTED_AS
    assert set(STAGES) <= stages
    for _, *dimensions in own_metrics(in_cloud):
        named = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
        assert named.keys() <= {"vendor", "stage"}
        assert named.get("vendor", NO_VENDOR) in vendors
        assert named.get("stage", "storing") in stages


def test_every_alarm_that_needs_somebody_is_on_top_when_the_page_opens(in_cloud: Stage) -> None:
    lists = [widget for widget in widgets(in_cloud) if widget["type"] == "alarm"]
    shown = {arn for widget in lists for arn in widget["properties"]["alarms"]}
    needed = [
        alarm
        for alarm in in_cloud.pipeline.properties("AWS::CloudWatch::Alarm")
        if not alarm["AlarmDescription"].startswith("[info]")
    ]

    assert len(shown) == len(needed)
    assert max(len(widget["properties"]["alarms"]) for widget in lists) <= 100
    assert max(widget["y"] for widget in lists) < 5


def test_every_row_says_in_a_sentence_what_it_shows(in_cloud: Stage) -> None:
    texts = [w["properties"]["markdown"] for w in widgets(in_cloud) if w["type"] == "text"]
    subjects = [re.findall(r"\*\*(.+?)\*\*", text)[0].rstrip(".?") for text in texts]

    assert subjects == [
        "Is it healthy",
        "Money",
        "Waiting",
        "Vendors",
        "Stages",
        "Enhancement",
        "Queues",
        "Functions",
        "API",
    ]
    assert all(60 < len(text) < 260 for text in texts)


def test_every_picture_has_a_title_and_a_place_when_drawn(in_cloud: Stage) -> None:
    pictures = [w for w in widgets(in_cloud) if w["type"] == "metric"]
    places = {(w["x"], w["y"]) for w in widgets(in_cloud)}

    assert len(pictures) > 15
    assert len(places) == len(widgets(in_cloud))
    for picture in pictures:
        assert picture["properties"]["title"]
        assert picture["x"] + picture["width"] <= 24
        assert len(picture["properties"]["metrics"]) <= 500


def test_spend_is_drawn_against_the_budget_when_money_is_shown(prod: Stage) -> None:
    (spend,) = (
        w["properties"]
        for w in widgets(prod)
        if w["properties"].get("title") == "Dollars a day, by vendor"
    )
    (limit,) = spend["annotations"]["horizontal"]

    assert limit["value"] == stage_config("prod").daily_budget_usd
    assert spend["view"] == "timeSeries"


def test_nothing_is_drawn_when_the_stage_is_local(local: Stage) -> None:
    assert not local.pipeline.of_type("AWS::CloudWatch::Dashboard")
    assert not local.pipeline.of_type(QUERY)


def test_queries_ask_logs_that_exist_for_fields_that_are_written(prod: Stage) -> None:
    groups = {short({"Ref": name}) for name in prod.pipeline.of_type("AWS::Logs::LogGroup")}
    known = FIELDS | METRICS.keys() | {"level", "message", "routeKey", "status", "latencyMs"}
    known |= {"usd", "errors", "times", "calls", "starts", "requests", "p50_ms", "p99_ms"}
    known |= {"most_mb", "most_ms"}
    queries = prod.pipeline.properties(QUERY)

    assert len(queries) >= 8
    for query in queries:
        assert query["Name"].startswith("dailies/prod/")
        assert {short(name) for name in query["LogGroupNames"]} <= groups
        fields = re.findall(
            r"(?:sort|by|fields|filter|ispresent\() *([a-zA-Z_]\w+)", query["QueryString"]
        )
        assert set(fields) - {"bin", "ispresent"} <= known, query["Name"]


def test_one_job_is_found_by_its_id_in_every_functions_log(prod: Stage) -> None:
    (query,) = (q for q in prod.pipeline.properties(QUERY) if q["Name"].endswith("/one-job"))

    assert "filter job_id =" in query["QueryString"]
    assert len(query["LogGroupNames"]) == len(prod.pipeline.of_type("AWS::Lambda::Function"))
