import made_up_study
import pytest
from publish import publish

from staanet.core.errors import StaanetError
from staanet.core.run import Layout, Run

pytest.importorskip("pyarrow")


@pytest.fixture
def study(tmp_path):
    place = tmp_path / "results" / "study"
    place.mkdir(parents=True)
    (place / "left-over.csv").write_text("of an earlier publication")
    publish(made_up_study.run(tmp_path / "runs" / "study"), place)
    return place


def test_a_study_is_replaced_as_a_whole(study):
    assert {str(path.relative_to(study)) for path in study.rglob("*") if path.is_file()} == {
        *("README.md", "figure.svg", "outcomes.parquet", "records.jsonl", "run.json", "settings.jsonl"),
        *(f"tables/{name}.md" for name in ("robustness", "headline", "transfer", "models", "comparisons")),
    }
    page = (study / "README.md").read_text()
    assert page.startswith("# A study\n")
    assert (study / "tables" / "transfer.md").read_text().strip() in page


def test_a_published_study_is_written_again_with_the_same_bytes(study):
    before = {path: path.read_bytes() for path in study.rglob("*") if path.is_file()}
    publish(Run(study), study)
    assert {path: path.read_bytes() for path in study.rglob("*") if path.is_file()} == before


def test_toy_runs_and_runs_without_records_are_refused(tmp_path):
    with pytest.raises(StaanetError, match="got a toy run"):
        publish(made_up_study.run(tmp_path / "toy", toy=True), tmp_path / "results")
    (tmp_path / "empty").mkdir()
    Run(tmp_path / "empty").write(Layout())
    with pytest.raises(StaanetError, match="expected records to publish"):
        publish(Run(tmp_path / "empty"), tmp_path / "results")
    assert not (tmp_path / "results").exists()
