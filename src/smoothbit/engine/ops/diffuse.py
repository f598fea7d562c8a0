"""Linear propagation (GCN, APPNP, SMP): K gather-and-add steps on packed states."""

from __future__ import annotations

from typing import Any

from smoothbit.engine.ops.coded import run_delta, run_feedback
from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, term
from smoothbit.formats.schema import DiffuseOp
from smoothbit.kernels import Term


@OPS.register("diffuse")
def run_diffuse(op: DiffuseOp, context: Context) -> Dense:
    """Return D^1/2 u_K; `DiffuseOp` states the recurrence."""
    source = context.enter(context.dense(op.source))
    start = [term(source, 1.0, context.graph.rsqrt_degree)]
    if op.coding == "feedback":
        state = context.combine(start, source, None, "state0")
        return context.leave(run_feedback(op, context, state, _skip_terms(op, context, source, state)))
    if op.coding == "delta":
        return context.leave(run_delta(op, context, source))
    message = context.combine(start, source, op.message, "message")
    skip = _skip_terms(op, context, source, message)
    for step in range(op.num_steps):
        last, message = message, _step(op, context, skip, message, step)
        context.release(last, kept=skip)
    return context.leave(message)


def _skip_terms(op: DiffuseOp, context: Context, source: Dense, message: Dense) -> list[Term]:
    """Return the share of u_0 in every step; without a skip of its own a float32 message is u_0 already."""
    if op.skip_weight == 0:
        return []
    if op.skip is not None:
        return [term(context.enter(context.dense(op.skip)), op.skip_weight, context.graph.rsqrt_degree)]
    if op.message is not None:
        return [term(source, op.skip_weight, context.graph.rsqrt_degree)]
    return [term(message, op.skip_weight)]


def _step(op: DiffuseOp, context: Context, skip: list[Term], message: Dense, step: int) -> Dense:
    is_last = step == op.num_steps - 1
    output: dict[str, Any] = {
        "output": op.updates[step],
        "output_row_scale": context.graph.sqrt_degree if is_last else None,
        "has_relu": op.has_relu and is_last,
        "leaves": is_last,
        "stage": f"update{step}",
    }
    if not op.correction_self or (op.correction_self[step] == 0 and op.correction_aggregate[step] == 0):
        terms = [*_self_terms(message, op.self_weight), *skip]
        return context.mean(message, weight=op.aggregate_weight, aggregate=op.aggregates[step], terms=terms, **output)
    aggregate = context.mean(message, weight=1.0, aggregate=None, output=op.aggregates[step], stage=f"aggregate{step}")
    mixed = term(aggregate, op.aggregate_weight)
    change = [mixed, *_self_terms(message, op.self_weight - 1.0), *skip]
    delta = context.combine(change, message, op.deltas[step], f"delta{step}")
    terms = [mixed, *_self_terms(message, op.self_weight), *skip]
    if op.correction_self[step] != 0:
        terms.append(term(delta, op.correction_self[step]))
    result = context.mean(
        delta, weight=op.correction_aggregate[step], aggregate=op.delta_aggregates[step], terms=terms, **output
    )
    context.release(aggregate, delta)
    return result


def _self_terms(message: Dense, weight: float) -> list[Term]:
    return [term(message, weight)] if weight != 0 else []
