from pathlib import Path

from staanet.core.budget import Budget
from staanet.tasks.attack import AttackResult
from staanet.tasks.recording import AttackedFile
from staanet.tasks.wording import SHOWN, lines

OUT = Path("out")


def made(path="a.wav", before="joy", after="fear", start=None, **changes):
    values = {
        "label": None,
        "predicted_control": ("joy", "joy", "fear"),
        "linf": 0.1,
        "snr_peak_db": 17.0,
        "sparsity": 0.12,
        "queries": 1,
        "gradients": 0,
        **changes,
    }
    return AttackedFile(path=path, start=start, predicted_clean=before, predicted_adv=after, **values)


def result(*files, budget=None, labels=(), flags=None):
    return AttackResult(list(files), budget or Budget(snr_db=17, sparsity=0.12), labels, flags or {})


def test_one_file_has_its_budget_its_change_and_its_control():
    assert lines(result(made()), OUT) == [
        "a.wav: joy -> fear (fooled)",
        "out: 1 of 1 fooled, as read back from their files (ASR 100.0 %)",
        "control: noise of the same size on as many samples, 3 draws each, fools 1 of 3 (33.3 %)",
        "budget: 17 dB below the peak, 12.0 % of the samples; used: 12.0 % of the samples at a peak SNR of 17.0 dB",
    ]


def test_a_long_recording_has_one_line_and_its_windows_on_request():
    windows = [made(start=3.0 * number, linf=0.01 * (number % 7), after="joy") for number in range(1340)]
    windows[200] = made(start=600.0, linf=0.5)
    windows[201] = made(before="sad", start=603.0)
    found = lines(result(*windows), OUT)
    assert len(found) == 5
    assert found[0].startswith(
        "a.wav: 2 of 1340 windows fooled; the largest change, 0.5 of full scale, is in the window at 600.00 s"
    )
    assert found[1] == "decisions: joy -> fear 1, sad -> fear 1, joy kept 1338"
    assert "2 of 1340 fooled" in found[2]
    every = lines(result(*windows), OUT, windows=True)
    assert len(every) == 1340 + 4
    assert every[200] == "a.wav at 600.00 s: joy -> fear (fooled)"


def test_of_many_files_the_first_have_a_line():
    files = [made(path=f"{number}.wav") for number in range(1000)]
    found = lines(result(*files), OUT)
    assert found[SHOWN - 1 : SHOWN + 1] == [
        f"{SHOWN - 1}.wav: joy -> fear (fooled)",
        f"... and {1000 - SHOWN} more; --windows shows all of them",
    ]
    assert len(lines(result(*files), OUT, windows=True)) == 1000 + 4
    assert len(lines(result(*files[:SHOWN]), OUT)) == SHOWN + 4


def test_every_flag_is_a_line():
    found = lines(result(made(), made(), flags={"randomised": "the model is random"}), OUT)
    assert [line for line in found if "flag" in line] == ["flag randomised: the model is random"]


def test_small_shares_are_not_rounded_to_nothing():
    budget = Budget(epsilon=0.001, sparsity=1e-4)
    found = lines(result(made(sparsity=1 / 48_000, snr_peak_db=None), budget=budget), OUT)
    assert found[-1] == "budget: 0.001 of full scale, 0.010 % of the samples; used: 0.0021 % of the samples"


def test_robust_accuracy_needs_emotions():
    files = [made(label="joy"), made(label="joy", after="joy"), made(label="fear", after="joy")]
    found = lines(result(*files, labels=("joy", "fear")), OUT)
    (line,) = [line for line in found if line.startswith("robust accuracy")]
    assert line.startswith("robust accuracy 33.3 % ")
    assert "1 of 3 clips are classified correctly before and under the attack; chance is 50.0 %, the" in line
    assert line.endswith("the accuracy before the attack 66.7 %")
    assert "robust accuracy" not in "".join(lines(result(*files), OUT))
