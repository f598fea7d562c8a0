"""Datasets, splits and generated graphs, as NumPy arrays."""

from smoothbit.data.dataset import Dataset as Dataset
from smoothbit.data.dataset import Metric as Metric
from smoothbit.data.dataset import Split as Split
from smoothbit.data.datasets import load_dataset as load_dataset
from smoothbit.data.generators import contextual_sbm as contextual_sbm
from smoothbit.data.generators import powerlaw_graph as powerlaw_graph
