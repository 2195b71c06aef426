"""One file from an address to the disk: resumed where it broke off, and only as far as its hash is right."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from auditkit.errors import AuditkitError, ConfigError
from auditkit.text.safe import printable

BLOCK = 1 << 20
TIMEOUT_S = 30.0  # without one byte
TRIES = 4  # each goes on where the last one broke off
BACKOFF_S = 0.5  # before the second try; doubles
LARGEST = 8 << 30  # bytes; no model of the catalogue comes near
THIS_MACHINE = frozenset(["127.0.0.1", "::1", "localhost"])

Tell = Callable[[int, int], None]
"""Called with (bytes so far, bytes in all or 0)."""


class DownloadError(AuditkitError):
    """A file that did not come whole: not reached, not there, broken off, or not the file that was meant."""


def download(url: str, part: Path, *, hosts: frozenset[str], tell: Tell) -> str:
    """The SHA-256 of the file that now lies at `part`; bytes that an earlier call left there are kept.

    Redirects lead to the URL's own host or one of `hosts`, by https (http: this machine alone). DownloadError after
    TRIES tries without the end of the file, or at once where another try would not help.
    """
    check_address(url, hosts | {urlsplit(url).hostname or ""})
    trouble = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(BACKOFF_S * 2 ** (attempt - 1))
        try:
            if _take(url, part, hosts=hosts, tell=tell):
                return sha256_of(part)
            trouble = "the connection broke off"
        except urllib.error.HTTPError as error:
            moved = ", a redirect that is not followed" if 300 <= error.code < 400 else ""
            trouble = f"the server answered {error.code}{moved}"
            if error.code not in (408, 429, 500, 502, 503, 504):
                break
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            trouble = _reason(error)
    have = part.stat().st_size if part.exists() else 0
    raise DownloadError(
        f"{printable(url)}: {trouble}. {have:,} bytes are kept; the same command goes on from there. "
        "Without a network: fetch the file elsewhere and give it by --from FILE"
    )


def check_address(url: str, hosts: frozenset[str]) -> None:
    """ConfigError for an address that no file is fetched from."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("https", "http") or (parts.scheme == "http" and host not in THIS_MACHINE):
        raise ConfigError(f"{printable(url)}: models are fetched by https alone (http: from this machine)")
    if host not in hosts:
        raise ConfigError(f"{printable(url)}: not a host of this model ({', '.join(sorted(hosts))})")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect where the catalogue allows it."""

    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts

    def redirect_request(  # noqa: PLR0917 - urllib's signature
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """The next request, the wanted range kept."""
        try:
            check_address(newurl, self._hosts | {urlsplit(req.full_url).hostname or ""})
        except ConfigError as error:
            raise DownloadError(f"a redirect that is not followed: {error}") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _take(url: str, part: Path, *, hosts: frozenset[str], tell: Tell) -> bool:
    """Whether the file is whole after one request that asks for what is missing."""
    have, mark = _kept(part)
    request = urllib.request.Request(url, headers={"User-Agent": "auditkit", "Accept-Encoding": "identity"})  # noqa: S310 - check_address
    if have and mark:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", mark)
    opener = urllib.request.build_opener(_Redirects(hosts))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        if answer.status != 206 or not str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-"):
            have = 0
        total = have + int(answer.headers.get("Content-Length") or 0)
        if total > LARGEST:
            raise DownloadError(f"{printable(url)}: {total:,} bytes are more than a model has")
        _remember(part, answer.headers.get("ETag") or answer.headers.get("Last-Modified") or "")
        have = _pour(answer, part, have, lambda n: tell(n, total))
    return have >= total if answer.headers.get("Content-Length") else have > 0


def _pour(answer: IO[bytes], part: Path, have: int, tell: Callable[[int], None]) -> int:
    """Bytes in the file after all that the answer gave was written behind the first `have`."""
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        file.truncate()
        try:
            while block := answer.read(BLOCK):
                file.write(block)
                have += len(block)
                if have > LARGEST:
                    raise DownloadError("the answer has no end")
                tell(have)
        except http.client.IncompleteRead as error:
            file.write(error.partial)
            have += len(error.partial)
        finally:
            file.flush()
            os.fsync(file.fileno())
    return have


def _kept(part: Path) -> tuple[int, str]:
    """Bytes of an earlier try, and the server's mark of that version of the file."""
    with suppress(OSError, ValueError):
        return part.stat().st_size, str(json.loads(_mark(part).read_text(encoding="utf-8")))
    return 0, ""


def _remember(part: Path, mark: str) -> None:
    _mark(part).write_text(json.dumps("" if mark.startswith("W/") else mark), encoding="utf-8")


def _mark(part: Path) -> Path:
    return part.with_name(part.name + ".mark")


def forget(part: Path) -> None:
    """Remove a partial file and what is remembered of it."""
    part.unlink(missing_ok=True)
    _mark(part).unlink(missing_ok=True)


def _reason(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    return f"not reached ({printable(str(reason) or type(reason).__name__)})"


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
