import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_avatar.service.addresses import AllowList, is_misspelt_ipv4, is_public

PUBLIC = [
    "93.184.216.34",
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "192.0.3.1",
    "100.128.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::8a",
]
REFUSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",  # IPv4-compatible
    "::8.8.8.8",
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:10.1.2.3",
    "::ffff:0:127.0.0.1",  # IPv4-translated
    "64:ff9b::7f00:1",  # NAT64 of 127.0.0.1
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:808:808::",
    "2606:4700::200:5efe:a00:1",  # ISATAP of 10.0.0.1
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1111%1",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_public_internet(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_lead_elsewhere(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("carrier", ["::ffff:{}", "64:ff9b::{}"])
def test_a_public_ipv4_address_inside_ipv6_is_public(carrier):
    assert is_public(ipaddress.ip_address(carrier.format("8.8.8.8")))


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_private(address):
    if is_public(address) and address not in ipaddress.ip_network("64:ff9b::/96" if address.version == 6 else "0.0.0.0/32"):
        judged = getattr(address, "ipv4_mapped", None) or address
        assert judged.is_global
        assert not judged.is_multicast
        assert not judged.is_reserved


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.1", "017700000001", "1.2.3.4.5", "127.0.0.1."],
)
def test_numbers_in_disguise(host):
    assert is_misspelt_ipv4(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "8.8.8.8", "example.org", "1password.com", "0x.example", "::1", "xn--bcher-kva.ch"]
)
def test_ordinary_hosts(host):
    assert not is_misspelt_ipv4(host)


def test_the_allow_list_knows_hosts_and_networks():
    allow = AllowList.parse(["127.0.0.1/32", "Media.Intranet", "10.1.0.0/16", "[fd00::5]", "192.168.0.9"])
    loopback, ten = ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("10.2.0.1")
    assert allow.permits("anything", loopback)
    assert allow.permits("anything", ipaddress.ip_address("::ffff:127.0.0.1"))
    assert allow.permits("anything", ipaddress.ip_address("10.1.2.3"))
    assert allow.permits("anything", ipaddress.ip_address("fd00::5"))
    assert not allow.permits("anything", ipaddress.ip_address("127.0.0.2"))
    assert not allow.permits("anything", ten)
    assert allow.permits("media.intranet.", ten)
    assert not allow.permits("media.intranet.example", ten)
    assert not AllowList().permits("localhost", loopback)


def test_a_broken_network_is_an_error():
    with pytest.raises(ValueError, match="10"):
        AllowList.parse(["10.0.0.0/99"])
