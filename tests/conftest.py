"""Fixtures for all tests: the command line as a user calls it, plug-ins, small corpora, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parent / "plugins"


@pytest.fixture
def plugins(monkeypatch):
    """The third-party checkers of tests/plugins, installed as far as Python can tell."""
    from auditkit.checker import catalogue

    monkeypatch.syspath_prepend(str(PLUGINS))
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


@pytest.fixture
def write(tmp_path):
    """write("a.jsonl", rows) -> path; rows may be dictionaries, lines or bytes."""

    def _write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        else:
            lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
            path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return _write


@pytest.fixture
def command(tmp_path):
    """command("gate", path, "--out", run) -> CompletedProcess of the real command line, plug-ins installed."""

    def run(*args, stdin=None, timeout=300, env=None):
        environment = os.environ | {"PYTHONPATH": str(PLUGINS), "COLUMNS": "100"} | (env or {})
        return subprocess.run(
            [sys.executable, "-m", "auditkit", *map(str, args)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env=environment,
            check=False,
        )

    return run


@pytest.fixture(autouse=True)
def no_ray_left():
    """A local Ray ends with its test: its workers know the module path of the test that started it."""
    yield
    ray = sys.modules.get("ray")
    if ray is not None and ray.is_initialized():
        ray.shutdown()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A connection to anything but this machine fails the test."""
    import socket

    connect = socket.socket.connect

    def guarded(self, address):
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in {"127.0.0.1", "::1", "localhost", "local"} and self.family != socket.AF_UNIX:
            message = f"a test opened a connection to {host}"
            raise AssertionError(message)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
