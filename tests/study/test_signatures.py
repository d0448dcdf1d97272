"""Signatures name results, so a change of code that changes no number must not change a signature.

`signatures.json` holds, for each packaged experiment, the hash of all signatures of its toy version on made-up clips.
If a change of settings or numbers is intended, raise `NUMERICS` or write the file again by running this script.
"""

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from staanet.core.signature import signature
from staanet.core.version import NUMERICS
from staanet.models import HuggingFace
from staanet.study.data import StudyData
from staanet.study.loading import load, packaged
from staanet.study.study import Study
from staanet.study.toy import toy_experiment

SNAPSHOT = Path(__file__).with_name("signatures.json")


class MadeUpData(StudyData):
    """Clips without audio, so that no signature depends on how a machine computes samples."""

    def _dataset(self, name):
        corpus = self.experiment.corpus_plans[name].build()
        utterances = {utterance.id: utterance for utterance in corpus.validate(Path()).utterances}
        made_up = SimpleNamespace(
            utterances=utterances, labels=corpus.labels(Path()), digest=name, corpus=name, check=lambda _: None
        )
        made_up.sample_rate, made_up.only = self.experiment.sample_rate, lambda _: made_up
        return made_up


def signatures(name, folder):
    """Return the hash of every signature of an experiment's toy version, and how many there are."""
    experiment = toy_experiment(load(name)[1], folder / "checkpoints")
    study = Study(name, experiment, folder, None, torch.device("cpu"))
    study.data = MadeUpData(experiment, folder, None)
    study.inputs.workspace = dataclasses.replace(study.inputs.workspace, data=study.data)
    found = {}
    for place in study.data.corpus_splits():
        for plan in experiment.attack_plans.values():
            for source in experiment.sources_of(plan, place.corpus):
                for target in experiment.targets_of(plan, source, place.corpus):
                    for case in study.cases(plan, source, target, place):
                        found[f"{case.name} {source} {target} {place}"] = case.signature
        found |= {f"{model} {place}": signature(study.model(model, place).settings) for model in experiment.models}
    return len(found), signature(found)


def without_weights(_, settings):
    return {"checkpoint": "made up", "frozen": settings.frozen, "architecture": settings.architecture}


@pytest.mark.parametrize("name", sorted(packaged()))
def test_signatures_stay(name, tmp_path, monkeypatch):
    monkeypatch.setattr(HuggingFace, "identity", classmethod(without_weights))
    assert list(signatures(name, tmp_path)) == json.loads(SNAPSHOT.read_text())[name]


def test_a_changed_setting_changes_the_signatures(tmp_path, monkeypatch):
    monkeypatch.setattr("staanet.core.signature.NUMERICS", NUMERICS + 1)
    assert list(signatures("smoke", tmp_path)) != json.loads(SNAPSHOT.read_text())["smoke"]


if __name__ == "__main__":
    import tempfile

    HuggingFace.identity = classmethod(without_weights)
    with tempfile.TemporaryDirectory() as folder:
        found = {name: signatures(name, Path(folder) / name) for name in sorted(packaged())}
    SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")
