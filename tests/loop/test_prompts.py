"""Prompts: from files in turn, made from attributes evenly, filled up to quotas, invented; and novel among all."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from auditkit.errors import ConfigError, InputError
from auditkit.loop.folder import place_of, write_rows
from auditkit.loop.prompts import attributed, from_files, invented, novel, prompts_of
from auditkit.loop.protocols import Prompt, Sample
from auditkit.loop.settings import Loop
from auditkit.loop.tables import Prompts


def loop_of(folder, **options):
    return Loop(folder, prompts=Prompts(**options))


def rouge_l(left, right):
    """By the definition (Lin 2004): F1 of the longest common subsequence of words."""
    a, b = left.split(), right.split()
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a):
        for j, two in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if one == two else max(table[i][j + 1], table[i + 1][j])
    return 2 * table[-1][-1] / (len(a) + len(b))


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.9, 1.0])
def test_novelty_is_that_of_the_definition(threshold):
    chooser = random.Random(3)
    texts = [" ".join(chooser.choices("abcdefgh", k=chooser.randrange(3, 12))) for _ in range(120)]
    kept: list[str] = list(texts[:20])
    for text in texts[20:]:
        if all(rouge_l(text, other) < threshold for other in kept):
            kept.append(text)
    found = novel(texts[:20], [Prompt(str(at), text) for at, text in enumerate(texts[20:])], threshold=threshold)
    assert [prompt.text for prompt in found] == kept[20:]


def test_the_same_instruction_in_other_letters_is_not_novel():
    known = ["Write a short poem about the sea and its ships."]
    said = ["WRITE a short poem about the sea, and its ships!", "Explain how tides work to a child of ten."]
    assert [
        one.text for one in novel(known, [Prompt(str(at), text) for at, text in enumerate(said)], threshold=0.7)
    ] == said[1:]


def test_prompts_of_a_file_take_turns_before_any_is_asked_again(tmp_path):
    (tmp_path / "q.jsonl").write_text("".join(json.dumps({"id": at, "prompt": f"p {at}"}) + "\n" for at in range(10)))
    loop = loop_of(tmp_path, files=("q.jsonl",), per_round=4)
    earlier = [place_of(tmp_path, 0)]
    seen = Counter(
        prompt.id for number in range(1, 6) for prompt in prompts_of(loop, earlier, None, number=number, model="")
    )
    assert set(seen.values()) == {2}
    again = [prompts_of(loop, earlier, None, number=2, model="") for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"q": 1}', "q.jsonl:2: no prompt; expected one of the fields prompt, instruction, question, text"),
        ('{"prompt": "a", "id": "1"}', "the id '1' is used twice"),
        ("[1]", "expected a JSON object"),
        ("{", "cannot be read as JSON lines"),
    ],
    ids=["no prompt", "id twice", "a list", "broken"],
)
def test_a_file_that_holds_no_prompts_is_told(tmp_path, line, said):
    (tmp_path / "q.jsonl").write_text('{"prompt": "x", "id": "1"}\n' + line + "\n")
    with pytest.raises(InputError) as error:
        from_files([tmp_path / "q.jsonl"])
    assert said in str(error.value)


@pytest.fixture
def attributes(tmp_path):
    folder = tmp_path / "attributes"
    (folder / "sports").mkdir(parents=True)
    (folder / "length.txt").write_text("short\nlong\n")
    (folder / "place.txt").write_text("Peru\nMali\nLaos\n")
    (folder / "sports" / "place.txt").write_text("a stadium\n")
    return tmp_path


TEMPLATE = "Write a {length} {class} story set in {place}."


def test_every_value_of_an_attribute_is_used_as_often_as_any_other(attributes):
    loop = loop_of(attributes, attributed=12, attributes="attributes", classes=("news", "sports"), template=TEMPLATE)
    made = list(attributed(loop, 1))
    assert len(made) == 36
    news = [prompt for prompt in made if prompt.attributes["class"] == "news"]
    assert Counter(prompt.attributes["length"] for prompt in news) == {"short": 9, "long": 9}
    assert Counter(prompt.attributes["place"] for prompt in news) == {"Peru": 6, "Mali": 6, "Laos": 6}
    assert {prompt.attributes["place"] for prompt in made if prompt.attributes["class"] == "sports"} == {"a stadium"}
    assert made[0].text == TEMPLATE.format(**made[0].attributes)
    assert list(attributed(loop, 1)) == made
    assert list(attributed(loop, 2)) != made


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("A {lenght} text", "no values for {lenght}; did you mean 'length'?"),
        ("A {length.real} text", "expected plain names such as {length}, got {length.real}"),
        ("A {length!r} text", "expected plain names"),
        ("A {0} text", "expected plain names"),
        ("A {length text", "[prompts] template:"),
    ],
)
def test_a_template_that_cannot_be_filled_is_told(attributes, template, said):
    loop = loop_of(attributes, attributed=2, attributes="attributes", template=template)
    with pytest.raises(ConfigError) as error:
        list(attributed(loop, 1))
    assert said in str(error.value)


def test_quotas_of_the_round_before_are_filled_first(attributes):
    """The skew of the round before asks for rows about two regions: a quarter of the attributed prompts go there."""
    place = place_of(attributes, 0)
    rows = [
        {"checker": "skew", "metric": "region.quota", "slice": name, "value": n}
        for name, n in (("Sub-Saharan Africa", 30), ("Oceania", 10))
    ]
    metrics = place / "run" / "metrics.json"
    metrics.parent.mkdir(parents=True, exist_ok=True)
    metrics.write_text(json.dumps(rows))
    loop = loop_of(attributes, attributed=16, attributes="attributes", template="A {length} text from {place}: {class}",
                   classes=tuple("abcdefghijklmnop"), quota_share=0.25)  # fmt: skip
    made = prompts_of(loop, [place], None, number=1, model="")
    assert len(made) == 16
    assert Counter(prompt.attributes.get("region") for prompt in made[:4]) == {"Sub-Saharan Africa": 3, "Oceania": 1}
    assert "region" not in made[4].attributes


class Inventive:
    """Writes a numbered list, as asked."""

    def describe(self):
        return {}

    def sample(self, asks, *, model):
        for ask in asks:
            said = [
                "Explain why bread rises when it is baked",
                "Draw a picture of a cat",
                "Short",
                "Name the parts of a flower",
            ]
            own = [*said, f"Summarise the plot of a novel about case {ask.seed}"]
            yield Sample(ask.prompt, 0, "\n".join(f"{at}. {text}" for at, text in enumerate(own, 1)))


def test_invented_prompts_are_fit_and_novel(tmp_path):
    write_rows(place_of(tmp_path, 0) / "prompts.jsonl", [])
    known = ["Name the parts of a flower.", "Tell me about the moon."]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps({"prompt": text}) + "\n" for text in known))
    loop = loop_of(tmp_path, files=("q.jsonl",), invented=4)
    made = prompts_of(loop, [place_of(tmp_path, 0)], Inventive(), number=1, model="")
    texts = [prompt.text for prompt in made[2:]]
    assert texts[0] == "Explain why bread rises when it is baked"
    assert all("picture" not in text and text not in known for text in texts)
    assert len(list(invented(loop, known, Inventive(), 1, ""))) > len(texts)


def test_nothing_left_to_ask_is_told(tmp_path):
    (tmp_path / "q.jsonl").write_text("")
    with pytest.raises(ConfigError, match="no prompt is left to ask"):
        prompts_of(loop_of(tmp_path, files=("q.jsonl",)), [place_of(tmp_path, 0)], None, number=1, model="")
