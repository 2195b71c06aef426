"""What findings do to documents: the decision code of each finding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditkit.shards import DROP, KEEP, REDACT


def codes(found: pa.Table, actions: Mapping[str, str]) -> NDArray[np.uint8]:
    """uint8[n]: KEEP, REDACT or DROP for each finding, by the action of its rule.

    A finding without a span cannot be cut out: where its action is `redact` the document is dropped.
    """
    given = np.array([_CODE[action] for action in actions.values()], np.uint8)
    wanted: NDArray[np.uint8] = given[
        pc.index_in(found.column("rule"), value_set=pa.array(actions, pa.utf8())).to_numpy()
    ]
    spanless = np.asarray(pc.is_null(found.column("start")).to_numpy(zero_copy_only=False), dtype=bool)
    wanted[(wanted == REDACT) & spanless] = DROP
    return wanted


_CODE = {"flag": KEEP, "redact": REDACT, "drop": DROP}


def dropped_docs(found: pa.Table, actions: Mapping[str, str]) -> NDArray[np.int64]:
    """Sorted keys of the documents that these findings drop."""
    table = found.select(["doc", "rule", "start"])  # the other columns are the large ones
    table = table.filter(pc.is_valid(table.column("doc")))
    drops = codes(table, actions) == DROP
    docs: NDArray[Any] = table.column("doc").to_numpy()
    return np.unique(docs[drops]).astype(np.int64)
