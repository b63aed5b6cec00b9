"""Every sentence of the analysis, once, in English, a file a subject; `notes` fills the gaps.

`make messages` collects them for the report's languages.
"""

from __future__ import annotations

from vggstudy.analysis.sentences.before import BEFORE
from vggstudy.analysis.sentences.cautions import CAUTIONS
from vggstudy.analysis.sentences.comparing import COMPARING
from vggstudy.analysis.sentences.hypotheses import HYPOTHESES
from vggstudy.analysis.sentences.kinds import NUMBERS, Kind, Sentence, Words
from vggstudy.analysis.sentences.looks import LOOKS
from vggstudy.analysis.sentences.missing import MISSING
from vggstudy.analysis.sentences.study import STUDY

__all__ = ["NUMBERS", "SENTENCES", "SUBJECTS", "WORDS", "WRITTEN", "Kind", "Sentence", "Words"]

WRITTEN = "written"

SUBJECTS = (BEFORE, MISSING, CAUTIONS, HYPOTHESES, STUDY, LOOKS, COMPARING)

SENTENCES = {name: sentence for subject in SUBJECTS for name, sentence in subject.items()}
"""Every sentence by the name that its notes carry; a name is never given to another sentence."""

_ANY = "%(name)s"

SENTENCES[WRITTEN] = Sentence(_ANY)

WORDS = (
    Words("converged runs"),
    Words("labelled runs"),
    Words("no convergence within the iterations"),
    Words("the information matrix is singular"),
    Words("supported"),
    Words("contradicted"),
    Words("inconclusive"),
    Words("borderline"),
    Words("not estimable"),
)
"""What may fill a gap of the kind `Kind.WORDS`."""
