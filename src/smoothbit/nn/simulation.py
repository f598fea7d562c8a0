"""Float simulation of the engine: exact integers held in float64, the epilogue in torch float32.

It runs the same plan as the engine through the same expansion, but computes every primitive with
torch: sums in float64, which holds each int32 exactly, and the epilogue one elementwise operation
at a time in the documented order. Its codes are the engine's, bit for bit.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor

from smoothbit.engine.graph import Incidence, PreparedGraph
from smoothbit.engine.runner import Result, run_plan
from smoothbit.kernels import ATTENTION_QMAX, Attention, DeltaState, DeltaStep, Epilogue, Out, Term, delta_state
from smoothbit.nn.models import Network
from smoothbit.nn.sparse import sparse_csr
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.elementary import activate, exp
from smoothbit.numerics.features import Features
from smoothbit.numerics.packing import pack, unpack
from smoothbit.quant.functional import TorchLaw, quantize
from smoothbit.typing import Float32Array, Int16Array, Int32Array, UInt8Array


class TorchBackend:
    """Executes the primitives of a plan in torch; keeps the matrices it has met as torch tensors."""

    def __init__(self) -> None:
        self._matrices: dict[tuple[int, torch.dtype], tuple[CSR, Tensor]] = {}

    def release(self, rows: UInt8Array | Float32Array) -> None:
        """Do nothing: outputs are new arrays."""

    def spmm(
        self, graph: CSR, source: UInt8Array, num_bits: int, weights: Int16Array | None, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Gather and add packed rows, then the epilogue."""
        codes = torch.from_numpy(unpack(source, num_bits, epilogue.num_channels)).double()
        return _epilogue(self._matrix(graph, weights) @ codes, graph.num_rows, epilogue)

    def gemm(
        self, source: UInt8Array, num_bits: int, depth: int, weight: UInt8Array, weight_bits: int, epilogue: Epilogue
    ) -> UInt8Array | Float32Array:
        """Multiply packed matrices, then the epilogue."""
        a = torch.from_numpy(unpack(source, num_bits, depth)).double()
        w = torch.from_numpy(unpack(weight, weight_bits, epilogue.num_channels)).double()
        return _epilogue(a @ w, len(source), epilogue, row_sums=a.sum(dim=1).float())

    def combine(self, num_rows: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Apply the epilogue to no sum: add its terms."""
        return _epilogue(None, num_rows, epilogue)

    def spmm_f32(
        self,
        graph: CSR,
        source: Float32Array,
        row_scale: Float32Array | None,
        scale: float,
        skip: Term | None = None,
    ) -> Float32Array:
        """Gather and add float32 rows; `skip` is float32 values times one number, or None."""
        product = self._matrix(graph, graph.values, torch.float32) @ torch.from_numpy(source)
        scaled = product if row_scale is None else product * _vector(row_scale)[:, None]
        mean = scaled * scale
        return (mean if skip is None else mean + torch.from_numpy(skip.data) * float(skip.step[0])).numpy()

    def spmax(self, graph: CSR, source: UInt8Array, num_bits: int, epilogue: Epilogue) -> UInt8Array | Float32Array:
        """Take the largest of gathered codes, then the epilogue."""
        largest = _largest(graph, torch.from_numpy(unpack(source, num_bits, epilogue.num_channels)))
        return _epilogue(largest, graph.num_rows, epilogue)

    def spmax_f32(self, graph: CSR, source: Float32Array) -> Float32Array:
        """Take the largest of gathered float32 rows."""
        return _largest(graph, torch.from_numpy(source)).numpy()

    def activate(self, values: Float32Array, function: str, slope: float, slopes: Float32Array | None) -> Float32Array:
        """Apply an activation function to each element: the reference itself, which torch has no other bits for."""
        return activate(function, values, slope if slopes is None else slopes)

    def attend(
        self, graph: CSR, source: UInt8Array, law: AffineLaw, num_channels: int, attention: Attention
    ) -> Float32Array:
        """Return the mean of packed messages, weighted by attention; sums of integers are exact in float64."""
        codes = torch.from_numpy(unpack(source, law.num_bits, num_channels)).double()
        sums, inverse = _weigh(graph, codes, attention)
        step, offset = (_vector(law.expand(part, num_channels)) for part in (law.step, law.offset))
        values = sums.float() * inverse * step.view(attention.num_heads, -1)
        if offset.any():
            values = values + offset.view(attention.num_heads, -1)
        values[torch.from_numpy(graph.row_lengths == 0)] = 0
        return _join_heads(values, attention)

    def attend_f32(self, graph: CSR, source: Float32Array, attention: Attention) -> Float32Array:
        """Return the mean of float32 messages, weighted by attention."""
        sums, inverse = _weigh(graph, torch.from_numpy(source), attention)
        return _join_heads(sums * inverse, attention)

    def matmul_f32(self, source: Float32Array, weight: Float32Array) -> Float32Array:
        """Multiply float32 matrices."""
        return (torch.from_numpy(source) @ torch.from_numpy(weight)).numpy()

    def take_rows(self, source: Out, rows: Int32Array) -> Out:
        """Return the given rows of packed codes or float32 values: change the order of nodes."""
        return cast("Out", torch.from_numpy(source)[torch.from_numpy(rows).long()].numpy())

    def delta_state(self, graph: CSR, num_channels: int, num_bits: int, bound: int) -> DeltaState:
        """Return room for the messages and sums of a delta-coded propagation."""
        return delta_state(graph, num_channels, num_bits, bound)

    def delta_step(
        self, graph: CSR, source: UInt8Array, num_bits: int, state: DeltaState, step: DeltaStep
    ) -> UInt8Array | Float32Array:
        """Add gathered differences to `state`, then finish the step; the integers are exact in float64."""
        e = step.epilogue
        codes = torch.from_numpy(unpack(source, num_bits, e.num_channels)).double()
        degree = torch.from_numpy(graph.row_lengths)[:, None].double()
        unit = 2.0**step.exponent
        changes = unit * (2 * codes - step.center)
        sum_changes = unit * (2 * (self._matrix(graph, None) @ codes) - step.center * degree)
        messages, sums = changes, sum_changes
        if not step.is_first:
            known = [torch.from_numpy(array).double() for array in state.load(e.num_channels)]
            messages, sums = messages + known[0], sums + known[1]
        state.save(messages.long().numpy(), sums.long().numpy())
        row_scale = _vector(e.row_scale)[:, None]
        y = sums.float() * _vector(e.col_scale) * row_scale
        if step.message_scale != 0:
            y = y + messages.float() * float(step.message_scale)
        for term in e.terms:
            y = y + _term(term, e.num_channels)
        if step.change_scale != 0:
            y = y + changes.float() * float(step.change_scale)
        if step.sum_change_scale != 0:
            y = y + sum_changes.float() * float(step.sum_change_scale) * row_scale
        if step.known_scale != 0:
            y = y - messages.float() * float(step.known_scale)
        return _finish(y, e)

    def dual_update(
        self,
        state: Float32Array | None,
        primal: Float32Array,
        incidence: Incidence,
        beta: float,
        radius: float,
        norm: str,
        law: AffineLaw | None,
    ) -> UInt8Array | Float32Array:
        """Return project(Z + beta B u), quantized by `law` and packed, or float32."""
        u = torch.from_numpy(primal)
        moved = (u[torch.from_numpy(incidence.heads).long()] - u[torch.from_numpy(incidence.tails).long()]) * beta
        dual = moved if state is None else torch.from_numpy(state) + moved
        if norm == "l1":
            dual = dual.clamp(-radius, radius)
        else:
            squares = torch.zeros(len(dual))
            for channel in range(dual.shape[1]):
                squares = squares + dual[:, channel] * dual[:, channel]
            # torch's float32 square root is not correctly rounded; the float64 one, rounded once, is.
            length = squares.double().sqrt().float()
            factor = torch.where(length > radius, torch.full_like(length, radius) / length, torch.ones_like(length))
            dual = dual * factor[:, None]
        return dual.numpy() if law is None else _pack(dual, law)

    def _matrix(
        self, graph: CSR, values: Int16Array | Float32Array | None, dtype: torch.dtype = torch.float64
    ) -> Tensor:
        """Return the matrix in torch; one without values is kept, its CSR with it so that the key stays its own."""
        if values is not None:
            return _torch_csr(graph, values, dtype)
        key = (id(graph), dtype)
        if key not in self._matrices:
            self._matrices[key] = (graph, _torch_csr(graph, None, dtype))
        return self._matrices[key][1]


def simulate(
    model: Network,
    graph: PreparedGraph,
    features: Features,
    *,
    has_trace: bool = False,
    backend: TorchBackend | None = None,
) -> Result:
    """Run a model's plan in torch.

    Args:
        model: Trained (or at least once run) network; its training flag does not matter.
        graph: Prepared graph.
        features: Node features [N, F].
        has_trace: Whether to keep each quantized stage.
        backend: Backend to reuse from an earlier call on the same graph, or None for a new one.

    Returns:
        Scores, labels and traced codes, equal to the engine's for a quantized model.

    Raises:
        ArgumentError: the model has seen no batch yet.
    """
    with torch.no_grad():
        return run_plan(model.to_plan(), graph, features, backend or TorchBackend(), has_trace=has_trace)


def _torch_csr(graph: CSR, values: Int16Array | Float32Array | None, dtype: torch.dtype) -> Tensor:
    entries = torch.ones(graph.num_entries, dtype=dtype) if values is None else torch.from_numpy(values).to(dtype)
    indices = torch.from_numpy(graph.indices.astype(np.int64))
    return sparse_csr(torch.from_numpy(graph.indptr), indices, entries, (graph.num_rows, graph.num_cols))


def _largest(graph: CSR, values: Tensor) -> Tensor:
    rows = torch.from_numpy(graph.entry_rows()).long()[:, None].expand(-1, values.shape[1])
    gathered = values[torch.from_numpy(graph.indices).long()]
    out = torch.zeros(graph.num_rows, values.shape[1], dtype=values.dtype)
    return out.scatter_reduce(0, rows, gathered, "amax", include_self=False)


def _weigh(graph: CSR, messages: Tensor, a: Attention) -> tuple[Tensor, Tensor]:
    """Return sums of messages times integer weights [N, H, C], and the inverse sums of those weights [N, H, 1]."""
    rows, columns = torch.from_numpy(graph.entry_rows()).long(), torch.from_numpy(graph.indices).long()
    keys, queries = torch.from_numpy(a.keys)[columns], torch.from_numpy(a.queries)[rows]
    if a.score == "dot":
        scores = _lane_sum(keys * queries, a.num_heads) * a.scale
    else:
        scores = torch.nn.functional.leaky_relu(keys + queries, a.slope)
        scores = scores if a.vector is None else _lane_sum(_vector(a.vector) * scores, a.num_heads)
    scores = scores.nan_to_num(-torch.inf, torch.inf, -torch.inf)
    places = rows[:, None].expand_as(scores)
    largest = torch.zeros(graph.num_rows, a.num_heads).scatter_reduce(0, places, scores, "amax", include_self=False)
    difference = (scores - largest[rows]).nan_to_num(-torch.inf, -torch.inf, -torch.inf)
    power = torch.from_numpy(exp(difference.double().numpy())).float()
    weights = torch.round(ATTENTION_QMAX * power)
    totals = torch.zeros(graph.num_rows, a.num_heads, dtype=torch.float64).index_add(0, rows, weights.double())
    inverse = torch.where(totals > 0, 1 / totals.float(), 0.0)
    gathered = weights[:, :, None].to(messages.dtype) * messages[columns].view(
        len(rows), a.num_heads, messages.shape[1] // a.num_heads
    )
    sums = torch.zeros(graph.num_rows, *gathered.shape[1:], dtype=messages.dtype).index_add(0, rows, gathered)
    return sums, inverse[:, :, None]


def _lane_sum(products: Tensor, num_heads: int) -> Tensor:
    """Return the sum of the channels of each head, in the eight parts that `kernels.attention` states."""
    per_head = products.view(len(products), num_heads, products.shape[1] // num_heads)
    lanes = torch.zeros(*per_head.shape[:2], 8)
    for block in torch.split(per_head, 8, dim=2):
        lanes[:, :, : block.shape[2]] += block
    halves = lanes[:, :, :4] + lanes[:, :, 4:]
    return (halves[:, :, 0] + halves[:, :, 2]) + (halves[:, :, 1] + halves[:, :, 3])


def _join_heads(values: Tensor, a: Attention) -> Float32Array:
    if a.is_concatenated:
        return values.flatten(1).numpy()
    total = values[:, 0]
    for head in range(1, a.num_heads):
        total = total + values[:, head]
    return (total * float(np.float32(1.0 / a.num_heads))).numpy()


def _epilogue(
    sums: Tensor | None, num_rows: int, e: Epilogue, row_sums: Tensor | None = None
) -> UInt8Array | Float32Array:
    """Apply the epilogue in the order that `kernels.epilogue` states."""
    y = torch.zeros(num_rows, e.num_channels)
    if sums is not None:
        y = sums.float() * _vector(e.col_scale)
    if e.col_term is not None:
        row_term = row_sums if e.row_term is None else _vector(e.row_term)
        assert row_term is not None
        y = y + row_term[:, None] * _vector(e.col_term)
    if e.row_scale is not None:
        y = y * _vector(e.row_scale)[:, None]
    if e.col_bias is not None:
        y = y + _vector(e.col_bias)
    if e.aggregate is not None:
        y = _codes(y, e.aggregate) * _vector(e.aggregate_step) + _vector(e.aggregate_offset)
    for term in e.terms:
        y = y + _term(term, e.num_channels)
    if e.has_relu:
        y = y.clamp(min=0)
    return _finish(y, e)


def _finish(y: Tensor, e: Epilogue) -> UInt8Array | Float32Array:
    if e.output_row_scale is not None:
        y = y * _vector(e.output_row_scale)[:, None]
    if e.output is not None:
        return pack(_codes(y, e.output).to(torch.uint8).numpy(), e.stored_bits)
    if e.out_rows is None:
        return y.numpy()
    out = torch.empty_like(y)
    out[torch.from_numpy(e.out_rows).long()] = y
    return out.numpy()


def _term(term: Term, num_channels: int) -> Tensor:
    if term.num_bits == 32:
        values = torch.from_numpy(term.data) * _vector(term.step)
    else:
        codes = unpack(term.data, term.num_bits, num_channels)  # type: ignore[arg-type]
        values = torch.from_numpy(codes).float() * _vector(term.step) + _vector(term.offset)
    return values if term.row_scale is None else values * _vector(term.row_scale)[:, None]


def _codes(y: Tensor, law: AffineLaw) -> Tensor:
    scale, zero_point, phase = (_vector(law.expand(v, y.shape[1])) for v in (law.scale, law.zero_point, law.phase))
    return quantize(y, TorchLaw(scale, zero_point, phase, law.qmax, law.divisor, law.shift))


def _pack(y: Tensor, law: AffineLaw) -> UInt8Array:
    return pack(_codes(y, law).to(torch.uint8).numpy(), law.num_bits)


def _vector(array: Float32Array | None) -> Tensor:
    assert array is not None
    return torch.tensor(np.ascontiguousarray(array))
