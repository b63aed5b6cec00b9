"""What to know of studies that are set side by side."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Sentence

COMPARING = {
    "settings_differ": Sentence("the studies differ in their settings: %(names)s"),
    "made_anew": Sentence(
        "intervals of %(name)s were made anew, at %(level)s instead of %(other)s, so that all hold "
        "with one confidence"
    ),
    "same_inputs": Sentence(
        "both rest on the same runs, so that their numbers agree by themselves"
    ),
    "seeds_paired": Sentence(
        "%(n)s of %(runs)s runs of %(name)s have a partner in %(other)s, in the same cell and from "
        "the same seeds; differences of probabilities and means are taken within such pairs, other "
        "quantities as if all runs were independent"
    ),
    "seeds_unpaired": Sentence(
        "runs of %(name)s draw from the same seeds; over several studies they are taken as "
        "independent"
    ),
}
