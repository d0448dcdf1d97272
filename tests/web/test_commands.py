"""The command line and the tables of an attack repeat it."""

import shlex
import tomllib

import numpy as np
import pytest
import torch

from staanet.core.settings import validated
from staanet.models import load_model
from staanet.study.settings import ExperimentSettings
from web.asking import attacked, floats, same_sound
from web.sound import audio

CORPUS = {"corpus": {"name": "synthetic"}}


@pytest.mark.parametrize(
    ("attack", "clip", "changes"),
    [
        ("pgd", {"rate": 22_050, "channels": 2, "kind": "FLAC"}, {"settings": {"steps": 7, "restarts": 2}}),
        ("sigma_zero", {}, {"sparsity": 0.037, "settings": {"steps": 9}}),
        ("sparse_rs", {}, {"sparsity": 0.01, "settings": {"queries": 20}, "seed": 5}),
        ("noise", {"kind": "MP3", "seconds": 1.0}, {"snr_db": 33.3}),
    ],
)
def test_the_command_writes_the_same_file(bench, tmp_path, monkeypatch, capsys, attack, clip, changes):
    from staanet import cli

    content, name = audio(**clip), f"-my 'clip'.{clip.get('kind', 'wav').lower()}"
    job, answer = attacked(bench, attack=attack, clip=bench.send(content, name), **changes)
    (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", shlex.split(answer["command"]))
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    assert not leaving.value.code, capsys.readouterr().err
    same_sound((tmp_path / "attacked.wav").read_bytes(), bench.file(job, "attacked.wav").content)


def test_the_command_writes_the_same_file_for_a_built_in_clip_that_was_downloaded(bench, tmp_path, monkeypatch):
    from staanet import cli

    clip = {"kind": "built-in", "key": bench.ready()["clips"]["built-in"][3]}
    job, answer = attacked(bench, clip=clip, settings={"steps": 3, "restarts": 1})
    (tmp_path / answer["name"]).write_bytes(bench.file(job, "original.wav").content)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", shlex.split(answer["command"]))
    with pytest.raises(SystemExit):
        cli.main()
    same_sound((tmp_path / "attacked.wav").read_bytes(), bench.file(job, "attacked.wav").content)


@pytest.mark.parametrize("attack", ["pgd", "sigma_zero", "noise"])
def test_the_tables_make_the_same_attack_in_an_experiment(opened, attack):
    bench = opened(model_settings={"labels": {"joy": "happiness"}, "seconds": 0.5})
    settings = {} if attack == "noise" else {"steps": 5}
    job, answer = attacked(bench, attack=attack, snr_db=25.5, sparsity=0.2, seed=3, settings=settings)
    assert answer["toml"].encode() == bench.file(job, "attack.toml").content
    tables = tomllib.loads(answer["toml"])
    experiment = validated(ExperimentSettings, {**tables, **CORPUS}, "attack.toml")
    plan = experiment.models["source"]
    model = load_model(plan.model, trust=True, **plan.settings)
    assert model.labels == ("anger", "happiness", "neutral")
    original = torch.from_numpy(floats(bench, job, "original.f32").copy())[None]
    with torch.no_grad():
        clean = model(original, torch.tensor([original.shape[1]])).argmax(1)
    found = experiment.attack_plans[attack].build()(model, original, clean, seed=experiment.seed) - original
    np.testing.assert_array_equal(found[0].numpy(), floats(bench, job, "change.f32"))
