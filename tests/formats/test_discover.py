"""Inputs: what is found has one name and one order, what cannot be read is named, and nothing is passed over in silence."""

import io
import os
import sys
from pathlib import Path

import pytest

from auditkit.errors import ConfigError, InputError
from auditkit.formats import discover

ROW = b'{"text": "a"}\n'


@pytest.fixture
def tree(tmp_path):
    """tree("a.jsonl", "b/c.csv") makes these files and returns their folder."""

    def make(*names, data=ROW):
        for name in names:
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return tmp_path / "in"

    return make


def names(tmp_path, *inputs):
    return [source.name for source in discover([str(name) for name in inputs], scratch=tmp_path / "scratch")]


def test_a_folder_is_read_whole_in_the_order_of_bytes(tmp_path, tree):
    folder = tree("b.jsonl", "a/z.ndjson", "a/B.csv", "é.txt", "Z.md", "a.json")
    assert names(tmp_path, folder) == ["Z.md", "a.json", "a/B.csv", "a/z.ndjson", "b.jsonl", "é.txt"]


def test_hidden_files_and_the_papers_of_a_data_set_are_no_data(tmp_path, tree):
    folder = tree(
        "a.jsonl",
        ".git/x.bin",
        "_SUCCESS",
        "_tmp/a.jsonl",
        "README.md",
        "LICENSE",
        "license.txt",
        "README_zh.md",
        "LICENSE-MIT",
        "dataset_info.json",
    )
    assert names(tmp_path, folder) == ["a.jsonl"]
    folder = tree("notice.jsonl", "license.csv", "notices.txt", "readmes.md")
    assert names(tmp_path, folder) == ["a.jsonl", "license.csv", "notice.jsonl", "notices.txt", "readmes.md"]


def test_a_file_of_unknown_kind_is_refused_by_name_with_all_others(tmp_path, tree):
    folder = tree("a.jsonl", "b.docx", "c/d.zip", "e.jsonl.bz2", "f.tar.gz", "g.parquet.gz", "noname", "h.jsonl.xz")
    with pytest.raises(InputError) as caught:
        names(tmp_path, folder)
    for name in ("b.docx", "c/d.zip", "e.jsonl.bz2", "f.tar.gz", "g.parquet.gz", "noname", "h.jsonl.xz"):
        assert name in str(caught.value)
    assert "a.jsonl" not in str(caught.value)


@pytest.mark.parametrize("order", [1, -1])
def test_names_are_relative_to_the_common_root_for_any_order(tmp_path, tree, order):
    folder = tree("x/a.jsonl", "y/b.jsonl")
    assert names(tmp_path, *[folder / "x", folder / "y/b.jsonl"][::order]) == ["x/a.jsonl", "y/b.jsonl"]
    assert names(tmp_path, folder / "x/a.jsonl") == ["a.jsonl"]
    assert names(tmp_path, folder) == ["x/a.jsonl", "y/b.jsonl"]


def test_each_file_counts_once(tmp_path, tree, monkeypatch):
    folder = tree("a.jsonl", "b.jsonl")
    monkeypatch.chdir(folder)
    assert names(tmp_path, "a.jsonl", "./a.jsonl", folder, str(folder / "*.jsonl")) == ["a.jsonl", "b.jsonl"]


def test_patterns(tmp_path, tree):
    folder = tree("x/a.jsonl", "y/a.jsonl", "y/b.csv", "odd[1].jsonl")
    assert names(tmp_path, f"{folder}/*/a.jsonl") == ["x/a.jsonl", "y/a.jsonl"]
    assert names(tmp_path, f"{folder}/**/*.csv") == ["b.csv"]
    assert names(tmp_path, folder / "odd[1].jsonl") == ["odd[1].jsonl"]


def test_what_is_missing_is_a_usage_error_that_names_all(tmp_path, tree):
    folder = tree("a.jsonl", "empty/.hidden")
    with pytest.raises(ConfigError) as caught:
        names(tmp_path, folder / "a.jsonl", folder / "b.jsonl", f"{folder}/*.csv", folder / "empty")
    for words in ("b.jsonl: no such file", "*.csv: no file matches", "empty: no data file"):
        assert words in str(caught.value)
    with pytest.raises(ConfigError):
        discover([], scratch=tmp_path)


def test_what_is_no_regular_file_is_refused(tmp_path, tree):
    folder = tree("ok.jsonl", "x.jsonl/a.jsonl")
    os.mkfifo(folder / "pipe.jsonl")
    with pytest.raises(InputError) as caught:
        names(tmp_path, folder)
    assert "pipe.jsonl: is not a regular file" in str(caught.value)
    assert "x.jsonl: is a folder with the name of a data file" in str(caught.value)
    (tmp_path / "zero.jsonl").symlink_to("/dev/zero")
    for path in (tmp_path / "zero.jsonl", folder / "pipe.jsonl", folder / "x.jsonl"):
        with pytest.raises(InputError):
            names(tmp_path, path)


def test_links(tmp_path, tree):
    folder = tree("a.jsonl", "sub/b.jsonl")
    (folder / "again.jsonl").symlink_to("a.jsonl")
    assert names(tmp_path, folder) == ["a.jsonl", "sub/b.jsonl"]
    (tmp_path / "out.jsonl").write_bytes(ROW)
    assert names(tmp_path, folder / "again.jsonl") == ["again.jsonl"]
    (folder / "out.jsonl").symlink_to("../out.jsonl")
    (folder / "round.jsonl").symlink_to("round.jsonl")
    (folder / "gone.jsonl").symlink_to("nowhere.jsonl")
    (folder / "sub" / "up").symlink_to("..")
    (folder / "abroad").symlink_to(tmp_path)
    with pytest.raises(InputError) as caught:
        names(tmp_path, folder)
    for name in ("out.jsonl", "round.jsonl", "gone.jsonl", "sub/up", "abroad"):
        assert f"{name}: a symbolic link" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.jsonl", b"", "is empty"),
        ("a.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git LFS pointer"),
        ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git LFS pointer"),
        ("a.jsonl.gz", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git LFS pointer"),
        ("a.jsonl", b"PK\x03\x04" + bytes(40), "zip archive"),
        ("a.jsonl", bytes(range(1, 255)) + bytes(3) + b"ustar\x0000" + bytes(200), "archive"),
        ("a.jsonl", "\ufeff{}".encode("utf-16-le"), "UTF-16"),
        ("a.jsonl", "\ufeff{}".encode("utf-16-be"), "UTF-16"),
        ("a.txt", "\ufeffhi".encode("utf-32-le"), "UTF-32"),
        ("a.csv", "text\na\n".encode("utf-16-be"), "UTF-16"),
        ("a.jsonl", b"BZh91AY", "bzip2"),
        ("a.jsonl", b"\xfd7zXZ\x00\x00", "xz"),
        ("a.txt", b"ARROW1\x00\x00", "Arrow"),
    ],
)
def test_the_first_bytes_must_fit_the_name(tmp_path, tree, name, data, words):
    with pytest.raises(InputError, match=words):
        names(tmp_path, tree(name, data=data))


def test_stdin_is_json_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROW * 3)))
    (source,) = discover(["-"], scratch=tmp_path)
    assert (source.name, source.format) == ("stdin.jsonl", "jsonl")
    assert Path(source.path).read_bytes() == ROW * 3
    assert Path(source.path).stat().st_mode & 0o077 == 0


def test_addresses_are_copied_first(tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    for name in ("/set/a.jsonl", "/set/b/c.jsonl", "/set/README.md"):
        memory.pipe(name, ROW)
    assert names(tmp_path, "memory://set") == ["a.jsonl", "b/c.jsonl"]
    assert names(tmp_path, "memory://set/a.jsonl") == ["a.jsonl"]
    assert names(tmp_path, "memory://set/*.jsonl") == ["a.jsonl"]
    with pytest.raises(ConfigError, match="no such file"):
        names(tmp_path, "memory://nothing/a.jsonl")
    with pytest.raises(ConfigError, match="cannot be opened"):
        names(tmp_path, "nosuchprotocol://a/b.jsonl")


def test_hostile_names_are_shown_harmless(tmp_path, tree):
    folder = tree("na\nme.jsonl", "a\u202ex.jsonl")
    assert names(tmp_path, folder) == ["a\u202ex.jsonl", "na\nme.jsonl"]
    folder = tree("bad\n\x1b[31m.exe")
    with pytest.raises(InputError) as caught:
        names(tmp_path, folder)
    assert "bad\\x0a\\x1b[31m.exe" in str(caught.value)


def test_a_name_that_is_not_utf8_is_refused(tmp_path, tree):
    folder = tree("a.jsonl")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jsonl")).write_bytes(ROW)
    with pytest.raises(InputError, match="name is not UTF-8"):
        names(tmp_path, folder)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, tree):
    folder = tree("a.jsonl", "closed/b.jsonl")
    if os.geteuid() == 0:
        (folder / "closed/b.jsonl").unlink()
        (folder / "closed").rmdir()
        (folder / "closed.jsonl").symlink_to("closed.jsonl")
    else:
        (folder / "closed").chmod(0)
    with pytest.raises(InputError, match="closed"):
        names(tmp_path, folder)
