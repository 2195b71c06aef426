"""Make rules/lexicons/profiles.csv: the shares of regions and continents in public corpora, to hold others against.

    python training/profiles.py DATA_FOLDER        seconds

Sources, of which only these shares are kept: DATA/skew/corpora/ag_news_test.csv (AG News, 7,600 test texts),
alpaca_random_9k.json (9,229 instructions of Alpaca), dolly_3k.json (2,996 of Dolly, filtered by a model). Made by the
checker `skew` itself, with its 95 % intervals; the numbers hold for these samples.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

from auditkit.checker import Context, CorpusChecker, build
from auditkit.documents import batch_of_texts

OUT = Path(__file__).parent.parent / "rules" / "lexicons" / "profiles.csv"


def corpora(data: Path) -> dict[str, list[str]]:
    """The texts of each corpus; a row is one text."""
    with (data / "ag_news_test.csv").open(encoding="utf-8", newline="") as file:
        found = {"ag-news": [f"{title}. {text}" for _, title, text in csv.reader(file)]}
    for name, path in (("alpaca", "alpaca_random_9k.json"), ("dolly", "dolly_3k.json")):
        rows = json.loads((data / path).read_text(encoding="utf-8"))
        found[name] = [
            "\n".join(row[key] or "" for key in ("instruction", "input", "output") if key in row) for row in rows
        ]
    return found


def main(data: Path) -> None:
    """Write the table."""
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["corpus", "dimension", "part", "share", "low", "high", "mentions"])
        for name, texts in corpora(data / "skew" / "corpora").items():
            checker = build("skew", {})
            assert isinstance(checker, CorpusChecker)
            metrics = checker.finish(checker.map(batch_of_texts(texts)), None, Context(len(texts))).metrics
            for row in metrics:
                if row.metric in ("region.share", "continent.share"):
                    bounds = [round(number or 0.0, 5) for number in (row.value, row.low, row.high)]
                    writer.writerow([name, row.metric.split(".")[0], row.slice, *bounds, int(row.denominator or 0)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
