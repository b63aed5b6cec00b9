"""What to know of studies that are set side by side."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Sentence

COMPARING = {
    "settings_differ": Sentence("the studies differ in their settings: %(names)s"),
    "same_inputs": Sentence(
        "both rest on the same runs, so that their numbers agree by themselves"
    ),
    "seeds_match": Sentence(
        "the runs of both studies were seeded alike (design.seed = %(name)s); they are taken as "
        "independent, which makes intervals of the differences wider where seeds matter"
    ),
}
