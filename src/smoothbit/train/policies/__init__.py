"""Width policies: which stage gets how many bits, when a method decides that for itself."""

from __future__ import annotations

from smoothbit.train.policies.base import POLICIES as POLICIES
from smoothbit.train.policies.base import WidthPolicy as WidthPolicy
from smoothbit.train.policies.base import choose_widths as choose_widths
from smoothbit.train.policies.mixture import Mixture as Mixture
from smoothbit.train.policies.tree_search import TreeSearch as TreeSearch
