"""MELD, the Multimodal EmotionLines Dataset: turns of the television series Friends, in English.

13 708 turns (3.2 s on average, 48 kHz) with laughter and music, 7 emotions by majority vote of the annotators, and
some 300 speakers, six of whom speak 83 % of the turns. The corpus comes as video: extract the audio first and keep the
names. The subsets of its official split are the sessions train, val (called dev in the corpus) and test. The same six
speakers are in all three, so that only a split by speaker shows how a model works on new voices. The gender of the
other speakers is not known.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from staanet.core.errors import StaanetError
from staanet.corpora.base import Corpus, Utterance, Validation, audio_files
from staanet.corpora.listing import by_name
from staanet.corpora.tables import expect, read_table

EMOTIONS = {
    "anger": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "joy": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprise": "surprise",
}
"""Emotion by its name in the tables."""

TABLES = {
    "train": "train_sent_emo.csv",
    "val": "dev_sent_emo.csv",
    "test": "test_sent_emo.csv",
}
"""Table of each subset."""

GENDERS = {
    **dict.fromkeys(("Monica", "Phoebe", "Rachel"), "female"),
    **dict.fromkeys(("Chandler", "Joey", "Ross"), "male"),
}

_NAME = re.compile(r"dia\d+_utt\d+")
_SUBSET = re.compile("train|dev|test")


@dataclass(frozen=True)
class Meld(Corpus):
    """MELD: turns of the television series Friends in English, 7 emotions, some 300 speakers, 13 708 clips.

    The root contains the official folders with the audio of each video (`train_splits/dia0_utt0.wav` ...) and the three
    tables.
    """

    name = "meld"
    licence = "GPL-3.0 (the labels; the series belongs to its makers)"
    citation = (
        "S. Poria, D. Hazarika, N. Majumder, G. Naik, E. Cambria, R. Mihalcea: MELD: A Multimodal Multi-Party Dataset "
        "for Emotion Recognition in Conversations. ACL 2019, pp. 527-536. doi:10.18653/v1/P19-1050"
    )

    def labels(self, root: Path) -> tuple[str, ...]:  # noqa: ARG002
        """Return the seven emotions in alphabetical order."""
        return tuple(sorted(EMOTIONS.values()))

    def validate(self, root: Path) -> Validation:
        """List the turns at `root`, compared with the tables.

        Raises:
            StaanetError: If a table is missing or lacks a column, or if there are only videos.
        """
        if not audio_files(root) and any(root.rglob("dia*.mp4")):
            raise StaanetError(
                f"{root}: expected audio, found videos; extract the audio of each with `ffmpeg -i X.mp4 X.wav`"
            )
        turns = {turn: row for subset, table in TABLES.items() for turn, row in _turns(root, subset, table).items()}

        def utterance(path: str) -> Utterance | None:
            file = PurePath(path)
            folders = _SUBSET.findall(str(file.parent))
            if not folders or not _NAME.fullmatch(file.stem):
                return None
            subset = "val" if folders[-1] == "dev" else folders[-1]
            turn = f"{subset}-{file.stem}"
            label, speaker = turns.get(turn, ("", ""))
            return Utterance(turn, path, label, speaker, GENDERS.get(speaker), "en", subset)

        form = "train_splits/dia0_utt0 (subset, dialogue, turn)"
        return by_name(root, utterance, form, self.labels(root), {turn: label for turn, (label, _) in turns.items()})


def _turns(root: Path, subset: str, name: str) -> dict[str, tuple[str, str]]:
    """Return the emotion and the speaker of each turn of a subset."""
    paths = sorted(root.rglob(name))
    if not paths:
        raise StaanetError(f"{root}: expected the table {name}, found none; put it there")
    table = read_table(paths[0], {})
    expect(table, ("speaker", "emotion", "dialogue_id", "utterance_id"))
    turns = {}
    for row in table.rows.values():
        emotion, speaker = str(row["emotion"]).strip(), str(row["speaker"]).strip()
        turns[f"{subset}-dia{row['dialogue_id']}_utt{row['utterance_id']}"] = EMOTIONS.get(emotion, emotion), speaker
    return turns
