# ruff: noqa: SLF001 - a peer has no public door to its patterns
"""Peers of the pii checker, run in an environment of their own: reads a JSON list of texts, writes what each peer says.

    PEERS/bin/python benchmarks/pii_peers.py texts.json said.json

For each installed peer: CPU seconds over all texts, and its findings as (entity, start, end), or their number alone.
cleanllm 4: the patterns of its `redact-pii`, in its order. piilint: all recognisers, IP addresses on, confidence .6 and
more. flexorch-audit: `detect_pii`, default locale. datatrove: `PIIFormatter().format`, which tells no places.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Found = list[list[Any]]
NAMES = {
    "EMAIL": "EMAIL_ADDRESS", "PHONE": "PHONE_NUMBER", "SSN": "US_SSN", "IBAN": "IBAN_CODE", "IP": "IP_ADDRESS",
    "IP_V6": "IP_ADDRESS", "SSN_US": "US_SSN", "IBAN_INTL": "IBAN_CODE", "PHONE_INTL": "PHONE_NUMBER", "NAME": "PERSON",
}  # fmt: skip


def entity(name: str) -> str:
    """A peer's name of an entity as Presidio's."""
    return NAMES.get(name.upper(), name.upper())


def cleanllm() -> Callable[[str], Found]:
    from cleanllm import pii

    def find(text: str) -> Found:
        found, left = [], text
        for name, pattern in pii._PII_PATTERNS:
            for match in pattern.finditer(left):
                found.append([entity(name), *match.span()])
            left = pattern.sub(lambda match: "\0" * len(match.group()), left)
        return found

    return find


def piilint() -> Callable[[str], Found]:
    from piilint.findings import EntityType
    from piilint.recognizers import build_default_registry

    registry = build_default_registry()
    for kind in EntityType:
        if kind.name.startswith("IP"):
            registry.enable(kind, True)
    recognizers = registry.enabled_recognizers()

    def find(text: str) -> Found:
        every = [match for one in recognizers for match in one.scan(text)]
        return [[entity(match.entity.name), match.start, match.end] for match in every if match.confidence >= 0.6]

    return find


def flexorch() -> Callable[[str], Found]:
    from flexorch_audit import detect_pii

    return lambda text: [[entity(one["type"]), one["start"], one["end"]] for one in detect_pii(text)]


def datatrove() -> Callable[[str], Found]:
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()

    def find(text: str) -> Found:
        formatter.format(text)
        return []

    return find


def main() -> None:
    texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    said = {}
    for make in (cleanllm, piilint, flexorch, datatrove):
        try:
            find = make()
        except ImportError:
            continue
        find("warm up joe@corp.com 212-555-0142")
        began = time.process_time()
        found = [find(text) for text in texts]
        said[make.__name__] = {"seconds": time.process_time() - began, "found": found, "tells": make is not datatrove}
    Path(sys.argv[2]).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
