"""Which addresses belong to one machine: the registries of IANA, whatever Python's own tables say."""

from __future__ import annotations

import pytest

from auditkit.checkers.pii.validators import is_host_ip

OF_A_HOST = (
    *("8.8.4.4", "8.8.8.8/24", "1.0.0.1", "100.63.255.255", "100.128.0.0", "172.32.0.1", "192.0.0.9", "192.0.0.10"),
    *("192.0.1.0", "192.0.2.7", "198.51.100.7", "203.0.113.7", "198.20.0.1", "2a00:1450:4001:81b::200e"),
    *("2001:1::1", "2001:1::2", "2001:3::9", "2001:4:112::1", "2001:20::1", "2001:30::1", "2001:200::1", "2001:db8::1"),
    *("2003::1", "3fff::1", "::ffff:8.8.8.8"),
)
OF_NONE = (
    *("0.0.0.0", "0.255.255.255", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.255.255"),
    *("192.0.0.0", "192.0.0.8", "192.0.0.11", "192.0.0.170", "192.0.0.255", "192.168.1.17", "198.18.0.1", "224.0.0.1"),
    *("239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "64:ff9b:1:0:0:0:0:7", "100:0:0:0:0:0:0:1"),
    *("2001::1", "2001:2::1", "2001:1ff:ffff::1", "2001:1::3", "2002::1", "fc00::1", "fdff::1", "fe80::1", "ff02::1"),
    *("::ffff:10.0.0.1", "::ffff:192.0.0.8", "256.1.1.1", "1.2.3", "01.2.3.4"),
)


@pytest.mark.parametrize("address", OF_A_HOST)
def test_an_address_of_a_host(address):
    assert is_host_ip(address)


@pytest.mark.parametrize("address", OF_NONE)
def test_an_address_of_no_host(address):
    assert not is_host_ip(address)
