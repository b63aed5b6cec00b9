"""What to know of looks at a study before it was complete, declared or not."""

from __future__ import annotations

from vggstudy.analysis.sentences.kinds import Kind, Sentence

LOOKS = {
    "at_look": Sentence(
        "made at look %(n)s of %(all)s, which were declared: intervals are at %(level)s so that "
        "they hold %(name)s at all looks together"
    ),
    "at_fixed_width": Sentence(
        "made at look %(n)s of %(all)s, which were declared: the width of an interval stops the "
        "study, and intervals are at %(level)s so that where it stops they hold %(name)s"
    ),
    "looked_early": Sentence(
        "results were analysed before the last of them were there (looks: %(k)s, the first at "
        "%(n)s of %(all)s results), and no looks were declared: if what was seen decided when the "
        "study ended, intervals hold less often than their level says, and verdicts err more often"
    ),
    "look_stopped": Sentence(
        "look %(n)s of %(all)s, at %(runs)s replicates, on %(date)s: %(text)s; the study stopped"
    ),
    "look_went_on": Sentence(
        "look %(n)s of %(all)s, at %(runs)s replicates, on %(date)s: %(text)s; the study went on"
    ),
    "look_ended": Sentence(
        "look %(n)s of %(all)s, at %(runs)s replicates, on %(date)s: %(text)s; it was the last"
    ),
    "look_to_come": Sentence("look %(n)s of %(all)s comes at %(runs)s replicates of every cell"),
    "verdicts_at_look": Sentence("%(rules)s"),
    "verdict_at_look": Sentence("%(name)s %(what)s"),
    "half_width_at_look": Sentence(
        "the half-width of %(claim)s was %(a)s, where %(b)s was asked for",
        a=Kind.ROUNDED_3,
        b=Kind.ROUNDED_3,
    ),
    "no_half_width_at_look": Sentence("%(claim)s had no interval with two ends"),
}
