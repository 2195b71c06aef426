"""Tables of an audit as pandas, polars or Hugging Face data. Each library is imported when it is asked for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from auditkit.errors import MissingDependency


def to_pandas(table: pa.Table) -> Any:
    """A pandas.DataFrame; integers with gaps and texts stay what they are (Arrow-backed columns)."""
    try:
        import pandas as pd
    except ImportError:
        raise _missing("pandas", "'auditkit[pandas]'") from None
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def to_polars(table: pa.Table) -> Any:
    """A polars.DataFrame, without a copy where Arrow allows it."""
    try:
        import polars as pl
    except ImportError:
        raise _missing("polars", "polars") from None
    return pl.from_arrow(table)


def to_dataset(table: pa.Table) -> Any:
    """A datasets.Dataset in memory."""
    try:
        from datasets import Dataset
        from datasets import table as tables
    except ImportError:
        raise _missing("datasets", "datasets") from None
    return Dataset(tables.InMemoryTable(table.combine_chunks()))


def _missing(package: str, name: str) -> MissingDependency:
    return MissingDependency(f"{package} is not installed: pip install {name}")
