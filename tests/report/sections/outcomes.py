"""Rows of per-clip outcomes for the tests of sections."""

SPEAKERS = {"male": ("a", "b", "c"), "female": ("x", "y", "z")}
MEN_ONLY = {"male": (0, 1), "female": ()}


def row(number, gender, speaker, label, clean, adv, **more):
    return {
        "id": f"{number:03d}",
        "label": label,
        "speaker": speaker,
        "gender": gender,
        "predicted_clean": clean,
        "predicted_adv": adv,
        "predicted_control": [clean] * 3,
        "margin_clean": 1.0,
        "margin_adv": -1.0,
        "length": 10,
        "l0": 2,
        "linf": 0.5,
        "l2": 0.7,
        "l1": 1.0,
        "confidence_clean": 0.9,
        "confidence_adv": 0.6,
        "snr_peak_db": 20.0,
        "snr_energy_db": 20.0,
        **more,
    }


def rows(fooled):
    """Return four clips of each speaker, the last of them wrong before the attack; `fooled` by gender and place."""
    clips = [(gender, voice, place) for gender, voices in SPEAKERS.items() for voice in voices for place in range(4)]
    return [
        row(number, gender, voice, 0, int(place == 3), 2 if place in fooled[gender] else int(place == 3))
        for number, (gender, voice, place) in enumerate(clips)
    ]
