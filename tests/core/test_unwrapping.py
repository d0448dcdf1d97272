import functools
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from staanet.core.classifier import as_classifier
from staanet.core.errors import StaanetWarning
from staanet.core.unwrapping import frozen, modules_of, takes_lengths


class WithLengths(nn.Module):
    def forward(self, waveforms, lengths=None):
        return waveforms.new_zeros(len(waveforms), 2) + (0 if lengths is None else lengths[:, None])


def decorated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def bare(function):
    return lambda *args: function(*args)


class Holder:
    def __init__(self, model):
        self.model = model

    def __call__(self, waveforms, lengths):
        return self.model(waveforms, lengths)

    def classify(self, waveforms, *, lengths):
        return self.model(waveforms, lengths)


NETWORK = WithLengths()


def partial_of_a_holder(holder):
    return lambda w: holder.model(w)


WRAPPERS = (
    *("module", "parallel", "compiled", "both", "script", "partial", "method"),
    *("decorated", "bare", "function", "keyword", "object", "bound"),
)


@pytest.mark.parametrize(
    "model",
    [
        NETWORK,
        nn.DataParallel(NETWORK),
        torch.compile(NETWORK, backend="eager"),
        nn.DataParallel(torch.compile(NETWORK, backend="eager")),
        torch.jit.script(NETWORK),
        functools.partial(NETWORK),
        NETWORK.forward,
        decorated(NETWORK),
        bare(NETWORK),
        lambda w, n: NETWORK(w, n),
        lambda w, *, lengths: NETWORK(w, lengths),
        Holder(NETWORK),
        Holder(NETWORK).classify,
    ],
    ids=WRAPPERS,
)
def test_lengths_reach_the_model_however_it_is_wrapped(model):
    logits = as_classifier(model)(torch.zeros(2, 4), torch.tensor([4, 3]))
    assert logits.tolist() == [[4.0, 4.0], [3.0, 3.0]]


@pytest.mark.filterwarnings("ignore::staanet.core.errors.StaanetWarning")
def test_a_function_of_any_arguments_around_one_of_waveforms_only_is_given_no_lengths():
    assert as_classifier(bare(lambda w: w))(torch.ones(1, 2), torch.tensor([2])).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda network: network,
        lambda network: functools.partial(network),
        lambda network: lambda w: network(w),
        lambda network: network.forward,
        lambda network: Holder(network),
        lambda network: Holder(network).classify,
        lambda network: bare(bare(network)),
        lambda network: as_classifier(bare(bare(bare(network)))),
        lambda network: lambda w, held=network: held(w),
        lambda network: Holder([network]),
        lambda network: Holder({"of": (network,)}),
        lambda network, held=SimpleNamespace: partial_of_a_holder(held(model=network)),
    ],
    ids=(
        *("module", "partial", "closure", "method", "object", "bound", "nested", "classifier"),
        *("default", "list", "dictionary", "holder"),
    ),
)
def test_frozen_gives_every_part_back_as_it_came_however_it_is_wrapped(wrap):
    network = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    network[1].eval()
    network[0].bias.requires_grad_(False)

    def fails_within(model):
        with frozen(model):
            assert not any(part.training for part in network.modules())
            assert not any(parameter.requires_grad for parameter in network.parameters())
            raise RuntimeError("inside")

    assert modules_of(wrap(network)) == [network]
    with pytest.raises(RuntimeError, match="inside"):
        fails_within(wrap(network))
    assert [part.training for part in network] == [True, False, True]
    assert [p.requires_grad for p in network.parameters()] == [True, False, True, True]


class Scaled(nn.Module):
    def forward(self, waveforms, scale=1.0):
        return waveforms * scale


@pytest.mark.parametrize("model", [Scaled(), functools.partial(Scaled()), functools.partial(Scaled(), scale=2.0)])
def test_a_second_argument_for_something_else_is_given_no_lengths(model):
    assert takes_lengths(model) == "no"


class Named(nn.Module):
    def forward(self, waveforms, lens=None):
        return waveforms[:, :2] * 0 + lens[:, None]


@pytest.mark.parametrize(
    "model", [Named(), torch.jit.script(WithLengths()), lambda w, input_lengths=None: w + input_lengths]
)
def test_usual_names_of_lengths_are_known(model):
    assert takes_lengths(model) == "yes"


def test_a_traced_model_with_two_required_arguments_is_given_lengths():
    traced = torch.jit.trace(lambda w, n: w[:, :2] + n[:, None], (torch.zeros(2, 4), torch.tensor([4, 4])))
    assert as_classifier(traced)(torch.zeros(1, 4), torch.tensor([3])).tolist() == [[3.0, 3.0]]


class Unusual(nn.Module):
    def forward(this, waveforms):  # noqa: N805
        return waveforms[:, :2]


def test_the_module_is_no_argument_of_a_scripted_model_whatever_its_name():
    assert takes_lengths(torch.jit.script(Unusual())) == "no"


def test_a_model_that_fails_with_lengths_is_called_without_and_says_so():
    def fails(*arguments):
        if len(arguments) > 1:
            raise TypeError("a fault of the model")
        return arguments[0]

    with pytest.warns(StaanetWarning, match="called without lengths, because with them it fails: a fault of the model"):
        as_classifier(fails)(torch.zeros(1, 2), torch.tensor([2]))


def test_modules_are_found_through_global_names_of_a_function():
    assert modules_of(uses_a_global_name) == [NETWORK]


def uses_a_global_name(waveforms):
    return NETWORK(waveforms)


def test_a_function_without_modules_has_none():
    assert modules_of(lambda w: w.softmax(1)) == modules_of(torch.relu) == []
