"""Elastic message passing (EMP): propagation with a dual variable on the edges."""

from __future__ import annotations

from collections.abc import Sequence

from smoothbit.engine.ops.context import OPS, Context
from smoothbit.engine.values import Dense, num_channels, term
from smoothbit.formats.packed_tensor import PackedTensor
from smoothbit.formats.schema import ElasticOp
from smoothbit.kernels import Epilogue, Term
from smoothbit.numerics.affine import AffineLaw
from smoothbit.typing import Float32Array


@OPS.register("elastic")
def run_elastic(op: ElasticOp, context: Context) -> Dense:
    """Return D^1/2 u_K; `ElasticOp` states the recurrence."""
    source = context.enter(context.dense(op.source))
    skip = term(source, op.gamma, context.graph.rsqrt_degree)
    message = context.combine([term(source, 1.0, context.graph.rsqrt_degree)], source, op.message, "message")
    dual: Dense | None = None
    for step in range(op.num_steps):
        aggregate = context.mean(
            message, weight=1.0, aggregate=None, output=op.aggregates[step], stage=f"aggregate{step}"
        )
        smooth = [term(aggregate, 1.0 - op.gamma), skip]
        if dual is None:
            primal = context.combine(smooth, message, op.primals[step], f"primal{step}")
        else:
            primal = _divergence(op, context, dual, smooth, op.primals[step], f"primal{step}")
        dual = _dual(op, context, dual, primal, op.duals[step], step)
        message = _divergence(
            op,
            context,
            dual,
            smooth,
            op.updates[step],
            f"update{step}",
            output_row_scale=context.graph.sqrt_degree if step == op.num_steps - 1 else None,
        )
    return context.leave(message)


def _dual(
    op: ElasticOp, context: Context, dual: Dense | None, primal: Dense, law: AffineLaw | None, step: int
) -> Dense:
    array = context.backend.dual_update(
        None if dual is None else _values(dual),
        _values(primal),
        context.graph.incidence,
        op.beta,
        op.l1_weight,
        op.norm,
        law,
    )
    return context.finish(array, num_channels(primal), law, f"dual{step}", is_on_edges=True)


def _divergence(
    op: ElasticOp,
    context: Context,
    dual: Dense,
    terms: Sequence[Term],
    law: AffineLaw | None,
    stage: str,
    output_row_scale: Float32Array | None = None,
) -> Dense:
    """Return quantize(terms - gamma D^-1 B' Z, law)."""
    graph, incidence = context.graph, context.graph.incidence
    if not isinstance(dual, PackedTensor):
        pulled = context.backend.spmm_f32(incidence.signed, dual, graph.inv_degree, -op.gamma)
        return context.combine([term(pulled, 1.0), *terms], pulled, law, stage, output_row_scale)
    channels = dual.num_channels
    step, offset = dual.law.folded(-op.gamma, channels)
    epilogue = Epilogue(
        channels,
        col_scale=step,
        row_term=incidence.row_signs,
        col_term=offset,
        row_scale=graph.inv_degree,
        terms=tuple(terms),
        output_row_scale=output_row_scale,
        output=law,
    )
    array = context.backend.spmm(incidence.transposed, dual.data, dual.law.num_bits, incidence.signs, epilogue)
    return context.finish(array, channels, law, stage)


def _values(value: Dense) -> Float32Array:
    return value.dequantize() if isinstance(value, PackedTensor) else value
