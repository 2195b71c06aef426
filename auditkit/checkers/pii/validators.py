"""Whether a value that has the right shape can be real: checksums, issued ranges, public addresses, words that say
otherwise.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_COUNTRIES_BY_LENGTH = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTHS = {code: n for n, codes in _COUNTRIES_BY_LENGTH.items() for code in codes.split()}
"""Country -> length of its IBANs. SWIFT, IBAN registry (ISO 13616-2), release 99."""

CARD_HEADS = re.compile(
    r"4|5[0-8]|6|3(?:0[0-5]|[4-9])|2(?:2[2-9]|[3-6]|7[01]|720|131|014|149)|1800|9792"
)  # ISO/IEC 7812 issuer ranges: Visa, Mastercard, Maestro, Discover, UnionPay, Diners, Amex, JCB, Troy

_ITIN_GROUPS = frozenset((*range(50, 66), *range(70, 89), *range(90, 93), *range(94, 100)))  # IRS Publication 1915


def luhn(digits: str) -> bool:
    """Whether the digits pass the Luhn test (ISO/IEC 7812-1, annex B)."""
    total = 0
    for i, ch in enumerate(reversed(digits)):
        d = int(ch) << (i & 1)
        total += d - 9 if d > 9 else d
    return total % 10 == 0


def is_card(value: str) -> bool:
    """12 to 19 digits of a known issuer range that pass Luhn and are not one digit over and over."""
    digits = re.sub(r"\D", "", value)
    return 12 <= len(digits) <= 19 and len(set(digits)) > 1 and bool(CARD_HEADS.match(digits)) and luhn(digits)


def is_iban(value: str) -> bool:
    """Known country, its length, check digits by mod 97 (ISO 13616-1)."""
    code = re.sub(r"[ -]", "", value).upper()
    if IBAN_LENGTHS.get(code[:2]) != len(code) or not code.isascii() or not code.isalnum():
        return False
    return int("".join(str(int(ch, 36)) for ch in code[4:] + code[:4])) % 97 == 1


def is_ssn(value: str) -> bool:
    """Area, group and serial that the Social Security Administration may have issued; not those of adverts."""
    digits = re.sub(r"\D", "", value)
    if len(digits) != 9 or digits in _FAMOUS_SSN or len(set(digits)) == 1:
        return False
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


_FAMOUS_SSN = frozenset({"078051120", "219099999", "123456789", "987654321"})  # printed on sample cards; counting


def is_itin(value: str) -> bool:
    """Nine digits from 9 with a group that the IRS issues."""
    digits = re.sub(r"\D", "", value)
    return len(digits) == 9 and digits[0] == "9" and int(digits[3:5]) in _ITIN_GROUPS


def is_nhs(value: str) -> bool:
    """Ten digits whose last is the NHS check digit (mod 11)."""
    digits = re.sub(r"\D", "", value)
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    return sum(int(ch) * weight for ch, weight in zip(digits, range(10, 0, -1), strict=True)) % 11 == 0


def is_dea(value: str) -> bool:
    """Two letters (or a letter and a 9) and seven digits whose last is the DEA check digit."""
    digits = [int(ch) for ch in value[2:] if ch.isdigit()]
    if len(digits) != 7:
        return False
    return (digits[0] + digits[2] + digits[4] + 2 * (digits[1] + digits[3] + digits[5])) % 10 == digits[6]


def is_mac(value: str) -> bool:
    """Twelve hex digits, neither broadcast nor zero."""
    digits = re.sub(r"[^0-9A-Fa-f]", "", value).upper()
    return len(digits) == 12 and digits not in ("F" * 12, "0" * 12) and any(ch.isdigit() for ch in digits)


def is_host_ip(value: str) -> bool:
    """An address of one machine, documentation ranges included: not private, loopback, netmask or multicast."""
    import ipaddress

    try:
        address = ipaddress.ip_interface(value).ip
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if _within(address, DOCUMENTATION):
        return True
    if address.version == 6 and int(address) >> 125 != 1 and "::" in value:
        return False  # outside of 2000::/3 an abbreviation is more often a word of a program than an address
    return _within(address, GLOBAL) or not (address.is_multicast or _within(address, NOT_GLOBAL))


DOCUMENTATION = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
"""RFC 5737, RFC 3849, RFC 9637."""
NOT_GLOBAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.168.0.0/16", "198.18.0.0/15", "240.0.0.0/4"),
    *("::/128", "::1/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2002::/16", "fc00::/7", "fe80::/10"),
)
GLOBAL = (
    *("192.0.0.9/32", "192.0.0.10/32"),
    *("2001:1::1/128", "2001:1::2/128", "2001:3::/32", "2001:4:112::/48", "2001:20::/28", "2001:30::/28"),
)
"""The special-purpose registries of IANA, and what is global inside of them: here, because the tables of Python's own
`is_global` changed with 3.13 and in the middle of 3.11 and 3.12."""


def _within(address: IPv4Address | IPv6Address, nets: tuple[str, ...]) -> bool:
    return any(address in net for net in _networks(nets))


@cache
def _networks(names: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    import ipaddress

    return tuple(ipaddress.ip_network(name) for name in names)


@cache
def tlds() -> tuple[str, ...]:
    """The top-level domains of the public suffix list inside the tldextract package, ASCII words, sorted."""
    import tldextract

    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None).tlds
    return tuple(sorted({suffix for suffix in suffixes if suffix.isascii() and suffix.isalpha()}))


RESERVED_TLDS = frozenset({"example", "invalid", "test"})  # RFC 2606: documentation speaks of addresses under them


@cache
def _top_levels() -> frozenset[str]:
    import tldextract

    suffixes = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None).tlds
    return frozenset(suffix.rpartition(".")[2] for suffix in suffixes) | RESERVED_TLDS


def has_tld(host: str) -> bool:
    """Whether the host ends in a top-level domain that exists or is reserved for documentation."""
    return host.rpartition(".")[2].lower() in _top_levels()


def is_wallet(value: str) -> bool:
    """Whether a Bitcoin address has its checksum: Base58Check (BIP 13) or Bech32 (BIP 173, BIP 350)."""
    return _bech32(value) if value[:3].lower() == "bc1" else _base58check(value)


_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def _base58check(value: str) -> bool:
    from hashlib import sha256

    number = 0
    for ch in value:
        number = number * 58 + _BASE58.index(ch)
    if number >= 1 << 200:
        return False
    payload = number.to_bytes(25, "big")
    return sha256(sha256(payload[:21]).digest()).digest()[:4] == payload[21:]


def _bech32(value: str) -> bool:
    if value != value.lower() and value != value.upper():
        return False
    data = [_BECH32.find(ch) for ch in value.lower()[3:]]
    if len(data) < 6 or -1 in data:
        return False
    check = 1
    for item in (3, 3, 0, 2, 3, *data):  # the human-readable part `bc`, expanded
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ item
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)


_VERSION_WORD = re.compile(
    r"(?:\b(?:version|ver|v|release|build|rev|revision|section|sec|chapter|clause|firmware|driver|update|upgrade to"
    r"|requires|oid|§)"
    r"[.:=]?\s*(?:number|no\.?|to|is|>=?|<=?|==?)?\s*[\"'(]?v?)\s*$",
    re.IGNORECASE,
)
_SOFTWARE_PART = re.compile(r"^\d{1,2}\.\d{1,2}\.\d{1,2}\.\d{1,3}$")


def is_version(before: str) -> bool:
    """Whether a dotted quad after this text reads as a version or section number."""
    return bool(_VERSION_WORD.search(before[-24:]))


_ADDRESS_WORD = re.compile(
    r"\b(?:ip|ips|ipv[46]|address|addr|host|server|client|from|peer|dns|ping|login|blocked|at|visit\w*)\b",
    re.IGNORECASE,
)


def is_small_quad(value: str, before: str) -> bool:
    """Whether a dotted quad is of small numbers (1.2.3.4) and no word before it speaks of addresses: a numbering."""
    return bool(_SOFTWARE_PART.match(value)) and not _ADDRESS_WORD.search(before[-40:])
