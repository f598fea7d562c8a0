"""Approximate personalised propagation of neural predictions."""

from __future__ import annotations

from smoothbit.errors import ArgumentError
from smoothbit.nn.propagation.base import PROPAGATIONS, Diffusion
from smoothbit.quant import QuantConfig


@PROPAGATIONS.register("appnp")
class APPNPPropagation(Diffusion):
    r"""H_{k+1} = (1 - teleport) A^ H_k + teleport Z.

    Args:
        teleport: Weight of the input in each step, in [0, 1].

    Raises:
        ArgumentError: `teleport` is outside [0, 1].

    Reference:
        Gasteiger et al. 2019, eq. 4. Departure: computed in the state u = D^-1/2 h.
    """

    def __init__(
        self,
        num_steps: int,
        num_channels: int,
        quant: QuantConfig,
        *,
        has_output_quantizer: bool = False,
        teleport: float = 0.1,
    ) -> None:
        super().__init__(num_steps, num_channels, quant, has_output_quantizer=has_output_quantizer)
        if not 0 <= teleport <= 1:
            raise ArgumentError(f"Expected `teleport` to be in [0, 1] (got {teleport}). The paper uses 0.1.")
        self.self_weight = 0.0
        self.aggregate_weight = 1.0 - teleport
        self.skip_weight = teleport

    def extra_repr(self) -> str:
        """Show the hyper-parameters."""
        return f"{super().extra_repr()}, teleport={self.skip_weight}"
