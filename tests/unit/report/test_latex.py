from smoothbit.report.content import Table
from smoothbit.report.latex import to_latex


def test_table_of_booktabs():
    table = Table(
        "Test (%)", ("Method", "A_1"), (("bt_star & Co", "83.0 ± 0.4"), ("x^2 {~}", "<0.001")), name="accuracy"
    )
    assert to_latex(table) == (
        "\\begin{table}\n\\centering\n\\caption{Test (\\%)}\n\\label{tab:accuracy}\n\\begin{tabular}{lr}\n"
        "\\toprule\nMethod & A\\_1 \\\\\n\\midrule\n"
        "bt\\_star \\& Co & 83.0 $\\pm$ 0.4 \\\\\n"
        "x\\textasciicircum{}2 \\{\\textasciitilde{}\\} & $<$0.001 \\\\\n"
        "\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def test_backslash_is_written_once():
    assert r"\textbackslash{}begin" in to_latex(Table("\\begin", (), ()))
