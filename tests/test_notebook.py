"""The example notebook runs from top to bottom, and what its cells end with has a form for notebooks."""

import ast
import json
import logging
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "evaluate.ipynb"


def shown(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return the value of its last line, as a notebook shows it."""
    *statements, last = ast.parse(source).body
    exec(compile(ast.Module(statements, []), NOTEBOOK, "exec"), names)  # noqa: S102
    assert isinstance(last, ast.Expr), "a cell ends with the value that it shows"
    return eval(compile(ast.Expression(last.value), NOTEBOOK, "eval"), names)  # noqa: S307


def test_the_example_notebook_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.WARNING, "staanet")
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    names: dict[str, Any] = {"__name__": "__main__"}
    values = [shown("".join(cell["source"]), names) for cell in cells if cell["cell_type"] == "code"]
    assert [type(value).__name__ for value in values] == ["Dataset", "Zhao19", "Evaluation", "Outcome"]
    for value in values:
        assert len(repr(value)) < 400
        assert value._repr_html_().startswith("<")
    assert "<svg" in values[2]._repr_html_()
    assert (tmp_path / "evaluation" / "report" / "index.html").is_file()


def test_the_example_notebook_is_stored_without_results() -> None:
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
