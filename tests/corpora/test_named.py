"""The corpora whose file names say everything: the names, what is made of them, and what is wrong with a folder."""

from collections import Counter
from dataclasses import dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import pytest

from staanet.audio.files import write
from staanet.corpora import CORPORA, CremaD, Demos, Nemo, listing
from staanet.corpora.crema_d import NEVER_MADE
from staanet.data import by_speaker, folds, prepare


@dataclass(frozen=True)
class Case:
    """What a corpus' own description says.

    known: clips by their official paths, each with id, label, speaker, gender, statement and intensity.
    counts: clips of each emotion.
    sexes: women and men.
    wrong: names that are not of the form.
    """

    known: dict
    counts: dict
    sexes: tuple
    language: str
    form: str
    wrong: tuple


CASES = {
    "crema_d": Case(
        known={
            "AudioWAV/1001_IEO_ANG_HI.wav": ("1001_IEO_ANG_HI", "anger", "1001", "male", "IEO", "high"),
            "AudioWAV/1002_IEO_DIS_LO.wav": ("1002_IEO_DIS_LO", "disgust", "1002", "female", "IEO", "low"),
            "AudioWAV/1091_IEO_FEA_MD.wav": ("1091_IEO_FEA_MD", "fear", "1091", "female", "IEO", "medium"),
            "AudioWAV/1005_TSI_HAP_XX.wav": ("1005_TSI_HAP_XX", "happiness", "1005", "male", "TSI", None),
            "AudioWAV/1003_DFA_SAD_XX.wav": ("1003_DFA_SAD_XX", "sadness", "1003", "female", "DFA", None),
            "AudioWAV/1090_IEO_NEU_XX.wav": ("1090_IEO_NEU_XX", "neutral", "1090", "male", "IEO", None),
        },
        counts=dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness"), 1271) | {"neutral": 1087},
        sexes=(43, 48),
        language="en",
        form="1001_IEO_ANG_HI (actor, sentence, emotion, intensity)",
        wrong=("1092_IEO_ANG_HI", "1001_IEO_ANG_XX", "1001_TSI_ANG_HI", "1001_ABC_ANG_XX", "1001_IEO_JOY_HI", "1001"),
    ),
    "demos": Case(
        known={
            "DEMOS/NP_f_43_pau05b.wav": ("NP_f_43_pau05b", "fear", "43", "female", None, None),
            "DEMOS/PR_m_23_tri00a.wav": ("PR_m_23_tri00a", "sadness", "23", "male", None, None),
            "DEMOS/NP_m_01_rab12c.wav": ("NP_m_01_rab12c", "anger", "01", "male", None, None),
            "DEMOS/NP_f_02_dis01b.wav": ("NP_f_02_dis01b", "disgust", "02", "female", None, None),
            "DEMOS/NP_f_02_col01b.wav": ("NP_f_02_col01b", "guilt", "02", "female", None, None),
            "DEMOS/NP_f_61_gio02c.wav": ("NP_f_61_gio02c", "happiness", "61", "female", None, None),
            "DEMOS/PR_m_69_sor03b.wav": ("PR_m_69_sor03b", "surprise", "69", "male", None, None),
        },
        counts={
            "anger": 1477,
            "disgust": 1678,
            "fear": 1156,
            "guilt": 1129,
            "happiness": 1395,
            "sadness": 1530,
            "surprise": 1000,
        },
        sexes=(23, 45),
        language="it",
        form="NP_f_43_pau05b (selection, sex, speaker, emotion and take)",
        wrong=("NP_x_43_pau05b", "NP_f_43_joy05b", "XX_f_43_pau05b", "NP_f_43_pau05", "NP_f_4_pau05b"),
    ),
    "emovo": Case(
        known={
            "f1/dis-f1-b1.wav": ("dis-f1-b1", "disgust", "f1", "female", "b1", None),
            "m2/gio-m2-l4.wav": ("gio-m2-l4", "happiness", "m2", "male", "l4", None),
            "m3/pau-m3-n5.wav": ("pau-m3-n5", "fear", "m3", "male", "n5", None),
            "f3/rab-f3-d2.wav": ("rab-f3-d2", "anger", "f3", "female", "d2", None),
            "f2/tri-f2-n1.wav": ("tri-f2-n1", "sadness", "f2", "female", "n1", None),
            "m1/sor-m1-b3.wav": ("sor-m1-b3", "surprise", "m1", "male", "b3", None),
            "m1/neu-m1-b3.wav": ("neu-m1-b3", "neutral", "m1", "male", "b3", None),
        },
        counts=dict.fromkeys(("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), 84),
        sexes=(3, 3),
        language="it",
        form="dis-f1-b1 (emotion, speaker, sentence)",
        wrong=("dis-f4-b1", "dis-f1-b4", "joy-f1-b1", "dis_f1_b1", "dis-f1-b1-2"),
    ),
    "nemo": Case(
        known={
            "samples/EB0_anger_1.wav": ("EB0_anger_1", "anger", "EB0", "female", "1", None),
            "samples/WR0_surprised_64.wav": ("WR0_surprised_64", "surprise", "WR0", "male", "64", None),
            "samples/KD0_neutral_90.wav": ("KD0_neutral_90", "neutral", "KD0", "female", "90", None),
            "samples/MP0_fear_10.wav": ("MP0_fear_10", "fear", "MP0", "male", "10", None),
            "samples/IC0_happiness_9.wav": ("IC0_happiness_9", "happiness", "IC0", "female", "9", None),
            "samples/SM0_sadness_9.wav": ("SM0_sadness_9", "sadness", "SM0", "male", "9", None),
        },
        counts={"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669},
        sexes=(4, 5),
        language="pl",
        form="EB0_anger_1 (speaker, emotion, sentence)",
        wrong=("EB0_anger_91", "EB0_anger_0", "EB0_anger_01", "EB1_anger_1", "EB0_surprise_1", "EB0-anger-1"),
    ),
    "savee": Case(
        known={
            "AudioData/DC/a01.wav": ("DC_a01", "anger", "DC", "male", "a01", None),
            "AudioData/JE/d03.wav": ("JE_d03", "disgust", "JE", "male", "d03", None),
            "AudioData/JK/f15.wav": ("JK_f15", "fear", "JK", "male", "f15", None),
            "AudioData/KL/h02.wav": ("KL_h02", "happiness", "KL", "male", "h02", None),
            "AudioData/DC/n30.wav": ("DC_n30", "neutral", "DC", "male", "n30", None),
            "ALL/JE_sa03.wav": ("JE_sa03", "sadness", "JE", "male", "sa03", None),
            "ALL/JK_su12.wav": ("JK_su12", "surprise", "JK", "male", "su12", None),
        },
        counts={**dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness", "surprise"), 60), "neutral": 120},
        sexes=(0, 4),
        language="en",
        form="DC/a01 or DC_a01 (speaker, emotion, sentence)",
        wrong=("a01", "XY_a01", "DC_a16", "DC_n31", "DC_b01", "DC_a1"),
    ),
    "tess": Case(
        known={
            "OAF_angry/OAF_back_angry.wav": ("OAF_back_angry", "anger", "OAF", "female", "back", None),
            "YAF_disgust/YAF_chair_disgust.wav": ("YAF_chair_disgust", "disgust", "YAF", "female", "chair", None),
            "YAF_fear/YAF_youth_fear.wav": ("YAF_youth_fear", "fear", "YAF", "female", "youth", None),
            "OAF_happy/OAF_lid_happy.wav": ("OAF_lid_happy", "happiness", "OAF", "female", "lid", None),
            "OAF_neutral/OA_bite_neutral.wav": ("OAF_bite_neutral", "neutral", "OAF", "female", "bite", None),
            "YAF_sad/YAF_tire_sad.wav": ("YAF_tire_sad", "sadness", "YAF", "female", "tire", None),
            "OAF_Pleasant_surprise/OAF_bar_ps.wav": ("OAF_bar_ps", "surprise", "OAF", "female", "bar", None),
        },
        counts=dict.fromkeys(("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"), 400),
        sexes=(2, 0),
        language="en",
        form="OAF_back_angry (speaker, word, emotion)",
        wrong=("MAF_back_angry", "OAF_back_joy", "OAF_back", "OAF-back-angry"),
    ),
}


def put(root, names):
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 1600).astype(np.float32)
    for name in names:
        write(root / name, noise, 16_000)


def official(name):
    """Every path of a corpus as its official download has it or, without a rule, as many of each emotion."""
    if name == "crema_d":
        levels = {"IEO": ("LO", "MD", "HI")}
        made = (
            f"{actor}_{sentence}_{emotion}_{level}"
            for actor in range(1001, 1092)
            for sentence in ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
            for emotion in ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")
            for level in (levels.get(sentence, ("XX",)) if emotion != "NEU" else ("XX",))
        )
        return [f"AudioWAV/{clip}.wav" for clip in made if clip not in NEVER_MADE]
    if name == "emovo":
        codes, sentences = (
            ("dis", "gio", "neu", "pau", "rab", "sor", "tri"),
            "b1 b2 b3 l1 l2 l3 l4 n1 n2 n3 n4 n5 d1 d2",
        )
        return [
            f"{speaker}/{code}-{speaker}-{sentence}.wav"
            for speaker in ("f1", "f2", "f3", "m1", "m2", "m3")
            for code in codes
            for sentence in sentences.split()
        ]
    if name == "savee":
        return [
            f"AudioData/{speaker}/{code}{sentence:02d}.wav"
            for speaker in ("DC", "JE", "JK", "KL")
            for code in ("a", "d", "f", "h", "n", "sa", "su")
            for sentence in range(1, 31 if code == "n" else 16)
        ]
    if name == "nemo":
        codes = {emotion: "surprised" if emotion == "surprise" else emotion for emotion in CASES[name].counts}
        speakers = ("EB0", "IC0", "KD0", "MK0", "KS0", "MP0", "SM0", "TP0", "WR0")
        return [
            f"samples/{speaker}_{codes[emotion]}_{sentence}.wav"
            for emotion, count in CASES[name].counts.items()
            for sentence, speaker in islice(product(range(1, 91), speakers), count)
        ]
    codes = ("rab", "dis", "pau", "col", "gio", "tri", "sor")
    speakers = [f"f_{n:02d}" for n in range(1, 24)] + [f"m_{n:02d}" for n in range(24, 69)]
    return [
        f"DEMOS/NP_{speaker}_{code}{take:02d}b.wav"
        for code, count in zip(codes, CASES[name].counts.values(), strict=True)
        for take, speaker in islice(product(range(100), speakers), count)
    ]


@pytest.fixture
def complete(monkeypatch):
    """Return the function that lists a corpus as if so many files lay there, without making them."""

    def validate(name, paths=None):
        monkeypatch.setattr(listing, "audio_files", lambda _: paths or official(name))
        return CORPORA[name]().validate(Path("root"))

    return validate


@pytest.mark.parametrize("name", CASES)
def test_what_is_known_of_a_clip_comes_from_its_name(name, tmp_path):
    case = CASES[name]
    put(tmp_path, case.known)
    found = CORPORA[name]().validate(tmp_path)
    described = {u.path: (u.id, u.label, u.speaker, u.gender, u.statement, u.intensity) for u in found.utterances}
    assert described == case.known
    assert {u.language for u in found.utterances} == {case.language}
    assert {u.session for u in found.utterances} == {None}
    assert (list(found.extra), list(found.problems)) == ([], [])
    assert not {u.id for u in found.utterances} & set(found.missing)


@pytest.mark.parametrize("name", CASES)
def test_any_folder_and_flac_will_do(name, tmp_path):
    case = CASES[name]
    paths = [path.replace("/", "/deep/" if name != "savee" else "/").replace(".wav", ".FLAC") for path in case.known]
    put(tmp_path / "more", paths)
    ids = {u.id for u in CORPORA[name]().validate(tmp_path).utterances}
    assert ids == {known[0] for known in case.known.values()}


@pytest.mark.parametrize("name", CASES)
def test_the_labels_are_the_emotions_in_alphabetical_order(name, tmp_path):
    assert CORPORA[name]().labels(tmp_path) == tuple(sorted(CASES[name].counts))


@pytest.mark.parametrize("name", [name for name in CASES if name != "tess"])
def test_the_official_folders_are_whole(name, complete):
    case, found = CASES[name], complete(name)
    assert (list(found.missing), list(found.extra), list(found.problems), list(found.remarks)) == ([], [], [], [])
    assert Counter(u.label for u in found.utterances) == case.counts
    sexes = Counter({u.speaker: u.gender for u in found.utterances}.values())
    assert (sexes["female"], sexes["male"]) == case.sexes


def test_the_2800_clips_of_tess_are_known(tmp_path):
    missing = CORPORA["tess"]().validate(tmp_path).missing
    assert len(set(missing)) == 2800
    assert Counter(name.split("_")[0] for name in missing) == {"OAF": 1400, "YAF": 1400}
    assert len({name.split("_")[1] for name in missing}) == 200


@pytest.mark.parametrize("name", ["crema_d", "emovo", "savee", "tess"])
def test_a_clip_that_is_not_there_is_missing(name, tmp_path):
    case = CASES[name]
    put(tmp_path, case.known)
    ids = {known[0] for known in case.known.values()}
    missing = CORPORA[name]().validate(tmp_path).missing
    assert not ids & set(missing)
    assert len(missing) == sum(case.counts.values()) - len(ids)


@pytest.mark.parametrize("name", ["demos", "nemo"])
def test_without_a_list_of_names_fewer_clips_than_published_are_reported_in_one_line(name, complete):
    case, found = CASES[name], complete(name, official(name)[1:])
    total = sum(case.counts.values())
    published = ", ".join(f"{label} {count}" for label, count in sorted(case.counts.items()))
    got = published.replace(f"anger {case.counts['anger']}", f"anger {case.counts['anger'] - 1}")
    assert found.remarks == [f"all: expected {total} clips ({published}), got {total - 1} ({got})"]
    assert not found.missing


@pytest.mark.parametrize(("name", "wrong"), [(name, wrong) for name, case in CASES.items() for wrong in case.wrong])
def test_a_wrongly_named_file_is_reported_and_skipped(name, wrong, tmp_path):
    case = CASES[name]
    right = next(iter(case.known))
    put(tmp_path, [right, f"{wrong}.wav"])
    found = CORPORA[name]().validate(tmp_path)
    assert [u.path for u in found.utterances] == [right]
    assert found.problems == [f"{tmp_path / wrong}.wav: expected a name like {case.form}; skipped"]


@pytest.mark.parametrize("name", CASES)
def test_a_clip_that_is_there_twice_is_reported_and_taken_once(name, tmp_path):
    right, (clip, *_) = next(iter(CASES[name].known.items()))
    put(tmp_path, [f"again/{right}", right])
    found = CORPORA[name]().validate(tmp_path)
    first, second = sorted([f"again/{right}", right])
    assert [u.path for u in found.utterances] == [first]
    assert found.problems == [f"{tmp_path / second}: expected each clip once, got another {clip}; skipped"]


@pytest.mark.parametrize("name", CASES)
def test_the_toy_corpus_becomes_a_dataset_that_lists_what_was_wrong(name, tmp_path):
    case = CASES[name]
    put(tmp_path / "root", [*case.known, "notes.wav"])
    dataset = prepare(CORPORA[name](), tmp_path / "root", tmp_path / "dataset")
    assert {u.id for u in dataset.utterances.values()} == {known[0] for known in case.known.values()}
    assert len(dataset.skipped) == 1
    assert dataset.length(next(iter(dataset.utterances))) == 1600


def test_a_word_that_tess_has_not_is_extra(tmp_path):
    put(tmp_path, ["OAF_back_angry.wav", "OAF_staircase_angry.wav"])
    assert CORPORA["tess"]().validate(tmp_path).extra == ["OAF_staircase_angry.wav"]


def test_the_neutral_clips_of_demos_are_reported_in_one_line_and_skipped(tmp_path):
    put(tmp_path, ["DEMOS/NP_f_43_pau05b.wav", "NEU/f_31_neu01b.wav", "NEU/m_68_neu05b.wav"])
    found = Demos().validate(tmp_path)
    assert [u.id for u in found.utterances] == ["NP_f_43_pau05b"]
    assert found.remarks[0] == "skipped 2 clips of other classes: neutral 2"
    assert not found.problems
    assert not found.extra


def test_the_neutral_clips_of_demos_may_be_kept(tmp_path):
    put(tmp_path, ["NEU/f_31_neu01b.wav"])
    corpus = Demos(neutral=True)
    assert [(u.label, u.speaker, u.gender) for u in corpus.validate(tmp_path).utterances] == [
        ("neutral", "31", "female")
    ]
    assert len(corpus.labels(tmp_path)) == 8
    assert "expected 9697 clips" in corpus.validate(tmp_path).remarks[0]


def test_the_papers_split_of_demos_assigns_40_30_and_30_percent_of_women_and_of_men(complete):
    utterances = complete("demos").utterances
    split = by_speaker(utterances, (0.4, 0.3, 0.3))
    people = {u.id: (u.speaker, u.gender) for u in utterances}
    counts = [
        Counter(sex for _, sex in {people[clip] for clip in subset}) for subset in (split.train, split.val, split.test)
    ]
    assert counts == [{"female": 9, "male": 17}, {"female": 7, "male": 14}, {"female": 7, "male": 14}]


def test_the_six_speakers_of_emovo_are_each_tested_once(complete):
    found = complete("emovo")
    assert Counter(clip.split("-")[1] for split in folds(found.utterances, 6) for clip in split.test) == dict.fromkeys(
        ("f1", "f2", "f3", "m1", "m2", "m3"), 98
    )


def test_hidden_files_are_passed_over(tmp_path):
    put(tmp_path, ["AudioWAV/1001_IEO_ANG_HI.wav", "AudioWAV/._1001_IEO_ANG_HI.wav"])
    found = CremaD().validate(tmp_path)
    assert len(found.utterances) == 1
    assert not found.problems


def test_remarks_are_logged_and_kept_in_the_dataset(tmp_path, caplog):
    put(tmp_path / "root", ["samples/EB0_anger_1.wav"])
    prepare(Nemo(), tmp_path / "root", tmp_path / "dataset")
    line = (
        "all: expected 4481 clips (anger 749, fear 736, happiness 749, neutral 809, sadness 769, surprise 669), got 1"
    )
    assert any(f"{tmp_path / 'root'}: {line}" in record.getMessage() for record in caplog.records)
    assert line in (tmp_path / "dataset" / "dataset.json").read_text()
