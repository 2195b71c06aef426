"""Tables of a result as pandas, polars and datasets, and each of them as a source."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest

from auditkit import audit
from auditkit.errors import ConfigError, MissingDependency
from auditkit.result import TABLES

POLICY = {"version": 1, "checkers": {"shouting": {}}}
ROWS = {"id": ["a", "b"], "text": ["quiet", "loud!!!"]}


@pytest.fixture
def result(plugins):
    return audit(pa.table(ROWS), POLICY)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", ["pandas", "polars", "dataset"])
def test_every_table_in_every_kind(result, kind, name):
    frame = getattr(result, f"to_{kind}")(name)
    table = result.table(name)
    columns = frame.column_names if kind == "dataset" else list(frame.columns)
    assert columns == table.column_names
    assert len(frame) == table.num_rows


@pytest.mark.parametrize("kind", ["pandas", "polars", "dataset"])
def test_every_kind_is_a_source(result, kind):
    if kind == "pandas":
        import pandas as pd

        source = pd.DataFrame(ROWS)
    elif kind == "polars":
        import polars as pl

        source = pl.DataFrame(ROWS)
    else:
        from datasets import Dataset

        source = Dataset.from_dict(ROWS).select([0, 1])
    assert audit(source, POLICY).findings["id"].to_pylist() == result.findings["id"].to_pylist() == ["b"]


def test_mistakes(result, monkeypatch):
    with pytest.raises(ConfigError, match="did you mean 'findings'"):
        result.to_polars("finding")
    for module, method in (("pandas", "to_pandas"), ("polars", "to_polars"), ("datasets", "to_dataset")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingDependency, match="pip install"):
            getattr(result, method)()
