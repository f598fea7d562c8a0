"""How operations stand in a file, one kind each; `OP_FORMATS` maps the kind to reader, writer and kind of value."""

from __future__ import annotations

from smoothbit.formats.ops import (
    activate,
    aggregate,
    attend,
    combine,
    concat,
    diffuse,
    elastic,
    features,
    linear,
    normalize,
    readout,
)
from smoothbit.formats.ops.base import OpFormat as OpFormat
from smoothbit.formats.ops.base import OpReader as OpReader
from smoothbit.formats.ops.base import OpWriter as OpWriter
from smoothbit.formats.ops.base import ValueKind as ValueKind

OP_FORMATS: dict[str, OpFormat] = {
    "features": features.FORMAT,
    "linear": linear.FORMAT,
    "diffuse": diffuse.FORMAT,
    "elastic": elastic.FORMAT,
    "aggregate": aggregate.FORMAT,
    "attend": attend.FORMAT,
    "combine": combine.FORMAT,
    "concat": concat.FORMAT,
    "activate": activate.FORMAT,
    "normalize": normalize.FORMAT,
    "readout": readout.FORMAT,
}
