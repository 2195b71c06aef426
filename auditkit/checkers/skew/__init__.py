"""Which places and which people a corpus speaks of, and how far that is from a reference.

What it finds
    Regions that are named far more or far less often than their share of the world's population; countries that are
    all but erased; the balance of genders, religions, ages and other groups of people; filters that remove rows about
    one group more often than rows about others; rows that list countries.

Why it matters
    A model speaks of the world as its corpus does. How often a country is named in the training corpus predicts how
    far a model erases it (Schwöbel et al. 2023, arXiv 2310.14777); simple prompts to a model give regionally biased
    data (Yu et al. 2023, arXiv 2306.15895), and each round of self-training builds on the round before. Quality
    filters and blocklists remove texts about minorities more often (Dodge et al. 2021, arXiv 2104.08758; Gururangan
    et al. 2022, arXiv 2201.10474), so the other checkers are audited too.

How
    One pass over the text finds names of countries (in 23 languages), demonyms, capitals, first-level divisions,
    cities of 15,000 people and more, and about 1,200 terms for groups of people: whole words, leftmost and longest,
    from a table of hashes. A name that could be something else is judged by its capital letter, the words beside it
    (a first name, `City, Country`, a state) and the other places of the text: three towns that only one state or
    country has together vouch for one another, so that a paper of Ontario means its own London. Each row becomes one
    mask; counts of equal masks give all shares, and one multinomial draw over them is a bootstrap of the rows. Unit:
    row x region, once per row; rows that name more than 40 countries are left out and counted apart. Nobody's gender
    or origin is inferred from a name: first names only tell that `Paris Hilton` is not a place.

What it misses
    Of the countries that a document names it finds 92 % and 90 % of what it finds is right on GeoWebNews (F1 .915;
    best of nine published geoparsers .824), 93 % and 82 % on TR-News (.875; .812), 73 % and 73 % on tweets (.729).
    Regional shares are off by .017, .024 and .091 (total variation); the skew that is measured is about .5. Weakest
    on tweets, and on local newspapers whose text names one or two towns: their `London` may lie in Ontario (set
    `home`). Country names in other languages than English are found in their basic form: inflected ones (`w Polsce`,
    `Suomessa`) are not; towns only in Latin letters. Terms for groups are English; 99 % of 50 identity terms in
    template sentences are found, and `straight`, `black`, `old` only where they are said of persons. All figures:
    benchmarks/skew.py. They were taken on the sets on which rules and hand lists were developed over about a dozen
    rounds, so expect less on other text.

Options
    reference        "world-population" (default), "uniform", a CSV file (region,share), an earlier run's folder, or a
                     known corpus: "ag-news" (news of 2004), "alpaca" (written by a model), "dolly" (written by people)
    baseline         the folder of the first round: slow drift passes against the round before, and fails here
    confidence       of all intervals, default 0.95
    tolerated_ratio  a region's share over its reference passes inside 1/r..r, default 1.25
    counts_as        a table: country code -> the code of the country that it counts as, e.g. EH = "MA"
    home             where the texts come from, for local newspapers and the like: a country ("CA") or a state of the
                     USA, Canada or Australia ("CA-ON"); names that lie there too are then read as local
    rebalance        a table: dimension ("region" or "continent"), tolerance (0.02), target (part -> share) or
                     reference, by_label: as few rows as can be are dropped to bring every share within tolerance

Source
    Places: rules/lexicons/places.npz and countries.csv, made by training/places.py from ISO 3166-1, UN M49, CLDR,
    GeoNames (CC-BY 4.0), the CIA World Factbook and World Bank population figures (CC-BY 4.0). Taiwan and Kosovo, which
    M49 lacks, are put into Eastern Asia and Southern Europe; Palestine and Western Sahara are entries of ISO 3166-1.
    People: rules/lexicons/people.toml, written for this project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from auditkit.checker import Context, Outcome, Rule, State, rule_pack
from auditkit.checkers.skew import cells, conditional, occupations, people, quotas, regions, repair, words
from auditkit.checkers.skew.comparison import any_changed, compare
from auditkit.checkers.skew.mentions import mentions
from auditkit.checkers.skew.options import Rebalance, SkewOptions, reference, target_of
from auditkit.checkers.skew.patterns import patterns
from auditkit.checkers.skew.quotas import quota_prompts
from auditkit.findings import Found, detail, found_concat, found_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditkit.documents import Batch
    from auditkit.findings import Metric

__all__ = ["Rebalance", "Skew", "SkewOptions", "any_changed", "compare", "mentions", "quota_prompts"]

AXES = ("gender", "age", "religion", "race", "nationality", "disability", "orientation", "body", "class", "politics")
REBALANCE = ("dropped", "bound", "gap", "share", "effective_rows")


class Skew:
    """Places and people of a corpus against a reference."""

    name: ClassVar[str] = "skew"
    version: ClassVar[str] = "2"
    Options: ClassVar[type] = SkewOptions
    METRICS: ClassVar[tuple[str, ...]] = (
        "region.share",
        "region.ratio",
        "region.mentions_needed",
        "region.tv_distance",
        "region.js_divergence",
        "region.rows_share",
        "region.list_rows",
        "region.quota",
        "continent.share",
        "country.ratio",
        "country.erased_share",
        "gender.masculine_feminine_ratio",
        "region.ratio_to_baseline",
        "region.tv_to_baseline",
        "occupation.feminine_share",
        "word.log_odds",
        "label.tv_distance",
        "label.region_share",
        "label.quota",
        "intersection.log_lift",
        "toxicity.gap",
        *(f"rebalance.{metric}" for metric in REBALANCE),
        "filter_impact.risk_ratio",
        "filter_impact.max_risk_ratio",
        *(f"{axis}.{metric}" for axis in AXES for metric in ("rows_share", "share")),
    )
    default_action: ClassVar[str] = "flag"
    finish_order: ClassVar[int] = 2

    def __init__(self, options: SkewOptions) -> None:
        self.options = options

    def rules(self) -> Sequence[Rule]:
        """All rules."""
        return rule_pack("skew")

    def map(self, batch: Batch) -> State:
        """Masks of the rows that mention a place or a group; see cells.cells_of."""
        state, people_of = cells.cells_of(batch, self.options.counts_as, self.options.home)
        return state | words.word_state(batch, people_of)

    def merge(self, left: State, right: State) -> State:
        """Both states."""
        return cells.merged(left, right) | words.merged_words(left, right)

    def again(self, state: State, context: Context) -> State | None:
        """No second look: the masks say it all."""
        del state, context
        return None

    def map_again(self, batch: Batch, wanted: State) -> State:
        """Nothing; there is no second look."""
        del batch, wanted
        return {}

    def merge_again(self, left: State, right: State) -> State:
        """Nothing; there is no second look."""
        del left, right
        return {}

    def state_bytes(self, n_docs: int) -> int:
        """32 bytes a row and 3.2 MB at most, of which 3.1 MB are words."""
        return cells.state_bytes(n_docs) + words.STATE_BYTES

    def finish(self, state: State, looked: State | None, context: Context) -> Outcome:
        """All metrics; findings about the corpus, and about rows that list countries or are dropped to repair it."""
        del looked
        metrics = list(self._metrics(state, context))
        rules = {rule.id: rule for rule in self.rules()}
        found = [
            *_far_off(metrics, rules),
            *(Found(int(doc), "skew/country-list", score=0.1) for doc in state["lists"]),
        ]
        table, scores = found_table(found), {}
        if self.options.rebalance is not None:
            dropped, cost = repair.repaired(state, context, self.options.rebalance)
            table, metrics = found_concat([table, dropped]), metrics + cost
            scores = {"weight": repair.weight_scores(state, context, self.options.rebalance)}
        return Outcome(table, metrics, scores)

    def _metrics(self, state: State, context: Context) -> Iterable[Metric]:
        """All metrics but those of a repair."""
        options, n_rows, sure = self.options, int(state["n_rows"][0]), self.options.confidence
        against = reference(options.reference)
        tolerated = options.tolerated_ratio
        yield from regions.region_metrics(state["places"], against, confidence=sure, tolerated=tolerated)
        if options.baseline:
            first = reference(options.baseline)
            yield from regions.baseline_metrics(state["places"], first, confidence=sure, tolerated=tolerated)
        yield from self._quotas(state)
        yield from regions.place_metrics(state, n_rows, options.counts_as, confidence=sure)
        found = patterns(state)
        yield from people.people_metrics(found, n_rows, confidence=sure)
        yield from occupations.occupation_metrics(state["occupations"], confidence=sure)
        yield from words.word_metrics(state, confidence=sure)
        yield from conditional.label_metrics(state, against, confidence=sure)
        yield from conditional.intersection_metrics(found, n_rows, confidence=sure)
        yield from conditional.score_metrics(state, found, context.scores, confidence=sure)
        yield from people.impact_metrics(state, found, context.dropped, confidence=sure)

    def _quotas(self, state: State) -> Iterable[Metric]:
        """What to write instead of dropping: towards the target of the repair if there is one, else the reference."""
        repair_to = self.options.rebalance
        if repair_to is None or repair_to.dimension != "region":
            return quotas.quota_metrics(state, reference(self.options.reference), tolerance=0.0)
        return quotas.quota_metrics(state, target_of(repair_to), tolerance=repair_to.tolerance)


def _far_off(metrics: Sequence[Metric], rules: dict[str, Rule]) -> Iterable[Found]:
    """A finding about the corpus for each ratio whose whole interval lies outside the rule's bounds."""
    watched = {"region.ratio": "skew/region", "gender.masculine_feminine_ratio": "skew/gender"}
    for metric in metrics:
        if metric.metric not in watched or metric.low is None or metric.high is None:
            continue
        rule = watched[metric.metric]
        bound = float(str(rules[rule].options["ratio"]))
        if metric.low > bound or metric.high < 1 / bound:
            facts = {"ratio": round(metric.value or 0.0, 4), "low": round(metric.low, 4), "high": round(metric.high, 4)}
            yield Found(None, rule, score=_severity(metric), detail=detail(slice=metric.slice, **facts))


def _severity(metric: Metric) -> float:
    """0..1: how far the bound that is nearer to balance lies from it; 10 times off is 0.9."""
    nearest = min(abs(np.log(max(metric.low or 0.0, 1e-6))), abs(np.log(max(metric.high or 0.0, 1e-6))))
    return round(float(1 - np.exp(-nearest)), 4)
