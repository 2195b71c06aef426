"""Findings, metrics and certificates: their schemas, their order, and how evidence is masked.

A checker returns findings in the short schema FOUND (keyed by `doc`); the engine adds file, row, id,
checker, severity, action and writes FINDINGS, the public contract of findings.parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import pyarrow as pa

from auditkit.text.settled import settled

FOUND = pa.schema(
    [
        ("doc", pa.int64()),
        ("field", pa.utf8()),
        ("rule", pa.utf8()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("score", pa.float64()),
        ("evidence", pa.utf8()),
        ("detail", pa.utf8()),
        ("group", pa.utf8()),
    ]
)

FINDINGS = pa.schema(
    [
        ("file", pa.utf8()),
        ("row", pa.int64()),
        ("id", pa.utf8()),
        ("field", pa.utf8()),
        ("checker", pa.utf8()),
        ("rule", pa.utf8()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("score", pa.float64()),
        ("severity", pa.utf8()),
        ("action", pa.utf8()),
        ("group", pa.utf8()),
        ("evidence", pa.utf8()),
        ("detail", pa.utf8()),
        ("waived", pa.bool_()),
    ]
)

CERTIFICATES = pa.schema(
    [
        ("file", pa.utf8()),
        ("row", pa.int64()),
        ("kept_file", pa.utf8()),
        ("kept_row", pa.int64()),
        ("jaccard", pa.float64()),
        ("rule", pa.utf8()),
    ]
)

SORT_KEYS = [(name, "ascending") for name in ("doc", "field", "start", "end", "rule", "score", "detail")]


class Found(NamedTuple):
    """One finding of a checker.

    doc: key of the document, None for the corpus as a whole. field/start/end: the place, half-open, in code points of
    that field's string; None = the whole document. score: 0..1, higher is worse. evidence: already masked.
    detail: JSON. group: name shared by findings that belong together.
    """

    doc: int | None
    rule: str
    field: str | None = None
    start: int | None = None
    end: int | None = None
    score: float = 1.0
    evidence: str = ""
    detail: str = "{}"
    group: str | None = None


def found_table(rows: Iterable[Found]) -> pa.Table:
    """The findings as a table with schema FOUND."""
    columns = list(zip(*rows, strict=True)) or [()] * len(Found._fields)
    by_name = dict(zip(Found._fields, columns, strict=True))
    return pa.table([pa.array(by_name[column.name], column.type) for column in FOUND], schema=FOUND)


def canonical(found: pa.Table) -> pa.Table:
    """The same findings in the one order that every run writes: document, place, rule; corpus findings last."""
    return found.sort_by(SORT_KEYS) if found.num_rows > 1 else found


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)  # made once: 3x the speed


def detail(**values: object) -> str:
    """JSON for the `detail` column: sorted keys, no spaces, so that equal details are equal bytes."""
    return _ENCODER.encode(values)


@dataclass(frozen=True)
class Metric:
    """One number about the corpus, as in metrics.json.

    `slice` names the part it speaks of ("" = everything); `low`/`high` are the bounds of its interval;
    `status` is ok | fail | pass | undecided | not_looked_for | not_checkable.
    """

    checker: str
    metric: str
    value: float | None
    slice: str = ""
    low: float | None = None
    high: float | None = None
    numerator: float | None = None
    denominator: float | None = None
    reference: str | None = None
    status: str = "ok"

    def as_dict(self) -> dict[str, object]:
        """The metric as the JSON object of metrics.json."""
        return asdict(self)


def share(
    checker: str, metric: str, numerator: int, denominator: int, *, slice: str = "", confidence: float = 0.95
) -> Metric:
    """A share with its Wilson score interval (Wilson 1927); value is null when nothing was looked at."""
    if denominator == 0:
        return Metric(checker, metric, None, slice, None, None, numerator, 0, status="not_checkable")
    low, high = wilson(numerator, denominator, confidence=confidence)
    return Metric(checker, metric, numerator / denominator, slice, low, high, numerator, denominator)


def wilson(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson score interval of a binomial share; (0, 1) without trials. Wilson 1927, JASA 22:209."""
    from statistics import NormalDist

    if trials <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p = successes / trials
    middle = p + z * z / (2 * trials)
    spread = z * ((p * (1 - p) + z * z / (4 * trials)) / trials) ** 0.5
    scale = 1 + z * z / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def mask(value: str) -> str:
    """The value with at most its first character and the top-level domain readable: `j***@e***.com`, `4***`.

    The number of stars is fixed, so that the length is not told either. Digits are never shown.
    """
    shown = " ".join(value.split())
    if shown.count("@") == 1 and "." in shown.split("@")[1]:
        user, host = shown.split("@")
        name, _, tld = host.rpartition(".")
        ending = tld if settled(tld).isalpha() and len(tld) <= 6 else "***"
        return f"{_first(user)}***@{_first(name)}***.{ending}"
    return f"{_first(shown)}***"


def _first(text: str) -> str:
    """The first character where it is a letter, else nothing."""
    return text[0] if settled(text[:1]).isalpha() else ""


def masked_ids(records: pa.Table) -> pa.Table:
    """The records with ids that are e-mail addresses masked: they are shown in every table and report.

    File and row still tell the record. Other ids are shown as they are: a number may be anything.
    """
    import pyarrow.compute as pc

    place = records.schema.get_field_index("id")
    ids = records.column(place)
    if not pc.any(pc.match_substring(ids, "@")).as_py():
        return records
    shown = [mask(value) if value and "@" in value else value for value in ids.to_pylist()]
    return records.set_column(place, records.schema.field(place), pa.array(shown, ids.type))


def mask_span(text: str, start: int, end: int, *, context: int = 0) -> str:
    """The masked value of text[start:end], with up to `context` dots for the characters on each side."""
    before, after = "." * min(start, context), "." * min(len(text) - end, context)
    return f"{before}{mask(text[start:end])}{after}"


def found_concat(tables: Sequence[pa.Table]) -> pa.Table:
    """All findings in one table (schema FOUND), also when there are none."""
    return pa.concat_tables([FOUND.empty_table(), *tables])


def as_scores(scores: Mapping[str, Iterable[float]]) -> dict[str, pa.Array]:
    """Document scores as float64 arrays rounded to 1e-4, so that runners and machines agree; NaN becomes null."""
    import numpy as np

    arrays = {}
    for name, values in scores.items():
        rounded = np.round(np.asarray(values, dtype=np.float64), 4)
        arrays[name] = pa.array(rounded, pa.float64(), from_pandas=True)
    return arrays
