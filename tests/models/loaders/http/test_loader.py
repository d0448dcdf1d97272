import numpy as np
import pytest
import torch

import staanet
from loopback import LABELS, Server, logits
from staanet.core.errors import StaanetError
from staanet.models.loaders import loader_of


def load(server, retries=0, **settings):
    return staanet.load_model(server.url, retries=retries, **settings)


def attack(model, waveforms, lengths):
    sparse_rs = staanet.create_attack("sparse_rs", queries=12, snr_db=30, sparsity=0.05)
    return sparse_rs(model, waveforms, logits(waveforms, lengths).argmax(1), lengths, seed=0)


def test_an_attack_gives_the_result_of_the_local_model_and_asks_every_question_once(server, audio):
    expected = attack(logits, *audio)
    model = load(server)
    assert model.labels == LABELS
    assert model.sample_rate == 1000
    assert model.access == "scores"
    assert model(*audio).equal(logits(*audio))
    assert attack(model, *audio).equal(expected)
    assert len(server.clips) == len(set(server.clips)) > 20
    server.clips.clear()
    assert attack(load(server, batch=2), *audio).equal(expected)
    assert server.clips == []


def test_clips_are_sent_at_their_own_length_in_requests_of_a_batch(server, audio):
    model = load(server, batch=2, cache=False)
    server.requests.clear()
    server.clips.clear()
    model(*audio)
    assert server.clips == [clip[:length].numpy().tobytes() for clip, length in zip(*audio, strict=True)]
    assert [len(request["waveforms"]) for request in server.requests] == [2, 1]
    assert {request["sample_rate"] for request in server.requests} == {1000}


def test_equal_clips_of_one_call_are_one_question(server, audio):
    model = load(server, cache=False)
    server.clips.clear()
    answer = model(audio[0][:1].repeat(5, 1))
    assert len(server.clips) == 1
    assert answer.equal(answer[:1].repeat(5, 1))


def test_a_server_that_dies_is_resumed(server, audio):
    expected = attack(logits, *audio)
    server.answers_left = 17
    with pytest.raises(StaanetError) as caught:
        attack(load(server), *audio)
    asked = set(server.clips)
    assert f"; {len(asked)} answers are kept, from which the same command goes on" in str(caught.value)
    assert str(caught.value).startswith(f"{server.url}: expected an answer, got a connection that broke off")
    server.stop()
    with pytest.raises(StaanetError, match="expected an answer, got no connection; start the server"):
        load(server)
    again = Server(server.server_port)
    try:
        assert attack(load(again), *audio).equal(expected)
        assert again.clips
        assert not asked & set(again.clips)
    finally:
        again.stop()


@pytest.mark.parametrize(
    ("answer", "access", "expected"),
    [
        ({"logits": [[1, 2.5, -3]]}, "scores", [1, 2.5, -3]),
        ({"probabilities": [[0.5, 0.5, 0]]}, "scores", [np.log(0.5), np.log(0.5), np.log(1e-12)]),
        ({"labels": ["joy"]}, "decision", [0, 1, 0]),
    ],
)
def test_answers_can_be_logits_probabilities_or_labels(server, answer, access, expected):
    server.answer = lambda _: answer
    model = load(server, cache=False, labels={"joy": "happiness"})
    assert model.labels == ("anger", "happiness", "neutral")
    assert model.access == access
    assert model(torch.ones(1, 9))[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ([], '/emotion: expected {"labels": [...]'),
        ({"labels": "joy"}, "expected labels as a list of names, got 'joy'"),
        ({"labels": ["joy", ""]}, "expected labels as a list of names"),
        ({"labels": ["joy", "joy"]}, "expected each label once, got ['joy', 'joy']"),
        ({"labels": LABELS, "sample_rate": "16 kHz"}, "expected a sample_rate in Hz, such as 16000, got '16 kHz'"),
        ({"labels": LABELS, "version": 2}, "expected a version as text, got 2"),
        ({}, "expected the labels of the model, found none; give labels as a list"),
    ],
)
def test_a_wrong_description_of_the_model_raises(server, card, message):
    server.card = card
    with pytest.raises(StaanetError) as caught:
        load(server)
    assert message in str(caught.value)
    assert server.requests == []


def test_a_server_without_a_description_needs_labels(server, audio):
    server.card = None
    with pytest.raises(StaanetError, match="expected the labels of the model, found none; give labels as a list"):
        load(server)
    model = load(server, labels=LABELS, sample_rate=1000)
    assert model(*audio).equal(logits(*audio))
    with pytest.raises(StaanetError, match=r"expected 2 logits per clip \(a, b\), got 3"):
        load(server, labels=("a", "b"), sample_rate=1000)


def test_another_sampling_rate_than_that_of_the_server_raises(server):
    with pytest.raises(StaanetError, match="expected the sample_rate of the server, 1000, got 8000; leave it out"):
        load(server, sample_rate=8000)


def test_answers_of_another_version_of_the_model_are_not_used(server, audio):
    load(server)(*audio)
    server.clips.clear()
    server.card["version"] = "2"
    load(server)(*audio)
    assert len(server.clips) == 4
    assert loader_of(server.url).identity(server.url) == {"url": server.url, "version": "2"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"timeout": 0}, "expected a timeout above 0 s, got 0"),
        ({"retries": -1}, "expected retries from 0 to 20, got -1"),
        ({"per_second": 0}, "expected per_second above 0, got 0"),
        ({"batch": 0}, "expected a batch of 1 or more, got 0"),
        ({"max_queries": 0}, "expected max_queries of 1 or more, got 0"),
        ({"outputs": "probabilities"}, "expected outputs as the server names them"),
        ({"timeouts": 3}, "did you mean 'timeout'?"),
    ],
)
def test_invalid_settings_raise(settings, message):
    with pytest.raises(StaanetError) as caught:
        loader_of("http://127.0.0.1:9", settings)
    assert message in str(caught.value)


def test_settings_that_do_not_change_answers_do_not_decide(server):
    plain, other = (
        loader_of(server.url),
        loader_of(server.url, {"timeout": 5, "cache": "here", "token": "T", "batch": 1}),
    )
    assert plain.deciding == other.deciding
    assert plain.deciding != loader_of(server.url, {"seconds": 2.0}).deciding
