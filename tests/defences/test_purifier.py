"""A learnt purifier as a defence: its checkpoint, its identity, its rate, its gradient."""

import shutil

import pytest
import torch

from every_defence import purifier
from staanet.core import checkpoints
from staanet.core.errors import StaanetError
from staanet.core.seeds import seeded
from staanet.defences import create_defence
from staanet.defences.denoiser import Denoiser, DenoiserSettings
from staanet.models import create_model

RATE = 16_000


@pytest.fixture
def clip():
    with seeded("speech"):
        return 0.02 * torch.randn(1, 600).cumsum(1), torch.tensor([600])


@pytest.fixture
def made(tmp_path):
    return create_defence("purifier", checkpoint=purifier(tmp_path / "purifier"))


def test_an_untrained_network_returns_the_clip(clip):
    assert torch.equal(Denoiser(DenoiserSettings(RATE))(*clip), clip[0])


def test_the_same_file_gives_the_same_answers_and_a_new_one_others(made, clip, tmp_path):
    copy = create_defence("purifier", checkpoint=shutil.copytree(made.checkpoint, tmp_path / "copy"))
    before = made(*clip, RATE)
    assert torch.equal(before, copy(*clip, RATE))
    assert made.identity() == copy.identity() == {"name": "purifier", "weights": checkpoints.digest(made.checkpoint)}
    network = made.network
    with torch.no_grad():
        network.last.bias += 0.1
    checkpoints.save(network, tmp_path / "copy")
    assert not torch.equal(before, copy(*clip, RATE))
    assert copy.identity() != create_defence("purifier", checkpoint=purifier(tmp_path / "again")).identity()


def test_a_louder_clip_gets_the_same_result_louder(made, clip):
    waveforms, lengths = clip
    torch.testing.assert_close(made(0.1 * waveforms, lengths, RATE), 0.1 * made(waveforms, lengths, RATE))


def test_every_entry_of_the_gradient_is_that_of_finite_differences(made):
    with seeded("gradcheck"):
        waveforms = (0.3 * torch.randn(2, 24, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: made(x, torch.tensor([24, 17]), RATE), waveforms)


def test_a_composition_has_the_identity_of_the_network_and_not_its_path(made):
    parts = ("median", {"defence": "purifier", "checkpoint": str(made.checkpoint)})
    found = create_defence("composition", defences=parts)
    assert found.identity() == {"name": "composition", "defences": ["median", made.identity()]}
    assert [str(folder) for folder in found.checkpoints] == [str(made.checkpoint)]
    assert create_defence("composition", defences=("median", "rounding")).checkpoints == ()


def test_a_wrong_rate_and_what_is_no_purifier_are_refused(made, clip, tmp_path):
    for used in (lambda: made(*clip, 8000), lambda: made.checked(8000)):
        with pytest.raises(StaanetError, match="expected clips at the purifier's 16000 Hz, got 8000 Hz; fit one"):
            used()
    assert made.checked(RATE) is made
    with pytest.raises(StaanetError, match="nowhere: expected a purifier checkpoint"):
        create_defence("purifier", checkpoint=str(tmp_path / "nowhere"))
    checkpoints.save(create_model("emo18", "ab", seconds=0.1), tmp_path / "model")
    with pytest.raises(StaanetError, match=r"expected the checkpoint of a purifier \(denoiser\), got one of 'emo18'"):
        create_defence("purifier", checkpoint=str(tmp_path / "model"))
    with pytest.raises(StaanetError, match="purifier: expected the key 'checkpoint', found none"):
        create_defence("purifier")


@pytest.mark.parametrize("sizes", [{"kernel": 4}, {"dilations": ()}, {"width": 0}, {"sample_rate": 0}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(StaanetError, match="expected an odd kernel, one dilation or more"):
        DenoiserSettings(**{"sample_rate": RATE, **sizes})
