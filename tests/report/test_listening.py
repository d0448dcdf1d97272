"""The listening test shows nothing of the answers, and its evaluation counts only files that belong to it."""

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from report.test_report import Page, made, run_with
from staanet import report
from staanet.audio import files
from staanet.core.errors import StaanetError
from staanet.core.files import write_json
from staanet.report.listening import results as listening_results
from staanet.report.listening import tables as listening_tables
from staanet.report.listening import test as listening

ATTACKS = ("noise_a", "noise_b")
SCRIPT = Path(listening.__file__).with_name("test.js")


def add_example(run: Path, attack: str, number: int, *, changed: bool = True) -> Path:
    """Write a tenth of a second of hum, different for each number, and the same with some samples changed."""
    rng = np.random.default_rng([number, *attack.encode()])
    original = (0.2 * np.sin(np.arange(1600) * 0.05 * (number + 1))).astype(np.float32)
    adversarial = original.copy()
    adversarial[rng.choice(1600, 100, replace=False)] += np.float32(0.02 if changed else 0)
    folder = run / "examples" / f"{attack}-{number}"
    files.write(folder / "original.flac", original, 16_000)
    files.write(folder / "adversarial.flac", adversarial, 16_000)
    facts = {"id": f"clip-{number}", "label": "joy", "attack": attack, "source": "emo18", "sparsity": 0.05}
    write_json(folder / "example.json", {**facts, "predictions": {"emo18": ["joy", "anger"]}, "snr_peak_db": 20.0})
    return folder


@pytest.fixture
def run(tmp_path):
    """A run with two examples of each of two attacks."""
    for attack in ATTACKS:
        for number in range(2):
            add_example(tmp_path / "run", attack, number)
    return run_with(tmp_path / "run", made())


@pytest.fixture
def data(run):
    """What the page of the test draws from."""
    page = listening.write(run).read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.S)[1])


@pytest.fixture
def answer_file(run, tmp_path):
    """Return a function that saves a result file with the given numbers of correct answers, by attack."""

    def save(listener, seed, right, *, catches=listening.CATCH_TRIALS, trials=2, name=None):
        left = {**right, None: catches}
        answers = []
        for pair in listening.listening_test(run).pairs:
            for _ in range(1 if pair.attack is None else trials):
                left[pair.attack] -= 1
                answer = "b" if left[pair.attack] >= 0 else "a"
                clips = dict(zip("ab", sorted(pair.names), strict=True))
                plays = {"a": 1, "b": 2, "x": 1}
                answers.append({**clips, "x": "b", "answer": answer, "seconds": 2.5, "plays": plays})
        about = {
            "test": listening.listening_test(run).id,
            "trials_per_clip": trials,
            "listener": listener,
            "seed": seed,
        }
        path = tmp_path / "results" / (name or f"{seed}.json")
        write_json(path, {**about, "trials": answers})
        return path

    return save


def counted(run, *places):
    listening_results.count_results(run, list(places))
    return listening_results.read_counts(run)


# ------------------------------------------------------------------ the page


def test_the_page_needs_nothing_from_elsewhere(run):
    page = Page(listening.write(run))
    text = (run / "report" / "listening-test.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|href=|url\(|@import|fetch\(|XMLHttpRequest|userAgent", text)
    (policy,) = [meta["content"] for meta in page.all("meta") if "http-equiv" in meta]
    assert policy.startswith("default-src 'none';")


def test_the_page_does_not_show_which_clip_is_which(run, data):
    text = (run / "report" / "listening-test.html").read_text(encoding="utf-8").lower()
    for clip in data["clips"].values():
        text = text.replace(clip.lower(), "")
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    for giveaway in ("adversarial", "original", "attack", "catch trial", "noise", "perturb", "clip-0", "emo18", "joy"):
        assert giveaway not in text
    names = [name for *pair, _ in data["pairs"] for name in pair]
    assert sorted(names) == list(data["clips"])
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert data["pairs"] == sorted([*sorted(pair), times] for *pair, times in data["pairs"])
    firsts = {pair.names[0] for pair in listening.listening_test(run).pairs}
    assert 0 < sum(pair[0] in firsts for pair in data["pairs"]) < len(data["pairs"])


def test_the_clips_of_a_pair_differ_in_their_samples_only(run, data):
    pairs = {pair.names: pair for pair in listening.listening_test(run).pairs}
    for names, pair in pairs.items():
        for name, samples in zip(names, (pair.original, pair.other), strict=True):
            file = soundfile.SoundFile(io.BytesIO(base64.b64decode(data["clips"][name])))
            assert (file.format, file.subtype, file.samplerate, file.channels) == ("FLAC", "PCM_24", 16_000, 1)
            assert file.read(dtype="float32", always_2d=True) == pytest.approx(samples, abs=2**-23)
        assert pair.original.shape == pair.other.shape


def test_a_pair_has_as_many_trials_as_asked_and_a_catch_pair_one(run, data):
    assert sorted(times for *_, times in data["pairs"]) == [1] * listening.CATCH_TRIALS + [2] * 4
    page = listening.write(run, trials=5).read_text(encoding="utf-8")
    assert page.count(", 5]") == 4
    with pytest.raises(StaanetError, match="expected trials above 0, got 0"):
        listening.write(run, trials=0)


def test_a_catch_trial_has_as_much_noise_as_speech(run):
    catches = [pair for pair in listening.listening_test(run).pairs if pair.attack is None]
    assert len({pair.digests for pair in catches}) == listening.CATCH_TRIALS
    for pair in catches:
        noise = pair.other - pair.original
        assert np.square(noise).sum() == pytest.approx(np.square(pair.original).sum(), rel=0.15)
        assert np.abs(pair.other).max() <= 1


def test_a_loud_clip_in_noise_stays_within_full_scale(run):
    loud = np.ones(1600, dtype=np.float32)
    for folder in (run / "examples").iterdir():
        files.write(folder / "original.flac", loud, 16_000)
    listening.write(run)
    assert all(np.abs(pair.other).max() <= 1 for pair in listening.listening_test(run).pairs)


def test_the_id_and_the_names_follow_the_clips_and_nothing_else(run, tmp_path):
    before = listening.listening_test(run)
    for folder in (run / "examples").iterdir():
        shutil.copytree(folder, tmp_path / "other" / "examples" / folder.name[::-1])
    after = listening.listening_test(tmp_path / "other")
    assert (after.id, [pair.names for pair in after.pairs]) == (before.id, [pair.names for pair in before.pairs])
    add_example(run, ATTACKS[0], 2)
    assert listening.listening_test(run).id != before.id


def test_an_original_that_two_attacks_share_has_a_name_for_each(run):
    names = [name for pair in listening.listening_test(run).pairs for name in pair.names]
    assert len(set(names)) == len(names) == 2 * (4 + listening.CATCH_TRIALS)


def test_the_same_run_gives_the_same_bytes(run):
    assert listening.write(run).read_bytes() == listening.write(run).read_bytes()


def test_an_unchanged_clip_is_skipped_with_a_warning(run, caplog):
    add_example(run, ATTACKS[0], 2, changed=False)
    listening.write(run)
    (line,) = caplog.messages
    assert "noise_a-2: expected a clip that the attack changed, got the original; skipped" in line
    assert sum(pair.attack is not None for pair in listening.listening_test(run).pairs) == 4


def test_without_examples_there_is_no_test(tmp_path):
    with pytest.raises(StaanetError, match="expected clips that an attack changed, found none"):
        listening.write(run_with(tmp_path, made()))
    add_example(tmp_path, "noise_a", 0, changed=False)
    with pytest.raises(StaanetError, match="found none"):
        listening.write(tmp_path)
    assert not (tmp_path / "report").exists()


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not there")
def test_order_sides_and_x_are_drawn_evenly_and_again_from_the_same_seed():
    source = SCRIPT.read_text(encoding="utf-8").split("// The page.")[0]
    program = """
    const pairs = [["p", "q", 2], ["r", "s", 1]];
    const sittings = Array.from({ length: 2000 }, (_, seed) => drawTrials(pairs, seed * 65537));
    const again = sittings.every((trials, seed) =>
      JSON.stringify(trials) === JSON.stringify(drawTrials(pairs, seed * 65537)));
    console.log(JSON.stringify({ sittings, again }));
    """
    done = subprocess.run(["node", "-e", source + program], capture_output=True, text=True, check=True)
    drawn = json.loads(done.stdout)
    assert drawn["again"]
    for trials in drawn["sittings"]:
        assert sorted(min(trial["a"], trial["b"]) for trial in trials) == ["p", "p", "r"]
    every = [trial for trials in drawn["sittings"] for trial in trials]
    for share in (
        np.mean([trial["x"] == "a" for trial in every]),
        np.mean([trial["a"] in "pr" for trial in every]),
        np.mean([(trial["x"] == "a") == (trial["a"] in "pr") for trial in every]),
    ):
        assert share == pytest.approx(0.5, abs=0.03)
    for place in range(3):
        assert np.mean([trials[place]["a"] in "rs" for trials in drawn["sittings"]]) == pytest.approx(1 / 3, abs=0.04)


# ------------------------------------------------------------------ result files


def test_known_answers_have_known_intervals(run, answer_file):
    counts = counted(
        run,
        answer_file("anna", "1", {"noise_a": 4, "noise_b": 0}),
        answer_file("ben", "2", {"noise_a": 4, "noise_b": 4}),
    )
    first, second, overall = counts.rows
    assert (first.attack, first.listeners, first.trials, first.correct, first.share) == ("noise_a", 2, 8, 8, 1.0)
    assert first.share_ci == pytest.approx(
        (0.025 ** (1 / 8), 1.0)
    )  # Clopper-Pearson, in closed form where all is right
    assert first.p_value == pytest.approx(2**-8)
    assert not first.guessing_inside
    assert (second.attack, second.trials, second.correct, second.share) == ("noise_b", 8, 4, 0.5)
    assert second.share_ci == pytest.approx((0.157, 0.843), abs=1e-3)
    assert second.p_value == pytest.approx(163 / 256)
    assert second.guessing_inside
    assert (overall.attack, overall.trials, overall.correct) == (None, 16, 12)
    assert (counts.listeners, counts.listeners_missed, counts.catch_trials, counts.catch_correct) == (2, 0, 6, 6)


def test_the_mean_over_listeners_needs_two_or_more(run, answer_file):
    paths = [answer_file(f"{i}", f"{i}", {"noise_a": right, "noise_b": 4}) for i, right in enumerate((2, 3, 4))]
    first, second, _ = counted(run, *paths).rows
    assert first.share_by_listener == pytest.approx(0.75)
    half = 4.302653 * 0.25 / 3**0.5  # Student's t at two degrees of freedom
    assert first.share_by_listener_ci == pytest.approx((0.75 - half, 1.0), abs=1e-5)
    assert (second.share_by_listener, second.share_by_listener_ci) == (1.0, None)
    alone = counted(run, paths[0]).rows[0]
    assert (alone.share_by_listener, alone.share_by_listener_ci) == (None, None)


def test_a_named_listener_may_take_two_sessions_and_each_session_without_a_name_is_a_listener(run, answer_file):
    half = {"noise_a": 2, "noise_b": 2}
    assert counted(run, answer_file("anna", "1", half), answer_file(" anna ", "2", half)).listeners == 1
    assert counted(run, answer_file("", "3", half), answer_file("", "4", half)).listeners == 2


def test_listeners_who_miss_a_catch_trial_are_counted_separately(run, answer_file):
    attentive = answer_file("anna", "1", {"noise_a": 4, "noise_b": 4})
    asleep = answer_file("ben", "2", {"noise_a": 2, "noise_b": 1}, catches=2)
    counts = counted(run, attentive, asleep)
    assert [(row.attack, row.catch_trials, row.trials, row.correct) for row in counts.rows] == [
        ("noise_a", "passed", 4, 4),
        ("noise_b", "passed", 4, 4),
        (None, "passed", 8, 8),
        (None, "missed", 8, 3),
    ]
    assert (counts.listeners, counts.listeners_missed, counts.catch_trials, counts.catch_correct) == (2, 1, 6, 5)
    (alone,) = counted(run, asleep).rows
    assert alone.catch_trials == "missed"


def test_sessions_of_different_lengths_are_counted_together(run, answer_file):
    half = {"noise_a": 2, "noise_b": 2}
    assert counted(run, answer_file("a", "1", half), answer_file("b", "2", half, trials=4)).rows[-1].trials == 8 + 16


def altered(**changes):
    return lambda result: {**result, **changes}


def first_trial(**changes):
    return lambda result: {**result, "trials": [{**result["trials"][0], **changes}, *result["trials"][1:]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (altered(test="0123456789"), "expected results of the listening test 'ID', got those of '0123456789'"),
        (altered(trials_per_clip=3), "expected 15 trials, 3 of each pair and one of each catch pair, got 11"),
        (altered(trials_per_clip=0), "trials_per_clip: Input should be greater than 0, got 0"),
        (altered(trials=[]), "expected 11 trials"),
        (altered(score=1), "expected a key from listener, seed, test, trials, trials_per_clip; got 'score'"),
        (lambda result: result["trials"], "expected a table of settings, got list"),
        (lambda result: {**result, "trials": result["trials"][:-1]}, "got 10 that differ from these"),
        (lambda result: {**result, "trials": [result["trials"][-1]] * 11}, "got 11 that differ from these"),
        (first_trial(answer="c"), "trials.0.answer: Input should be 'a' or 'b', got 'c'"),
        (first_trial(answer=None), "trials.0.answer: Input should be 'a' or 'b', got None"),
        (first_trial(x="x"), "trials.0.x: Input should be 'a' or 'b', got 'x'"),
        (first_trial(a="0" * 16), "that differ from these"),
        (first_trial(seconds=-1.0), "trials.0.seconds: Input should be greater than or equal to 0"),
        (first_trial(plays={"a": 0, "b": 1, "x": 1}), "trials.0.plays.a: Input should be greater than 0"),
        (altered(seed="1", listener="somebody else"), "expected each session once, got '1' again"),
    ],
)
def test_an_invalid_file_is_skipped_with_a_warning_and_the_others_are_counted(
    run, answer_file, caplog, change, message
):
    good = answer_file("anna", "1", {"noise_a": 4, "noise_b": 2})
    bad = answer_file("ben", "2", {"noise_a": 4, "noise_b": 4}, name="bad.json")
    write_json(bad, change(json.loads(bad.read_text())))
    counts = counted(run, good, bad)
    (line,) = caplog.messages
    assert line.startswith(f"{bad}: ")
    assert message.replace("ID", listening.listening_test(run).id) in line
    assert line.endswith("; skipped")
    assert (counts.listeners, counts.skipped, counts.rows[-1].correct) == (1, 1, 6)


@pytest.mark.parametrize("cut", [0, 200, -2])
def test_a_truncated_file_is_refused(run, answer_file, caplog, cut):
    path = answer_file("anna", "1", {"noise_a": 4, "noise_b": 2})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StaanetError, match="got 1 files and none of them is valid"):
        counted(run, path)
    assert "expected the JSON of a result file" in caplog.text
    assert not (run / "listening.json").exists()


def test_a_folder_is_read_and_a_file_named_twice_is_one_file(run, answer_file, caplog):
    path = answer_file("anna", "1", {"noise_a": 4, "noise_b": 2})
    answer_file("ben", "2", {"noise_a": 4, "noise_b": 2})
    counts = counted(run, path.parent, path)
    assert (counts.listeners, counts.skipped) == (2, 0)
    assert not caplog.messages


@pytest.mark.parametrize("name", ["nosuch.json", "empty"])
def test_a_place_without_result_files_is_refused(run, tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StaanetError, match=f"{name}: expected a result file of a listening test or a folder of them"):
        counted(run, tmp_path / name)


def test_tables_and_page_show_the_counts_and_no_names(run, answer_file):
    counted(
        run,
        answer_file("anna", "1", {"noise_a": 4, "noise_b": 1}),
        answer_file("ben", "2", {"noise_a": 4, "noise_b": 2}),
        answer_file("carl", "3", {"noise_a": 1, "noise_b": 2}, catches=0),
    )
    page = Page(report.write(run))
    markdown = (run / "tables" / "listening.md").read_text(encoding="utf-8")
    assert r"| noise\_a | 2 | 8 | 8 | 100.0 \[63.1, 100.0\] | no | 0.004 | 100.0 |" in markdown
    assert r"| all attacks, missed a catch trial | 1 | 8 | 3 |" in markdown
    assert "noise_a 2 8 8 100.0 [63.1, 100.0] no 0.004 100.0" in page.text
    for text in (markdown, page.text):
        assert "2 of 3 listeners passed every catch trial" in text
        assert "a share of 60 % with 80 % power takes 158 trials" in text
        assert "treat the trials as independent" in text
    assert {"href": "#listening"} in page.all("a")
    csv = (run / "tables" / "listening.csv").read_text(encoding="utf-8").splitlines()
    assert csv[0].startswith("attack,catch_trials,listeners,trials,correct,share,share_ci_low,share_ci_high,")
    assert csv[1].startswith("noise_a,passed,2,8,8,1.0,0.63")
    for path in (run / "listening.json", *(run / "tables").iterdir(), run / "report" / "index.html"):
        assert not re.search(r"\b(anna|ben|carl)\b", path.read_text(encoding="utf-8"))


def test_answers_to_other_clips_are_not_shown(run, answer_file, caplog):
    counted(run, answer_file("anna", "1", {"noise_a": 4, "noise_b": 1}))
    add_example(run, ATTACKS[0], 2)
    page = Page(report.write(run))
    assert {"href": "#listening"} not in page.all("a")
    assert not (run / "tables" / "listening.md").exists()
    (line,) = caplog.messages
    assert "listening.json: expected answers to the listening test" in line
    assert line.endswith("which has other clips; skipped")


def test_the_number_of_trials_needed_grows_with_the_power_and_falls_with_the_share():
    assert listening_tables.trials_needed(0.9, 0.8) < listening_tables.trials_needed(0.6, 0.8)
    assert listening_tables.trials_needed(0.6, 0.8) < listening_tables.trials_needed(0.6, 0.9)
