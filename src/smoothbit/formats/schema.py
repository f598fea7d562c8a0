"""The plan of a packed model: what the engine does, one operation after another.

Value 0 is the node features as they come; operation k reads earlier values and writes value
k + 1. Operations only refer backwards, so a plan cannot loop. A value is either packed codes
with a law or float32. A law of None means float32 (the FP32 model uses the same plan).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, get_args

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
        rows: Law by which X becomes codes, row by row: x_i = r_i x^_i with r_i = max_j |x_ij| (1 where that
            is 0) and codes of x_i / r_i. Per tensor, phase 0. None: X is multiplied as it is.
    """

    kind: ClassVar[str] = "linear"
    source: int
    weight: PackedTensor | Float32Array
    bias: Float32Array | None
    has_relu: bool
    output: AffineLaw | None
    rows: AffineLaw | None = None


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


@dataclass(frozen=True)
class AggregateOp:
    """One step of message passing over the edges of the graph as they are given, or with self-loops.

    Over the edges e from j to i of the chosen view, n_i of them, with factors w_e (1 unless weighted) and
    r = 1, or deg^-1/2 when normalized: deg_i is the sum of the row's float weights, r is 0 where it is 0::

        m_j = message(r_j x_j)
        a_i = r_i sum_e w_e m_j             sum
              sum_e w_e m_j / max(n_i, 1)   mean
              max_e m_j, 0 for no edge      max
        y_i = aggregate_weight a_i + self_weight m_i + skip_weight s_i + bias
        out = output(relu(y))

    Sums are exact integers. A weighted edge has w_e = t_i rint(w / t_i), where w is its float weight and
    t_i = max |w| of the row / 127 (1 for a row of zeros): an integer in [-127, 127] and a factor of the row.
    Float32 messages are multiplied by w itself. On a graph without weights every w_e is 1.

    Args:
        source: Value x [N, F].
        reduce: "sum", "mean" or "max"; a max has no weights and is not normalized.
        has_loops: Whether every node has exactly one self-loop (an existing one keeps its weight, others get 1),
            or the edges are those given.
        is_normalized: Whether r is deg^-1/2, as in GCN.
        is_weighted: Whether the graph's edge weights are factors.
        relation: Number of the relation whose edges count, or None for all.
        message: Law of m, or None.
        aggregate_weight: Factor of the aggregate.
        self_weight: Factor of the node's own message, 0 for none.
        skip: Value s [N, F] added, or None.
        skip_weight: Its factor.
        bias: [F] float32, or None.
        has_relu: Whether negative values become 0.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "aggregate"
    source: int
    reduce: str
    has_loops: bool
    is_normalized: bool
    is_weighted: bool
    message: AffineLaw | None
    relation: int | None = None
    aggregate_weight: float = 1.0
    self_weight: float = 0.0
    skip: int | None = None
    skip_weight: float = 0.0
    bias: Float32Array | None = None
    has_relu: bool = False
    output: AffineLaw | None = None


@dataclass(frozen=True)
class AttendOp:
    """Attention over neighbours: softmax of edge scores, quantized, times packed messages.

    For head h with channels c, edge j -> i, keys k_j and queries q_i::

        e_ijh = leaky_relu(k_jh + q_ih)                       additive (GAT), k and q [N, H]
                sum_c v_hc leaky_relu(k_jhc + q_ihc)          dynamic (GATv2), k and q [N, H C]
                sum_c k_jhc q_ihc * scale                     dot (Transformer)
        p_ijh = rint(255 exp(e_ijh - max_j e_ijh))            integer in [0, 255]
        a_ih  = sum_j p_ijh message(x)_jh / sum_j p_ijh       0 for no edge; both sums exact
        y_i   = [a_i1 .. a_iH] or their mean over heads, + bias
        out   = output(relu(y))

    Args:
        source: Value x [N, H C].
        queries: Value q; float32.
        keys: Value k; float32.
        num_heads: H.
        score: "additive", "dynamic" or "dot".
        has_loops: As in `AggregateOp`.
        message: Law of the messages, or None.
        slope: Negative slope of leaky_relu; 0 for dot.
        scale: Factor of the scores; 1 unless dot.
        vector: v [H C] float32 for dynamic, else None.
        is_concatenated: Whether heads are side by side, or averaged.
        bias: [H C] or [C] float32, or None.
        has_relu: Whether negative values become 0.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "attend"
    source: int
    queries: int
    keys: int
    num_heads: int
    score: str
    has_loops: bool
    message: AffineLaw | None
    slope: float = 0.2
    scale: float = 1.0
    vector: Float32Array | None = None
    is_concatenated: bool = True
    bias: Float32Array | None = None
    has_relu: bool = False
    output: AffineLaw | None = None


@dataclass(frozen=True)
class CombineOp:
    """out = output(relu(bias + sum_k weights[k] * scale * x_k)): residual sums and batch normalisation.

    Args:
        sources: Values x_k [N, F], 1 to 4 of one width, added in this order; may repeat.
        weights: Their factors.
        scale: [F] float32 for each channel, or None for 1.
        bias: [F] float32, or None.
        has_relu: Whether negative values become 0.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "combine"
    sources: tuple[int, ...]
    weights: tuple[float, ...]
    scale: Float32Array | None = None
    bias: Float32Array | None = None
    has_relu: bool = False
    output: AffineLaw | None = None


@dataclass(frozen=True)
class ConcatOp:
    """Channels of several values side by side, or their elementwise maximum.

    Args:
        sources: Values [N, F_k], 1 or more, in this order.
        is_max: Whether the maximum is taken instead; all widths are equal.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "concat"
    sources: tuple[int, ...]
    is_max: bool = False
    output: AffineLaw | None = None


@dataclass(frozen=True)
class ActivateOp:
    """out = output(function(x)), elementwise, in float32 by a documented sequence of operations.

    Args:
        source: Value [N, F].
        function: "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "sigmoid", "tanh" or "softplus".
        slope: Negative slope of leaky_relu, alpha of elu; 0 for others.
        slopes: [F] float32 for prelu, else None.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "activate"
    source: int
    function: str
    slope: float = 0.0
    slopes: Float32Array | None = None
    output: AffineLaw | None = None


@dataclass(frozen=True)
class NormalizeOp:
    """Normalisation by statistics of the values themselves.

    ::
        row      (x - mean x) / sqrt(var x + eps) * scale + bias     over the channels of a node: LayerNorm
        set      (x - mean x) / (sqrt(var x) + eps) * scale + bias   over all of a graph: PyG's LayerNorm(mode="graph")
        graph    z = x - mean_scale * mean x                         over the nodes of a graph, each channel: GraphNorm
                 z / sqrt(mean z^2 + eps) * scale + bias
        length   x / max(|x|_2, eps)                                 of each node

    Variances are biased. Sums run in float64 in the caller's order of nodes.

    Args:
        source: Value [N, F].
        mode: "row", "set", "graph" or "length".
        eps: > 0.
        scale: [F] float32, or None.
        bias: [F] float32, or None.
        mean_scale: [F] float32 for "graph", else None.
        has_relu: Whether negative values become 0.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "normalize"
    source: int
    mode: str
    eps: float
    scale: Float32Array | None = None
    bias: Float32Array | None = None
    mean_scale: Float32Array | None = None
    has_relu: bool = False
    output: AffineLaw | None = None


@dataclass(frozen=True)
class ReadoutOp:
    """Reduce the nodes of each graph to one row; later values have one row for each graph.

    Args:
        source: Value [N, F] of nodes.
        reduce: "sum", "mean" or "max"; 0 for a graph without nodes.
        message: Law by which nodes are quantized before they are reduced, exactly; None for float32.
        output: Law of the result, or None.
    """

    kind: ClassVar[str] = "readout"
    source: int
    reduce: str
    message: AffineLaw | None = None
    output: AffineLaw | None = None


Op: TypeAlias = (
    FeaturesOp
    | LinearOp
    | DiffuseOp
    | ElasticOp
    | AggregateOp
    | AttendOp
    | CombineOp
    | ConcatOp
    | ActivateOp
    | NormalizeOp
    | ReadoutOp
)
OP_KINDS: dict[str, type] = {op.kind: op for op in get_args(Op)}


SOURCE_FIELDS = ("source", "skip", "queries", "keys")
"""Fields of operations that number a value they read, besides the list `sources`."""


def op_sources(op: Op) -> list[int]:
    """Return the values that `op` reads."""
    single = (getattr(op, name, None) for name in SOURCE_FIELDS)
    return [*getattr(op, "sources", ()), *(number for number in single if number is not None)]


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
