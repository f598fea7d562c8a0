"""Checks of `attend`: means of gathered packed rows, weighted by the quantized softmax of edge scores."""

from __future__ import annotations

import numpy as np

from smoothbit.kernels import Attention
from smoothbit.kernels import reference_attention as reference
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.packing import pack
from smoothbit.testing.kernels import inputs
from smoothbit.testing.kernels.subject import Subject, new_list
from smoothbit.typing import Float32Array

NUM_ROWS, NUM_COLS = 23, 19
HEADS = ((1, 1), (1, 7), (1, 64), (2, 4), (3, 10), (4, 8), (8, 8), (8, 33), (11, 3), (16, 16), (300, 1))
"""Heads and channels of each."""
SCORES = ("additive", "dynamic", "dot")
CHECKS = new_list()


def make_attention(
    rng: np.random.Generator, num_heads: int, num_channels: int, score: str, is_concatenated: bool
) -> Attention:
    """Return random scores that leave several neighbours a weight."""
    width = num_heads if score == "additive" else num_channels
    queries, keys = (rng.standard_normal((count, width), dtype=np.float32) for count in (NUM_ROWS, NUM_COLS))
    vector = rng.standard_normal(num_channels, dtype=np.float32) if score == "dynamic" else None
    return Attention(queries, keys, num_heads, score, 0.2, 0.3, vector, is_concatenated)


@CHECKS.add(heads=HEADS, score=SCORES, num_bits=inputs.WIDTHS)
def heads_of_every_width(subject: Subject, heads: tuple[int, int], score: str, num_bits: int) -> None:
    """Strides, offsets and threads change nothing; a row may have no entries, or more than a buffer holds."""
    num_heads, num_channels = heads[0], heads[0] * heads[1]
    rng = np.random.default_rng(num_channels * 8 + num_bits)
    law = per_tensor_law(num_bits, 0.1)
    channels = AffineLaw(
        num_bits,
        rng.uniform(0.1, 1, num_channels).astype(np.float32),
        np.full(num_channels, 1, np.float32),
        np.zeros(num_channels, np.float32),
        "per_channel",
    )
    packed = pack(inputs.make_codes(rng, (NUM_COLS, num_channels), num_bits), num_bits)
    for is_concatenated, own, hub in ((True, law, 40), (False, channels, 40), (True, channels, 4200 // num_heads)):
        graph = inputs.make_graph(rng, NUM_ROWS, NUM_COLS, hub)
        attention = make_attention(rng, num_heads, num_channels, score, is_concatenated)
        want = reference.attend(graph, packed, own, num_channels, attention)
        for extra, offset, num_threads in ((0, 0, 1), (3, 1, 3), (32, 7, 2)):
            source = inputs.place(packed, packed.shape[1] + extra, offset)
            out = inputs.place(np.zeros_like(want), want.shape[1], 4 * offset)
            subject.call(graph, source.array, own, num_channels, attention, out=out.array, num_threads=num_threads)
            subject.output(out, want, f"heads={heads}, hub={hub}, extra={extra}, threads={num_threads}")


@CHECKS.add()
def weights_at_every_half_integer(subject: Subject) -> None:
    """Where rint(255 e^d) changes, on both sides, and far below."""
    steps = np.log((np.arange(255) + 0.5) / 255).astype(np.float32)
    near = [steps]
    for direction in (-np.inf, np.inf):
        for _ in range(3):
            near.append(np.nextafter(near[-1] if len(near) > 1 else steps, np.float32(direction)))
    far = np.array([0.0, -1e-7, -6.2, -6.3, -15.9, -16.1, -87, -104, -1e30], np.float32)
    differences = np.concatenate([*near, far]).astype(np.float32)
    count = len(differences)
    keys: Float32Array = np.concatenate([differences, np.zeros(1, np.float32)])[:, None]
    pairs = np.stack([np.arange(count), np.full(count, count)], axis=1).astype(np.int32)
    graph = CSR(np.arange(0, 2 * count + 1, 2), pairs.ravel(), count + 1)
    packed = np.concatenate([np.ones((count, 1), np.uint8), np.zeros((1, 1), np.uint8)])
    attention = Attention(np.zeros((count, 1), np.float32), keys, 1, "additive", 1.0)
    law = per_tensor_law(8, 1.0)
    got = subject.call(graph, packed, law, 1, attention)
    subject.equal(got, reference.attend(graph, packed, law, 1, attention))
