"""The one place where Great Expectations is imported. Extra `[gx]`."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from types import ModuleType

from auditkit.errors import MissingDependency


def great_expectations() -> ModuleType:
    """The package `great_expectations`, its telemetry off unless the user's environment says otherwise.

    Takes about 5 CPU seconds the first time. MissingDependency without the extra.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read while it is imported, by versions that have telemetry
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what cloud clients say to their own developers while they are loaded
            return import_module("great_expectations")
    except ModuleNotFoundError as error:
        if error.name != "great_expectations":
            raise
        raise MissingDependency("Great Expectations is not installed: pip install 'auditkit[gx]'") from None
