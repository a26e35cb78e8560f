"""Which network addresses inputs may be fetched from.

A server that fetches what strangers name must not become their way into its own network (server-side request forgery).
Refused is whatever the IANA special-purpose registries (RFC 6890, as of 2025) do not call globally reachable, and every
IPv6 form that carries an IPv4 address which is refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

IPAddress = IPv4Address | IPv6Address
_RESOLVE_SECONDS: Final = 10.0

_REFUSED_IPV4: Final = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local: the clouds' metadata services
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relay
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")
"""All that is delegated as global unicast."""
_REFUSED_IPV6: Final = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, withdrawn by RFC 7526
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)
"""Third quarter of an ISATAP address (RFC 5214): the last holds an IPv4 address."""


def is_public(address: IPAddress) -> bool:
    """Whether the address is one of the public Internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_IPV4)
    if address.scope_id is not None:
        return False
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
    if address in _NAT64:  # how networks without IPv4 reach the public IPv4 Internet
        return is_public(embedded)
    if (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP and not is_public(embedded):
        return False
    return address in _GLOBAL_IPV6 and not any(address in network for network in _REFUSED_IPV6)


def is_misspelt_ipv4(host: str) -> bool:
    """Whether a host is a number in disguise: `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1`.

    Resolvers read such names as IPv4 addresses. No public host has a name whose last label is a number (the URL standard's
    rule), so what is not four plain decimal numbers is refused.
    """
    labels = host.rstrip(".").split(".")
    last = labels[-1].lower()
    is_number = last.isdigit() or (last.startswith("0x") and all(c in "0123456789abcdef" for c in last[2:]))
    if not is_number:
        return False
    try:
        IPv4Address(host)
    except ValueError:
        return True
    return False


@dataclass(frozen=True)
class AllowList:
    """Hosts and networks that may be fetched from although they are not public."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def parse(cls, entries: Iterable[str]) -> AllowList:
        """From settings: each entry is a host name, an address or a network, e.g. `media.intranet`, `10.1.0.0/16`.

        Raises `ValueError` for an entry with a slash that is no network.
        """
        hosts: set[str] = set()
        networks: list[IPv4Network | IPv6Network] = []
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            except ValueError:
                if "/" in entry:
                    raise
                hosts.add(entry.lower().rstrip("."))
        return cls(frozenset(hosts), tuple(networks))

    def permits(self, host: str, address: IPAddress) -> bool:
        """Whether `address`, which `host` resolved to, may be connected to."""
        if host.lower().rstrip(".") in self.hosts or is_public(address):
            return True
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        return any((mapped or address) in network for network in self.networks)


@dataclass(frozen=True)
class PublicReach:
    """Where engines elsewhere may send us for a file: where inputs may be fetched from."""

    allow: AllowList

    def __call__(self, host: str, port: int) -> list[str]:
        """The addresses of the host that may be connected to. Raises `OSError`."""
        from spark_avatar.service.connect import Deadline, resolve  # brings an HTTP client, which a local render needs not

        found = resolve(host, port, Deadline(_RESOLVE_SECONDS))
        return [str(address) for address in found if self.allow.permits(host, address)]
