"""What an adapter is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dailies.domain.catalogue import VendorSpec
from dailies.domain.ports import Clock
from dailies.providers._failures import VendorErrors
from dailies.providers._http import Clients, VendorApi


@dataclass(frozen=True)
class ProviderContext:
    """Everything from outside that an adapter may use.

    It reads no environment and opens no connection of its own.
    """

    spec: VendorSpec
    """The vendor's file of the catalogue."""
    secret: Mapping[str, str] = field(repr=False)
    """The JSON object stored as `providers/<vendor>`."""
    clock: Clock = field(repr=False)
    clients: Clients = field(repr=False)
    endpoints: Mapping[str, str] = field(default_factory=dict[str, str])
    """Base URLs of this deployment that differ from the vendor's own, by endpoint name."""

    @property
    def api(self) -> VendorApi:
        """The vendor's API over HTTP."""
        return VendorApi(self.errors, self.clients, self.clock)

    @property
    def errors(self) -> VendorErrors:
        """Makes this vendor's errors."""
        return VendorErrors(self.spec.vendor, self.spec.title)

    def endpoint(self, name: str = "") -> str:
        """Return a base URL, no slash at its end: the vendor's main one, or the one called `name`.

        The main one is overridden as `<vendor>`, another one as `<vendor>.<name>`.
        """
        key = f"{self.spec.vendor}.{name}" if name else self.spec.vendor
        default = self.spec.endpoints[name] if name else self.spec.base_url
        return (self.endpoints.get(key) or default).rstrip("/")
