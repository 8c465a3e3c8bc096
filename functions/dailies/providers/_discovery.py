"""Finds adapters by file name: `providers/<vendor>.py` holds exactly one class, `<Vendor>Provider`.

There is no list to edit. Only the vendor that is asked for is imported: cold starts pay for one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import cast

import httpx

import dailies.providers
from dailies.domain.catalogue import VendorSpec, load_catalogue
from dailies.domain.errors import ConfigurationError
from dailies.domain.ports import Clock, Provider, Secrets
from dailies.providers._context import ProviderContext
from dailies.providers._http import Clients, open_clients

Factory = Callable[[ProviderContext], Provider]


def names() -> list[str]:
    """Return the name of every provider, sorted. Imports none of them."""
    modules = pkgutil.iter_modules(dailies.providers.__path__)
    return sorted(m.name for m in modules if not m.name.startswith("_"))


def load(name: str) -> Factory:
    """Return the adapter class of a provider.

    Raises:
        ConfigurationError: there is no such provider, or its module has not exactly one class
            `…Provider`.
    """
    if name not in names():
        raise ConfigurationError(f"There is no provider {name!r}.")
    module = importlib.import_module(f"{dailies.providers.__name__}.{name}")
    found = [
        value
        for key, value in vars(module).items()
        if isinstance(value, type)
        and key.endswith("Provider")
        and value.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise ConfigurationError(f"providers/{name}.py must define exactly one class …Provider.")
    return cast(Factory, found[0])


class Registry:
    """The `Providers` port: builds a provider when asked, anew when its secret changes."""

    def __init__(
        self,
        secrets: Secrets,
        clock: Clock,
        endpoints: Mapping[str, str] | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        """Keep what providers are built from; nothing is imported, read or opened yet.

        `http` replaces both connection pools (tests give one with a mock transport).
        """
        self._secrets = secrets
        self._clock = clock
        self._endpoints = dict(endpoints or {})
        self._clients = Clients(read=http, submit=http) if http else None
        self._built: dict[str, tuple[Mapping[str, str], Provider]] = {}

    def open(self) -> Clients:
        """Return the connection pools; making them reads every root certificate, once."""
        if self._clients is None:
            self._clients = open_clients()
        return self._clients

    def get(self, name: str) -> Provider:
        """Return the provider.

        Raises:
            ConfigurationError: there is no such provider, or it lacks its secret.
        """
        spec = self._spec(name)
        secret = dict(self._secrets.get(f"providers/{name}"))
        known = self._built.get(name)
        if known and known[0] == secret:
            return known[1]
        context = ProviderContext(spec, secret, self._clock, self.open(), self._endpoints)
        provider = load(name)(context)
        self._built[name] = (secret, provider)
        return provider

    def close(self) -> None:
        """Close the connections to vendors; a process that ends need not."""
        if self._clients is not None:
            self._clients.close()

    def _spec(self, name: str) -> VendorSpec:
        return load_catalogue().vendor(name)
