"""Profile `precise`: which web addresses are personal data.

A site's address names its owner: a bare domain or the root of a site is a finding. A link into a site is one only
where it carries a name,
an address, a key: in its user part, a profile path, a query. File names and program identifiers that end like a
domain are none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from auditkit.checkers.pii.validators import has_tld

if TYPE_CHECKING:
    from collections.abc import Iterator

CANDIDATE = re.compile(
    r"(?P<scheme>(?:https?|ftp)://)?(?:(?P<user>[^\s/@<>\"'()]{1,64})@)?"
    r"(?P<host>(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}[^\W\d_]{2,24})(?P<port>:\d{2,5})?"
    r"(?P<rest>[/?#][^\s<>\"'()\[\]{}|\\^`]*)?",
    re.IGNORECASE,
)
# Top-level domains under which a bare name is a site; others (.md, .py, .is, .name ...) end files, words and
# identifiers too.
_SITES = (
    "com org net edu gov mil info biz io co us uk ca au nz ie de ch fr nl lu es pt br mx ar cl gr se dk fi cz sk hu ro "
    "bg hr si ua ru tr il za ng ke jp kr cn tw hk sg th vn ph eu online site shop blog club xyz tech store museum"
)
SITES = frozenset(_SITES.split())
NO_SITES = frozenset({"asp.net", "vb.net", "ado.net", "ml.net", "e.in"})
CARRIES = re.compile(
    r"/(?:~|@)\w|/(?:in|user|users|u|profile|profiles|people|member|members|author|id)/[\w.%-]{2,}"
    r"|[?&#;](?:e?mail|user(?:name|id)?|name|login|phone|tel|token|access_token"
    r"|auth|api_?key|key|sig|signature|password|passwd|pwd|secret|session|sid|ssn)="
    r"|(?:facebook|twitter|x|instagram|tiktok|t)\.(?:com|me)/[\w.]{3,}|%40|@",
    re.IGNORECASE,
)


def url_place(text: str, low: int, high: int) -> Iterator[tuple[int, int]]:
    """Places of the web addresses in a chunk that are findings."""
    at = low
    while (match := CANDIDATE.search(text, at, high)) is not None:
        at = match.end()
        rest = (match["rest"] or "").rstrip(".,;:!?*_")
        end = match.end() - len(match["rest"] or "") + len(rest)
        if _is_site(text, match) and (rest in ("", "/") or match["user"] or CARRIES.search(rest)):
            yield match.start(), end


def _is_site(text: str, match: re.Match[str]) -> bool:
    """Whether the host is a site's and not a piece of an e-mail address, a path, a file name or a program."""
    host = match["host"]
    if not has_tld(host):
        return False
    if match["scheme"]:
        return True
    if match["user"] or (text[match.start() - 1 : match.start()] in tuple("@/\\.-_=$%&") and match.start() > 0):
        return False
    if text[match.end() : match.end() + 1] in tuple("(@\\[=_-"):
        return False
    if host.lower().startswith("www."):
        return True
    tld = host.rpartition(".")[2]
    return (
        tld in SITES and host.lower() not in NO_SITES and host.split(".")[0].lower() not in ("system", "this", "self")
    )
