"""The sections in the order of the report: a new one is a file here, a template, and a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vggstudy.report.page.sections import (
    plan,
    s00_abstract,
    s01_protocol,
    s02_flow,
    s03_blocks,
    s03_convergence,
    s04_accuracy,
    s05_levels,
    s06_switches,
    s07_interactions,
    s08_hypotheses,
    s09_curves,
    s10_diagnostics,
    s11_sensitivity,
    s12_source,
    s13_cite,
)
from vggstudy.report.page.sections.base import Section
from vggstudy.report.page.view import StudyView

Build = Callable[[StudyView], Section | None]
Part = Callable[[], Any]
Join = Callable[[Sequence[Any]], Section | None]

BUILDERS: tuple[Build, ...] = (
    s00_abstract.build,
    s01_protocol.build,
    s02_flow.build,
    s08_hypotheses.build,
    s03_blocks.build,
    s03_convergence.build,
    s04_accuracy.build,
    s05_levels.build,
    s06_switches.build,
    s07_interactions.build,
    s09_curves.build,
    s12_source.build,
    s10_diagnostics.build,
    s11_sensitivity.build,
    plan.build,
    s13_cite.build,
)

LONGEST = (s04_accuracy.build, s07_interactions.build)
"""Those that take longest, the longest first: what begins last is waited for."""

SPLIT: Mapping[Build, tuple[Callable[[StudyView], Sequence[Part]], Join]] = {
    s09_curves.build: (s09_curves.parts, s09_curves.joined)
}
"""Those that take longer still: what makes their parts, and a section of these."""
