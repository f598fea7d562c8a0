"""What a run may need, checked against what there is before it begins: int32 sums and memory."""

from __future__ import annotations

from pathlib import Path

from smoothbit.engine.edges import WEIGHT_QMAX
from smoothbit.engine.graph import PreparedGraph
from smoothbit.errors import ArgumentError, MemoryLimitError
from smoothbit.formats.coding import delta_grid
from smoothbit.formats.graph_schema import PackedFeatures
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.plan_reader import value_kinds
from smoothbit.formats.schema import (
    AggregateOp,
    AttendOp,
    DiffuseOp,
    ElasticOp,
    FeaturesOp,
    LinearOp,
    Plan,
    ReadoutOp,
)
from smoothbit.kernels import ATTENTION_QMAX, aligned_row_bytes, check_accumulator
from smoothbit.numerics.affine import AffineLaw
from smoothbit.numerics.csr import CSR
from smoothbit.numerics.features import Features

NEGLIGIBLE_BYTES = 1 << 26
"""Runs that need less are not compared with the free memory: asking for it takes as long as they do."""
MEMORY_TABLE = Path("/proc/meminfo")


def check_bounds(plan: Plan, graph: PreparedGraph, features: Features | PackedFeatures) -> None:
    """Prove that no int32 accumulator of `plan` can overflow on this graph, and that the model knows its weights.

    Raises:
        ArgumentError: terms x codes x weights may exceed 2**31 - 1; the message names the operation. Or the graph
            has weights that the model does not know, or no relations though the model reads them.
    """
    if not any(isinstance(op, AggregateOp) and op.is_weighted for op in plan.ops):
        graph.check_unweighted()
    for index, op in enumerate(plan.ops):
        try:
            if isinstance(op, LinearOp) and isinstance(op.weight, PackedTensor):
                _check_product(plan, op, op.weight, features)
            elif isinstance(op, (DiffuseOp, ElasticOp)):
                graph.check_unweighted()
                _check_propagation(op, graph)
            elif isinstance(op, (AggregateOp, AttendOp, ReadoutOp)):
                _check_reduction(op, graph)
        except ArgumentError as error:
            raise ArgumentError(f"Operation {index + 1} ({op.kind}) of the model: {error}") from error


def _check_product(plan: Plan, op: LinearOp, weight: PackedTensor, features: Features | PackedFeatures) -> None:
    if op.rows is not None:
        check_accumulator(weight.num_rows, weight.law.qmax, op.rows.qmax)
        return
    source = plan.ops[op.source - 1]
    stored = features.pattern if isinstance(features, PackedFeatures) else features.matrix
    if isinstance(source, FeaturesOp) and source.law is not None and isinstance(stored, CSR):
        terms = int(stored.row_lengths.max(initial=0))
        check_accumulator(terms, weight.law.qmax, _largest_integer(source.law))
        return
    law = value_kinds(plan)[op.source - 1].law
    if law is not None:
        check_accumulator(weight.num_rows, weight.law.qmax, law.qmax)


def _largest_integer(law: AffineLaw) -> int:
    """Return the largest magnitude of ``divisor * code - zero_point``, the integer of a stored entry."""
    zero_point = int(law.zero_point[0])
    return max(abs(zero_point), abs(law.divisor * law.qmax - zero_point))


def _check_propagation(op: DiffuseOp | ElasticOp, graph: PreparedGraph) -> None:
    deltas = op.deltas if isinstance(op, DiffuseOp) else ()
    check_accumulator(graph.max_degree, _largest_code(op.message, *op.updates, *deltas))
    if isinstance(op, DiffuseOp):
        if op.coding == "delta":
            check_accumulator(graph.max_degree, delta_grid(op).bounds[-1])
        return
    if any(op.duals):
        # A node may have more edges than entries in its row: those that only the other end lists.
        check_accumulator(int(graph.incidence.transposed.row_lengths.max(initial=0)), _largest_code(*op.duals))


def _check_reduction(op: AggregateOp | AttendOp | ReadoutOp, graph: PreparedGraph) -> None:
    if not isinstance(op, AttendOp) and op.reduce == "max":
        return  # nothing is added up
    if isinstance(op, ReadoutOp):
        terms, factor = graph.readout.max_count, 1
    elif isinstance(op, AttendOp):
        terms, factor = graph.edges(op.has_loops).max_count, ATTENTION_QMAX
    else:
        terms = graph.edges(op.has_loops, op.relation).max_count
        factor = WEIGHT_QMAX if op.is_weighted and graph.is_weighted else 1
    # The weights of a row add up too, whatever they multiply.
    check_accumulator(terms, max(_largest_code(op.message), 1), factor)


def _largest_code(*laws: AffineLaw | None) -> int:
    return max((law.qmax for law in laws if law is not None), default=0)


def check_memory(plan: Plan, num_nodes: int, num_graphs: int = 1) -> None:
    """Refuse a run whose values alone are larger than the memory that is free.

    Raises:
        MemoryLimitError: they are.
    """
    needed = least_bytes(plan, num_nodes, num_graphs)
    if needed < NEGLIGIBLE_BYTES:
        return
    free = free_bytes()
    if free is not None and needed > free:
        raise MemoryLimitError(
            f"Expected at least {needed} bytes of free memory for this model on {num_nodes} nodes (got {free}). "
            "Free some, use a model of fewer bits, or run on parts of the graph."
        )


def least_bytes(plan: Plan, num_nodes: int, num_graphs: int = 1) -> int:
    """Return a lower bound of the bytes that a run allocates: the value of each operation.

    Args:
        plan: Validated plan.
        num_nodes: N.
        num_graphs: G.
    """
    needed = 0
    for op, value in zip(plan.ops, value_kinds(plan), strict=True):
        if not isinstance(op, FeaturesOp):  # sparse ones take what their entries take
            row_bytes = 4 * value.width if value.law is None else aligned_row_bytes(value.width, value.law.num_bits)
            needed += row_bytes * (num_nodes if value.domain == "nodes" else num_graphs)
    return needed


def free_bytes() -> int | None:
    """Return the bytes that new allocations may take without swapping, or None where the system does not tell."""
    try:
        lines = MEMORY_TABLE.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None
