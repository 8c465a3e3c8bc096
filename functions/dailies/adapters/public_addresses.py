"""Which hosts are on the public internet, as far as their spelling tells. No network in here."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL_V6: Final = (
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("3fff::/20"),
)
"""Teredo, and RFC 9637's addresses for documentation, which old Python releases do not know."""
_SPECIAL_V4: Final = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
)
"""Protocol assignments, 6to4 relays: what `is_global` says of them varies by Python release."""
_NAME: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(.*\.)?(0x[0-9a-f]*|\d+)\.?$", re.IGNORECASE)
"""A host whose last label is a number: old parsers take it for an address, octal ones too."""


def is_public(address: str) -> bool:
    """Tell whether an address is on the public internet, also where IPv6 only wraps an IPv4 one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv4Address):
        return _is_public_v4(ip)
    if ip.ipv4_mapped is not None:
        return _is_public_v4(ip.ipv4_mapped)
    if ip in _NAT64:
        return _is_public_v4(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
    if ip.sixtofour is not None:
        return _is_public_v4(ip.sixtofour)
    special = ip not in _GLOBAL_UNICAST or any(ip in net for net in _SPECIAL_V6)
    return ip.is_global and ip.scope_id is None and not special


def _is_public_v4(ip: ipaddress.IPv4Address) -> bool:
    special = ip.is_multicast or ip.is_reserved or any(ip in net for net in _SPECIAL_V4)
    return ip.is_global and not special


def is_address(host: str) -> bool:
    """Tell whether a host is an IP address as usually written."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_plain_host(host: str) -> bool:
    """Tell whether a host is a name, or an address as usually written (not `0x7f.1`)."""
    return is_address(host) or (_NAME.fullmatch(host) is not None and _NUMBER.match(host) is None)


def pair(host: str, port: int) -> str:
    """Return host and port as an allow-list writes them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
