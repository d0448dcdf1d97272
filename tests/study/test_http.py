"""A model behind HTTP in an experiment: as target, interrupted and resumed, without its secrets in the run."""

import pytest

import staanet
from loopback import Server, answer
from staanet.core.errors import StaanetError

EXPERIMENT = """
clips = 2
[corpus]
name = "synthetic"
settings = {{ speakers = 6, sentences = 1, seconds = [0.5, 0.6] }}

[budget]
snr_db = 30.0
sparsity = 0.1

[models.served]
model = "{url}"
settings = {{ retries = 0, cache = "{cache}" }}
[attacks.sparse_rs]
queries = 30
"""


def four_labels(port=0):
    server = Server(port)
    server.card["labels"] = ["anger", "happiness", "neutral", "sadness"]
    server.answer = lambda clips: {"logits": [[*row, 0.0] for row in answer(clips)["logits"]]}
    return server


def run(server, folder, cache="answers"):
    path = folder / "served.toml"
    url = server.url.replace("http://", "http://me:sesame@") + "?key=sesame"
    path.write_text(EXPERIMENT.format(url=url, cache=folder / cache))
    (record,) = staanet.run(path, out=folder / f"run_{cache}")
    return record


@pytest.mark.slow
def test_an_experiment_goes_on_where_the_server_died(tmp_path):
    server = four_labels()
    expected = run(server, tmp_path, "uninterrupted")
    questions = set(server.clips)
    assert len(server.clips) == len(questions) > 20
    server.clips.clear()
    server.answers_left = len(questions) // 2
    with pytest.raises(StaanetError, match="answers are kept, from which the same command goes on"):
        run(server, tmp_path)
    asked = set(server.clips)
    server.stop()
    again = four_labels(server.server_port)
    record = run(again, tmp_path)
    assert len(again.clips) == len(questions - asked)
    assert set(again.clips) == questions - asked
    assert record.signature == expected.signature
    assert (record.accuracy_clean, record.asr) == (expected.accuracy_clean, expected.asr)
    assert (tmp_path / "run_answers" / "report" / "index.html").is_file()
    again.clips.clear()
    assert run(again, tmp_path) == record
    assert again.clips == []
    again.stop()
    run_files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "served.toml"]
    assert [path for path in run_files if b"sesame" in path.read_bytes()] == []
