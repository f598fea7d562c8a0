"""Files of smoothbit: packed models and graphs, written, read and validated without torch."""

from __future__ import annotations

from smoothbit.formats.graph_file import read_graph as read_graph
from smoothbit.formats.graph_file import write_graph as write_graph
from smoothbit.formats.graph_schema import GraphFile as GraphFile
from smoothbit.formats.graph_schema import PackedFeatures as PackedFeatures
from smoothbit.formats.packed_model import PackedModel as PackedModel
from smoothbit.formats.packed_model import model_bytes as model_bytes
from smoothbit.formats.packed_model import read_model as read_model
from smoothbit.formats.packed_model import write_model as write_model
from smoothbit.formats.packed_tensor import PackedTensor as PackedTensor
