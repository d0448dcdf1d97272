"""The main job on EmoDB itself, short: every room meets real recordings, their lengths, peaks and speakers."""

import pytest

from staanet import study
from staanet.core import records
from staanet.core.run import Run

EXPERIMENT = """
[corpus]
name = "emodb"
[split]
folds = 5
run = [0]
[models.zhao19]
model = "zhao19"
seconds = 0.5
training = { epochs = 2 }
[generators.compact]
generator = "compact"
sizes = { frame = 4, widths = [8, 16], detail = 2 }
training = { epochs = 1 }
[attacks.staa_net]
generator = "compact"
[attacks.noise]
"""


@pytest.mark.corpus
@pytest.mark.slow
def test_the_main_job_runs_on_real_speech(emodb, tmp_path):
    (tmp_path / "short.toml").write_text(EXPERIMENT)
    found = study.run(tmp_path / "short.toml", tmp_path / "out", root=emodb)
    assert {record.attack for record in found} == {"staa_net", "noise"}
    for record in found:
        assert record.corpus == "emodb"
        assert record.n == sum(record.clips_by_class) > 80
        assert record.sparsity == pytest.approx(0.12, abs=1e-3)
        assert record.snr_peak_db >= 17 - 1e-3
        assert record.asr_saved == pytest.approx(record.asr, abs=2 / record.n)
    rows = records.read_outcomes(Run(tmp_path / "out").record_paths[0])
    assert len({row["id"][:2] for row in rows}) == 2
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "data:audio/flac" in page
