import pytest

from staanet.core.errors import StaanetError
from staanet.models import create_model
from staanet.models.wrappers import LabelView


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("a", "d"), "expected labels that emo18 decides between (a, b, c), got d; use the names of the model"),
        (("A", "b"), "expected labels that emo18 decides between (a, b, c), got A; use the names of the model"),
        (("a", "a"), "expected two or more different labels, got ['a', 'a']"),
        (("a",), "expected two or more different labels, got ['a']"),
    ],
)
def test_a_view_of_labels_that_the_model_does_not_know_raises(labels, message):
    with pytest.raises(StaanetError) as caught:
        LabelView(create_model("emo18", ("a", "b", "c"), seconds=0.1), labels)
    assert message in str(caught.value)
