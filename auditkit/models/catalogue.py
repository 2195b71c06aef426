"""Models that can be fetched: what is known of each, from rules/models.toml or a catalogue of the user's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from auditkit.errors import ConfigError, suggestion
from auditkit.resources import resource
from auditkit.text.safe import printable

Kind = Literal["spacy", "checkpoint", "file"]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SHORTEST_START = 8  # hex digits; what torch.hub puts into its file names


@dataclass(frozen=True)
class Part:
    """A further file of a model: its place in the model's folder, its address, its hash ("" = as first fetched)."""

    path: str
    url: str
    sha256: str = ""


@dataclass(frozen=True)
class Entry:
    """One model of a catalogue.

    kind: `spacy` = a wheel, of which the pipeline's data alone is unpacked; `checkpoint` and `file` are kept as they
    are. sha256: of the file at `url`, "" = unknown; sha256_starts: its first digits. bytes: 0 = unknown.
    hosts: where redirects may lead, besides the host of `url`. files: what else belongs to the model. extra: what
    `pip install 'auditkit[...]'` must name for the model to run. source: where hash and size come from.
    """

    name: str
    kind: Kind
    url: str
    licence: str
    summary: str = ""
    sha256: str = ""
    sha256_starts: str = ""
    bytes: int = 0
    hosts: tuple[str, ...] = ()
    files: tuple[Part, ...] = ()
    extra: str = ""
    source: str = ""

    @property
    def file(self) -> str:
        """The last part of the URL."""
        return self.url.rsplit("/", 1)[-1]


def catalogue(more: Path | None = None) -> dict[str, Entry]:
    """Name -> entry, packaged ones first; ConfigError for a catalogue of the user's that is broken."""
    entries = _read(resource("rules/models.toml"))
    if more is not None:
        entries |= _read(more)
    return entries


def entry(name: str, more: Path | None = None) -> Entry:
    """The entry with this name; ConfigError with a suggestion when there is none."""
    known = catalogue(more)
    if name not in known:
        raise ConfigError(f"no model {printable(name)!r} in the catalogue{suggestion(name, known)}")
    return known[name]


def _read(path: Path) -> dict[str, Entry]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("model", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{printable(str(path))}: {printable(str(error))}") from None
    wrong = [
        f"{printable(str(path))}: model {i}: {what}" for i, table in enumerate(tables) for what in _mistakes(table)
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))
    entries = [_entry(table) for table in tables]
    return {item.name: item for item in entries}


def _entry(table: Mapping[str, Any]) -> Entry:
    """The entry that a faultless table stands for."""
    parts = tuple(Part(**part) for part in table.get("files", ()))
    return Entry(**{**table, "hosts": tuple(table.get("hosts", ())), "files": parts})


def _mistakes(table: Mapping[str, object]) -> Iterable[str]:
    known = {field.name: field for field in fields(Entry)}
    for key in sorted(set(table) - set(known)):
        yield f"unknown key {key!r}{suggestion(key, known)}"
    for key in ("name", "kind", "url", "licence"):
        if not isinstance(table.get(key), str):
            yield f"{key} is missing"
    if not _are_parts(table.get("files", [])):
        yield 'files: a list of { path = "config.json", url = "https://...", sha256 = "64 digits or none" }'
    if not NAME.fullmatch(str(table.get("name", "x"))):
        yield "name: letters, digits, '.', '_' and '-' alone"
    if table.get("kind", "file") not in get_args(Kind):
        yield f"kind: one of {', '.join(get_args(Kind))}"
    yield from _hashes(table)


def _hashes(table: Mapping[str, object]) -> Iterable[str]:
    for key, pattern in (("sha256", "(?:[0-9a-f]{64})?"), ("sha256_starts", f"(?:[0-9a-f]{{{SHORTEST_START},64}})?")):
        if not re.fullmatch(pattern, str(table.get(key, ""))):
            yield f"{key}: hexadecimal digits in small letters"


def _are_parts(files: object) -> bool:
    return isinstance(files, list) and all(map(_is_part, files))


def _is_part(part: object) -> bool:
    """Whether this describes a file that stays in the model's folder."""
    if not isinstance(part, dict) or not {"path", "url"} <= set(part) <= {"path", "url", "sha256"}:
        return False
    parts = str(part["path"]).split("/")
    return all(NAME.fullmatch(name) for name in parts) and bool(
        re.fullmatch("(?:[0-9a-f]{64})?", str(part.get("sha256", "")))
    )
