"""The disk fails, or the process dies, at any one step of writing: nothing is published, and resumed it is the same."""

from __future__ import annotations

import errno
import gzip
import json
import os
import signal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit import disk, gate
from auditkit.errors import RunFolderError
from auditkit.run_folder import verify

FAULTS = {"full disk": errno.ENOSPC, "bad disk": errno.EIO, "interrupted": errno.EINTR}
POLICY = {
    "version": 1,
    "corpus": {"max_quarantined": 1.0},
    "checkers": {"shouting": {"action": "redact"}, "letters": {}, "near_duplicates": {}},
}
EVERY = int(os.environ.get("AUDITKIT_EVERY_STEP", "13"))  # 1 in the benchmark job


def corpus(folder):
    """Rows kept, redacted, dropped and quarantined, in three formats."""
    folder.mkdir()
    copy = "the very same words stand in this row and in another one of this small corpus " * 3
    rows = [json.dumps({"text": text}) for text in ("quiet", "loud!!!", copy, copy)]
    (folder / "a.jsonl").write_text("\n".join([*rows, "{broken"]) + "\n")
    (folder / "b.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    pq.write_table(pa.table({"text": ["calm", "wild!!!", copy]}), folder / "c.parquet")
    return folder


def contents(run):
    """Every file of a run but those that tell times."""
    names = [path for path in sorted(run.rglob("*")) if path.is_file()]
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in names
        if path.name not in {"run.json", "report.html", "report.md"}
    }


class Faults:
    """A disk that does `act` at the step of this number, counted from 0."""

    def __init__(self, number, act):
        self.number, self.act, self.steps = number, act, []

    def __call__(self, step, path):
        self.steps.append(step)
        if len(self.steps) == self.number + 1:
            self.act()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """(input folder, files of a run without faults, number of its steps on the disk)."""
    from auditkit.checker import catalogue
    from tests.conftest import PLUGINS

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PLUGINS))
        catalogue.cache_clear()
        folder = tmp_path_factory.mktemp("disk")
        source = corpus(folder / "in")
        counting = Faults(-1, lambda: None)
        patch.setattr(disk, "before", counting)
        assert gate(source, POLICY, out=folder / "run") == 0
        yield source, contents(folder / "run"), len(counting.steps)
    catalogue.cache_clear()


def resumed(source, run, expected):
    """Going on after a fault ends in the bytes of an undisturbed run."""
    assert gate(source, POLICY, out=run, resume=True) == 0
    assert contents(run) == expected
    assert verify(run) == []


def outcome(source, run):
    """(exit code, message) of a gate, as the command line gives them."""
    try:
        return gate(source, POLICY, out=run), ""
    except RunFolderError as error:
        return error.exit_code, str(error)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_at_any_step_publishes_nothing(undisturbed, tmp_path, monkeypatch, fault):
    source, expected, n_steps = undisturbed

    def fail():
        raise OSError(FAULTS[fault], os.strerror(FAULTS[fault]))

    for number in range(list(FAULTS).index(fault), n_steps, EVERY):
        run = tmp_path / f"run{number}"
        faults = Faults(number, fail)
        monkeypatch.setattr(disk, "before", faults)
        code, said = outcome(source, run)
        assert code == (0 if faults.steps[-1] == "remove" and (run / "manifest.json").exists() else 3)
        assert "\n" not in said
        assert not (run / "manifest.json").exists() or faults.steps[-1] in {"sync folder", "remove"}
        assert not list(run.glob("[!_]*/.*.tmp")), "no half file is left beside the rows"
        monkeypatch.setattr(disk, "before", lambda _step, _path: None)
        resumed(source, run, expected)


@pytest.mark.slow
def test_a_kill_at_any_step_publishes_nothing_or_all(undisturbed, tmp_path):
    source, expected, n_steps = undisturbed
    for number in range(3, n_steps, EVERY):
        run = tmp_path / f"run{number}"
        pid = os.fork()
        if pid == 0:
            disk.before = Faults(number, lambda: os.kill(os.getpid(), signal.SIGKILL))
            gate(source, POLICY, out=run)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        if (run / "manifest.json").exists():
            assert verify(run) == []
        resumed(source, run, expected)
