"""The workbench: attacks, cancelling, clips that are offered, two browsers at once."""

import time

import numpy as np
import pytest
import torch

from staanet.models import load_model
from staanet.tasks.recording import CLIP_SECONDS
from staanet.web.settings import MOST_SECONDS
from web.asking import attacked, floats, request
from web.sound import RATE, audio, decoded, encoded, samples


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
