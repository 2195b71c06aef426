"""Where the data files of the package are: rules/ and reports/templates/, beside the package or inside the wheel."""

from __future__ import annotations

import hashlib
from pathlib import Path

from auditkit.errors import AuditkitError


def resource(name: str) -> Path:
    """The file or folder with this name relative to the project root, e.g. `rules/policies/default.toml`.

    In a wheel these folders lie inside the package as `_data`; in a checkout they stand beside it.
    """
    package = Path(__file__).parent
    for root in (package / "_data", package.parent):
        if (root / name).exists():
            return root / name
    message = f"the file {name} of auditkit is missing: the installation is incomplete"
    raise AuditkitError(message)


def pinned(name: str, sha256: str) -> Path:
    """The file with this name and hash; AuditkitError when its bytes are not those of this release."""
    path = resource(name)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise AuditkitError(f"{name} is not the file that this version of auditkit was released with")
    return path
