"""The plan of a packed model: what the engine does, one operation after another.

Value 0 is the node features as they come; operation k reads earlier values and writes value
k + 1. Operations only refer backwards, so a plan cannot loop. A value is either packed codes
with a law or float32. A law of None means float32 (the FP32 model uses the same plan).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import Float32Array

Laws: TypeAlias = tuple[AffineLaw | None, ...]


@dataclass(frozen=True)
class FeaturesOp:
    """Quantize the node features.

    Sparse features stay sparse: the stored entries become integers
    ``divisor * code - zero_point`` times `scale` (phase must be 0), absent entries are exactly 0.

    Args:
        source: Value read; always 0.
        num_features: F.
        law: Per-tensor law of the entries, or None for float32; dense features may have any phase.
    """

    kind: ClassVar[str] = "features"
    source: int
    num_features: int
    law: AffineLaw | None


@dataclass(frozen=True)
class LinearOp:
    """Y = X W + bias, optional ReLU, optional quantization.

    Args:
        source: Value read [N, F_in].
        weight: W [F_in, F_out], rows packed along F_out, or float32.
        bias: [F_out] float32, or None.
        has_relu: Whether negative values become 0.
        output: Law of Y, or None to keep float32. It may be one for each node when only linear layers
            read Y.
    """

    kind: ClassVar[str] = "linear"
    source: int
    weight: PackedTensor | Float32Array
    bias: Float32Array | None
    has_relu: bool
    output: AffineLaw | None


@dataclass(frozen=True)
class DiffuseOp:
    """K steps of linear message propagation in the state u = D^-1/2 h (docs/numerics.md).

    With P = D^-1 (A + I), z^ the source, m_0 = message(D^-1/2 z^), and u_0 = D^-1/2 times value `skip`::

        a_k   = aggregate_k(P m_k)
        delta = delta_k(c_agg a_k + (c_self - 1) m_k + c_skip u_0)             when corrected
        b_k   = delta_aggregate_k(P delta)
        v     = c_agg a_k + c_self m_k + c_skip u_0 + correction_self[k] delta + correction_aggregate[k] b_k
        m_{k+1} = update_k(v)        last step: out = update_{K-1}(D^1/2 v), or D^1/2 v in float32
                                     with a ReLU: relu(v) in place of v in the last step

    What a node sends is m_k (`coding` plain), m_k and what was lost before (feedback), or the difference
    to what its neighbours hold already (delta); `formats.coding` has the rules.

    Args:
        source: Value read [N, F].
        num_steps: K >= 1.
        self_weight: c_self.
        aggregate_weight: c_agg.
        skip_weight: c_skip.
        correction_self: [K] float32, empty when no step is corrected.
        correction_aggregate: [K] float32, likewise.
        message: Law of m_0.
        aggregates: Laws of a_k [K]; None entries keep the exact sum.
        updates: Laws of m_{k+1} [K]; the last may be None: float32 scores.
        deltas: Laws of delta [K], or empty.
        delta_aggregates: Laws of b_k [K], or empty.
        coding: "plain", "feedback" or "delta".
        skip: Value that u_0 comes from [N, F], or None for the source.
        has_relu: Whether negative values of the last step become 0.
    """

    kind: ClassVar[str] = "diffuse"
    source: int
    num_steps: int
    self_weight: float
    aggregate_weight: float
    skip_weight: float
    correction_self: tuple[float, ...]
    correction_aggregate: tuple[float, ...]
    message: AffineLaw | None
    aggregates: Laws
    updates: Laws
    deltas: Laws = ()
    delta_aggregates: Laws = ()
    coding: str = "plain"
    skip: int | None = None
    has_relu: bool = False


@dataclass(frozen=True)
class ElasticOp:
    """K steps of elastic message passing (EMP) in the state u = D^-1/2 h, dual variable on edges.

    With B the incidence operator (one row for each undirected edge i < j, (B u)_e = u_i - u_j)::

        a_k   = aggregate_k(P m_k)
        y     = (1 - gamma) a_k + gamma u_0
        ubar  = primal_k(y - gamma D^-1 B' Z_k)                                (Z_0 = 0: ubar = primal_k(y))
        Z_{k+1} = dual_k(project(Z_k + beta B ubar))
        v     = y - gamma D^-1 B' Z_{k+1}
        m_{k+1} = update_k(v)        last step as in `DiffuseOp`

    `project` clips entries to [-l1_weight, l1_weight] (l1) or scales rows to that norm (l21).

    Args:
        source: Value read [N, F].
        num_steps: K >= 1.
        gamma: 1 / (1 + l2_weight).
        beta: 1 / (2 gamma).
        l1_weight: Radius of the projection, > 0.
        norm: "l1" or "l21".
        message: Law of m_0.
        aggregates: Laws of a_k [K].
        primals: Laws of ubar [K].
        duals: Laws of Z_{k+1} [K].
        updates: Laws of m_{k+1} [K]; the last may be None.
    """

    kind: ClassVar[str] = "elastic"
    source: int
    num_steps: int
    gamma: float
    beta: float
    l1_weight: float
    norm: str
    message: AffineLaw | None
    aggregates: Laws
    primals: Laws
    duals: Laws
    updates: Laws


Op: TypeAlias = FeaturesOp | LinearOp | DiffuseOp | ElasticOp
OP_KINDS: dict[str, type] = {op.kind: op for op in (FeaturesOp, LinearOp, DiffuseOp, ElasticOp)}


@dataclass(frozen=True)
class Plan:
    """Operations in order, and which values leave the engine.

    Args:
        ops: Operations; operation k writes value k + 1.
        scores: Value that holds the class scores [N, C], float32.
        embedding: Value that holds the packed node embeddings, or None.
    """

    ops: tuple[Op, ...]
    scores: int
    embedding: int | None = None


@dataclass(frozen=True)
class ModelInfo:
    """What a model file says about itself besides its plan.

    Args:
        model: Name of the network, e.g. "SMPNet".
        quantizer: Name of the quantizer, or "none".
        num_bits: Width the model was trained at; 32 for FP32.
        propagation: Name of the propagation.
        dataset: Data set it was trained on.
        split: Name of the split.
        num_classes: C.
        library_version: Version of smoothbit that wrote it.
        training: Record of the training run (JSON-able: seed, accuracies, epochs).
    """

    model: str
    quantizer: str
    num_bits: int
    propagation: str
    dataset: str
    split: str
    num_classes: int
    library_version: str
    training: dict[str, object] = field(default_factory=dict)
