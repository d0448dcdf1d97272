import warnings
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from staanet.core.errors import StaanetError, StaanetWarning
from staanet.corpora.base import Utterance
from staanet.data.splits import by_speaker, by_subsets, folds

EMOTIONS = ("anger", "neutral", "sadness")


def corpus(women=5, men=5, emotions=EMOTIONS, unknown=0):
    speakers = [(f"w{i}", "female") for i in range(women)] + [(f"m{i}", "male") for i in range(men)]
    speakers += [(f"u{i}", None) for i in range(unknown)]
    return [Utterance(f"{s}-{e}", f"{s}-{e}.wav", e, s, gender) for s, gender in speakers for e in emotions]


def spoken(speakers, *emotions):
    genders = {"w": "female", "m": "male"}
    return [Utterance(f"{s}-{e}", f"{s}-{e}.wav", e, s, genders[s[0]]) for s in sorted(speakers) for e in emotions]


def speakers_of(utterances, ids):
    return {utterance.speaker for utterance in utterances if utterance.id in set(ids)}


def check_complete(split, utterances):
    """Every clip in one subset, every speaker in one subset."""
    assert Counter(split.train + split.val + split.test) == Counter(utterance.id for utterance in utterances)
    subsets = [speakers_of(utterances, subset) for subset in (split.train, split.val, split.test)]
    assert sum(map(len, subsets)) == len(set.union(*subsets))
    assert all(subsets)
    return subsets


@given(women=st.integers(0, 12), men=st.integers(0, 12), unknown=st.integers(0, 3), seed=st.integers(0, 9))
def test_a_split_is_disjoint_and_exhaustive_and_has_both_sexes_in_every_subset(women, men, unknown, seed):
    utterances = corpus(women, men, unknown=unknown)
    if max(women, men, unknown) < 3:
        return
    subsets = check_complete(by_speaker(utterances, seed=seed), utterances)
    for initial, count in (("w", women), ("m", men)):
        shares = [sum(speaker.startswith(initial) for speaker in subset) for subset in subsets]
        assert sum(shares) == count
        if count >= 3:
            assert shares[1] == shares[2] == max(1, round(0.2 * count))


def test_five_women_and_five_men_are_three_one_and_one_of_each():
    utterances = corpus()
    subsets = check_complete(by_speaker(utterances), utterances)
    assert [Counter(speaker[0] for speaker in subset) for subset in subsets] == [
        {"w": 3, "m": 3},
        {"w": 1, "m": 1},
        {"w": 1, "m": 1},
    ]


def test_the_seed_decides_and_the_order_of_the_clips_does_not():
    utterances = corpus()
    one = by_speaker(utterances, seed=1)
    assert one == by_speaker(utterances, seed=1)
    assert len({by_speaker(utterances, seed=seed).digest() for seed in range(10)}) > 3
    turned = by_speaker(utterances[::-1], seed=1)
    assert set(turned.test) == set(one.test)
    assert set(turned.val) == set(one.val)


@pytest.mark.parametrize(
    "shares", [(0.5, 0.2, 0.2), (0.8, 0.2, 0.0), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5), (0.6, 0.3, 0.2)]
)
def test_shares_that_do_not_add_up_are_refused(shares):
    with pytest.raises(StaanetError, match="expected three shares above 0 that add up to 1"):
        by_speaker(corpus(), shares)


@given(women=st.integers(0, 8), men=st.integers(0, 8), count=st.integers(3, 6), seed=st.integers(0, 9))
def test_in_folds_each_speaker_is_tested_exactly_once(women, men, count, seed):
    utterances = corpus(women, men)
    if women + men < count:
        return
    made = folds(utterances, count, seed)
    assert [split.fold for split in made] == list(range(count))
    tested = Counter()
    for split, following in zip(made, made[1:] + made[:1], strict=True):
        subsets = check_complete(split, utterances)
        tested.update(subsets[2])
        assert split.val == following.test
    assert tested == Counter({utterance.speaker: 1 for utterance in utterances})
    sizes = [len(speakers_of(utterances, split.test)) for split in made]
    assert max(sizes) - min(sizes) <= 1


def test_folds_of_five_women_and_five_men_hold_one_of_each():
    utterances = corpus()
    for split in folds(utterances, 5):
        assert Counter(speaker[0] for speaker in speakers_of(utterances, split.test)) == {"w": 1, "m": 1}


def test_each_fold_has_a_digest_of_its_own():
    made = folds(corpus(), 5)
    assert len({split.digest() for split in made}) == 5
    assert made == folds(corpus(), 5)
    assert made != folds(corpus(), 5, seed=1)


@pytest.mark.parametrize("make", [by_speaker, folds])
def test_one_speaker_only_is_reported(make):
    with pytest.raises(StaanetError) as caught:
        make(corpus(women=1, men=0))
    message = str(caught.value)
    assert message.startswith("expected speakers for training, validation and test, got 1 in all and none for ")
    assert message.endswith("so add speakers or name them in the metadata")
    assert "\n" not in message


def test_two_women_and_two_men_are_too_few():
    message = r"got 4 in all and none for val, test \(speakers by gender: female 2, male 2\); speakers never straddle"
    with pytest.raises(StaanetError, match=message):
        by_speaker(corpus(women=2, men=2))


def test_too_few_speakers_of_each_gender_are_reported_with_the_genders():
    utterances = [
        Utterance(f"{n}", "", "joy", f"s{n}", g) for n, g in enumerate(("female", "femal", "Frau", None, "male"))
    ]
    with pytest.raises(StaanetError, match=r"\(speakers by gender: Frau 1, femal 1, female 1, male 1, unknown 1\)"):
        by_speaker(utterances)


def test_fewer_speakers_than_folds_are_reported():
    with pytest.raises(StaanetError, match="got 4 in all and none for"):
        folds(corpus(women=2, men=2), 5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_folds_are_refused(count):
    with pytest.raises(StaanetError, match=f"expected three or more folds .*got {count}"):
        folds(corpus(), count)


@pytest.mark.parametrize("make", [by_speaker, folds])
def test_a_class_with_one_clip_is_reported(make):
    utterances = [*corpus(), Utterance("w0-fear", "w0-fear.wav", "fear", "w0", "female")]
    with pytest.raises(StaanetError, match="expected clips of 'fear' by training speakers and others, got 1 in all"):
        make(utterances)


def test_a_class_absent_from_training_is_reported():
    utterances = corpus()
    tested = speakers_of(utterances, by_speaker(utterances).test)
    with pytest.raises(StaanetError, match="got 2 in all and 0 in training; add clips, leave the class out"):
        by_speaker(utterances + spoken(tested, "fear"))


@pytest.fixture
def fearful():
    """Ten speakers, of whom only those tested in folds 1 and 4 of five are ever afraid."""
    utterances = corpus()
    made = folds(utterances, 5)
    return utterances + spoken(speakers_of(utterances, made[1].test + made[4].test), "fear")


def test_folds_whose_test_lacks_a_class_are_reported_with_fold_and_class(fearful):
    with pytest.warns(StaanetWarning) as caught:
        folds(fearful, 5)
    assert [str(warning.message) for warning in caught] == [
        f"fold {fold}: expected test clips of every class, got none of 'fear', whose figures are undefined there; "
        "add clips, or change the split"
        for fold in (0, 2, 3)
    ]
    assert {warning.filename for warning in caught} == {__file__}


def test_only_folds_that_are_run_are_reported(fearful):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds(fearful, 5, run=[1])


def test_a_split_whose_test_lacks_classes_is_reported_with_all_of_them():
    utterances = corpus()
    more = spoken(speakers_of(utterances, by_speaker(utterances).train), "fear", "disgust")
    with pytest.warns(StaanetWarning, match="the split: expected .* every class, got none of 'disgust', 'fear', whose"):
        by_speaker(utterances + more)


@pytest.mark.parametrize("make", [by_speaker, folds])
def test_a_split_that_tests_every_class_is_not_reported(make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(corpus())


def sessions(*names, speakers=("w", "m"), emotions=EMOTIONS):
    """Clips of sessions, each with speakers of its own."""
    return [
        Utterance(f"{s}{p}-{e}", f"{s}{p}-{e}.wav", e, f"{s}{p}", session=s)
        for s in names
        for p in speakers
        for e in emotions
    ]


def sessions_of(split):
    return [{clip[0] for clip in subset} for subset in (split.train, split.val, split.test)]


SUBSETS = {"train": ("1", "2", "5"), "val": ("4",), "test": ("3",)}


def test_subsets_say_which_sessions_are_where():
    utterances = sessions("1", "2", "3", "4", "5")
    split = by_subsets(utterances, SUBSETS)
    check_complete(split, utterances)
    assert sessions_of(split) == [{"1", "2", "5"}, {"4"}, {"3"}]
    assert split.by == "session"
    assert split.digest() == by_subsets(utterances, {**SUBSETS, "train": ("5", "1", "2")}).digest()


def test_subsets_may_name_speakers():
    utterances = sessions("1", "2", "3")
    split = by_subsets(utterances, {"train": ("1w", "1m", "2w", "3m"), "val": ("2m",), "test": ("3w",)}, "speaker")
    assert speakers_of(utterances, split.test) == {"3w"}
    assert split.by == "speaker"


def test_a_corpus_with_an_official_split_needs_no_subsets():
    utterances = [Utterance(f"{s}-{e}", "", e, s, session=s) for s in ("train", "val", "test") for e in EMOTIONS]
    split = by_subsets(utterances)
    assert split.val == tuple(f"val-{emotion}" for emotion in EMOTIONS)


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ({**SUBSETS, "test": ("6",)}, "expected a session from 1, 2, 3, 4, 5; got '6'"),
        ({**SUBSETS, "test": ("4",)}, "expected each session in one subset, got '4' in two; name it once"),
        ({**SUBSETS, "val": ()}, "none for val; sessions never straddle a split"),
        ({"train": ("1", "2"), "test": ("3",)}, "none for val"),
    ],
)
def test_subsets_that_cannot_be_are_reported(subsets, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StaanetWarning)
        with pytest.raises(StaanetError, match=message):
            by_subsets(sessions("1", "2", "3", "4", "5"), subsets)


def test_sessions_in_no_subset_are_reported_and_skipped():
    with pytest.warns(StaanetWarning, match="expected every session in a subset, got '5' in none; skipped") as caught:
        split = by_subsets(sessions("1", "2", "3", "4", "5"), {**SUBSETS, "train": ("1", "2")})
    assert sessions_of(split) == [{"1", "2"}, {"4"}, {"3"}]
    assert {warning.filename for warning in caught} == {__file__}


def test_clips_without_a_session_are_reported():
    utterances = [*sessions("1", "2", "3"), Utterance("more", "", "anger", "x")]
    for make in (by_subsets, lambda clips: folds(clips, 3, by="session")):
        with pytest.raises(
            StaanetError, match="expected a session of every clip, got none of 1 of 19; split by speaker"
        ):
            make(utterances)


def test_speakers_in_several_sessions_are_reported():
    utterances = [Utterance(f"{s}-{p}-{e}", "", e, p, session=s) for s in "123" for p in "abcd" for e in EMOTIONS]
    with pytest.warns(StaanetWarning) as caught:
        by_subsets(utterances, {"train": ("1",), "val": ("2",), "test": ("3",)})
    assert [str(warning.message) for warning in caught] == [
        "the split: expected speakers in one subset each, got 'a', 'b', 'c' and 1 more in several; its figures say "
        "little about other speakers"
    ]


def test_in_folds_by_session_each_is_tested_once_in_order_and_the_next_one_validates():
    utterances = sessions("1", "2", "3", "4", "5")
    for seed in range(3):
        made = folds(utterances, 5, seed, by="session")
        assert [sessions_of(split)[1:] for split in made] == [
            [{"2"}, {"1"}],
            [{"3"}, {"2"}],
            [{"4"}, {"3"}],
            [{"5"}, {"4"}],
            [{"1"}, {"5"}],
        ]
        for split in made:
            check_complete(split, utterances)
            assert split.by == "session"


def test_fewer_sessions_than_folds_are_reported():
    with pytest.raises(
        StaanetError, match="expected sessions for training, validation and test, got 3 in all and none"
    ):
        folds(sessions("1", "2", "3"), 5, by="session")


def test_each_subset_is_attacked_after_training_on_all_before_it():
    utterances = corpus()
    base = by_speaker(utterances, (0.4, 0.3, 0.3), seed=2)
    val, test = base.evaluating("val"), base.evaluating("test")
    assert (val.train, val.val, val.test, val.subset) == (base.train, (), base.val, "val")
    assert set(test.train) == set(base.train) | set(base.val)
    assert (test.val, test.test, test.subset) == ((), base.test, "test")
    assert len({base.digest(), val.digest(), test.digest()}) == 3


@pytest.mark.parametrize("seed", range(5))
def test_speakers_held_out_are_in_the_test_whatever_the_seed(seed):
    utterances = corpus(women=6, men=6)
    split = by_speaker(utterances, (0.4, 0.3, 0.3), seed, held_out=("w3", "m0", "m5"))
    subsets = check_complete(split, utterances)
    assert subsets[2] >= {"w3", "m0", "m5"}
    assert [Counter(speaker[0] for speaker in subset) for subset in subsets] == [
        {"w": 2, "m": 2},
        {"w": 2, "m": 2},
        {"w": 2, "m": 2},
    ]


def test_a_speaker_held_out_that_is_not_in_the_corpus_is_reported():
    with pytest.raises(StaanetError, match=r"expected a speaker from .*; got 'w9'"):
        by_speaker(corpus(), held_out=("w9",))
