"""Defended models and their base models, compared by hand."""

from report.test_report import made
from staanet.report.sections.defences import defence_results, table
from staanet.report.tables import markdown


def test_a_defended_model_is_compared_with_its_base_model():
    plain, other = {"model": "emo18", "seed": 1}, {"model": "zhao19", "seed": 2}
    mp3 = {**plain, "defence": {"name": "mp3", "kbps": 64}}
    hardened = {"model": "emo18", "seed": 3, "defence": {"name": "adversarial_training"}, "base_model": plain}
    both = {**hardened, "defence": {"name": "rounding"}, "base_model": hardened}
    models = {"plain": plain, "other": other, "compressed": mp3, "hardened": hardened, "both": both}
    asr = {
        ("plain", "plain"): 0.9,
        ("plain", "other"): 0.1,
        ("plain", "compressed"): 0.3,
        ("compressed", "compressed"): 0.8,
        ("other", "compressed"): 0.05,
        ("plain", "hardened"): 0.2,
        ("hardened", "hardened"): 0.4,
        ("hardened", "both"): 0.35,
        ("plain", "both"): 0.25,
    }
    records = [
        made(
            "bim",
            source=source,
            target=target,
            asr=rate,
            defence=models[target].get("defence", {}).get("name"),
            settings={"attack": {"name": "bim"}, "target": models[target]},
        )
        for (source, target), rate in asr.items()
    ]
    found = {row.target: row for row in defence_results(records)}
    assert {name: (row.defence, row.base_model) for name, row in found.items()} == {
        "compressed": ("mp3", "plain"),
        "hardened": ("adversarial_training", "plain"),
        "both": ("rounding", "hardened"),
    }
    assert {name: (row.before, row.unaware, row.adaptive) for name, row in found.items()} == {
        "compressed": (0.9, 0.3, 0.8),
        "hardened": (0.9, 0.2, 0.4),
        "both": (0.4, 0.35, None),
    }
    text = markdown(table(list(found.values()), records))
    assert "adaptive robust accuracy | adaptive robust UAR | adaptive ASR | adaptive excess" in text
    assert "| bim | compressed | mp3 | plain | 102 |" in text
    assert "None" not in text


def test_without_defences_there_is_no_such_table():
    assert defence_results([made("bim"), made("fgsm", target="zhao19")]) == []


def test_defended_models_are_in_the_order_of_their_robust_accuracy_whatever_the_excess():
    models = {"plain": {"model": "emo18"}}
    models |= {name: {"model": "emo18", "defence": {"name": name}} for name in ("mp3", "noise", "rounding")}
    results = {"plain": (0.1, 0.1), "mp3": (0.2, 0.9), "noise": (0.6, 0.1), "rounding": (0.4, 0.5)}
    records = [
        made(
            "bim",
            source=name,
            target=name,
            robust_accuracy=robust,
            asr_excess=excess,
            defence=None if name == "plain" else name,
            settings={"attack": {"name": "bim"}, "target": models[name]},
            robust_accuracy_fold_ci=(0.0, 0.9),
        )
        for name, (robust, excess) in results.items()
    ]
    found = defence_results(records)
    assert [row.target for row in found] == ["noise", "rounding", "mp3"]
    assert [row.adaptive_robust_accuracy for row in found] == [0.6, 0.4, 0.2]
    printed = table(found, records)
    assert ("adaptive", ("robust accuracy", "by fold", "robust UAR", "ASR", "excess")) in printed.groups
    assert "fold as the unit" in printed.caption
    assert "Chance (1/K) is 25.0 % for 4 classes." in printed.caption
