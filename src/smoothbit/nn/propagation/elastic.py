"""Elastic message passing (EMP)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from smoothbit.errors import ArgumentError
from smoothbit.formats.schema import ElasticOp
from smoothbit.nn.graph import TorchGraph
from smoothbit.nn.propagation.base import PROPAGATIONS, Propagation, laws
from smoothbit.numerics.affine import AffineLaw, per_tensor_law
from smoothbit.numerics.qtype import QTYPES
from smoothbit.quant import FloatStage, QuantConfig
from smoothbit.quant.functional import TorchLaw, fake_quantize

NORMS = ("l1", "l21")


class FixedRange(nn.Module):
    """Quantizer of a tensor whose range [-radius, radius] is known: nothing to learn or observe."""

    def __init__(self, num_bits: int, radius: float) -> None:
        super().__init__()
        self.num_bits = num_bits
        self.radius = radius

    def forward(self, x: Tensor) -> Tensor:
        """Return x^ of the shape of `x`."""
        law = self.law()
        scale, zero_point, phase = (torch.from_numpy(v).to(x.device) for v in (law.scale, law.zero_point, law.phase))
        return fake_quantize(x, TorchLaw(scale, zero_point, phase, law.qmax))

    def law(self) -> AffineLaw:
        """Return the law with levels evenly spaced over the range; 0 lies between the two middle ones."""
        qmax = QTYPES[self.num_bits].qmax
        return per_tensor_law(self.num_bits, 2.0 * self.radius / qmax, zero_point=(qmax - 1) / 2, phase=0.5)


@PROPAGATIONS.register("elastic")
class ElasticPropagation(Propagation):
    r"""l1 and l2 smoothing by a primal-dual iteration with a dual variable Z on the edges.

    With gamma = 1 / (1 + l2_weight), beta = 1 / (2 gamma) and the incidence matrix B D^-1/2::

        Y = gamma H + (1 - gamma) A^ F         Fbar = Y - gamma (B D^-1/2)' Z
        Z = project(Z + beta B D^-1/2 Fbar)    F = Y - gamma (B D^-1/2)' Z

    Z is quantized on the fixed grid over [-l1_weight, l1_weight].

    Args:
        l1_weight: lambda_1 > 0, radius of the projection.
        l2_weight: lambda_2 >= 0.
        norm: "l21" bounds the norm of each edge's row, "l1" each entry.

    Raises:
        ArgumentError: a weight is outside its range or `norm` is unknown.

    Reference:
        Liu et al. 2021 (Elastic GNN), eq. 14 to 17; methods/15. Departures: computed in the state
        u = D^-1/2 h; the first step skips the term in Z, which is 0.
    """

    def __init__(
        self,
        num_steps: int,
        num_channels: int,
        quant: QuantConfig,
        *,
        has_output_quantizer: bool = False,
        l1_weight: float = 3.0,
        l2_weight: float = 3.0,
        norm: str = "l21",
    ) -> None:
        super().__init__(num_steps, num_channels, quant, has_output_quantizer=has_output_quantizer)
        if l1_weight <= 0 or l2_weight < 0:
            raise ArgumentError(
                f"Expected `l1_weight` > 0 and `l2_weight` >= 0 (got {l1_weight}, {l2_weight}). "
                "For l1_weight 0 use appnp with teleport 1 / (1 + l2_weight)."
            )
        if norm not in NORMS:
            raise ArgumentError(f"Expected `norm` to be one of {', '.join(NORMS)} (got {norm!r}). Use l21.")
        if quant.message_coding != "plain":
            raise ArgumentError(
                f"Expected coding plain for elastic propagation (got {quant.message_coding}). "
                "Codings are for linear propagations: smp, appnp, gcn."
            )
        self.l1_weight = l1_weight
        self.norm = norm
        self.gamma = 1.0 / (1.0 + l2_weight)
        self.beta = 1.0 / (2.0 * self.gamma)
        self.primals = self.make_stages("messages", is_whole=True)
        bits = quant.bits_of("messages")
        duals = [FloatStage() if bits == 32 else FixedRange(bits, l1_weight) for _ in range(num_steps)]
        self.duals = nn.ModuleList(duals)

    def forward(self, z: Tensor, graph: TorchGraph) -> Tensor:
        """Return h_K [N, F]."""
        incidence = graph.prepared.incidence
        heads = torch.from_numpy(incidence.heads).to(z.device, torch.int64)
        tails = torch.from_numpy(incidence.tails).to(z.device, torch.int64)
        skip = graph.rsqrt_degree * z
        state = self.message(skip)
        dual: Tensor | None = None
        for step in range(self.num_steps):
            smooth = self.gamma * skip + (1.0 - self.gamma) * self.aggregates[step](graph.mean(state))
            pulled = smooth if dual is None else smooth - self.gamma * _divergence(dual, heads, tails, graph)
            primal = self.primals[step](pulled)
            moved = self.beta * (primal[heads] - primal[tails])
            dual = self.duals[step](self._project(moved if dual is None else dual + moved))
            update = smooth - self.gamma * _divergence(dual, heads, tails, graph)
            is_last = step == self.num_steps - 1
            state = self.updates[step](graph.sqrt_degree * update if is_last else update)
            state = self.note(state, None if is_last else graph.sqrt_degree)
        return torch.as_tensor(state)

    def to_op(self, source: int) -> ElasticOp:
        """Return the operation of the engine that reads value `source`."""
        return ElasticOp(
            source=source,
            num_steps=self.num_steps,
            gamma=self.gamma,
            beta=self.beta,
            l1_weight=self.l1_weight,
            norm=self.norm,
            message=self.message.law(),
            aggregates=laws(self.aggregates),
            primals=laws(self.primals),
            duals=laws(self.duals),
            updates=laws(self.updates),
        )

    def extra_repr(self) -> str:
        """Show the hyper-parameters."""
        l2_weight = 1.0 / self.gamma - 1.0
        return f"{super().extra_repr()}, l1_weight={self.l1_weight}, l2_weight={l2_weight:g}, norm={self.norm}"

    def _project(self, dual: Tensor) -> Tensor:
        if self.norm == "l1":
            return dual.clamp(-self.l1_weight, self.l1_weight)
        length = dual.norm(dim=1, keepdim=True).clamp(min=1e-12)
        projected: Tensor = dual * (self.l1_weight / length).clamp(max=1.0)
        return projected


def _divergence(dual: Tensor, heads: Tensor, tails: Tensor, graph: TorchGraph) -> Tensor:
    """Return D^-1 B' Z [N, F]."""
    out = torch.zeros(graph.num_nodes, dual.shape[1], dtype=dual.dtype, device=dual.device)
    out = out.index_add(0, heads, dual).index_add(0, tails, -dual)
    divergence: Tensor = graph.inv_degree * out
    return divergence
