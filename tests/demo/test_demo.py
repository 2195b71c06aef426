"""`auditkit demo` as a user runs it."""

import json
import subprocess
import sys

import pytest

from auditkit.demo import home, run_demo
from auditkit.demo.measure import KINDS, Contrast, Kind, Score
from auditkit.errors import ConfigError
from auditkit.findings import Metric
from auditkit.run_folder import verify

pytestmark = pytest.mark.slow

N_ROWS = 400


def demo(folder, *args):
    command = [sys.executable, "-m", "auditkit", "demo", str(folder), *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """(folder, what the command said) of one demonstration."""
    folder = tmp_path_factory.mktemp("demo") / "here"
    return folder, demo(folder, "--rows", str(N_ROWS))


def test_the_demonstration_works(shown):
    _, said = shown
    assert (said.returncode, said.stderr) == (0, ""), said.stdout


def test_the_verdict_inside_is_fail_with_reasons(shown):
    _, said = shown
    _, _, end = said.stdout.rpartition("verdict: ")
    assert end.startswith("fail\n  2 of 400 rows could not be read")
    assert "pii.documents_share is" in end
    assert "skew.region.tv_distance is" in end


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_a_line_tells_recall_and_false_alarms_of_each_kind(shown, kind):
    _, said = shown
    line = next(line for line in said.stdout.splitlines() if line.startswith(f"{kind} "))
    planted, found, recall, false_alarms = line.split()[1:]
    assert planted == ("2" if kind == "unreadable" else "4")
    assert recall == f"{int(found) / int(planted):.0%}"
    assert int(false_alarms) <= 9


def test_the_last_line_of_the_table_counts_any_finding(shown):
    _, said = shown
    line = next(line for line in said.stdout.splitlines() if line.startswith("any of them "))
    planted, found, _, false_alarms = line.split()[3:]
    assert planted == str(4 * (len(KINDS) - 1) + 2)
    assert int(found) >= 0.8 * int(planted)
    assert int(false_alarms) <= 9


def test_faults_of_the_whole_corpus_stand_beside_the_balanced_one(shown):
    _, said = shown
    for figure in ("skew.region.tv_distance", "diversity.top_opening_share"):
        line = next(line for line in said.stdout.splitlines() if line.startswith(f"{figure}  "))
        here, there = (float(part.split("%")[0]) for part in (line.split()[1], line.split(")")[1]))
        assert here > 1.5 * there


def test_every_path_that_is_named_is_there(shown):
    folder, said = shown
    for path in (
        folder / "run" / "report.html",
        folder / "run" / "kept",
        folder / "run" / "dropped",
        folder / "planted.jsonl",
    ):
        assert str(path) in said.stdout
        assert path.exists()


def test_the_run_folder_is_whole(shown):
    folder, _ = shown
    assert verify(folder / "run") == []
    manifest = json.loads((folder / "run" / "manifest.json").read_text())
    assert manifest["verdict"] == "fail"
    assert manifest["counts"]["rows_in"] == N_ROWS
    assert manifest["counts"]["quarantined"] == 2


def test_again_into_its_own_folder_gives_the_same_and_leaves_other_files(shown):
    folder, _ = shown
    before = (folder / "run" / "manifest.json").read_bytes()
    (folder / "corpus.jsonl").write_text("spoilt")
    (folder / "notes.txt").write_text("mine")
    assert run_demo(folder, n_rows=N_ROWS) == 0
    assert (folder / "run" / "manifest.json").read_bytes() == before
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_folder_that_it_did_not_make_is_left_alone(tmp_path):
    (tmp_path / "corpus.jsonl").write_text("mine")
    said = demo(tmp_path)
    assert said.returncode == 2
    assert "was not made by `auditkit demo`" in said.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.jsonl"]
    assert (tmp_path / "corpus.jsonl").read_text() == "mine"


def test_a_link_in_its_folder_is_removed_and_not_what_it_points_to(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "data.jsonl").write_text("mine")
    home.take(tmp_path / "demo")
    (tmp_path / "demo" / "run").symlink_to(outside)
    home.take(tmp_path / "demo")
    assert (outside / "data.jsonl").read_text() == "mine"
    assert not (tmp_path / "demo" / "run").exists()


def test_a_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(ConfigError, match="was not made by"):
        home.take(tmp_path / "demo")


def test_too_few_rows_are_wrong_usage(tmp_path):
    said = demo(tmp_path / "demo", "--rows", "10")
    assert said.returncode == 2
    assert "at least 200 rows" in said.stderr


@pytest.mark.parametrize(
    ("found", "false_alarms", "works"),
    [
        pytest.param(45, 0, True, id="at the floor"),
        pytest.param(41, 0, True, id="below the floor by chance"),
        pytest.param(38, 0, False, id="below the floor beyond chance"),
        pytest.param(50, 10, True, id="one clean row of a hundred"),
        pytest.param(50, 11, False, id="more than that"),
    ],
)
def test_a_kind_works_from_its_floor_on(found, false_alarms, works):
    score = Score(Kind("pii/x", ("pii/x",), 0.9), 50, found, false_alarms, 1000)
    assert (score.problem() == "") == works


def test_a_figure_works_when_its_interval_lies_above_the_balanced_value():
    def contrast(low):
        here = Metric("skew", "d", 0.5, low=low, high=0.6)
        return Contrast("skew/region", "skew.d", here, Metric("skew", "d", 0.4, low=0.3, high=0.5))

    assert contrast(0.41).problem() == ""
    assert contrast(0.39).problem() != ""
