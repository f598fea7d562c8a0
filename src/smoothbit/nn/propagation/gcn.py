"""Plain symmetric smoothing."""

from __future__ import annotations

from smoothbit.nn.propagation.base import PROPAGATIONS, Diffusion


@PROPAGATIONS.register("gcn")
class GCNPropagation(Diffusion):
    r"""H_{k+1} = A^ H_k, the propagation of GCN without weights between steps (SGC).

    Reference:
        Kipf and Welling 2017, eq. 9; Wu et al. 2019 (SGC), eq. 8. Departure: computed in the
        state u = D^-1/2 h, where a step is a mean.
    """

    self_weight = 0.0
    aggregate_weight = 1.0
    skip_weight = 0.0
