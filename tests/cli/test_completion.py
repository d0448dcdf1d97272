import os
import subprocess
import sys

import pytest

from staanet.cli.catalogue import Kind, names

PROGRAM = "import sys; sys.argv[0] = 'staanet'; from staanet.cli import main; main()"


def completed(shell, line):
    """Return what the program answers when a shell asks it to complete a line."""
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environment = {**os.environ, **asked, "_STAANET_COMPLETE": f"complete_{shell}"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_names_of_attacks_are_completed_in_every_shell(shell):
    answer = completed(shell, "staanet attack sparse")
    for name in names(Kind.ATTACKS, "sparse"):
        assert name in answer
    assert "fgsm" not in answer


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("staanet train emo", "emo18"),
        ("staanet fit wave", "wave_unet"),
        ("staanet prepare rav", "ravdess"),
        ("staanet run smo", "smoke"),
        ("staanet cite sparsef", "sparsefool"),
        ("staanet list corr", "corruptions"),
        ("staanet eval", "evaluate"),
    ],
)
def test_each_command_completes_names_of_its_kind(line, name):
    assert completed("bash", line).splitlines()[0] == name
