"""Linear propagation with coded messages: error feedback, and differences (docs/numerics.md, "Coded messages")."""

from __future__ import annotations

import numpy as np

from smoothbit.engine.ops.context import Context
from smoothbit.engine.values import Dense, term
from smoothbit.formats.coding import DeltaGrid, delta_grid
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import DiffuseOp
from smoothbit.kernels import DeltaStep, Epilogue, Term


def run_delta(op: DiffuseOp, context: Context, message: Dense, skip: list[Term]) -> Dense:
    """Return the last state; neighbours receive the difference to what they hold.

    Args:
        op: Operation with ``coding="delta"``.
        context: State of the run, in the order of the graph.
        message: q_0 [N, F], packed.
        skip: Share of u_0 in every step, or nothing.
    """
    assert isinstance(message, PackedTensor)
    graph, grid, channels = context.graph, delta_grid(op), message.num_channels
    num_bits = message.law.num_bits
    state = context.backend.delta_state(graph.csr, channels, num_bits, grid.bounds[-1])
    for k in range(op.num_steps):
        epilogue = Epilogue(
            channels,
            col_scale=np.full(channels, np.float32(op.aggregate_weight) * grid.half, np.float32),
            row_scale=graph.inv_degree,
            terms=tuple(skip),
            output_row_scale=graph.sqrt_degree if k == op.num_steps - 1 else None,
            output=op.updates[k],
        )
        step = delta_parameters(op, grid, k, epilogue)
        array = context.backend.delta_step(graph.csr, message.data, num_bits, state, step)
        value = context.finish(array, channels, op.updates[k], f"update{k}")
        if k == op.num_steps - 1:
            return value
        assert isinstance(value, PackedTensor)
        message = value
    return message


def delta_parameters(op: DiffuseOp, grid: DeltaGrid, k: int, epilogue: Epilogue) -> DeltaStep:
    """Return step k with its constants: coefficient and half unit, each rounded to float32, then their product."""
    is_last = k == op.num_steps - 1
    return DeltaStep(
        epilogue,
        grid.exponents[k],
        grid.centers[k],
        is_first=k == 0,
        message_scale=np.float32(op.self_weight) * grid.half,
        change_scale=np.float32(op.correction_self[k] if op.correction_self else 0) * grid.half,
        sum_change_scale=np.float32(op.correction_aggregate[k] if op.correction_self else 0) * grid.half,
        known_scale=np.float32(0) if is_last else grid.half,
    )


def run_feedback(op: DiffuseOp, context: Context, state: Dense, skip: list[Term]) -> Dense:
    """Return the last state; what a message loses is added to the next one before it is quantized.

    Args:
        op: Operation with ``coding="feedback"``.
        context: State of the run, in the order of the graph.
        state: u_0 [N, F], float32.
        skip: Share of u_0 in every step, or nothing.
    """
    x = state
    law, stage = op.message, "message"
    for k in range(op.num_steps):
        is_last = k == op.num_steps - 1
        message = context.combine([term(x, 1.0)], x, law, stage)
        terms = [term(message, op.self_weight), *skip] if op.self_weight != 0 else [*skip]
        if not is_last:
            terms.append(term(context.combine([term(x, 1.0), term(message, -1.0)], x, None, f"error{k}"), 1.0))
        law, stage = op.updates[k], f"update{k}"
        x = context.mean(
            message,
            weight=op.aggregate_weight,
            aggregate=None,
            terms=terms,
            output=law if is_last else None,
            output_row_scale=context.graph.sqrt_degree if is_last else None,
            stage=stage if is_last else f"state{k + 1}",
        )
    return x
