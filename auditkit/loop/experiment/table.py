"""What the experiment showed: results.json, tasks.json, table.md, plot.svg."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from auditkit.loop.experiment.arms import Line
from auditkit.loop.experiment.plot import plot
from auditkit.loop.experiment.tasks import EXACT

MEASURES = ("accuracy", "stereotype", "entropy", "tail_mass", "precision")
COLUMNS = ("seed", "arm", "round", *MEASURES, "n_rows")
DIGITS = 6
T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""Student's t, 97.5 %, for 1 to 10 degrees of freedom; the last one for more, which makes intervals a little wide."""


def write(lines: Sequence[Line], out: Path) -> None:
    """results.json (one row per seed, arm and round), tasks.json (accuracy of each task), table.md, plot.svg."""
    rows = [{name: _rounded(line[name]) for name in COLUMNS} for line in lines]
    tasks = [{name: _rounded(line[name]) for name in ("seed", "arm", "round", *EXACT)} for line in lines]
    for name, found in (("results.json", rows), ("tasks.json", tasks)):
        text = ",\n".join(json.dumps(row) for row in found)
        (out / name).write_text(f'{{"rows": [\n{text}\n]}}\n', encoding="utf-8")
    (out / "table.md").write_text(as_markdown(lines), encoding="utf-8")
    (out / "plot.svg").write_text(plot(lines), encoding="utf-8")


def _rounded(value: object) -> object:
    return round(value, DIGITS) if isinstance(value, float) else value


def as_markdown(lines: Sequence[Line]) -> str:
    """Markdown: every measure of each arm after the last round, mean and interval over seeds, and what that shows."""
    last = max(_round(line) for line in lines)
    n_seeds = len({line["seed"] for line in lines})
    head = ["arm", "round", *(name.replace("_", " ") for name in MEASURES), "rows"]
    body = [_row(lines, "the seed model", _arms(lines)[0], 0)]
    body += [_row(lines, arm, arm, last) for arm in _arms(lines)]
    grid = ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *body)]
    seeds = f"{n_seeds} seeds" if n_seeds > 1 else "one seed, so no intervals"
    return "\n".join([f"Mean and 95 % interval (Student's t) over {seeds}.", "", *grid, "", *_shown(lines, last), ""])


def _row(lines: Sequence[Line], name: str, arm: str, at: int) -> list[str]:
    here = [line for line in lines if line["arm"] == arm and line["round"] == at]
    n_rows = fmean(float(str(line["n_rows"])) for line in here)
    return [name, str(at), *(_mean(_values(here, measure)) for measure in MEASURES), f"{n_rows:.0f}"]


def _shown(lines: Sequence[Line], last: int) -> list[str]:
    """The three questions, for the gated arm; nothing where its arms were not run."""
    if not {"gated_accumulate", "ungated_accumulate"} <= set(_arms(lines)):
        return []
    gated, ungated = (_by_seed(lines, arm, last) for arm in ("gated_accumulate", "ungated_accumulate"))
    first = _by_seed(lines, "gated_accumulate", 0)
    gaps = [float(str(gated[seed]["accuracy"])) - float(str(ungated[seed]["accuracy"])) for seed in gated]
    drifts = [abs(float(str(gated[seed]["stereotype"])) - float(str(first[seed]["stereotype"]))) for seed in gated]
    tails = [float(str(gated[seed]["tail_mass"])) / float(str(first[seed]["tail_mass"])) for seed in gated]
    wins = sum(gap > 0 for gap in gaps)
    return [
        f"- Accuracy, gated minus ungated (accumulate): {_mean(gaps)}, the gated one ahead in {wins} of {len(gaps)}.",
        f"- Drift of the stereotype in the gated arm: {_mean(drifts)}, at most {max(drifts):.3f}.",
        f"- Tail mass of the gated arm over that of the seed model: {_mean(tails)}, at least {min(tails):.3f}.",
    ]


def _mean(values: Sequence[float]) -> str:
    """`0.712 ±0.010`; without an interval for one value; `-` for none."""
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else "-"
    half = T975[min(len(values) - 1, len(T975)) - 1] * stdev(values) / len(values) ** 0.5
    return f"{fmean(values):.3f} ±{half:.3f}"


def _values(lines: Sequence[Line], measure: str) -> list[float]:
    return [float(str(line[measure])) for line in lines if line[measure] is not None]


def _by_seed(lines: Sequence[Line], arm: str, at: int) -> dict[object, Line]:
    return {line["seed"]: line for line in lines if line["arm"] == arm and line["round"] == at}


def _arms(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(str(line["arm"]) for line in lines))


def _round(line: Line) -> int:
    return int(str(line["round"]))
