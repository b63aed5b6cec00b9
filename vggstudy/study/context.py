"""What a study's report says besides its results: protocol, amendments, environment, commands."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from vggstudy.analysis.notes import Note, say
from vggstudy.protocol import LabelRule, Protocol, Recipe, setting_of
from vggstudy.report.page.context import ReportContext, SourceClaim
from vggstudy.stated.base import write_level
from vggstudy.study.basis import Basis, basis_of
from vggstudy.study.codes import code_words
from vggstudy.study.curves import curves_of
from vggstudy.study.looking import shown_looks
from vggstudy.study.past import changes, touches
from vggstudy.study.study import Study
from vggstudy.study.table_register import table_basis

if TYPE_CHECKING:
    from vggstudy.ledger.marker import Amendment, Comparisons
    from vggstudy.study.sources import Source


def report_context(source: Source, given: Sequence[str] = ()) -> ReportContext:
    """What a report says besides the results: protocol, amendments, environment, commands.

    Parameters
    ----------
    source : Source
    given : sequence of str
        The command that was given, of a table.
    """
    if source.study is None:
        return _table_context(source, given)
    study, basis = source.study, basis_of(source.study)
    store = study.store()
    with store.index() as index:
        environments = index.environments()
        rows = [row for row in index.rows() if row.run_id in study.analysed.by_id]
    protocol = study.protocol
    return ReportContext(
        title=protocol.title or None,
        name=protocol.name,
        question=protocol.question or None,
        source="study",
        source_name=study.path.name,
        protocol_text=study.text,
        protocol_digest=protocol.digest(),
        factors=protocol.design.factors,
        settings=_settings_rows(study),
        label_rule=_label_rows(protocol.label, store.comparisons, own=protocol.trainer is not None),
        amendments=_amendments(store.amendments, basis),
        environment=_environment_rows(environments),
        commands=(
            f"vggstudy run {protocol.name}.toml --study {study.path.name}",
            f"vggstudy report {study.path.name}",
        ),
        curves=curves_of(study, rows),
        **_source(protocol),
        basis=[(remark.note, remark.odd) for remark in basis.remarks],
        looks=shown_looks(study),
        planned=len(study.whole.runs) if study.looks and study.looks.next else None,
        notes=_notes(study),
    )


def _table_context(source: Source, given: Sequence[str]) -> ReportContext:
    """The little that is known of a table: what its protocol says, or whoever asks for a report."""
    name, protocol = source.path.name if source.path else "data frame", source.protocol
    question = protocol.question or None if protocol else None
    basis = table_basis(source)
    return ReportContext(
        source="csv",
        source_name=name,
        title=source.title or (protocol.title or None if protocol else None),
        name=protocol.name if protocol else None,
        question=question or source.question,
        asked_late=question is None and source.question is not None,
        commands=(shlex.join([*(given or _command(source, name)), *_titles(source)]),),
        **_source(protocol),
        basis=[(remark.note, remark.odd) for remark in basis.remarks] if basis else (),
    )


def _titles(source: Source) -> list[str]:
    """The options that give a report of a table its title and its question."""
    given = {"--title": source.title, "--question": source.question}
    return [text for name, said in given.items() if said is not None for text in (name, said)]


def _amendments(recorded: Sequence[Amendment], basis: Basis) -> list[dict[str, Any]]:
    """Each amendment with what it changed and what it touches."""
    return [
        {
            "date": one.date,
            "old_digest": one.old_digest,
            "new_digest": one.new_digest,
            "diff": one.diff,
            "runs": after.existed,
            "changes": changes(before, after),
            "touched": touches(before, after),
        }
        for one, (before, after) in zip(recorded, pairwise(basis.past), strict=False)
    ]


def _command(source: Source, name: str) -> list[str]:
    """A command that reports a table, where none was given."""
    return [
        "vggstudy",
        "report",
        name,
        "--factors",
        ",".join(source.table.factors),
        *_better(source),
    ]


def _better(source: Source) -> list[str]:
    """The option that says which outcomes are better, where neither name nor protocol do."""
    from vggstudy.analysis.data.outcomes import lower_by_name

    lower, stated = source.table.lower_is_better, source.settings.lower_is_better
    if lower == (lower_by_name(source.table.outcome) if stated is None else stated):
        return []
    return ["--lower-is-better" if lower else "--higher-is-better"]


def _source(protocol: Protocol | None) -> dict[str, Any]:
    """What the study that is repeated is and reports."""
    source = protocol.source if protocol else None
    if source is None:
        return {}
    words = " ".join(f"{source.title}: {source.summary}".split())
    return {
        "source_words": words.rstrip(": "),
        "source_claims": tuple(
            SourceClaim(claim=figure.claim, value=figure.value, reference=figure.where)
            for figure in source.figures
        ),
    }


def _settings_rows(study: Study) -> list[tuple[str, str, str]]:
    """The base recipe, setting by setting; factors are shown elsewhere."""
    varied = {setting_of(study.protocol, name) for name in study.plan.factors}
    recipe = study.plan.runs[0].recipe.model_dump(mode="json")
    rows = []
    for section, settings in recipe.items():
        for path, value in _leaves(settings, ()):
            if (section, *path) not in varied and value is not None:
                rows.append((section, ".".join(path), _setting_text(value)))
    return rows


def _setting_text(value: Any) -> str:
    """A value as the report shows it; a command as JSON."""
    return json.dumps(value) if isinstance(value, list) else write_level(value)


def _leaves(node: Mapping[str, Any], prefix: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Paths and values of nested settings."""
    found: list[tuple[tuple[str, ...], Any]] = []
    for key, value in node.items():
        if isinstance(value, Mapping):
            found += _leaves(value, (*prefix, key))
        else:
            found.append(((*prefix, key), value))
    return found


def _label_rows(rule: LabelRule, registered: Comparisons, *, own: bool) -> list[tuple[str, str]]:
    """The label rule, name by name; whose epochs count where that is not the first rule's."""
    if own:
        name = "rule" if rule.succeeds is None else "succeeds"
        if rule.rule != "accuracy":
            return [(name, rule.succeeds or "none")]
    stated = rule.model_dump(exclude={"comparisons"})
    if (whose := rule.comparisons or registered) == "run" or rule.comparisons:
        stated["comparisons"] = whose
    stated = {name: value for name, value in stated.items() if value is not None}
    return [(name, str(value)) for name, value in stated.items()]


def _environment_rows(
    environments: Sequence[tuple[Mapping[str, Any], int]],
) -> list[tuple[int, list[str | None]]]:
    """Hosts, devices and versions of the runs, with the number of runs of each."""
    rows: list[tuple[int, list[str | None]]] = []
    for environment, count in environments:
        packages = environment.get("packages", {})
        numerics = environment.get("numerics", {})
        device = numerics.get("device_name") or numerics.get("device")
        parts: list[str | None] = [device, f"Python {environment.get('python')}"]
        parts += [f"{n} {packages[n]}" for n in ("torch", "torchvision", "numpy") if n in packages]
        parts.append(f"vggstudy {environment.get('vggstudy')}")
        if "trainer" in environment:
            parts.append(code_words(environment))
        rows.append((count, parts))
    return rows


def _notes(study: Study) -> list[Note]:
    """What a reader must know before the results."""
    notes = []
    recipes = [run.recipe for run in study.plan.runs if isinstance(run.recipe, Recipe)]
    if any(recipe.training.selected_by.startswith("test_") for recipe in recipes) or any(
        recipe.training.monitored.startswith("test_") for recipe in recipes
    ):
        notes.append(say("test_set_selects"))
    return notes
