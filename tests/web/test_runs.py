import json
from dataclasses import asdict

import pytest

pytest.importorskip("starlette", reason="needs the extra web")

from assessment.conftest import results
from core.made_up import ROWS, made_record
from staanet.core import records
from staanet.core.files import write_json
from staanet.core.run import Headline, Layout, Run


@pytest.fixture
def folder(tmp_path):
    """Runs: an experiment, a page of it, a damaged run, and files that must not be handed out."""
    root = tmp_path / "runs"
    (root / "mine" / "report").mkdir(parents=True)
    (root / "mine" / "report" / "index.html").write_text("<script>fetch('/api/start')</script>")
    (root / "mine" / "tables").mkdir()
    (root / "mine" / "tables" / "robustness.csv").write_text("a,b\n")
    (root / "mine" / "model.safetensors").write_bytes(b"weights")
    record = made_record()
    path = records.write(root / "mine" / "records", record, ROWS)
    headline = Headline(record.attack, record.source, record.target)
    Run(root / "mine").write(Layout(title="My <b>run</b>", headline=headline), records=[path])
    (root / "group" / "broken").mkdir(parents=True)
    (root / "group" / "broken" / "evaluation.json").write_text("{")
    (root / "nothing").mkdir()
    (tmp_path / "secret.csv").write_text("secret")
    (root / "link").symlink_to(tmp_path)
    (root / "mine" / "out.csv").symlink_to(tmp_path / "secret.csv")
    return root


def evaluation(folder, robust, model="net"):
    write_json(folder / "evaluation.json", {
        "model": model, "n": 100, "accuracy_clean": 0.9, "accuracy_robust": robust, "reference": "40 dB", "flags": {},
    })  # fmt: skip


def test_runs_are_listed_with_their_first_figures(opened, folder):
    evaluation(folder / "group" / "first", 0.25)
    found = {run["path"]: run for run in opened(runs=folder).answer("runs")}
    assert set(found) == {"mine", "group/broken", "group/first"}
    record = made_record()
    mine = found["mine"]
    assert (mine["title"], mine["kind"], mine["page"]) == ("My <b>run</b>", "experiment", True)
    assert (mine["clips"], mine["robust"], mine["clean"]) == (record.n, record.robust_accuracy, record.accuracy_clean)
    assert mine["under"] == f"{record.attack} on {record.target}"
    assert found["group/first"]["robust"] == 0.25
    assert found["group/first"]["under"] == "worst case at 40 dB"
    assert "error" in found["group/broken"]
    assert str(folder) not in json.dumps(found)


def test_a_workbench_without_runs_lists_none(bench):
    assert bench.answer("runs") == []
    assert "start the workbench with --runs" in bench.error("compare", first="a", second="b")
    assert bench.client.get("/runs/x.csv").status_code == 422


def test_a_folder_that_is_a_run_itself_is_listed(opened, folder):
    bench = opened(runs=folder / "mine")
    (run,) = bench.answer("runs")
    assert (run["path"], run["name"]) == (".", "mine")
    assert bench.client.get("/runs/report/index.html").status_code == 200


def test_the_page_of_a_run_cannot_reach_the_workbench(opened, folder):
    answer = opened(runs=folder).client.get("/runs/mine/report/index.html")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts ")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        "../secret.csv",
        "%2e%2e/secret.csv",
        "mine/..%2f..%2fsecret.csv",
        "link/secret.csv",
        "mine/out.csv",
        "mine/model.safetensors",
        "mine",
        "mine/report",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "mine/a%00.csv",
    ],
)
def test_no_file_outside_of_the_folder_and_no_other_kind_is_handed_out(opened, folder, path):
    client = opened(runs=folder).client
    assert client.get("/runs/mine/tables/robustness.csv").text == "a,b\n"
    answer = client.get(f"/runs/{path}")
    assert answer.status_code in (404, 422)
    assert "secret" not in answer.text.replace("secret.csv", "")


def measured(folder, fooled_at, model):
    """Write those parts of a made-up evaluation that a comparison reads."""
    rows, _, about = results(fooled_at, model=model)
    write_json(folder / "clips.json", [asdict(row) for row in rows])
    write_json(folder / "evaluation.json", {"model": model, "n": len(rows), "flags": {}, "about": about})


def test_two_evaluations_are_compared(opened, tmp_path):
    measured(tmp_path / "runs" / "one", "0120" * 30, "net")
    measured(tmp_path / "runs" / "two", "2222" * 30, "other")
    bench = opened(runs=tmp_path / "runs")
    found = bench.answer("compare", first="one", second="two")
    assert (found["a"], found["b"], found["clips"]) == ("net", "other", 120)
    assert found["headline"].startswith("other is more robust than net by ")
    (at,) = [one for one in found["differences"] if (one["measure"], one["budget"]) == ("robust accuracy", "40 dB")]
    assert (at["a"], at["b"], at["result"]) == (0.25, 1.0, "higher")
    assert at["ci"][0] < at["difference"] < at["ci"][1]
    for pair in (("one", "nosuch"), ("one", "../../etc"), ("one", "one")):
        error = bench.error("compare", first=pair[0], second=pair[1])
        assert error.startswith(("nosuch: expected", "expected a path inside", "one: expected different"))
        assert str(tmp_path) not in error
