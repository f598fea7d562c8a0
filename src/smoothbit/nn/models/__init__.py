"""Networks, one file each."""

from __future__ import annotations

from smoothbit.nn.models.smp_net import SMPNet as SMPNet
