"""PyTorch's own low-bit gather-and-add: quantized embedding bags with a scale for each row.

They compute what low-bit inference through stock PyTorch would: the sum of dequantized rows in
float32, without edge weights, mean, skip term or quantized output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from smoothbit.bench.peers.base import PEERS, Peer, PeerSkippedError, Product, find_module

OPERATORS = {8: "byte", 4: "4bit", 2: "2bit"}


def embedding_bag(product: Product, num_bits: int) -> Peer:
    """Prepare the sum of dequantized rows.

    Raises:
        PeerSkippedError: this build of torch cannot run it.
    """
    torch = find_module("torch")
    operators, name = torch.ops.quantized, OPERATORS[num_bits]
    try:
        packed = getattr(operators, f"embedding_bag_{name}_prepack")(torch.from_numpy(product.source))
        bag = getattr(operators, f"embedding_bag_{name}_rowwise_offsets")
        values = getattr(operators, f"embedding_bag_{name}_unpack")(packed).numpy()
    except (AttributeError, RuntimeError) as error:
        raise PeerSkippedError(f"torch cannot run it ({error})") from error
    indices = torch.from_numpy(product.matrix.indices)
    offsets = torch.from_numpy(product.matrix.indptr.astype(np.int32))
    pattern = product.matrix.pattern

    def call() -> Any:
        return bag(packed, indices, offsets, False, 0, False, None, None, True)  # mode 0: sum

    # A value is scale * code + lowest: near 0 both parts are up to three times the row's largest value.
    magnitudes = np.broadcast_to(3 * np.abs(values).max(axis=1, keepdims=True), values.shape)
    return Peer(call, pattern, values, num_bits, magnitudes)


def _register(num_bits: int) -> Callable[[Product], Peer]:
    @PEERS.register(f"torch-embedding-bag-int{num_bits}")
    def prepare(product: Product) -> Peer:
        return embedding_bag(product, num_bits)

    return prepare


embedding_bag_byte, embedding_bag_4bit, embedding_bag_2bit = (_register(bits) for bits in OPERATORS)
