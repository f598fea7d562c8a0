"""Quantizers, one file for each method; importing a file registers its names."""

from __future__ import annotations

from smoothbit.quant.quantizers.a2q import A2Q as A2Q
from smoothbit.quant.quantizers.base import QUANTIZERS as QUANTIZERS
from smoothbit.quant.quantizers.base import Quantizer as Quantizer
from smoothbit.quant.quantizers.degree_quant import DegreeQuant as DegreeQuant
from smoothbit.quant.quantizers.lsq import LSQ as LSQ
from smoothbit.quant.quantizers.min_max import MinMax as MinMax
from smoothbit.quant.quantizers.mixq import MixQ as MixQ
from smoothbit.quant.quantizers.qlr import BT as BT
from smoothbit.quant.quantizers.qlr import QLR as QLR
from smoothbit.quant.quantizers.qlr import BTStar as BTStar
from smoothbit.quant.quantizers.sgquant import SGQuant as SGQuant
