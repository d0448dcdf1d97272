import asyncio
import json
import shlex
import time
import tomllib

import numpy as np
import pytest
import torch

from staanet.core.settings import validated
from staanet.models import load_model
from staanet.study.settings import ExperimentSettings
from staanet.tasks.recording import CLIP_SECONDS
from staanet.web.settings import MOST_BYTES, MOST_SECONDS
from web.sound import RATE, audio, decoded, encoded, samples

CORPUS = {"corpus": {"name": "synthetic"}}


def request(bench, clip=None, attack="pgd", model=0, **changes):
    question = {
        "clip": bench.send(audio()) if clip is None else clip,
        "model": bench.references[model] if isinstance(model, int) else model,
        "attack": attack,
        "snr_db": 30.0,
        "sparsity": 1.0,
        "settings": {"steps": 5, "restarts": 1} if attack == "pgd" else {},
    }
    return {**question, **changes}


def attacked(bench, **changes):
    job = bench.ask("attack", **request(bench, **changes))
    about = bench.wait(job)
    assert about["state"] == "done", about
    return job, about["answer"]


def floats(bench, job, name):
    return np.frombuffer(bench.file(job, name).content, "<f4")


def same_sound(one, other):
    """Compare samples, since a WAV file of floats also contains the time at which it was written."""
    for found, expected in zip(decoded(one), decoded(other), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_the_page_loads_nothing_from_elsewhere_and_all_its_files_are_there(bench):
    page = bench.client.get("/")
    assert page.status_code == 200
    for name in ("workbench.css", "workbench.js", "icon.svg"):
        assert f"/assets/{name}" in page.text
    for name in ("workbench.css", "workbench.js", "api.js", "dom.js", "plots.js", "result.js", "runs.js", "sounds.js"):
        text = bench.client.get(f"/assets/{name}").text
        assert "http" not in text.replace("https://arxiv.org/abs/", "")
    assert bench.client.get("/assets/nosuch.js").status_code == 404
    for name in ("..%2f__init__.py", "%2e%2e/app.py", ".hidden", "..%5capp.py"):
        assert bench.client.get(f"/assets/{name}").status_code == 404


def test_the_limit_of_a_clip_is_that_of_an_attack_without_windows():
    assert MOST_SECONDS == CLIP_SECONDS


def test_all_attacks_that_need_no_further_file_are_offered_with_their_own_budgets(bench):
    attacks = {one["name"]: one for one in bench.ready()["attacks"]}
    assert {"pgd", "sigma_zero", "boundary", "noise"} <= set(attacks)
    assert not {"staa_net", "art", "babble"} & set(attacks)
    assert attacks["pgd"]["settings"] == {"steps": 100, "restarts": 3}
    assert attacks["boundary"]["settings"].keys() == {"queries"}
    assert attacks["sigma_zero"]["sparsity"] == pytest.approx(0.12)


def test_an_attack_gives_probabilities_figures_and_sounds(bench):
    job, answer = attacked(bench, sparsity=0.1, snr_db=20.0)
    assert answer["labels"] == ["anger", "joy", "neutral"]
    for name, values in answer["probabilities"].items():
        assert sum(values) == pytest.approx(1, abs=1e-5)
        assert answer["labels"][int(np.argmax(values))] == answer["predicted"][name]
    assert answer["fooled"]
    assert answer["predicted"]["before"] != answer["predicted"]["after"]
    assert answer["sparsity"] == pytest.approx(0.1, abs=0.001)
    assert answer["snr_db"] == pytest.approx(20, abs=0.01)
    original, change = floats(bench, job, "original.f32"), floats(bench, job, "change.f32")
    assert np.mean(change != 0) == pytest.approx(answer["sparsity"])
    sounds = {name: decoded(bench.file(job, f"{name}.flac").content)[0] for name in
              ("original", "attacked", "difference", "noise")}  # fmt: skip
    assert {sound.shape for sound in sounds.values()} == {(8000, 1)}
    np.testing.assert_allclose(sounds["original"][:, 0], original, atol=1e-6)
    np.testing.assert_allclose(sounds["attacked"][:, 0], original + change, atol=1e-6)
    gain = 10 ** (answer["louder_db"] / 20)
    assert answer["louder_db"] == 20
    np.testing.assert_allclose(sounds["difference"][:, 0], change * gain, atol=1e-5)
    noise = sounds["noise"][:, 0] - original
    np.testing.assert_allclose(np.sort(np.abs(noise)), np.sort(np.abs(change)), atol=1e-6)
    assert not np.allclose(noise, change, atol=1e-3)


def test_the_probabilities_are_those_of_the_model_on_the_downloaded_file(bench):
    job, answer = attacked(bench, attack="fgsm")
    sound = torch.from_numpy(decoded(bench.file(job, "attacked.wav").content)[0].T.copy())
    model = load_model(bench.references[0], trust=True)
    with torch.no_grad():
        expected = model(sound, torch.tensor([sound.shape[1]]))[0].softmax(0).tolist()
    assert answer["probabilities"]["after"] == pytest.approx(expected, abs=1e-6)


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


def test_spectrograms_differ_where_the_samples_do(bench):
    from base64 import b64decode

    quiet = samples(1.0)
    quiet[RATE // 2 :] *= 1e-2  # the linear model uses the first quarter of a second only
    _, answer = attacked(bench, clip=bench.send(encoded(quiet)), attack="bim", settings={"steps": 5})
    picture = answer["spectrogram"]
    frames, bands = picture["frames"], picture["bands"]
    before, after, difference = (
        np.frombuffer(b64decode(picture[name]), np.uint8).reshape(frames, bands).astype(int)
        for name in ("before", "after", "difference")
    )
    assert frames == 101
    assert before[5:45].mean() > 1.2 * before[55:].mean()
    assert (difference[55:] == 128).all()
    assert (difference[5:20] != 128).any()
    np.testing.assert_allclose(
        (after - before) * 80 / 255, (difference - 127.5) * 2 * picture["range_db"] / 255, atol=1.0
    )


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("clip.wav", b"", "clip.wav: expected readable audio"),
        ("clip.wav", b"<html>not audio</html>" * 100, "clip.wav: expected readable audio"),
        (
            "film.mp4",
            b"\0\0\0\x18ftypmp42" + bytes(2000),
            "film.mp4: expected .wav, .flac, .ogg, .mp3 or another format",
        ),
        ("film.wav", b"\0\0\0\x18ftypmp42" + bytes(2000), "film.wav: expected readable audio"),
        ("../../../etc/passwd", b"root:x:0:0", "passwd: expected readable audio"),
        ("cut.wav", audio()[:5000], "cut.wav: expected 16000 bytes of audio"),
        ("long.flac", audio(61.0, rate=8000, kind="FLAC"), "long.flac: expected a clip of 60 s or less, got 61 s"),
        ("wide.flac", encoded(np.zeros((500_000 * 7, 8)), 65_000, "FLAC"), "samples or fewer over all channels"),
        ("none.wav", encoded(np.zeros((0, 1))), "none.wav: expected samples, got an empty file"),
    ],
)
def test_what_is_no_clip_is_refused_in_a_sentence_and_the_workbench_goes_on(bench, name, content, sentence):
    clip = bench.send(content, name)
    error = bench.error("look", **clip)
    assert sentence in error
    assert str(bench.folder) not in error
    assert bench.answer("look", **bench.send(audio()))["seconds"] == 0.5


def test_silence_cannot_be_attacked(bench):
    clip = bench.send(encoded(np.zeros((8000, 1))))
    assert bench.answer("look", **clip)["rate"] == RATE
    assert "expected speech, got silence" in bench.error("attack", **request(bench, clip=clip))


def received(bench, piece, headers=()):
    """Send a piece again and again until there is an answer; return its status and text, and the number of pieces."""
    read, answers = [], []

    async def receive():
        read.append(1)
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(message):
        answers.append(message)

    given = [(b"host", b"127.0.0.1"), (b"x-staanet", b"1"), *headers]
    scope = {"type": "http", "method": "POST", "path": "/api/clips", "query_string": b"name=huge.wav", "headers": given}
    asyncio.run(bench.client.app(scope, receive, send))
    return answers[0]["status"], answers[1]["body"].decode(), len(read)


def test_a_clip_that_is_too_large_is_not_read_to_its_end(bench):
    status, body, pieces = received(bench, bytes(2**20))
    assert (status, pieces) == (413, MOST_BYTES // 2**20 + 1)
    assert "huge.wav: expected a clip of 32 MiB or less, got a larger file" in body
    assert list(bench.folder.iterdir()) == []


def test_a_clip_that_says_that_it_is_too_large_is_not_read_at_all(bench):
    for length in (2 * 2**30, MOST_BYTES + 1, "x", -1):
        status, _, pieces = received(bench, b"", [(b"content-length", str(length).encode())])
        assert (status, pieces) == (413, 0)
    assert list(bench.folder.iterdir()) == []


def test_the_largest_clip_is_received(bench):
    assert bench.client.post("/api/clips", content=bytes(MOST_BYTES)).status_code == 201
    assert bench.client.post("/api/clips", content=bytes(MOST_BYTES + 1)).status_code == 413


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"attack": "pgdd"}, "did you mean 'pgd'?"),
        ({"snr_db": float("1e400")}, "snr_db"),
        ({"sparsity": 0.0}, "expected sparsity in (0, 1]"),
        ({"settings": {"steps": 0}}, "steps"),
        ({"settings": {"stepps": 1}}, "did you mean 'steps'?"),
        ({"attack": "contrastive"}, "a model with a representation"),
        ({"clip": {"kind": "built-in", "key": "../../etc"}}, "expected a built-in clip"),
        ({"clip": {"kind": "dataset", "key": "../../etc"}}, "expected a kind of clip"),
        ({"model": "nosuch/folder/model.onnx"}, "nosuch/folder/model.onnx: expected"),
        ({"model": "https://[bad"}, "expected"),
        ({"model": ""}, "expected a model"),
    ],
)
def test_what_cannot_be_attacked_is_a_sentence(bench, changes, sentence):
    question = {"clip": {"kind": "built-in", "key": "s00-anger-00"}, **changes}
    text = json.dumps({"task": "attack", **request(bench, **question)})
    answer = bench.client.post("/api/jobs", content=text)
    error = answer.json()["error"] if answer.status_code == 422 else bench.wait(answer.json()["job"])["error"]
    assert sentence in error


@pytest.mark.parametrize(
    "question",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"task": "shutdown"}',
        b'{"task": "attack"}',
        b'{"task": "attack", "clip": {"kind": "upload", "key": "x", "path": "/etc/passwd"}, "device": "cuda"}',
        b'{"task": "look", "kind": "upload", "key": "nosuch", "path": "/etc/passwd", "name": "x"}',
        b'{"task": "compare", "first": 1, "second": 2}',
        b'{"task": "' + b"x" * 100_000 + b'"}',
    ],
)
def test_other_questions_are_refused(bench, question):
    answer = bench.client.post("/api/jobs", content=question)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(("expected", "attack: expected"))


def test_a_model_that_contains_code_needs_trust(opened):
    bench = opened(trust=False)
    assert "expected --trust" in bench.ready()["models"][0]["error"]
    assert "add --trust" in bench.error("attack", **request(bench))


def test_a_model_that_fails_is_a_sentence_and_others_still_work(opened, network):
    bench = opened(names=("build", "fails"))
    assert "no weights today" in bench.error("attack", **request(bench, model=1))
    assert "nosuch" in bench.error("attack", **request(bench, model=f"{network}:nosuch"))
    assert attacked(bench)[1]["labels"] == ["anger", "joy", "neutral"]


def test_a_model_is_loaded_again_when_its_file_changes(bench, network):
    assert attacked(bench)[1]["labels"][0] == "anger"
    network.write_text(network.read_text().replace("anger", "fury"))
    assert attacked(bench)[1]["labels"][0] == "fury"


def test_an_attack_is_cancelled_at_once_and_the_next_one_begins(bench):
    long = bench.ask("attack", **request(bench, model=1, settings={"steps": 100_000, "restarts": 1}, sparsity=0.5))
    waiting = bench.ask("attack", **request(bench))
    while bench.about(long)["passes"] == 0:
        time.sleep(0.01)
    assert bench.about(waiting)["state"] == "waiting"
    assert bench.about(waiting)["ahead"] == 1
    began = time.monotonic()
    assert bench.client.delete(f"/api/jobs/{long}").status_code == 204
    assert bench.wait(waiting)["state"] == "done"
    assert time.monotonic() - began < 10
    assert bench.client.get(f"/api/jobs/{long}").status_code == 404


def test_a_job_that_waits_is_cancelled_without_ever_running(bench):
    long = bench.ask("attack", **request(bench, model=1, settings={"steps": 100_000, "restarts": 1}))
    job = bench.ask("attack", **request(bench))
    bench.client.delete(f"/api/jobs/{job}")
    bench.client.delete(f"/api/jobs/{long}")
    assert attacked(bench)[1]["seconds"] >= 0


def test_a_clip_can_be_looked_at_while_an_attack_runs(bench):
    long = bench.ask("attack", **request(bench, model=1, settings={"steps": 100_000, "restarts": 1}))
    assert bench.answer("look", **bench.send(audio()))["seconds"] == 0.5
    assert bench.about(long)["state"] == "running"


def test_two_browsers_do_not_mix(bench):
    clips = [bench.send(audio(seed=seed, seconds=0.5 + 0.1 * seed)) for seed in range(2)]
    jobs = [bench.ask("attack", **request(bench, clip=clip)) for clip in clips]
    answers = [bench.wait(job)["answer"] for job in jobs]
    originals = [floats(bench, job, "original.f32") for job in jobs]
    assert [len(one) for one in originals] == [8000, 9600]
    for seed, original in enumerate(originals):
        expected = samples(seed=seed, seconds=0.5 + 0.1 * seed)[:, 0]
        np.testing.assert_allclose(original, expected, atol=1e-4)
    assert answers[0]["probabilities"] != answers[1]["probabilities"]
    bench.client.delete(f"/api/jobs/{jobs[0]}")
    bench.client.delete(f"/api/clips/{clips[0]['key']}")
    assert bench.file(jobs[0], "attacked.wav").status_code == 404
    assert bench.file(jobs[1], "attacked.wav").status_code == 200
    assert bench.answer("look", **clips[1])["seconds"] == 0.6
    assert len({*jobs, *(clip["key"] for clip in clips)}) == 4
    assert all(len(name) >= 20 for name in jobs)


def test_nothing_is_kept_after_a_clip_was_forgotten(bench):
    clip = bench.send(audio())
    attacked(bench, clip=clip)
    assert [path.name for path in bench.folder.rglob("*") if path.is_file()] == ["clip.wav"]
    bench.client.delete(f"/api/clips/{clip['key']}")
    assert list(bench.folder.iterdir()) == []
    question = {"task": "attack", **request(bench, clip=clip)}
    assert "no longer kept" in bench.client.post("/api/jobs", json=question).json()["error"]


def test_clips_of_a_folder_are_offered_and_no_others(opened, tmp_path):
    folder = tmp_path / "recordings"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "one.wav").write_bytes(audio())
    (tmp_path / "secret.wav").write_bytes(audio())
    bench = opened(data=folder)
    assert bench.ready()["clips"]["dataset"] == ["deep/one.wav"]
    assert bench.answer("look", kind="dataset", key="deep/one.wav")["seconds"] == 0.5
    for key in ("../secret.wav", str(tmp_path / "secret.wav"), "deep/../../secret.wav", "deep"):
        assert "expected a clip of recordings" in bench.error("look", kind="dataset", key=key)


def test_clips_of_a_prepared_dataset_are_offered(opened, dataset):
    bench = opened(data=dataset.folder)
    keys = bench.ready()["clips"]["dataset"]
    assert keys == list(dataset.utterances)
    job, _ = attacked(bench, clip={"kind": "dataset", "key": keys[1]})
    np.testing.assert_array_equal(floats(bench, job, "original.f32"), dataset.waveform(keys[1]).numpy())
    assert "expected a clip" in bench.error("look", kind="dataset", key="nosuch")


def test_a_player_can_jump(bench):
    job, _ = attacked(bench)
    whole = bench.file(job, "attacked.wav").content
    part = bench.file(job, "attacked.wav", headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert bench.file(job, "attacked.wav", headers={"range": "bytes=40-"}).content == whole[40:]
    assert bench.file(job, "attacked.wav", headers={"range": "bytes=999999999-"}).status_code == 416
    assert bench.file(job, "nosuch.wav").status_code == 404
