"""One POST to one checked address: no redirect is followed, no proxy asked, no metadata of a cloud reached."""

from __future__ import annotations

import email.utils
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from auditkit.errors import AuditkitError

MAX_ANSWER_BYTES = 16 << 20  # 64 samples of 32 thousand tokens, with their log-probabilities left out
METADATA = frozenset(
    map(
        ipaddress.ip_address,
        # link-local ones aside: AWS over IPv6; Alibaba; Azure's wire server; Oracle
        ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052
_SECRETS = ("key", "token", "secret", "sig", "signature", "password", "auth")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Answer(NamedTuple):
    """What came back. retry_after_s: how long the server asks to wait, None where it does not say."""

    status: int
    retry_after_s: float | None
    body: bytes


def mistakes(url: str, hosts: Sequence[str] = ()) -> Iterator[str]:
    """What is wrong with the address of an endpoint: scheme, host, secrets inside it. hosts: those that are allowed."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        yield "is not an address"
        return
    if parts.scheme not in ("http", "https") or not host:
        yield "expected https://... or http://... of an OpenAI-compatible endpoint"
        return
    if hosts and host not in {name.lower() for name in hosts}:
        yield f"its host '{host}' is not among the allowed hosts: {', '.join(hosts)}"
    if parts.username is not None or any(_is_secret(name) for name, _ in parse_qsl(parts.query)):
        yield "holds a secret; name the environment variable that holds it with key_variable"
    if _is_address(host) and forbidden(host):
        yield f"{host} is a link-local, metadata or unroutable address"


def _is_secret(name: str) -> bool:
    return any(name.lower().replace("_", "-").rpartition("-")[2].endswith(word) for word in _SECRETS)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def forbidden(address: str) -> bool:
    """Whether no request may go there: link-local, metadata and unroutable addresses, also wrapped in IPv6."""
    outer = ipaddress.ip_address(address.partition("%")[0])
    return any(
        ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in METADATA for ip in (outer, *_wrapped(outer))
    )


def _wrapped(ip: Address) -> Iterator[Address]:
    """The IPv4 address that an IPv6 address stands for: mapped, 6to4, NAT64."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            yield ipaddress.IPv4Address(ip.packed[-4:])
        for inner in (ip.ipv4_mapped, ip.sixtofour):
            if inner is not None:
                yield inner


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> Answer:
    """The answer, whatever its status, within timeout_s of wall time (looking up the name not counted).

    OSError or http.client.HTTPException when none came, none came whole, or none came in time; AuditkitError when the
    address must not be asked.
    """
    parts, until = urlsplit(url), time.monotonic() + timeout_s
    host = parts.hostname or ""
    tls = parts.scheme == "https"
    connection = http.client.HTTPSConnection(host, parts.port, context=_tls()) if tls else (
        http.client.HTTPConnection(host, parts.port)
    )  # fmt: skip
    connection.sock = opened = _connected(
        host, connection.port, timeout_s, secret="Authorization" in headers and not tls
    )
    ending = threading.Timer(max(0.0, until - time.monotonic()), _shut, [opened])
    ending.daemon = True
    ending.start()  # ends an answer that drips: a socket's own time-out begins anew with every byte
    try:
        if tls:
            connection.sock = _tls().wrap_socket(opened, server_hostname=host)
        path = parts.path or "/"
        connection.request("POST", f"{path}?{parts.query}" if parts.query else path, body, dict(headers))
        return _read(connection.getresponse())
    except (OSError, http.client.HTTPException) as error:
        if time.monotonic() >= until:
            raise TimeoutError from error
        raise
    finally:
        ending.cancel()
        connection.close()
        opened.close()


@cache
def _tls() -> ssl.SSLContext:
    """One context per process: loading the certificates takes some 20 ms."""
    return ssl.create_default_context()


def _connected(host: str, port: int, timeout_s: float, *, secret: bool) -> socket.socket:
    """A connection to the first address of the host that takes one; every address is checked before."""
    last: OSError = OSError("no address")
    for family, kind, protocol, _, place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(place[0])
        if forbidden(address):
            raise AuditkitError(f"{host} is at {address}, a link-local, metadata or unroutable address: not asked")
        if secret and ipaddress.ip_address(address.partition("%")[0]).is_global:
            raise AuditkitError(f"a key would go to {host} in the clear: use https://")
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(timeout_s)
        try:
            opened.connect(place)
        except OSError as error:
            opened.close()
            last = error
        else:
            return opened
    raise last


def _shut(opened: socket.socket) -> None:
    """End a connection from another thread: whoever reads it sees its end."""
    try:
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
    except OSError:
        return  # already closed


def _read(response: http.client.HTTPResponse) -> Answer:
    body = response.read(MAX_ANSWER_BYTES + 1)
    if len(body) > MAX_ANSWER_BYTES:
        raise http.client.HTTPException("too long")
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return Answer(response.status, _seconds(response.getheader("Retry-After")), body)


def _seconds(said: str | None) -> float | None:
    """Retry-After as seconds from now (RFC 9110, 10.2.3: seconds or a date)."""
    if not said:
        return None
    if said.strip().isascii() and said.strip().isdigit():
        return float(said)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(said).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
