from core.made_up import ROWS, made_record
from staanet.core import records
from staanet.core.notebook import LONGEST, Shown
from staanet.core.run import Layout, Run


class Thing(Shown):
    def __init__(self, title, **facts):
        self.title, self.named = title, facts

    def facts(self):
        return self.title, self.named


def test_a_line_and_a_table_say_the_same():
    thing = Thing("Thing", rate="16000 Hz", labels="anger, joy")
    assert repr(thing) == "<Thing: rate 16000 Hz; labels anger, joy>"
    assert thing._repr_html_() == (
        '<table><caption>Thing</caption><tr><th scope="row">rate</th><td>16000 Hz</td></tr>'
        '<tr><th scope="row">labels</th><td>anger, joy</td></tr></table>'
    )


def test_texts_of_strangers_are_escaped_and_cut():
    thing = Thing("<b>", label="<script>" + "x" * 10_000)
    assert "<script>" not in thing._repr_html_()
    assert "<b>" not in thing._repr_html_()
    assert len(repr(thing)) < LONGEST + 20


def test_a_record_is_one_line_with_its_main_figures():
    line = repr(made_record(attack="noise", source="a", target="b", corpus="emodb", flags=["one_class"]))
    assert line == (
        "<Record noise: a → b: corpus emodb; clips 4; robust accuracy 50.0 %; chance 50.0 %; clean accuracy 75.0 %; "
        "ASR 50.0 %; control 12.5 %; flags one_class>"
    )


def test_a_run_says_what_it_holds_or_that_it_cannot_be_read(tmp_path):
    paths = [
        records.write(tmp_path / "records", made_record(name, attack=name, target="net"), ROWS)
        for name in ("noise", "fgsm")
    ]
    Run(tmp_path).write(Layout("Title"), records=paths)
    line = repr(Run(tmp_path))
    assert line == f"<Run Title: folder {tmp_path}; records 2; models net; attacks noise, fgsm; examples 0>"
    assert "cannot be read" in repr(Run(tmp_path / "nothing"))
