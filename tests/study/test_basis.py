"""What a study's numbers rest on is said by every command that checks it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vggstudy.analysis import ClaimSet
from vggstudy.cli import _invoke
from vggstudy.ledger import StudyStore
from vggstudy.ledger.history import undone, versions
from vggstudy.ledger.marker import Amendment, Marker
from vggstudy.ledger.merkle import merkle_root, study_root
from vggstudy.ledger.sealed import seal
from vggstudy.protocol import parse_protocol
from vggstudy.report.page.building import study_view
from vggstudy.report.page.sections import plan, s00_abstract, s01_protocol, s08_hypotheses
from vggstudy.report.words.i18n import speaking
from vggstudy.study.analyze import analyze_source
from vggstudy.study.basis import basis_of
from vggstudy.study.context import report_context
from vggstudy.study.keeping import Keeper
from vggstudy.study.past import Stage, changes, touches
from vggstudy.study.sources import open_source
from vggstudy.study.study import Study

PAPER = "75%, 95% CI [50, 85]%, n = 40 (`converged.p`)"


def texts(study: Study) -> list[str]:
    return [remark.note.text for remark in basis_of(study).remarks]


def test_a_study_as_planned_has_nothing_odd(forty: Study) -> None:
    basis = basis_of(forty)
    assert basis.odd == ()
    assert (basis.planned, basis.missing, basis.unplanned) == (40, (), ())
    assert "all 40 planned runs are recorded" in texts(forty)
    assert "the protocol was never amended" in texts(forty)


def test_what_was_bent_is_named(bent: Study) -> None:
    basis = basis_of(bent)
    said = "\n".join(texts(bent))
    # Of the 24 runs that three replicates plan, 2 of the 6 deleted ones are among the missing.
    assert (basis.planned, len(basis.missing), len(basis.unplanned)) == (24, 2, 12)
    assert "22 of 24 planned runs are recorded" in said
    assert re.search(
        r"2 of 24 planned runs are missing: run=[0-9a-f]{16}, depth=19, .*replicate=2", said
    )
    assert "12 recorded runs are no longer planned" in said
    assert "after 34 of 36 runs: replicates 5 to 3; planned runs 40 to 24" in said
    assert "after 34 of 36 runs: hypothesis H1 added" in said
    assert len(basis.odd) == 5


@pytest.fixture
def paper(tmp_path: Path, bent: Study, cli: Any) -> Path:
    """A paper that cites the study as it is."""
    code, said = cli("cite", bent.path, "converged.p", "--as", "md")
    assert code == 0
    path = tmp_path / "paper.md"
    path.write_text(said)
    return path


def test_every_command_that_checks_names_it(bent: Study, paper: Path, cli: Any) -> None:
    for command in (
        ("verify", bent.path),
        ("cite", "verify", paper, "--against", bent.path),
        ("doctor", bent.path),
    ):
        code, said = cli(*command)
        assert code == 0, said
        for words in (
            "2 of 24 planned runs are missing",
            "12 recorded runs are no longer planned",
            "replicates 5 to 3",
            "hypothesis H1 added",
            basis_of(bent).root[:16],
        ):
            assert words.lower() in said.lower(), (command, words, said)


def test_strict_fails_on_each_and_passes_what_is_as_planned(
    bent: Study, paper: Path, cli: Any, tricks: Any, tmp_path: Path
) -> None:
    assert cli("verify", bent.path, "--strict")[0] == 1
    assert cli("cite", "verify", paper, "--against", bent.path, "--strict")[0] == 1
    whole = tricks.made(tmp_path / "whole", tricks.text)
    assert cli("verify", whole.path, "--strict")[0] == 0
    cut = tricks.made(tmp_path / "cut", tricks.text, records=39)
    assert cli("verify", cut.path, "--strict")[0] == 1
    tricks.amend(whole.path, tricks.text.replace("replicates = 5", "replicates = 4"))
    assert cli("verify", whole.path, "--strict")[0] == 1


def test_json_holds_what_is_said(bent: Study, paper: Path, capfd: Any) -> None:
    capfd.readouterr()
    for command in (
        ["verify", str(bent.path), "--json"],
        ["cite", "verify", str(paper), "--against", str(bent.path), "--json"],
        ["doctor", str(bent.path), "--json"],
    ):
        assert _invoke(command) == 0
        basis = json.loads(capfd.readouterr().out)["basis"]
        assert len(basis["missing"]) == 2
        assert len(basis["unplanned"]) == 12
        assert [one["runs"] for one in basis["amendments"]] == [34, 34]
        assert sum(remark["odd"] for remark in basis["remarks"]) == 5


def test_the_report_says_the_same(bent: Study) -> None:
    source = open_source(bent)
    view = study_view(analyze_source(source), report_context(source))
    for language in ("en", "ko"):
        with speaking(language):
            section = plan.build(view)
            assert section is not None
            found = section.values["basis"]
            warned = s00_abstract.build(view).values["warnings"]
        said = "\n".join(text for text, _ in found)
        assert sum(odd for _, odd in found) == 5
        assert basis_of(bent).root[:16] in said
        assert "H1" in said
        assert ("no longer planned" in said) == (language == "en")
        assert sum(text in warned for text, odd in found if odd) == 4  # missing runs have their own


def test_an_amendment_before_any_run_or_in_words_only_is_as_planned(
    tricks: Any, tmp_path: Path
) -> None:
    study = tricks.made(tmp_path / "early", tricks.text, records=0)
    early = "2099-01-01T00:00:00+00:00"
    more = tricks.text.replace("replicates = 5", "replicates = 6")
    study = tricks.amend(study.path, more, early)
    store = study.store()
    for run in study.plan.runs:
        type(store).open(study.path).write_record(tricks.record_of(run))
    study = tricks.amend(study.path, more + '[source]\ntitle = "x"\nsummary = "y"\n')
    assert basis_of(study).odd == ()
    assert "after 0 of 48 runs" in "\n".join(texts(study))
    assert "in words only" in "\n".join(texts(study))


def test_a_strict_check_against_a_table_cannot_be_told(forty: Study, cli: Any) -> None:
    cli("export", forty.path, "-o", "runs.csv")
    Path("p.md").write_text(PAPER)
    told = ("--factors", "depth,batch_size,batch_norm", "--strict")
    code, said = cli("cite", "verify", "p.md", "--against", "runs.csv", *told)
    assert code == 2
    assert "no study" in said


def test_a_study_that_is_edited_in_memory_rests_on_no_protocol_in_force(
    forty: Study, tricks: Any
) -> None:
    from vggstudy.protocol import parse_protocol

    study = Study(parse_protocol(tricks.text + tricks.hypothesis), forty.path)
    said = "\n".join(texts(study))
    assert "differs from the one in force, after 40 of 40 runs: hypothesis H1 added" in said


# -- The past of a protocol -----------------------------------------------------------------------


def test_every_earlier_protocol_is_found_from_the_amendments() -> None:
    wordings = [
        "a\nb\nc\n",
        "a\nB\nc\nd\n",
        "new\na\nB\nc\nd\n",
        "\n".join("zyxwvutsrqponm") + "\n",
        "",
    ]
    marker = Marker(
        name="x", protocol=wordings[0], protocol_digest="0", created_at="t0", amendments=()
    )
    for number, text in enumerate(wordings[1:], start=1):
        marker = marker.amended(protocol=text, protocol_digest=str(number), date=f"t{number}")
    found = versions(marker.created_at, marker.protocol, marker.protocol_digest, marker.amendments)
    assert [version.digest for version in found] == ["0", "1", "2", "3", "4"]
    assert [version.since for version in found] == ["t0", "t1", "t2", "t3", "t4"]
    assert [(v.text or "").split() for v in found] == [text.split() for text in wordings]


@pytest.mark.parametrize(
    "diff",
    [
        "words",
        "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+other",
        "--- a\n+++ b\n@@ -1 +9 @@\n x",
        "--- a\n+++ b\nx",
    ],
)
def test_a_diff_that_does_not_fit_leads_nowhere(diff: str) -> None:
    assert undone("a\nb\n", diff) is None


def test_a_lost_past_is_said_to_be_unknown() -> None:
    lost = Amendment("t1", "unknown", "d", "study.json was lost")
    assert [version.text for version in versions("t0", "a\n", "d", [lost])] == [None, "a\n"]


# -- The root -------------------------------------------------------------------------------------


def test_the_root_is_that_of_rfc_6962() -> None:
    # The test vectors of certificate-transparency's reference implementation (merkletree tests).
    leaves = [
        b"", b"\x00", b"\x10", b"\x20\x21", b"\x30\x31", b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57", bytes(range(0x60, 0x70)),
    ]  # fmt: skip
    roots = {
        0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    }
    assert {n: merkle_root(leaves[:n]).hex() for n in roots} == roots


def test_the_root_holds_what_is_missing_and_what_is_not_planned() -> None:
    planned = ["a" * 16, "b" * 16]
    whole = study_root(planned, {"a" * 16: "1" * 64, "b" * 16: "2" * 64})
    others = [
        study_root(planned, {"a" * 16: "1" * 64}),
        study_root(planned[:1], {"a" * 16: "1" * 64}),
        study_root(planned[:1], {"a" * 16: "1" * 64, "b" * 16: "2" * 64}),
        study_root(planned, {"a" * 16: "1" * 64, "b" * 16: "3" * 64}),
    ]
    assert len({whole, *others}) == 5


def test_the_root_of_a_study_changes_with_any_record(forty: Study, tricks: Any) -> None:
    before = basis_of(forty).root
    copy = Path("copy")
    shutil.copytree(forty.path, copy)
    assert basis_of(Study.open(copy)).root == before
    run = forty.plan.runs[0]
    path = copy / "runs" / run.run_id / "run.json"
    path.write_text(tricks.record_of(run, start="2100-01-02T00:00:00+00:00").to_json())
    assert basis_of(Study.open(copy)).root != before


# -- When hypotheses were stated ------------------------------------------------------------------


def claim_of(study: Study) -> Any:
    return analyze_source(open_source(study)).claims["converged.diff.batch_norm"]


def test_a_hypothesis_stated_before_any_run_is_registered(tricks: Any, tmp_path: Path) -> None:
    study = tricks.made(tmp_path / "first", tricks.text + tricks.hypothesis)
    claim = claim_of(study)
    assert (claim.registered, claim.registration) == (True, None)
    assert basis_of(study).odd == ()
    assert "hypothesis H1: stated on " in "\n".join(texts(study))
    assert "registration" not in claim.to_dict()  # nor in its digest: that of former versions


def test_a_hypothesis_added_after_the_runs_is_not_registered_anywhere(
    forty: Study, tricks: Any, cli: Any
) -> None:
    study = tricks.amend(forty.path, tricks.text + tricks.hypothesis)
    result = analyze_source(open_source(study))
    claim = result.claims["converged.diff.batch_norm"]
    late = "added after 40 of 40 runs"
    assert not claim.registered
    assert claim.verdict is not None
    assert claim.registration is not None
    assert claim.registration.text == late
    assert not result.hypotheses[0].registered
    assert late in result.summary()
    read = ClaimSet.from_json(result.claims.to_json())[claim.id]
    assert (read.registration, read.claim_digest) == (claim.registration, claim.claim_digest)
    for style in ("text", "md", "json"):
        assert late in cli("cite", study.path, claim.id, "--as", style)[1]
    for style in ("apa", "latex", "siunitx"):  # numbers alone: said beside them
        assert late in cli("cite", study.path, claim.id, "--as", style)[1]
    for name in ("c.tex", "c.bib", "c.json", "c.csv"):
        cli("cite", study.path, "--export", name)
        assert late in Path(name).read_text(), name
    assert f"hypothesis H1: {late}" in cli("verify", study.path)[1].lower().replace("h1", "H1")


def test_the_report_tells_late_hypotheses_from_registered_ones(forty: Study, tricks: Any) -> None:
    second = tricks.hypothesis.replace("H1", "H2").replace("batch_norm", "depth")
    study = tricks.amend(forty.path, tricks.text + tricks.hypothesis + second)
    source = open_source(study)
    view = study_view(analyze_source(source), report_context(source))
    values = s01_protocol.build(view).values
    assert (values["registered"], values["late"]) == (0, 2)
    section = s08_hypotheses.build(view)
    assert section is not None
    assert section.values["stated"].startswith("0 of 2 hypotheses were stated before any run.")
    told = section.values["hypotheses"]
    assert all(one.reason.startswith("Added after 40 of 40 runs.") for one in told)
    assert (
        "Hypothesis H1: added after 40 of 40 runs." in s00_abstract.build(view).values["warnings"]
    )


def test_a_paper_that_cites_a_late_hypothesis_as_printed_is_verified(
    forty: Study, tricks: Any, cli: Any
) -> None:
    study = tricks.amend(forty.path, tricks.text + tricks.hypothesis)
    for style in ("md", "text", "apa"):
        said = cli("cite", study.path, "converged.diff.batch_norm", "--as", style)[1]
        Path("p.md").write_text(said.splitlines()[0] + "\n")
        code, found = cli("cite", "verify", "p.md", "--against", study.path)
        assert code == 0, (said, found)
        assert cli("cite", "verify", "p.md", "--against", study.path, "--strict")[0] == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [("threshold = 0.2", "threshold = 0.1"), ("makes networks", "helps networks")],
)
def test_a_changed_hypothesis_counts_from_its_change(
    tricks: Any, tmp_path: Path, old: str, new: str
) -> None:
    text = tricks.text + tricks.hypothesis
    study = tricks.made(tmp_path / "changed", text)
    study = tricks.amend(study.path, text.replace(old, new))
    assert str(claim_of(study).registration) == "changed after 40 of 40 runs"
    # Taken back, it is what was stated first.
    study = tricks.amend(study.path, text.replace("makes networks", "makes   networks"))
    assert claim_of(study).registered


def test_a_withdrawn_hypothesis_is_named(tricks: Any, tmp_path: Path) -> None:
    study = tricks.made(tmp_path / "withdrawn", tricks.text + tricks.hypothesis)
    study = tricks.amend(study.path, tricks.text)
    assert any("hypothesis H1 withdrawn" in note.text for note in basis_of(study).odd)


def test_records_from_before_the_study_was_made_count(tricks: Any, tmp_path: Path) -> None:
    study = tricks.made(tmp_path / "later", tricks.text + tricks.hypothesis, records=30)
    for run in study.plan.runs[30:]:
        StudyStore.open(study.path).write_record(tricks.record_of(run, start="2001-01-01T00:00:00"))
    assert str(claim_of(study).registration) == "added after 10 of 40 runs"


def test_a_rescued_study_does_not_know_when_its_hypotheses_were_stated(
    tricks: Any, tmp_path: Path, cli: Any
) -> None:
    study = tricks.made(tmp_path / "lost", tricks.text + tricks.hypothesis)
    (study.path / "study.json").unlink()
    assert cli("doctor", study.path)[0] == 0
    # The records say that they began in 2100, after the rescue: as far as clocks go, that is fine.
    store = StudyStore.open(study.path)
    marker = store.path / "study.json"
    content = json.loads(marker.read_text())
    content["amendments"][0]["date"] = tricks.amended
    content.pop("checksum")
    marker.write_text(seal(content))
    known = claim_of(Study.open(study.path)).registration
    assert str(known) == "not known to have been stated before 40 of 40 runs"


def test_hypotheses_on_a_table_are_not_registered(forty: Study, tricks: Any, cli: Any) -> None:
    Path("h.toml").write_text(tricks.text + tricks.hypothesis)
    cli("export", forty.path, "-o", "runs.csv")
    code, said = cli("analyze", "runs.csv", "--protocol", "h.toml")
    assert code == 0
    assert "does not say when it was stated" in said


def test_a_registered_claim_wins_over_a_late_one_that_names_it_too(
    tricks: Any, tmp_path: Path
) -> None:
    text = tricks.text + tricks.hypothesis
    study = tricks.made(tmp_path / "both", text)
    earlier = tricks.hypothesis.replace("H1", "H0").replace("0.2", "0.9")
    study = tricks.amend(study.path, tricks.text + earlier + tricks.hypothesis)
    claim = claim_of(study)
    assert (claim.registered, claim.reference) == (True, 0.2)


def test_old_claims_that_call_a_late_hypothesis_registered_are_not_believed(
    forty: Study, tricks: Any, cli: Any
) -> None:
    study = tricks.amend(forty.path, tricks.text + tricks.hypothesis)
    old = [
        replace(claim, registered=claim.registration is not None, registration=None).sealed()
        for claim in analyze_source(open_source(study)).claims.values()
    ]
    (study.path / "claims.json").write_text(
        ClaimSet(old).to_json().replace('"version": 3', '"version": 2')
    )
    assert "added after 40 of 40 runs" in cli("cite", study.path, "converged.diff.batch_norm")[1]


@pytest.mark.parametrize(
    ("old", "new", "words", "some", "none"),
    [
        ("epochs = 20", "epochs = 20\nlr = 0.02", "all claims", "accuracy.mean", None),
        ("seed = 1", "seed = 2", "all claims", "converged.p", None),
        (
            "depth = [11, 19]",
            "depth = [11, 13]",
            "claims on levels of depth that came or went, or over them",
            "accuracy.mean@batch_norm=true",
            "accuracy.mean@depth=11",
        ),
        (
            "resamples = 199",
            'resamples = 199\noutcomes = ["test_loss"]',
            "claims on test_loss",
            "test_loss.mean",
            "accuracy.mean",
        ),
        (
            "resamples = 199",
            'resamples = 199\nlearning = {depth = "falls"}',
            "levels needed or tolerated",
            "needed.batch_size@batch_norm=false,depth=11",
            "accuracy.mean",
        ),
        ("resamples = 199", "resamples = 200", "all claims", "accuracy.mean", None),
    ],
)
def test_an_amendment_tells_what_it_touches(
    forty: Study, tricks: Any, old: str, new: str, words: str, some: str, none: str | None
) -> None:
    study = tricks.amend(forty.path, tricks.text.replace(old, new))
    (told,) = basis_of(study).to_dict()["amendments"]
    assert told["touches"] == [words]
    assert f"+{new.splitlines()[-1]}" in told["diff"].splitlines()
    assert f"the amendment of 2101-01-01 touches {words}" in texts(study)
    past = basis_of(study).past
    found, claims = touches(past[0], past[1]), analyze_source(open_source(forty)).claims
    named = replace(claims["accuracy.mean"], id=some, outcome=some.partition(".")[0])
    assert found.holds(claims.get(some, named))
    assert none is None or not found.holds(claims[none])


def test_another_trainer_is_no_change_of_words() -> None:
    text = (
        'schema = 1\nname = "own"\n[design]\nreplicates = 3\nseed = 1\n'
        "[design.factors]\nx = [1, 2]\n"
        '[trainer]\ncommand = ["a", "{x}"]\n[label]\nrule = "none"\n[analysis]\noutcome = "loss"\n'
    )
    stages_ = [
        Stage("2100", "0", parse_protocol(one), 0) for one in (text, text.replace('"a"', '"b"'))
    ]
    assert [note.text for note in changes(*stages_)] == ["[trainer] changed"]


def test_a_hypothesis_added_after_looking_says_so(forty: Study, tricks: Any, cli: Any) -> None:
    Keeper(forty.path).begin(forty.store())
    cli("analyze", forty.path)
    study = tricks.amend(forty.path, tricks.text + tricks.hypothesis)
    note = claim_of(study).registration
    assert note is not None
    assert note.text.startswith("added after 40 of 40 runs, when results had been looked at (first")
    (told,) = basis_of(study).to_dict()["amendments"]
    assert told["touches"] == [
        "the claim converged.diff.batch_norm",
        "the verdicts of all hypotheses, which share one error rate",
    ]
    code, printed = cli("verify", study.path, "--diff")
    assert code == 0
    assert "+[[hypotheses]]" in printed
    view = study_view(analyze_source(open_source(study)), report_context(open_source(study)))
    (row,) = s01_protocol.build(view).values["deviations"].rows
    assert "hypothesis H1 added (with 40 runs recorded)" in row[3].text
    assert "the claim converged.diff.batch_norm; the verdicts of all" in row[5].text
    assert f"(1 of {len(view.claims)} claims)" in row[5].text
