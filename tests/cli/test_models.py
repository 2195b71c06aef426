"""auditkit models: real downloads from a server of this machine that breaks, lies, moves and refuses."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

BODY = bytes(range(256)) * 4000
SHA = hashlib.sha256(BODY).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `body`; `cuts` = after how many bytes the coming answers break off; `seen` = the ranges asked for."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.body, self.cuts, self.seen, self.status, self.to, self.tag = BODY, [], [], 200, "", '"1"'
        self.ranges = True

    def url(self, path="model.bin"):
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def do_GET(self):
        server = self.server
        asked = self.headers.get("Range", "")
        server.seen.append(asked)
        if self.path.startswith("/moved") and server.to:
            self.send_response(302)
            self.send_header("Location", server.to)
            self.end_headers()
            return
        if server.status != 200:
            self.send_response(server.status)
            self.end_headers()
            return
        start = int(asked[6:-1]) if asked and server.ranges and self.headers.get("If-Range") == server.tag else 0
        part = server.body[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", server.tag)
        self.end_headers()
        self.wfile.write(part[: server.cuts.pop(0)] if server.cuts else part)


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def models(command, tmp_path, server):
    """models("fetch", ...) with a catalogue of one entry `tiny` whose fields may be given."""

    def run(*args, **fields):
        entry = {"name": "tiny", "kind": "file", "url": server.url(), "licence": "MIT", "sha256": SHA} | fields
        lines = [f"{key} = {json.dumps(value)}" for key, value in entry.items()]
        own = tmp_path / "own.toml"
        own.write_text("[[model]]\n" + "\n".join(lines) + "\n", encoding="utf-8")
        more = [] if args[0] == "verify" else ["--catalogue", own]
        return command("models", *args, *more, env={"AUDITKIT_MODELS": str(tmp_path / "models")})

    return run


def test_list_names_each_model_and_whether_it_is_here(models):
    before = models("list").stdout
    assert "en_core_web_lg" in before
    assert "detoxify-original " in before
    assert models("fetch", "tiny").returncode == 0
    line = next(line for line in models("list").stdout.splitlines() if line.startswith("tiny"))
    assert "fetched" in line


def test_a_fetched_model_is_verified_and_not_fetched_again(models, server, tmp_path):
    first = models("fetch", "tiny")
    assert first.returncode == 0
    assert SHA in first.stdout
    assert (tmp_path / "models/tiny/model.bin").read_bytes() == BODY
    assert models("fetch", "tiny").returncode == 0
    assert len(server.seen) == 1
    assert models("verify").stdout == "tiny: as it was fetched\n"
    assert not list((tmp_path / "models/.parts").iterdir())


def test_a_cut_connection_goes_on_where_it_broke_off(models, server):
    server.cuts = [300_000, 200_000]
    assert models("fetch", "tiny").returncode == 0
    assert server.seen == ["", "bytes=300000-", "bytes=500000-"]


def test_a_second_command_goes_on_where_the_first_gave_up(models, server):
    server.cuts = [1000, 1000, 1000, 1000]
    first = models("fetch", "tiny")
    assert first.returncode == 3
    assert "4,000 bytes are kept" in first.stderr
    assert models("fetch", "tiny").returncode == 0
    assert server.seen[-1] == "bytes=4000-"


@pytest.mark.parametrize("ranges", [True, False], ids=["another version of the file", "no ranges"])
def test_a_server_that_starts_anew_is_taken_from_the_start(models, server, ranges):
    server.cuts = [1000] * 4
    models("fetch", "tiny")
    server.ranges, server.tag = ranges, '"2"'
    assert models("fetch", "tiny").returncode == 0


def test_other_bytes_are_refused_and_nothing_is_kept(models, server, tmp_path):
    server.body = BODY[:-1] + b"!"
    result = models("fetch", "tiny")
    assert result.returncode == 3
    assert "not the file that was meant" in result.stderr
    assert not (tmp_path / "models/tiny").exists()
    assert not list((tmp_path / "models/.parts").iterdir())


def test_a_file_that_is_not_there_is_asked_for_once(models, server):
    server.status = 404
    result = models("fetch", "tiny")
    assert result.returncode == 3
    assert "404" in result.stderr
    assert len(server.seen) == 1


def test_a_busy_server_is_asked_again_and_then_the_letter_says_so(models, server):
    server.status = 503
    result = models("fetch", "tiny")
    assert result.returncode == 3
    assert "503" in result.stderr
    assert len(server.seen) == 4


def test_no_server_gives_a_letter_and_the_way_round(models, server):
    url = server.url()
    server.shutdown()
    server.server_close()
    result = models("fetch", "tiny", url=url)
    assert result.returncode == 3
    assert "not reached" in result.stderr
    assert "--from FILE" in result.stderr


@pytest.mark.parametrize(
    "to", ["http://localhost:9/x", "https://elsewhere.example/x", "file:///etc/passwd", "ftp://127.0.0.1/x"]
)
def test_a_redirect_to_another_host_is_not_followed(models, server, to):
    server.to = to
    result = models("fetch", "tiny", url=server.url("moved"))
    assert result.returncode == 3
    assert "not followed" in result.stderr
    assert "fetched" not in models("list").stdout.splitlines()[-1]


def test_a_redirect_on_the_same_host_is_followed(models, server):
    server.to = server.url()
    assert models("fetch", "tiny", url=server.url("moved")).returncode == 0


def test_a_file_brought_here_needs_no_network(models, tmp_path):
    (tmp_path / "brought").write_bytes(BODY)
    result = models("fetch", "tiny", "--from", tmp_path / "brought", url="https://models.example/model.bin")
    assert result.returncode == 0
    (tmp_path / "brought").write_bytes(b"other")
    assert models("fetch", "tiny").returncode == 0  # it is there already


def test_without_any_hash_the_user_must_give_one(models):
    result = models("fetch", "tiny", sha256="")
    assert result.returncode == 2
    assert "--sha256" in result.stderr
    assert models("fetch", "tiny", "--sha256", SHA, sha256="").returncode == 0


def test_a_hash_against_the_pinned_one_is_refused(models):
    result = models("fetch", "tiny", "--sha256", "0" * 64)
    assert result.returncode == 2
    assert "pinned" in result.stderr


def test_the_first_digits_are_held_and_the_rest_is_recorded(models, server, tmp_path):
    partly = {"sha256": "", "sha256_starts": SHA[:8]}
    first = models("fetch", "tiny", **partly)
    assert first.returncode == 0
    assert "from now on" in first.stderr
    assert json.loads((tmp_path / "models/lock.json").read_text()) == {"tiny": SHA}
    (tmp_path / "models/tiny/model.bin").write_bytes(b"x")
    server.body = b"anything else"
    assert models("fetch", "tiny", **partly).returncode == 3
    server.body = BODY
    assert models("fetch", "tiny", **partly).returncode == 0
    assert models("fetch", "tiny", sha256="", sha256_starts="00000000").returncode == 2


def test_verify_sees_a_changed_a_missing_and_a_new_file(models, tmp_path):
    models("fetch", "tiny")
    (tmp_path / "models/tiny/model.bin").write_bytes(b"x")
    result = models("verify", "tiny")
    assert (result.returncode, result.stdout) == (3, "tiny: model.bin differs\n")
    (tmp_path / "models/tiny/model.bin").rename(tmp_path / "models/tiny/other")
    assert models("verify").returncode == 3
    assert models("verify", "nobody").stdout == "nobody: not fetched\n"


def wheel(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


PIPELINE = [
    ("en_tiny/__init__.py", "raise SystemExit"),
    ("en_tiny/en_tiny-1/config.cfg", "[nlp]"),
    ("en_tiny/en_tiny-1/meta.json", "{}"),
    ("en_tiny/en_tiny-1/vocab/strings.json", "[]"),
    ("en_tiny/en_tiny-1/hook.py", "raise SystemExit"),
    ("en_tiny-1.dist-info/METADATA", "Name: en-tiny"),
]


def test_of_a_wheel_the_data_alone_is_unpacked(models, server, tmp_path):
    server.body = wheel(PIPELINE)
    sha = hashlib.sha256(server.body).hexdigest()
    assert models("fetch", "tiny", kind="spacy", sha256=sha).returncode == 0
    place = tmp_path / "models/tiny"
    found = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    assert found == ["config.cfg", "meta.json", "model.json", "vocab/strings.json"]


@pytest.mark.parametrize(
    "members",
    [
        [*PIPELINE, ("../outside", "x")],
        [*PIPELINE, ("/absolute", "x")],
        [*PIPELINE, ("en_tiny\\..\\..\\x", "x")],
        [("en_tiny/__init__.py", "")],
    ],
    ids=["dots", "absolute", "backslash", "no pipeline"],
)
def test_a_wheel_that_leads_elsewhere_is_refused(models, server, tmp_path, members):
    server.body = wheel(members)
    result = models("fetch", "tiny", kind="spacy", sha256=hashlib.sha256(server.body).hexdigest())
    assert result.returncode == 3
    assert "wheel" in result.stderr
    assert not (tmp_path / "models/tiny").exists()
    assert not (tmp_path / "outside").exists()


def test_a_wheel_with_a_link_is_refused(models, server):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in PIPELINE:
            archive.writestr(name, data)
        link = zipfile.ZipInfo("en_tiny/en_tiny-1/vocab/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    server.body = out.getvalue()
    result = models("fetch", "tiny", kind="spacy", sha256=hashlib.sha256(server.body).hexdigest())
    assert result.returncode == 3
    assert "link" in result.stderr


def test_what_is_no_wheel_is_refused(models):
    result = models("fetch", "tiny", kind="spacy")
    assert result.returncode == 3
    assert "not a wheel" in result.stderr


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "exe"}, "kind"),
        ({"sha256": "xyz"}, "sha256"),
        ({"name": "../tiny"}, "name"),
        ({"colour": "red"}, "colour"),
        ({"url": "http://models.example/x"}, "https"),
        ({"url": "file:///etc/passwd"}, "https"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else value,
)
def test_a_broken_catalogue_is_a_wrong_usage(models, fields, says):
    result = models("fetch", "tiny", **fields)
    assert result.returncode == 2
    assert says in result.stderr


def test_an_unknown_model_gets_a_suggestion(models):
    result = models("fetch", "en_core_web_lgg")
    assert result.returncode == 2
    assert "did you mean 'en_core_web_lg'" in result.stderr


def test_the_packaged_catalogue_pins_every_model():
    from auditkit.models.catalogue import catalogue

    for entry in catalogue().values():
        assert entry.url.startswith("https://"), entry.name
        assert entry.sha256 or entry.sha256_starts in entry.file, entry.name
