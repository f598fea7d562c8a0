from __future__ import annotations

import pytest

from smoothbit.report.sections import SECTIONS, ordered_sections
from smoothbit.report.sources import Results, read_results


def sections(kind: str, folder):
    return SECTIONS.resolve(kind)(read_results(folder))


def test_order_on_the_page():
    assert ordered_sections() == ["demo", "train", "comparison", "depth", "compare", "bench"]


@pytest.mark.parametrize("kind", SECTIONS.names())
def test_no_section_without_files(kind):
    assert SECTIONS.resolve(kind)(Results("empty")) == []


@pytest.mark.parametrize(
    ("kind", "fixture"), [("demo", "demo_dir"), ("train", "run_dir"), ("compare", "grid_dir"), ("bench", "bench_dir")]
)
def test_each_kind_takes_its_own_folder_only(kind, fixture, request):
    folder = request.getfixturevalue(fixture)
    assert [name for name in ordered_sections() if sections(name, folder)] == [kind]
