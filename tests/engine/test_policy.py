"""The policy file: packaged ones, inheritance, errors with file, line and advice, all at once."""

from __future__ import annotations

import pytest

from auditkit import Policy
from auditkit.errors import ConfigError
from auditkit.policy import PACKAGED, key_lines


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_policies_are_valid(name):
    policy = Policy.load(name)
    assert policy.checkers
    assert policy.name == name


def test_the_default_runs_all_six():
    assert set(Policy.load("default").checkers) == {
        "pii", "toxicity", "near_duplicates", "hallucination", "skew", "diversity",
    }  # fmt: skip


def test_without_extends_exactly_the_named_checkers_run(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text("version = 1\n[checkers.pii]\n")
    assert list(Policy.load(path).checkers) == ["pii"]


def test_extends_lays_options_over_those_of_the_base(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(
        'version = 1\nextends = "default"\n[checkers.near_duplicates]\nthreshold = 0.7\n'
        "[checkers.toxicity]\nenabled = false\n"
    )
    policy = Policy.load(path)
    assert policy.checkers["near_duplicates"].options.threshold == 0.7
    assert "toxicity" not in policy.checkers
    assert "pii" in policy.checkers


def test_a_gate_on_the_same_metric_replaces_that_of_the_base():
    base = Policy.load("default")
    metric = base.gates[0].metric
    policy = Policy.from_dict({"version": 1, "extends": "default", "gate": [{"metric": metric, "max": 0.77}]})
    assert [gate.max for gate in policy.gates if gate.metric == metric] == [0.77]
    assert len(policy.gates) == len(base.gates)


def test_all_mistakes_at_once_with_lines_and_advice(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        "version = 1\n"
        "[field]\n"
        "[checkers.pii]\n"
        "threshhold = 0.5\n"
        'action = "delete"\n'
        "[checkers.toxcity]\n"
        "[[gate]]\n"
        'metric = "pii.document_share"\n'
        "max = nan\n"
    )
    with pytest.raises(ConfigError) as caught:
        Policy.load(path)
    said = str(caught.value)
    for expected in (
        "mine.toml:2: unknown key 'field'; did you mean 'fields'?",
        "mine.toml:4: [checkers.pii] unknown option 'threshhold'; did you mean 'threshold'?",
        "mine.toml:5: [checkers.pii] option 'action'",
        "mine.toml:6: unknown checker 'toxcity'; did you mean 'toxicity'?",
        "mine.toml:9: [[gate]] option 'max': expected a finite number, got nan",
    ):
        assert expected in said


def test_an_unknown_metric_has_its_line_and_advice(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('version = 1\n[checkers.pii]\n[[gate]]\nmetric = "pii.document_share"\nmax = 0.1\n')
    with pytest.raises(
        ConfigError, match=r"mine\.toml:4: unknown metric 'pii\.document_share'; did you mean 'pii\.documents_share'\?"
    ):
        Policy.load(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "version = 1", id="empty file"),
        pytest.param("gate:\n  max_pii: 0\n", "not valid TOML", id="YAML"),
        pytest.param("version = 1\nversion = 1\n", "not valid TOML", id="duplicate key"),
        pytest.param("version = 2\n[checkers.pii]\n", "unknown version", id="other version"),
        pytest.param("version = 1\n[checkers]\npii = 3\n", "must be a table", id="a checker that is no table"),
        pytest.param("version = 1\nfields = 3\n[checkers.pii]\n", "'fields' must be a table", id="fields that is no table"),
        pytest.param("version = 1\ngate = 3\n[checkers.pii]\n", "'gate' must be a array of tables", id="gate that is no list"),
        pytest.param("version = 1\n[checkers.pii]\n[[gate]]\nmax = 1\n", "needs a metric", id="gate without metric"),
        pytest.param("version = 1\n[checkers.pii]\n[corpus]\nshard_deadline_s = 0\n", "more than 0", id="no time"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path, text, said):
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        Policy.load(path)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        Policy.load("nowhere.toml")
    with pytest.raises(ConfigError, match="did you mean 'default'"):
        Policy.load("defualt")


def test_the_hash_covers_what_decides_and_not_the_name():
    one = Policy.from_dict({"version": 1, "checkers": {"pii": {}}})
    other = Policy.from_dict({"version": 1, "checkers": {"pii": {"action": "drop"}}})
    assert one.sha256 == Policy.from_dict({"version": 1, "checkers": {"pii": {"action": "flag"}}}).sha256
    assert one.sha256 != other.sha256


def test_key_lines():
    text = '# x\na = 1\n[b]\nc = 2\n"d e" = 3\n[[g]]\nm = 1\n[[g]]\nm = 2\n[b.f]\n'
    lines = key_lines(text)
    assert lines[("a",)] == 2
    assert lines[("b", "c")] == 4
    assert lines[("b", "d e")] == 5
    assert lines[("g", "0", "m")] == 7
    assert lines[("g", "1", "m")] == 9
    assert lines[("b", "f")] == 10
