"""loop.toml is strict: every mistake is told at once, with its line and a suggestion."""

import pytest

from auditkit.errors import ConfigError
from auditkit.loop.settings import load

GOOD = """version = 1
[reference]
files = ["seed.jsonl"]
[prompts]
files = ["q.jsonl"]
[generator]
kind = "callable"
call = "m:f"
"""


@pytest.fixture
def mistakes(tmp_path):
    (tmp_path / "seed.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "q.jsonl").write_text('{"prompt": "a"}\n')

    def of(text):
        (tmp_path / "loop.toml").write_text(text)
        try:
            load(tmp_path / "loop.toml")
        except ConfigError as error:
            return str(error).split("\n")
        return []

    return of


def test_the_smallest_loop_is_valid(mistakes, tmp_path):
    assert mistakes(GOOD) == []
    loop = load(tmp_path / "loop.toml")
    assert (loop.regime, loop.rounds, loop.policy, loop.sampling.n) == ("accumulate", 1, "self-training", 8)
    assert len(loop.drift) >= 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("version = 1", "version = 1\nround = 3"), "loop.toml:2: unknown key 'round'; did you mean 'rounds'?"),
        (("version = 1", "version = 2"), "loop.toml:1: option 'version': unknown version 2"),
        (("version = 1\n", ""), "version = 1` is missing"),
        (("version = 1", "version = 1\nregime = 'add'"), "loop.toml:2: option 'regime': expected one of 'accumulate', 'replace'"),
        (('"m:f"', '"m.f"'), "loop.toml:8: [generator] option 'call': expected \"module:function\""),
        (('kind = "callable"', 'kind = "endpoint"'), 'kind = "endpoint" needs url'),
        (("[prompts]", "[prompts]\nnoveltly = 0.7"), "loop.toml:5: [prompts] unknown option 'noveltly'; did you mean 'novelty'?"),
        (("[prompts]", "[prompts]\nnovelty = 7"), "loop.toml:5: [prompts] option 'novelty': expected a share"),
        (("[prompts]", "[prompts]\nattributed = 5"), "[prompts] option 'template': attributed prompts need one"),
        (('"q.jsonl"', '"nope.jsonl"'), "loop.toml:5: there is no file 'nope.jsonl'"),
        (('files = ["seed.jsonl"]', ""), "[reference] option 'files': name at least one file of real data"),
        (("[generator]", "[recovery]\nrepairs = ['trimm']\n[generator]"), "there is no 'trimm'; did you mean 'trim'?"),
        (("[generator]", "[sampling]\nformats = ['cot']\n[generator]"), "[sampling] option 'formats': there is no 'cot'"),
        (("[generator]", "[[drift]]\nmetric = 'x'\n[generator]"), "loop.toml:6: [[drift]] needs metric and tolerance"),
        (("[generator]", "[[drift]]\nmetric = 'x'\ntolerance = -1\n[generator]"), "[[drift]] option 'tolerance': expected 0"),
        (("[generator]", "[[drift]]\nmetric = 'kept.loop.tail_shar'\ntolerance = 0.1\n[generator]"),
         "loop.toml:7: [[drift]] unknown metric 'kept.loop.tail_shar'; did you mean 'kept.loop.tail_share'?"),
        (("[generator]", "[[drift]]\nmetric = 'probe.loop.accuracy'\ntolerance = 0.1\n[generator]"), "needs a probe"),
        (("[generator]", "[tail]\nweights = 'band'\n[generator]"), "did you mean 'bands'?"),
        (("[generator]", "[sampling]\nn = 'two'\n[generator]"), "loop.toml:7: [sampling] option 'n': expected"),
        (("[generator]", "[generator"), "loop.toml: not valid TOML"),
    ],
    ids=lambda value: value[1][:40].replace("\n", " ") if isinstance(value, tuple) else None,
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(mistakes, change, said):
    found = mistakes(GOOD.replace(*change))
    assert any(said in line for line in found), found


def test_all_mistakes_are_told_at_once(mistakes):
    text = GOOD.replace("version = 1", "version = 1\nround = 3").replace("[prompts]", "[prompts]\nnovel = 1")
    assert len(mistakes(text)) == 2


def test_an_unknown_policy_is_told(mistakes):
    assert (
        "unknown policy 'self-trainin'; did you mean 'self-training'?"
        in mistakes(GOOD.replace("version = 1", "version = 1\npolicy = 'self-trainin'"))[0]
    )


def test_wrong_settings_are_exit_2(loop_command, tmp_path):
    (tmp_path / "loop.toml").write_text("version = 1\nrounds = 0\n")
    done = loop_command("run", tmp_path / "loop.toml")
    assert done.returncode == 2
    assert "loop.toml:2: option 'rounds': expected 1 or more" in done.stderr
    assert "name at least one file of real data" in done.stderr


def test_pace_and_price_do_not_make_another_loop(mistakes, tmp_path):
    mistakes(GOOD)
    before = load(tmp_path / "loop.toml").decides()
    (tmp_path / "loop.toml").write_text(GOOD + "concurrency = 9\ntimeout_s = 1.0\nprice_in = 3.0\n")
    assert load(tmp_path / "loop.toml").decides() == before
