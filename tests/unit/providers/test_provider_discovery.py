"""Providers are found by their file's name, and built when they are asked for."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import types
from pathlib import Path

import httpx
import pytest
from provider_cases import FixedSecrets, FrozenClock

from dailies.domain.catalogue import load_catalogue
from dailies.domain.errors import ConfigurationError
from dailies.providers import Registry, _discovery, names
from dailies.providers._context import ProviderContext
from dailies.providers._http import Clients
from dailies.providers.kling import KlingProvider

CLIENT = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(500)))
FUNCTIONS = Path(__file__).parents[3] / "functions"


def registry(secret: dict[str, str]) -> Registry:
    return Registry(FixedSecrets({"providers/kling": secret}), FrozenClock(), {}, CLIENT)


def test_every_vendor_has_an_adapter_when_one_of_its_models_lives() -> None:
    today = dt.datetime.now(dt.UTC).date()
    vendors = load_catalogue().vendors.values()
    living = {v.vendor for v in vendors for m in v.models if not m.lifecycle.retired(today)}

    assert living <= set(names()) <= set(load_catalogue().vendors)


def test_nothing_else_is_imported_when_one_provider_is_asked_for() -> None:
    script = (
        "import sys; from dailies.providers._discovery import load; load('kling');"
        "heavy = ('google.auth', 'cryptography', 'standardwebhooks', 'boto3');"
        "print([m for m in sys.modules if m.startswith(heavy) or m == 'dailies.providers.google'])"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["", "nobody", "_http", "kling/../google", "os"])
def test_provider_is_refused_when_there_is_none(name: str) -> None:
    with pytest.raises(ConfigurationError):
        _discovery.load(name)
    with pytest.raises(ConfigurationError):
        registry({"api_key": "k"}).get(name)


def test_module_is_refused_when_it_has_not_exactly_one_provider(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("dailies.providers.kling")
    monkeypatch.setitem(sys.modules, "dailies.providers.kling", module)

    with pytest.raises(ConfigurationError, match="exactly one class"):
        _discovery.load("kling")


def test_provider_is_built_once_when_its_secret_stays() -> None:
    one = registry({"api_key": "k"})

    assert one.get("kling") is one.get("kling")
    assert isinstance(one.get("kling"), KlingProvider)


def test_provider_is_built_anew_when_its_secret_was_rotated() -> None:
    secret = {"api_key": "old"}
    one = registry(secret)
    before = one.get("kling")

    secret["api_key"] = "new"

    assert one.get("kling") is not before


def test_own_clients_are_opened_when_none_are_given() -> None:
    secrets = FixedSecrets({"providers/kling": {"api_key": "k"}})

    one = Registry(secrets, FrozenClock())

    one.close()  # harmless before anything was opened
    assert isinstance(one.get("kling"), KlingProvider)
    one.close()


def test_endpoint_is_the_override_when_the_deployment_has_one() -> None:
    overrides = {"google": "http://127.0.0.1:1/", "google.storage": "http://127.0.0.1:2"}
    spec = load_catalogue().vendor("google")
    clients = Clients(CLIENT, CLIENT)
    local = ProviderContext(spec, {}, FrozenClock(), clients, overrides)
    cloud = ProviderContext(spec, {}, FrozenClock(), clients)

    assert (local.endpoint(), local.endpoint("storage")) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:2",
    )
    assert cloud.endpoint() == spec.base_url
    assert cloud.endpoint("storage") == "https://storage.googleapis.com"


def test_secret_is_hidden_when_a_context_is_shown() -> None:
    spec = load_catalogue().vendor("kling")
    context = ProviderContext(
        spec, {"api_key": "very-secret"}, FrozenClock(), Clients(CLIENT, CLIENT)
    )

    assert "very-secret" not in repr(context)
