"""Pictures of skew: every number is written, names are escaped, names at line ends do not cover one another."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from auditkit.outputs.html import skew_pictures


def row(label, region, value):
    return {"metric": "label.region_share", "slice": f"{label}/{region}", "value": value}


def test_heat_map_writes_every_share():
    made = skew_pictures.heat_map(
        [row("sport/a", "Europe", 0.25), row("sport/a", "Oceania", 0.75), row("b", "Europe", 1.0)]
    )
    words = [element.text for element in ET.fromstring(made).iter("text")]
    assert words.count("Europe") == 1
    assert {"sport/a", "b", "25.0%", "75.0%"} <= set(words)
    assert made.count("<rect") == 3


def test_nothing_is_drawn_of_nothing():
    assert skew_pictures.heat_map([]) is None
    assert skew_pictures.slopes([("one", {"Europe": 1.0})]) is None
    assert skew_pictures.slopes([("one", {}), ("two", {})]) is None


def test_names_are_escaped():
    made = skew_pictures.heat_map([row("<script>", "Europe", 0.5)])
    assert "<script>" not in made


def test_slopes_name_both_ends_and_keep_the_names_apart():
    made = skew_pictures.slopes([("r0", {"Europe": 0.4, "Oceania": 0.41}), ("r1", {"Europe": 0.5, "Oceania": 0.5})])
    root = ET.fromstring(made)
    ends = [element for element in root.iter("text") if "→" in (element.text or "")]
    assert [re.sub(r"\s+", " ", element.text) for element in ends] == ["40.0% → 50.0% Europe", "41.0% → 50.0% Oceania"]
    heights = [float(element.get("y")) for element in ends]
    assert abs(heights[0] - heights[1]) >= skew_pictures.LINE
    assert made.count("<circle") == 4
