"""Compiled loops of the packaged name model; one thread, sums in a fixed order, so that every machine agrees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from auditkit.text.jit import kernel

Floats = NDArray[np.float32]


@kernel
def dense(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """float32[n, out]: x @ weight + bias, weight as inputs by outputs."""
    n, width = x.shape
    out = np.empty((n, weight.shape[1]), np.float32)
    for row in range(n):
        out[row] = bias
        for i in range(width):
            value = x[row, i]
            if value != 0.0:  # half of what a ReLU lets through
                for j in range(weight.shape[1]):
                    out[row, j] += value * weight[i, j]
    return out


@kernel
def mixed(x: Floats, weight: Floats, bias: Floats) -> Floats:
    """float32[n, width]: x + ReLU of a convolution over three neighbouring words; weight is [3, inputs, outputs]."""
    n, width = x.shape
    out = np.empty((n, width), np.float32)
    for row in range(n):
        total = bias.copy()
        for k in range(3):
            at = row + k - 1
            if at < 0 or at >= n:
                continue
            for i in range(width):
                value = x[at, i]
                if value != 0.0:
                    for j in range(width):
                        total[j] += value * weight[k, i, j]
        for j in range(width):
            out[row, j] = x[row, j] + max(total[j], np.float32(0.0))
    return out


@kernel
def logits(  # noqa: PLR0917 - a kernel takes arrays by position
    vectors: Floats,
    enter: Floats,
    enter_bias: Floats,
    layers: Floats,
    layer_bias: Floats,
    head: Floats,
    head_bias: Floats,
) -> Floats:
    """float32[words, labels] of one sentence whose words' vectors and features stand in `vectors`."""
    x = np.maximum(dense(vectors, enter, enter_bias), np.float32(0.0))
    for layer in range(len(layers)):
        x = mixed(x, layers[layer], layer_bias[layer])
    return dense(x, head, head_bias)
