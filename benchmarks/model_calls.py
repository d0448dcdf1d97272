"""What the checks of every model call cost: an attack with one gradient of Emo18, with and without them.

python benchmarks/model_calls.py             one clip and 64 clips of 6 s

Without the checks, the method of the attack is called with the model itself: no input is checked, no clip is copied,
and no answer or gradient is looked at; the random streams and the clamping to the budget stay. FGSM takes one gradient,
so that the checks of the input count as much as they can.
"""

import torch
from claims import ratio, seconds, write

from staanet import create_attack, create_model
from staanet.core.memory import keep_freed_memory
from staanet.core.seeds import ClipRandom, seeded
from staanet.core.unwrapping import frozen

CLIPS, SECONDS, RATE = (1, 64), 6, 16_000
AIM = 1.03


def main() -> None:
    keep_freed_memory()
    with seeded("benchmark"):
        model = create_model("emo18", labels="abcd", seconds=float(SECONDS)).eval()
    attack = create_attack("fgsm", snr_db=17.0)
    for clips in CLIPS:
        with seeded("clips"):
            waveforms = torch.rand(clips, SECONDS * RATE) - 0.5
        labels, lengths = torch.zeros(clips, dtype=torch.int64), torch.full((clips,), SECONDS * RATE)

        def unchecked(given: tuple = (waveforms, labels, lengths)) -> None:
            with frozen(model):
                found = attack.perturb(model, *given, ClipRandom(0, given[0], given[2]))
            attack._within(found.detach(), given[0], given[2], (-1.0, 1.0))

        def checked(given: tuple = (waveforms, labels)) -> None:
            attack(model, *given)

        measured = ratio(lambda run=checked: seconds(run), lambda run=unchecked: seconds(run), 25 if clips == 1 else 5)
        claim = f"FGSM on {clips} clips of 6 s with checked calls to without, at most"
        write(f"model_calls_{clips}", claim, AIM, measured, "x")


if __name__ == "__main__":
    main()
