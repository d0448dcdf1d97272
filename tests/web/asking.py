"""Questions to a workbench, and the sounds of its answers."""

import numpy as np

from web.sound import audio, decoded


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
