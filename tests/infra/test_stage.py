"""Stages and what a laptop may decide."""

from __future__ import annotations

import pytest
from aws_cdk import RemovalPolicy
from pydantic import ValidationError

from dailies.domain.catalogue import load_catalogue
from dailies.providers import names
from infra.stage import SIMULATOR, STAGE_NAMES, LocalSettings, local_settings, stage_config


def test_the_four_stages_are_there_when_listed() -> None:
    assert STAGE_NAMES == ("local", "dev", "staging", "prod")


def test_unknown_stage_is_refused_when_asked_for() -> None:
    with pytest.raises(ValidationError):
        stage_config("production")


def test_local_settings_are_taken_when_the_stage_is_local() -> None:
    context = {
        "provider_endpoints": '{"kling": "http://127.0.0.1:9000"}',
        "outbound_allow": '["127.0.0.1:9000"]',
        "public_url": "http://127.0.0.1:8080",
    }

    stage = stage_config("local", local_settings(context))

    assert stage.provider_endpoints == {"kling": "http://127.0.0.1:9000"}
    assert stage.outbound_allow == ("127.0.0.1:9000",)
    assert stage.public_url == "http://127.0.0.1:8080"


def test_absent_context_means_defaults_when_nothing_is_given() -> None:
    assert local_settings({"public_url": None}) == LocalSettings()


def test_local_settings_are_refused_when_the_stage_is_in_the_cloud() -> None:
    settings = LocalSettings(outbound_allow=("127.0.0.1:9000",))

    with pytest.raises(ValueError, match="dev takes its settings"):
        stage_config("dev", settings)


def test_malformed_context_is_refused_when_it_is_not_of_its_form() -> None:
    with pytest.raises(ValueError, match="outbound_allow"):
        local_settings({"outbound_allow": '{"not": "a list"}'})


@pytest.mark.parametrize("name", ["dev", "staging", "prod"])
def test_cloud_stages_are_strict_when_compared_with_local(name: str) -> None:
    stage = stage_config(name)

    assert stage.tls_only
    assert stage.machine_aliases
    assert stage.point_in_time_recovery
    assert stage.machine == "aarch64"
    assert stage.architecture.name == "arm64"
    assert not stage.outbound_allow
    assert not stage.provider_endpoints


@pytest.mark.parametrize("name", ["staging", "prod"])
def test_data_is_kept_when_the_stage_matters(name: str) -> None:
    assert stage_config(name).removal_policy == RemovalPolicy.RETAIN


@pytest.mark.parametrize("name", STAGE_NAMES)
def test_every_vendor_has_a_secret_and_alarms_when_a_stage_offers_it(name: str) -> None:
    stage = stage_config(name)
    offered = {v for v in load_catalogue().vendors if v in names()}

    assert offered - {SIMULATOR} == set(stage.providers)
