import made_up_results
import what_holds
from test_departures import generator, model

WHOLE = {"source": model(1.0), "target": model(1.0)}


def results(changes=None, **fields):
    own = {"l0": 10} | (changes or {})
    rows = [
        row | {"length": 16_000 if number % 2 else 32_000} | own
        for number, row in enumerate(made_up_results.clips(0.5))
    ]
    settings = {"attack": {"generator": generator()}, **WHOLE}
    own = {"settings": settings} | fields
    return made_up_results.results(made_up_results.case("wave_unet", rows, **own))


def test_random_positions_fall_into_the_used_part_by_its_length():
    text = " ".join(what_holds._used_part(results()))
    assert "the first 1 s of a clip" in text
    assert "1.50 s long on average, and 50 % of them are longer" in text
    assert "puts 75.0 % of its changes" in text
    assert "cannot be computed from them" in text


def test_the_measured_share_is_shown_if_records_have_it():
    text = " ".join(what_holds._used_part(results({"l0_used": 9})))
    assert "| wave\\_unet | emo18 | emo18 | 90.0 |" in text
    assert "cannot be computed" not in text


def test_clips_without_changes_have_no_share():
    assert "cannot be computed" in " ".join(what_holds._used_part(results({"l0": 0, "l0_used": 0})))


def test_models_that_use_all_of_a_clip_leave_nothing_unused():
    settings = {"attack": {"generator": generator()}, "source": model(None), "target": model(None)}
    assert what_holds._used_part(results(settings=settings)) == []
    assert what_holds._used_part(results(protocol="paper")) == []


def test_the_published_page_names_departures_and_generators_that_are_not_shown_to_have_trained():
    text = what_holds.PAGE.read_text(encoding="utf-8")
    assert "as published, the others" not in text
    for departure in ("1e-05 (divided by 100)", "0.001 (times 10)", "2 (divided by 10)", "1 (divided by 6)", "0.12"):
        assert departure in text
    assert "| wave\\_unet | emo18\\_paper | emo18\\_paper | 34.3 |" in text
    assert "undecided: the generator is not shown to have trained" in text
