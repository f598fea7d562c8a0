"""Quantizers for training: straight-through functions, observers, methods, configuration."""

from __future__ import annotations

from smoothbit.quant.bypass import bypass as bypass
from smoothbit.quant.calibration import calibrate as calibrate
from smoothbit.quant.config import STAGES as STAGES
from smoothbit.quant.config import FloatStage as FloatStage
from smoothbit.quant.config import QuantConfig as QuantConfig
from smoothbit.quant.quantizers import A2Q as A2Q
from smoothbit.quant.quantizers import BT as BT
from smoothbit.quant.quantizers import LSQ as LSQ
from smoothbit.quant.quantizers import QLR as QLR
from smoothbit.quant.quantizers import QUANTIZERS as QUANTIZERS
from smoothbit.quant.quantizers import BTStar as BTStar
from smoothbit.quant.quantizers import DegreeQuant as DegreeQuant
from smoothbit.quant.quantizers import MinMax as MinMax
from smoothbit.quant.quantizers import MixQ as MixQ
from smoothbit.quant.quantizers import Quantizer as Quantizer
from smoothbit.quant.quantizers import SGQuant as SGQuant
from smoothbit.quant.row_stage import RowStage as RowStage
from smoothbit.quant.row_stage import make_input as make_input
