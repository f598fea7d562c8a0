"""Linear propagation with coded messages: error feedback, and differences (docs/numerics.md, "Coded messages")."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothbit.engine.ops.context import Context
from smoothbit.engine.values import Dense, num_channels, num_rows, term
from smoothbit.formats.coding import DeltaGrid, delta_grid
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import DiffuseOp
from smoothbit.kernels import DeltaStep, Epilogue, Term, delta_stored_bits
from smoothbit.numerics.affine import per_tensor_law
from smoothbit.numerics.packing import pack, unpack
from smoothbit.typing import UInt8Array


def run_delta(op: DiffuseOp, context: Context, source: Dense) -> Dense:
    """Return the last state; neighbours receive the difference to what they hold.

    Codes of narrow rows rest in more bits than they have (`kernels.delta_stored_bits`).

    Args:
        op: Operation with ``coding="delta"``.
        context: State of the run, in the order of the graph.
        source: z^ [N, F].
    """
    assert op.message is not None
    graph, grid, channels = context.graph, delta_grid(op), num_channels(source)
    stored = delta_stored_bits(channels, op.message.num_bits)
    skip = _delta_skip(op, context, source, stored)
    start = Epilogue(channels, terms=(term(source, 1.0, graph.rsqrt_degree),), output=op.message, output_bits=stored)
    codes = context.backend.combine(num_rows(source), start).view(np.uint8)
    _record_codes(context, codes, start, "message")
    state = context.backend.delta_state(graph.csr, channels, stored, grid.bounds[-1])
    for k in range(op.num_steps):
        is_last = k == op.num_steps - 1
        epilogue = Epilogue(
            channels,
            col_scale=np.full(channels, np.float32(op.aggregate_weight) * grid.half, np.float32),
            row_scale=graph.inv_degree,
            terms=skip,
            output_row_scale=graph.sqrt_degree if is_last else None,
            output=op.updates[k],
            output_bits=None if is_last else stored,
            out_rows=context.leaving_rows(channels, op.updates[k]) if is_last else None,
        )
        step = delta_parameters(op, grid, k, epilogue)
        array = context.backend.delta_step(graph.csr, codes, stored, state, step)
        context.backend.release(codes)
        if is_last:
            break
        codes = array.view(np.uint8)
        _record_codes(context, codes, epilogue, f"update{k}")
    return context.finish(array, channels, op.updates[-1], f"update{op.num_steps - 1}")


def _delta_skip(op: DiffuseOp, context: Context, source: Dense, stored: int) -> tuple[Term, ...]:
    """Return the share of u_0 in every step, its codes in `stored` bits as those of the messages."""
    if op.skip_weight == 0:
        return ()
    value = source if op.skip is None else context.enter(context.dense(op.skip))
    added = term(value, op.skip_weight, context.graph.rsqrt_degree)
    if not isinstance(value, PackedTensor) or value.law.num_bits >= stored:
        return (added,)
    ones, zeros = np.ones_like(added.step), np.zeros_like(added.step)
    same = Term(added.data, added.num_bits, ones, zeros)
    unit = per_tensor_law(added.num_bits, 1.0)
    wide = Epilogue(value.num_channels, terms=(same,), output=unit, output_bits=stored)
    return (replace(added, data=context.backend.combine(value.num_rows, wide), num_bits=stored),)


def _record_codes(context: Context, codes: UInt8Array, epilogue: Epilogue, stage: str) -> None:
    """Keep codes under `stage` when a trace is wanted, in the bits of their law."""
    law, channels = epilogue.output, epilogue.num_channels
    if context.trace is not None and law is not None:
        narrow = pack(unpack(codes, epilogue.stored_bits, channels), law.num_bits)
        context.record(stage, PackedTensor(narrow, channels, law))


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
        used = [message, x]
        if not is_last:
            error = context.combine([term(x, 1.0), term(message, -1.0)], x, None, f"error{k}")
            terms.append(term(error, 1.0))
            used.append(error)
        law, stage = op.updates[k], f"update{k}"
        x = context.mean(
            message,
            weight=op.aggregate_weight,
            aggregate=None,
            terms=terms,
            output=law if is_last else None,
            output_row_scale=context.graph.sqrt_degree if is_last else None,
            leaves=is_last,
            stage=stage if is_last else f"state{k + 1}",
        )
        context.release(*used, kept=skip)
    return x
