"""Attention over neighbours: scores of edges, their quantized softmax, and the weighted mean of messages by head.

Row i, head h, entry j of row i, channel c of the head; every float32 operation is rounded once::

    t = key_j + query_i;  t = t * slope where t <= 0          of the head, or of each of its channels
    e = t                                                     additive
        sum over c of vector_c * t_c                          dynamic
        (sum over c of key_jc * query_ic) * scale             dot
    p = rint(255 * float32(exp(e - max over j of e)))         in [0, 255]; exp of `numerics.elementary`
    S = sum over j of p * code_jc                             exact
    P = sum over j of p                                       exact
    v = float32(S) * (1 / float32(P)) * step_c + offset_c     0 for no entry
    out = v, or their sum over heads * (1 / heads)            float messages: S in float32, in entry order; no step

A sum over channels has eight parts, part l of channels l, l + 8, .. from 0 upward, joined as
((0 + 4) + (2 + 6)) + ((1 + 5) + (3 + 7)); a sum over heads runs from head 0 upward.
"""

from __future__ import annotations

from dataclasses import dataclass

from smoothbit.typing import Float32Array

ATTENTION_QMAX = 255
"""Largest weight of an edge."""
SCORES = ("additive", "dynamic", "dot")


@dataclass(frozen=True)
class Attention:
    """How edges are rated; see the module docstring.

    Args:
        queries: [N, H] float32 (additive) or [N, F].
        keys: [M, H] or [M, F], likewise.
        num_heads: H; a head has F / H neighbouring channels.
        score: "additive", "dynamic" or "dot".
        slope: Factor of negative sums; not read by dot.
        scale: Factor of dot.
        vector: [F] float32 for dynamic, else None.
        is_concatenated: Whether the heads stay side by side, or their mean is taken.
    """

    queries: Float32Array
    keys: Float32Array
    num_heads: int
    score: str
    slope: float = 0.2
    scale: float = 1.0
    vector: Float32Array | None = None
    is_concatenated: bool = True
