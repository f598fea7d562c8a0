"""Reports from result files: PNG figures, Markdown tables and one self-contained HTML page."""

from __future__ import annotations

from smoothbit.report.writer import write_report as write_report
