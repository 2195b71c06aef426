"""Make rules/lexicons/occupations.csv: occupations with the share of women among those who work in them.

    python training/occupations.py DATA_FOLDER

Source: US Bureau of Labor Statistics, Current Population Survey 2015 (public domain), in the selection of 60
occupations of Rudinger et al. 2018, DATA/skew/ref/winogender_occupations-stats.tsv (rudinger/winogender-schemas, MIT).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

OUT = Path(__file__).parent.parent / "rules" / "lexicons" / "occupations.csv"


def main(root: Path) -> None:
    """Write the table, sorted by occupation."""
    with (root / "skew/ref/winogender_occupations-stats.tsv").open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file, delimiter="\t"), key=lambda row: row["occupation"])
    with OUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["occupation", "female_share", "year"])
        for row in rows:
            writer.writerow([row["occupation"], f"{float(row['bls_pct_female']) / 100:.4f}", row["bls_year"]])
    print(f"{len(rows)} occupations")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
