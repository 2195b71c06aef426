"""The checker `skew`: mentions of places and people, shares and intervals from counts."""

from __future__ import annotations

import json

import numpy as np
import pytest

from auditkit.checker import Context, build
from auditkit.checkers.skew import any_changed, compare, mentions, quota_prompts, statistics
from auditkit.checkers.skew.cells import scheme
from auditkit.checkers.skew.lexicon import countries
from auditkit.checkers.skew.options import reference
from auditkit.documents import Text, batch_of, batch_of_texts, concat, take

COUNTRIES = countries()


def places(text):
    rows = mentions([text]).to_pylist()
    return [(text[row["start"] : row["end"]], row["kind"], row["country"]) for row in rows if row["country"]]


def groups(text):
    rows = mentions([text]).to_pylist()
    return [(text[row["start"] : row["end"]], row["kind"], row["value"]) for row in rows if not row["country"]]


PLACES = [
    ("A house in Lethbridge, AB, burnt.", [("Lethbridge", "city", "CA")], "abbreviated province"),
    ("She moved from Lagos to Peru.", [("Lagos", "city", "NG"), ("Peru", "country", "PE")], "city and country"),
    ("A Kenyan runner won.", [("Kenyan", "demonym", "KE")], "demonym"),
    ("They met in Paris, Texas, at noon.", [("Paris", "city", "US"), ("Texas", "admin1", "US")], "city, state"),
    (
        "He lives in London, Ontario.",
        [("London", "city", "CA"), ("Ontario", "admin1", "CA")],
        "homonym by its province",
    ),
    ("Born in Springfield, Ill., in 1900.", [("Springfield", "city", "US")], "abbreviated state"),
    (
        "The US and the UK signed; tell us why.",
        [("US", "country", "US"), ("UK", "country", "GB")],
        "acronyms in capitals",
    ),
    ("New York is not Turin.", [("New York", "admin1", "US"), ("Turin", "city", "IT")], "leftmost-longest"),
    ("São Paulo or Sao Paulo", [("São Paulo", "city", "BR"), ("Sao Paulo", "city", "BR")], "accents folded"),
    (
        "Côte d'Ivoire beat Guinea-Bissau",
        [("Côte d'Ivoire", "country", "CI"), ("Guinea-Bissau", "country", "GW")],
        "joined",
    ),
    ("日本と中国の貿易", [("日本", "country", "JP"), ("中国", "country", "CN")], "Japanese, no spaces"),
    (
        "Er reist von Österreich nach Ägypten.",
        [("Österreich", "country", "AT"), ("Ägypten", "country", "EG")],
        "German",
    ),
    ("She flew from Nairobi to Kyiv.", [("Nairobi", "capital", "KE"), ("Kyiv", "capital", "UA")], "capitals"),
    ("Mexico City lies high.", [("Mexico City", "capital", "MX")], "a capital of ordinary words"),
    ("Bavaria is not Singapore.", [("Bavaria", "admin1", "DE"), ("Singapore", "country", "SG")], "parts of a country"),
    (
        "Fire crews from Guelph, Kitchener and London met; London paid.",
        [("Guelph", "city", "CA"), ("Kitchener", "city", "CA"), ("London", "city", "CA"), ("London", "city", "CA")],
        "towns that lie together mean their own London",
    ),
    (
        "The London council met people from Leeds, Bath and Cambridge.",
        [("London", "capital", "GB"), ("Leeds", "city", "GB"), ("Cambridge", "city", "GB")],
        "London among English towns",
    ),
    ("Поездка в Россия", [("Россия", "country", "RU")], "Russian, basic form"),
]


@pytest.mark.parametrize(("text", "expected"), [case[:2] for case in PLACES], ids=[case[2] for case in PLACES])
def test_places(text, expected):
    assert places(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Paris Hilton wore a hat.", id="person's name"),
        pytest.param("The White House announced it.", id="building"),
        pytest.param("we ate turkey and drank from china", id="lower case"),
        pytest.param("Reading is fun and Nice people smile.", id="ordinary words"),
        pytest.param("write to @london or /paris/index", id="user name and path"),
        pytest.param("Mr. Jackson met Dr. Lincoln.", id="titles"),
        pytest.param("Guinea pigs and French fries", id="fixed phrases"),
        pytest.param("unIndiaed Francefoo", id="inside a word"),
    ],
)
def test_no_place(text):
    assert places(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("She asked her son.", [("She", "gender", "feminine"), ("her", "gender", "feminine"), ("son", "gender", "masculine")], id="pronouns"),
        pytest.param("A blind man saw a blind spot.", [("blind", "disability", "sensory"), ("man", "gender", "masculine")], id="only before a person"),
        pytest.param("black paint, Black people", [("Black", "race", "black")], id="colour or person"),
        pytest.param("Muslims, Jews and atheists", [("Muslims", "religion", "islam"), ("Jews", "religion", "judaism"), ("atheists", "religion", "none")], id="religions"),
        pytest.param("straight ahead, straight men", [("straight", "orientation", "straight"), ("men", "gender", "masculine")], id="direction or person"),
        pytest.param("the poor harvest, poor people", [("poor", "class", "poor")], id="class"),
        pytest.param("an old house, old people", [("old people", "age", "old")], id="age"),
        pytest.param("Indian women", [("Indian", "nationality", "India"), ("women", "gender", "feminine")], id="nationality of persons"),
        pytest.param("She was old.", [("She", "gender", "feminine"), ("old", "age", "old")], id="said of a person"),
        pytest.param("Zoe is a kind Mexican.", [("Mexican", "nationality", "Mexico")], id="a noun at the end of a phrase"),
        pytest.param("Mexican food; the sky is black", [], id="not of persons"),
        pytest.param("a 20-year-old student", [], id="a number of years is no old age"),
        pytest.param("a lesbian", [("lesbian", "gender", "feminine"), ("lesbian", "orientation", "lesbian")], id="two groups"),
    ],
)  # fmt: skip
def test_groups(text, expected):
    assert groups(text) == expected


def test_the_origin_of_the_texts_decides_between_namesakes():
    texts = [f"The mayor of London spoke on day {day}." for day in range(60)]
    for home, country in (("", "GB"), ("CA-ON", "CA"), ("CA", "CA")):
        checker = build("skew", {"home": home})
        named = checker.map(batch_of_texts(texts))["countries"]
        assert [COUNTRIES[at].code for at in np.flatnonzero(named)] == [country]


def test_no_gender_from_a_name():
    assert mentions(["Maria met John and Fatima met Wei."]).num_rows == 0


def test_offsets_are_code_points_and_docs_are_text_numbers():
    table = mentions(["😀 Peru", "", "né à Lima"]).to_pylist()
    assert [(row["doc"], row["start"], row["end"]) for row in table] == [(0, 2, 6), (2, 5, 9)]


def test_texts_do_not_touch():
    assert (
        mentions(["New", "York", "South", "Africa"]).column("country").to_pylist()
        == mentions(["York"]).column("country").to_pylist()
    )


def skew(**options):
    return build("skew", options)


def outcome(texts, dropped=None, **options):
    checker = skew(**options)
    context = Context(len(texts), dropped or {})
    return checker.finish(checker.map(batch_of_texts(texts)), None, context)


def metric(result, name, slice=""):
    return next(found for found in result.metrics if (found.metric, found.slice) == (name, slice))


CORPUS = ["In Ohio it rained.", "France and Kenya signed.", "Nothing here.", "She went to Peru.", "A man from Delhi."]


def test_shares_count_rows_once_per_region():
    result = outcome(["Paris, Rome and Berlin.", "Kenya", "Spain"])
    europe = metric(result, "region.share", "Europe")
    assert (europe.numerator, europe.denominator, europe.value) == (2, 3, 2 / 3)
    assert metric(result, "region.share", "Oceania").value == 0.0
    assert sum(found.value for found in result.metrics if found.metric == "region.share") == pytest.approx(1)


def test_a_list_of_countries_is_counted_apart():
    names = "Angola, Benin, Botswana, Burundi, Cameroon, Cape Verde, Comoros, Djibouti, Egypt, Eritrea, Ethiopia, Gabon, Gambia, Ghana, Kenya, Lesotho, Liberia, Libya, Malawi, Mali, Mauritius, Morocco, Namibia, Nigeria, Rwanda, Senegal, Somalia, Sudan, Tanzania, Togo, Tunisia, Uganda, Zambia, Zimbabwe, France, Spain, Italy, Poland, Sweden, Norway, Finland, Peru"
    result = outcome([names, "Kenya"])
    assert metric(result, "region.list_rows").value == 1
    assert metric(result, "region.share", "Sub-Saharan Africa").denominator == 1


def test_no_mention_is_not_a_share():
    result = outcome(["Nothing here."])
    assert metric(result, "region.share", "Europe").value is None
    distance = metric(result, "region.tv_distance")
    assert (distance.low, distance.high, distance.status) == (0, 1, "undecided")
    assert result.findings.num_rows == 0


def test_interval_holds_the_value_and_more_rows_narrow_it():
    few, many = outcome(CORPUS), outcome(CORPUS * 40)
    for result in (few, many):
        for found in result.metrics:
            if found.low is not None:
                assert found.low <= found.value + 1e-12 <= found.high + 2e-12, found
    name = ("region.share", "Europe")
    assert metric(many, *name).high - metric(many, *name).low < metric(few, *name).high - metric(few, *name).low


def test_ratio_has_three_answers():
    few, many = outcome(["Kenya", "India"]), outcome(["Kenya", "India"] * 200)
    assert metric(few, "region.ratio", "Europe").status == "undecided"
    assert metric(few, "region.mentions_needed", "Europe").value > 2
    assert metric(many, "region.ratio", "Europe").status == "fail"


def test_quota_fills_up_to_the_reference():
    texts = ["Ohio"] * 30 + ["France"] * 20 + ["India"] * 20
    result = outcome(texts)
    added = np.array([found.value for found in result.metrics if found.metric == "region.quota"])
    have = np.array([found.numerator for found in result.metrics if found.metric == "region.share"])
    shares = (have + added) / (have + added).sum()
    assert np.abs(shares - reference("world-population").shares).max() < 0.005
    assert (added >= 0).all()


def test_filter_that_removes_one_group_is_named():
    texts = ["Muslims live here."] * 50 + ["Rivers run."] * 50
    removed = {"toxicity": np.arange(0, 60)}
    result = outcome(texts, removed)
    found = metric(result, "filter_impact.risk_ratio", "toxicity/religion=islam")
    assert found.value == pytest.approx(1.0 / 0.2)
    assert found.status == "fail"
    assert metric(result, "filter_impact.max_risk_ratio").reference == "toxicity/religion=islam"


def test_fair_filter_passes():
    texts = ["Muslims live here.", "Rivers run."] * 2000
    result = outcome(texts, {"pii": np.arange(0, 2000)})
    assert metric(result, "filter_impact.risk_ratio", "pii/religion=islam").status == "pass"


def test_any_split_gives_the_same_result():
    batch = batch_of(
        [Text(doc, "text", "text", text) for doc, text in enumerate(CORPUS)],
        [{"doc": doc, "label": "ab"[doc % 2]} for doc in range(len(CORPUS))],
    )
    checker = skew()
    whole = checker.finish(checker.map(batch), None, Context(len(CORPUS)))
    empty = checker.map(take(batch, 0, 0))
    for cut in range(len(CORPUS) + 1):
        state = checker.merge(checker.map(take(batch, 0, cut)), checker.map(take(batch, cut, len(CORPUS))))
        state = checker.merge(empty, checker.merge(state, empty))
        parts = checker.finish(state, None, Context(len(CORPUS)))
        assert parts.metrics == whole.metrics
        assert parts.findings.equals(whole.findings)


def test_state_is_within_its_bound():
    texts = [f"{name} is a country" for name in ("Peru", "Kenya", "France")] * 500
    batch = concat([batch_of_texts(texts)])
    state = skew().map(batch)
    assert sum(array.nbytes for array in state.values()) <= skew().state_bytes(len(texts))
    assert all(array.dtype != object for array in state.values())


def test_metrics_are_announced():
    names = {found.metric for found in outcome(CORPUS * 5, {"pii": np.arange(3)}).metrics}
    assert names <= set(type(skew()).METRICS)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"confidence": 2.0}, "confidence"),
        ({"tolerated_ratio": 1.0}, "tolerated_ratio"),
        ({"reference": "wrld"}, "reference"),
    ],
)
def test_wrong_options_are_named(options, word):
    with pytest.raises(Exception, match=word):
        skew(**options)


def test_bootstrap_over_cells_has_the_law_of_the_bootstrap_over_rows():
    rng = np.random.default_rng(5)
    masks = rng.choice(np.array([1, 2, 3, 4], np.uint32), size=400, p=[0.5, 0.2, 0.2, 0.1])
    found = statistics.cells(masks, 3)
    fast = statistics.shares(statistics.replicates(found))
    rows = masks[rng.integers(0, 400, (4000, 400))]
    slow = statistics.shares(np.stack([(rows >> part & 1).sum(axis=1) for part in range(3)], axis=1).astype(float))
    assert np.abs(np.quantile(fast, [0.025, 0.975], axis=0) - np.quantile(slow, [0.025, 0.975], axis=0)).max() < 0.01


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0.9, 1.1, "pass"), (0.5, 1.1, "undecided"), (1.3, 2.0, "fail"), (0.1, 0.5, "fail")],
)
def test_judge(low, high, expected):
    assert statistics.judge(low, high, statistics.Bounds(0.8, 1.25)) == expected


def test_distances_are_null_without_difference():
    share = np.array([0.25, 0.75])
    assert statistics.tv_distance(share, share) == 0
    assert statistics.js_divergence(share, share) == 0
    assert statistics.tv_distance(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert statistics.js_divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1)


REGIONS = {
    "Northern America": "Ohio",
    "Europe": "France",
    "Latin America and the Caribbean": "Peru",
    "Northern Africa and Western Asia": "Egypt",
    "Sub-Saharan Africa": "Kenya",
    "Central and Southern Asia": "India",
    "Eastern and South-Eastern Asia": "Japan",
    "Oceania": "Fiji",
}


def test_every_region_has_a_country_and_a_share():
    assert set(scheme("region").names) == set(REGIONS)
    assert reference("world-population").shares.sum() == pytest.approx(1)
    rows = mentions(list(REGIONS.values())).to_pylist()
    assert [row["region"] for row in rows] == list(REGIONS)


def rebalanced(texts, *, dropped=None, protected=None, scores=None, records=None, **options):
    checker = skew(rebalance=options)
    batch = batch_of(
        [Text(doc, "text", "text", text) for doc, text in enumerate(texts)],
        records or [{"doc": doc} for doc in range(len(texts))],
    )
    context = Context(len(texts), dropped or {}, scores or {}, protected)
    result = checker.finish(checker.map(batch), None, context)
    gone = [row["doc"] for row in result.findings.to_pylist() if row["rule"] == "skew/rebalance"]
    return gone, result


HALF = {"Europe": 0.5, "Sub-Saharan Africa": 0.5}


def test_rebalance_drops_as_few_as_can_be():
    texts = ["Rain in France."] * 60 + ["Rain in Kenya."] * 20 + ["Rain in France and in Kenya."] * 5 + ["Rain."] * 15
    gone, result = rebalanced(texts, tolerance=0.1, target=HALF)
    # n France rows stay beside 20 + 5 of Kenya: (n + 5) / (n + 30) <= 0.6 holds up to n = 32
    assert len(gone) == 28
    assert all(doc < 60 for doc in gone)
    assert metric(result, "rebalance.bound").value == 28
    assert metric(result, "rebalance.gap").value == 0
    assert metric(result, "rebalance.share", "Europe").value <= 0.6


def test_rebalance_drops_the_worst_of_like_rows():
    texts = ["Rain in France."] * 4 + ["Rain in Kenya."] * 2
    scores = {"toxicity/toxic": np.array([0.1, 0.9, np.nan, 0.8, 0.5, 0.5])}
    gone, _ = rebalanced(texts, tolerance=0.0, target=HALF, scores=scores)
    assert gone == [1, 3]


def test_rebalance_counts_what_others_drop_and_keeps_what_is_certified():
    texts = ["Rain in France."] * 6 + ["Rain in Kenya."] * 3
    gone, _ = rebalanced(texts, tolerance=0.0, target=HALF, dropped={"pii": np.array([0])}, protected=np.array([4, 5]))
    assert len(gone) == 2
    assert not {0, 4, 5} & set(gone)


def test_rebalance_by_label():
    texts = ["France"] * 30 + ["Kenya"] * 10 + ["France"] * 10 + ["Kenya"] * 30
    records = [{"doc": doc, "label": "a" if doc < 40 else "b"} for doc in range(80)]
    whole, _ = rebalanced(texts, tolerance=0.0, target=HALF, records=records)
    each, _ = rebalanced(texts, tolerance=0.0, target=HALF, records=records, by_label=True)
    assert (len(whole), len(each)) == (0, 40)


def test_rebalance_gives_weights_that_reach_the_target():
    texts = ["Rain in France."] * 30 + ["Rain in Kenya."] * 10
    _, result = rebalanced(texts, tolerance=0.1, target=HALF)
    docs, weights = result.scores["weight"]
    assert weights[docs < 30].sum() == pytest.approx(weights[docs >= 30].sum(), rel=1e-3)
    assert 20 < metric(result, "rebalance.effective_rows").value < 40


def test_quota_respects_the_tolerance_of_the_repair():
    texts = ["France"] * 60 + ["Kenya"] * 20
    _, result = rebalanced(texts, tolerance=0.1, target=HALF)
    assert metric(result, "region.quota", "Sub-Saharan Africa").value == 20  # 60 / 100 = 0.6
    assert metric(result, "region.quota", "Europe").value == 0


def test_compare_is_calibrated_for_a_change_and_for_none():
    texts = [f"It rained in {place}." for place in REGIONS.values()] * 100
    same = compare(texts, texts).to_pylist()
    assert {row["status"] for row in same} <= {"pass", "undecided"}
    assert [row["value"] for row in same] == [1.0] * 8
    fewer = compare([text for text in texts if "Kenya" not in text] + ["It rained in Kenya."] * 40, texts).to_pylist()
    status = {row["slice"]: row["status"] for row in fewer}
    assert status.pop("Sub-Saharan Africa") == "fail"
    assert "fail" not in status.values()


def test_permutation_test_sees_a_change_and_is_calibrated():
    rng = np.random.default_rng(5)
    names = ("Peru", "Kenya", "France", "Japan", "India")
    world = [f"A letter from {names[at]}." for at in rng.integers(0, 5, 400)]
    other = [f"A letter from {names[at]}." for at in rng.choice(5, 400, p=[0.35, 0.05, 0.2, 0.2, 0.2])]
    changed = any_changed(world, other)
    assert changed.status == "fail"
    assert changed.slice in {"Sub-Saharan Africa", "Latin America and the Caribbean"}
    p_values = [
        any_changed(list(side[:200]), list(side[200:])).value for side in (rng.permutation(world) for _ in range(40))
    ]
    assert 0.3 < np.mean(p_values) < 0.7
    assert sum(p_value <= 0.05 for p_value in p_values) <= 6
    assert any_changed(["nothing"], world).status == "undecided"


@pytest.mark.parametrize("name", ["ag-news", "alpaca", "dolly"])
def test_known_corpora_are_references(name):
    shares = reference(name).shares
    assert shares.sum() == pytest.approx(1.0)
    assert shares[scheme("region").names.index("Northern America")] > 0.25  # all three speak of it too often
    assert reference(name, "continent").reach.min() > 0


def test_a_small_reference_run_is_not_taken_for_certain(tmp_path):
    rows = [
        {"checker": "skew", "metric": "region.share", "slice": "Europe", "value": 0.5, "low": 0.2, "high": 0.8},
        {
            "checker": "skew",
            "metric": "region.share",
            "slice": "Sub-Saharan Africa",
            "value": 0.5,
            "low": 0.2,
            "high": 0.8,
        },
    ]
    (tmp_path / "metrics.json").write_text(json.dumps(rows), encoding="utf-8")
    texts = ["From France."] * 700 + ["From Kenya."] * 300
    ratios = {}
    for name, folder in (("run", tmp_path), ("file", tmp_path / "shares.csv")):
        (tmp_path / "shares.csv").write_text("region,share\nEurope,0.5\nSub-Saharan Africa,0.5\n", encoding="utf-8")
        checker = build("skew", {"reference": str(folder)})
        found = checker.finish(checker.map(batch_of_texts(texts)), None, Context(len(texts))).metrics
        ratios[name] = next(row for row in found if (row.metric, row.slice) == ("region.ratio", "Europe"))
    assert ratios["run"].value == ratios["file"].value
    assert (ratios["file"].status, ratios["run"].status) == ("fail", "undecided")


def test_compare_with_nothing_is_undecided():
    assert {row["status"] for row in compare(["Rain."], ["Rain in Peru."]).to_pylist()} == {"undecided"}


def test_references_from_a_file_and_from_a_run(tmp_path):
    own = tmp_path / "own.csv"
    own.write_text("region,share\nEurope,3\nOceania,1\n", encoding="utf-8")
    shares = dict(zip(scheme("region").names, reference(str(own)).shares, strict=True))
    assert (shares["Europe"], shares["Oceania"], shares["Northern America"]) == (0.75, 0.25, 0.0)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.json").write_text(
        '[{"checker": "skew", "metric": "region.share", "slice": "Europe", "value": 1.0}]', encoding="utf-8"
    )
    result = outcome(["France"] * 50, baseline=str(tmp_path / "run"))
    assert metric(result, "region.tv_to_baseline").value == 0
    assert metric(result, "region.ratio_to_baseline", "Europe").status == "pass"


@pytest.mark.parametrize(
    ("table", "word"),
    [
        ({"rebalance": {"target": {"Erope": 1.0}}}, "did you mean 'Europe'"),
        ({"rebalance": {"target": {"Europe": 0.5}}}, "add up to 0.5"),
        ({"rebalance": {"tolerence": 0.1}}, "did you mean 'tolerance'"),
        ({"rebalance": 3}, "expected a table"),
        ({"reference": "world-popultion"}, "did you mean 'world-population'"),
    ],
)
def test_wrong_repair_options_are_named(table, word):
    with pytest.raises(Exception, match=word):
        skew(**table)


def test_labels_have_their_own_distance():
    texts = ["Rain in France."] * 40 + ["Rain in India."] * 40
    batch = batch_of(
        [Text(doc, "text", "text", text) for doc, text in enumerate(texts)],
        [{"doc": doc, "label": "sport" if doc < 40 else "trade"} for doc in range(80)],
    )
    checker = skew()
    result = checker.finish(checker.map(batch), None, Context(80))
    whole = metric(result, "region.tv_distance").value
    assert metric(result, "label.tv_distance", "sport").value > whole
    assert metric(result, "label.region_share", "trade/Central and Southern Asia").value == 1


def test_groups_that_come_together_and_scores_that_differ():
    texts = ["The Muslim woman smiled."] * 60 + ["The man slept."] * 60 + ["Rain."] * 280
    scores = {"toxicity/toxic": np.concatenate([np.full(60, 0.8), np.full(340, 0.1)]) + np.arange(400) % 7 / 100}
    checker = skew()
    result = checker.finish(checker.map(batch_of_texts(texts)), None, Context(400, scores=scores))
    pair = metric(result, "intersection.log_lift", "gender=feminine&religion=islam")
    assert pair.status == "fail"
    assert pair.value > 1
    gap = metric(result, "toxicity.gap", "religion=islam")
    assert gap.status == "fail"
    assert gap.value == pytest.approx(0.7, abs=0.01)


def test_occupations_are_counted_in_sentences_of_one_gender():
    texts = ["The nurse said she was late. The nurse and his wife left."] * 12 + ["He is an engineer. She slept."] * 12
    result = outcome(texts)
    nurse = metric(result, "occupation.feminine_share", "nurse")
    assert (nurse.numerator, nurse.denominator) == (12, 12)  # his wife: both genders, not counted
    engineer = metric(result, "occupation.feminine_share", "engineer")
    assert (engineer.numerator, engineer.denominator) == (0, 12)
    assert engineer.status == "undecided"  # one in nine engineers was a woman: 0 of 12 is no surprise


def test_quotas_become_prompts_in_proportion_to_people():
    texts = ["Rain in Fiji."] * 8 + ["Rain in France."] * 90
    rows = [found.as_dict() for found in outcome(texts).metrics]
    quota = {row["slice"]: row["value"] for row in rows if row["metric"] == "region.quota"}
    prompts = list(quota_prompts(rows))
    assert len(prompts) == sum(quota.values())
    asian = [prompt["country"] for prompt in prompts if prompt["region"] == "Central and Southern Asia"]
    assert asian.count("India") / len(asian) == pytest.approx(0.69, abs=0.02)
    assert all(prompt["country"] in prompt["prompt"] for prompt in prompts)
    assert len(list(quota_prompts(rows, most=3))) == 3


def test_labels_have_their_own_quotas():
    texts = ["Rain in France."] * 40 + ["Rain in India."] * 40
    batch = batch_of(
        [Text(doc, "text", "text", text) for doc, text in enumerate(texts)],
        [{"doc": doc, "label": "sport" if doc < 40 else "trade"} for doc in range(80)],
    )
    checker = skew()
    result = checker.finish(checker.map(batch), None, Context(80))
    assert metric(result, "label.quota", "sport/Europe").value == 0
    assert metric(result, "label.quota", "trade/Europe").value > 0
    assert {prompt["label"] for prompt in quota_prompts(found.as_dict() for found in result.metrics)} == {
        "sport",
        "trade",
    }


def test_words_go_with_a_gender_by_rows_not_by_repetition():
    rng = np.random.default_rng(3)
    filler = ["alpha", "beta", "gamma", "delta"]
    texts = [
        f"{'He' if n % 2 else 'She'} likes {filler[rng.integers(4)]} {'trucks' if n % 2 and n % 3 else ''}"
        for n in range(400)
    ]
    texts.append("She said " + "arial " * 500)
    result = outcome(texts)
    shown = {found.slice: found.value for found in result.metrics if found.metric == "word.log_odds"}
    assert list(shown) == ["trucks"]
    assert shown["trucks"] > 2


def test_words_merge_as_they_are_cut(monkeypatch):
    from auditkit.checkers.skew import words

    monkeypatch.setattr(words, "KEEP", 20)
    texts = [f"He said word{'abcdefghij'[n % 10]} and thing{'klmnopqrst'[n // 10]}" for n in range(100)]
    checker, batch = skew(), batch_of_texts(texts)
    whole = checker.map(batch)
    parts = checker.merge(checker.map(take(batch, 0, 30)), checker.map(take(batch, 30, 100)))
    assert 0 < len(whole["word_hash"]) <= 20
    assert all(np.array_equal(whole[name], parts[name]) for name in whole)


def test_a_territory_can_count_as_another_country():
    texts = ["Rain in Taiwan."] * 3
    assert metric(outcome(texts), "country.ratio", "TW").numerator == 3
    other = outcome(texts, counts_as={"TW": "CN"})
    assert metric(other, "country.ratio", "CN").numerator == 3
    assert not [found for found in other.metrics if found.slice == "TW"]
    with pytest.raises(Exception, match="unknown country code 'TX'"):
        skew(counts_as={"TX": "CN"})


def test_a_text_of_nothing_but_mentions_is_read_to_its_end():
    table = mentions(["he " * 5000 + "Peru"])
    assert table.num_rows == 5001
    assert table.column("end")[-1].as_py() == 15004


def test_one_removed_row_is_no_evidence_of_an_unfair_filter():
    from auditkit.checkers.skew.people import risk_ratio

    assert risk_ratio("toxicity/age=old", (1, 6), (0, 26_000), confidence=0.95).status == "undecided"
    assert risk_ratio("toxicity/age=old", (5, 6), (0, 26_000), confidence=0.95).status == "fail"
