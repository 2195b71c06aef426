"""The data of a spaCy wheel, without its code: nothing of a wheel is ever imported or run."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path, PurePosixPath

from auditkit.errors import AuditkitError
from auditkit.text.safe import printable

LARGEST = 4 << 30  # bytes, unpacked; en_core_web_lg has 0.45e9
CODE = frozenset([".py", ".pyc", ".so", ".pyd", ".dll", ".pkl", ".pickle"])


def unpack_pipeline(wheel: Path, into: Path) -> None:
    """Write the pipeline of a wheel (the folder with config.cfg and meta.json) into the empty folder `into`.

    AuditkitError for a file that is no such wheel, for members that lead elsewhere, and for more than LARGEST bytes.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            members = _members(archive)
            for member, place in members:
                target = into / place
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(archive, member, target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError) as error:
        raise AuditkitError(
            f"{printable(wheel.name)}: not a wheel that can be read ({printable(str(error))})"
        ) from None


def _members(archive: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """The data files of the pipeline and their places under its folder."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        parts = PurePosixPath(info.filename)
        if parts.is_absolute() or ".." in parts.parts or "\\" in info.filename or ":" in info.filename:
            raise AuditkitError(f"the wheel has a member that leads elsewhere: {printable(info.filename)}")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise AuditkitError(f"the wheel has a link: {printable(info.filename)}")
    roots = [PurePosixPath(info.filename).parent for info in infos if info.filename.endswith("/config.cfg")]
    if not roots:
        raise AuditkitError("the wheel has no spaCy pipeline (no config.cfg)")
    root = min(roots, key=lambda path: (len(path.parts), str(path)))
    if sum(info.file_size for info in infos) > LARGEST:
        raise AuditkitError(f"the wheel unpacks to more than {LARGEST:,} bytes")
    inside = [(info, PurePosixPath(info.filename)) for info in infos]
    return [
        (info, path.relative_to(root))
        for info, path in inside
        if root in path.parents and path.suffix.lower() not in CODE
    ]


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    """One member, no byte more than its entry says."""
    left = member.file_size
    with archive.open(member) as source, target.open("xb") as out:
        while block := source.read(min(1 << 20, left + 1)):
            left -= len(block)
            if left < 0:
                raise AuditkitError(f"a member is larger than it says: {printable(member.filename)}")
            out.write(block)
