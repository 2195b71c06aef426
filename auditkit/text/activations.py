"""The kernel that small neural networks need beyond numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from auditkit.text.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel
def gelu(values: NDArray[np.float32]) -> None:
    """Replaces each value x by x times the share of a standard normal distribution below x (Hendrycks, Gimpel 2016)."""
    for i in range(values.size):
        values[i] = np.float32(0.5) * values[i] * np.float32(1 + math.erf(values[i] * 0.7071067811865476))
