"""The page on reliability is written from the results that were measured."""

import runpy
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools" / "reliability"


def test_the_page_is_up_to_date():
    summaries = runpy.run_path(str(TOOLS / "summaries.py"))
    assert summaries["PAGE"].read_text(encoding="utf-8") == summaries["page"](), "run tools/reliability/summaries.py"


def test_a_table_has_its_title_its_rows_and_its_command():
    summaries = runpy.run_path(str(TOOLS / "summaries.py"))
    held = {"title": "Kills", "about": "What was done.", "columns": ["", "number"], "rows": [["kills", 3]]}
    text = summaries["section"]({**held, "command": "python x.py --cases 3"})
    assert text.startswith("## Kills\n\nWhat was done.\n\n|")
    assert "| kills | 3 |" in text
    assert text.endswith("```shell\npython x.py --cases 3\n```\n")
