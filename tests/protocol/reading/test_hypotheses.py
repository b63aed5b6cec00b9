"""Hypotheses in a protocol: what is read, and what is refused with its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vggstudy.errors import ProtocolError
from vggstudy.protocol import LoadedProtocol, Protocol, load_protocol
from vggstudy.stated.hypotheses import ClaimPart, parts_of

Load = Callable[..., LoadedProtocol]
REFERENCE = Path(__file__).resolve().parents[2] / "reference"

BASE = """\
schema = 1
name = "x"
[design]
replicates = 3
seed = 1
[design.factors]
depth = [11, 19]
[data]
name = "digits"
"""

GOOD = """
[[hypotheses]]
id = "H1"
text = "deeper is better"
kind = "claim"
claim = "accuracy.diff.depth"
direction = "above"
threshold = 0.0
"""


@pytest.fixture
def base() -> str:
    """A valid protocol: two cells, three replicates."""
    return BASE


def problems(load: Load, text: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        load(text)
    return str(caught.value).splitlines()


def claim_of(loaded: LoadedProtocol) -> str:
    hypothesis = loaded.protocol.hypotheses[0]
    assert isinstance(hypothesis, ClaimPart)
    return hypothesis.claim


def test_hypotheses_of_the_source_study_are_read() -> None:
    protocol = load_protocol(REFERENCE / "source_hypotheses.toml").protocol
    assert [one.id for one in protocol.hypotheses] == ["H1", "H2", "H3", "H4", "H5", "H6"]
    assert [[part.kind for part in parts_of(one)] for one in protocol.hypotheses] == [
        ["claim", "slope", "threshold_order"],
        ["claim"],
        ["claim", "claim", "claim"],
        ["equivalence"],
        ["peak"],
        ["ranking"],
    ]


def test_a_protocol_without_hypotheses_keeps_its_digest(base: str, load: Load) -> None:
    protocol = load(base).protocol
    assert protocol.hypotheses == []
    assert "hypotheses" not in protocol.model_dump(exclude_defaults=True)
    assert "outcomes" not in protocol.model_dump(exclude_defaults=True).get("analysis", {})
    with_one = load(base + GOOD).protocol
    assert with_one.digest() != protocol.digest()


def test_hypotheses_change_no_cell_and_no_run(base: str, load: Load) -> None:
    without, having = load(base), load(base + GOOD)
    assert [x.cell_id for x in without.cells] == [x.cell_id for x in having.cells]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("diff.depth", "diff.dept", "'dept' is no factor of [design.factors]"),
        ("diff.depth", "mean@depth=12", "depth has no level 12; it has 11, 19"),
        ("accuracy.diff", "acuracy.diff", "no outcome 'acuracy'"),
        ("accuracy.diff.depth", "accuracy.p", "it should be mean"),
        ("accuracy.diff.depth", "accuracy", "begins with outcome.quantity"),
        ('direction = "above"\n', "", "a hypothesis of kind 'claim' needs 'direction'"),
        ("threshold = 0.0", "", "a hypothesis of kind 'claim' needs 'threshold'"),
        ("threshold = 0.0", "threshold = 0.0\nmargin = 0.1", "'margin' has no meaning"),
        ('kind = "claim"', 'kind = "clam"', "kind must be"),
        ('direction = "above"', 'direction = "over"', "direction must be"),
        ('id = "H1"', 'id = "1"', "id must be at most 32 letters"),
    ],
)
def test_a_mistake_is_named_with_its_place(
    old: str, new: str, message: str, base: str, load: Load
) -> None:
    found = problems(load, base + GOOD.replace(old, new))
    assert any(message in line for line in found), found
    assert all(line.startswith("p.toml:1") for line in found if message in line)


def test_the_place_is_that_of_the_key(base: str, load: Load) -> None:
    text = base + GOOD.replace("diff.depth", "diff.dept")
    line = text[: text.index("claim = ")].count("\n") + 1
    assert f"p.toml:{line}:9:" in problems(load, text)[0]


def test_a_misspelled_factor_gets_a_suggestion(base: str, load: Load) -> None:
    found = problems(load, base + GOOD.replace("diff.depth", "diff.dept"))
    assert "did you mean 'depth'?" in "\n".join(found)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('kind = "peak"\nalong = "depht"', "'depht' is no factor"),
        ('kind = "peak"\nalong = "batch_norm"', "batch_norm must be a factor whose levels are"),
        ('kind = "peak"\nalong = "depth"\nat = { depth = 13 }', "depth has no level 13"),
        ('kind = "ranking"\nfactors = ["depth"]\norder = [{ lr = 1 }]', "is no factor"),
        (
            'kind = "ranking"\nfactors = ["depth"]\norder = [{ batch_norm = true }]',
            "'batch_norm' is not among the ranked factors",
        ),
        ('kind = "all"', "a hypothesis of kind 'all' needs 'parts'"),
        (
            'kind = "slope"\nalong = "depth"\ndirection = "above"\ninteractions = ["depth"]',
            "an interaction names two factors as in 'depth*batch_size'",
        ),
        (
            'kind = "equivalence"\nclaim = "accuracy.diff.depth"\nmargin = 0',
            "margin must be more than 0",
        ),
        (
            'kind = "threshold_order"\nalong = "depth"\ncompare = "batch_norm"\n'
            'direction = "above"\nlevels = [false, 3]',
            "batch_norm has no level 3",
        ),
    ],
)
def test_each_kind_is_checked_against_the_design(
    lines: str, message: str, base: str, load: Load
) -> None:
    text = base.replace("depth = [11, 19]", "depth = [11, 19]\nbatch_norm = [false, true]")
    found = problems(load, f'{text}\n[[hypotheses]]\nid = "H"\ntext = "x"\n{lines}\n')
    assert any(message in line for line in found), found


def test_mistakes_inside_hypotheses_hide_no_others(base: str, load: Load) -> None:
    text = (
        base
        + """
[[hypotheses]]
id = "H1"
text = "x"
kind = "slope"
along = "dept"
trheshold = 1
[[hypotheses]]
id = "H2"
text = "x"
kind = "clam"
claim = "accuracy.diff.dept"
[[hypotheses]]
id = "H3"
text = "x"
kind = "all"
[[hypotheses.parts]]
kind = "peak"
along = "dept"
min_levels = 2
[[hypotheses.parts]]
kind = "claim"
claim = "accuracy.diff.depth"
direction = "above"
threshold = 0
margin = 1
"""
    )
    told = [line.split(": ", 1) for line in problems(load, text)]
    assert [(int(place.split(":")[1]), words.split(" (")[0]) for place, words in told] == [
        (14, "a hypothesis of kind 'slope' needs 'direction'"),
        (15, "'dept' is no factor of [design.factors]"),
        (16, "unknown key 'trheshold'"),
        (
            20,
            "kind must be 'claim', 'equivalence', 'slope', 'threshold_order', 'peak', 'ranking' "
            "or 'all', got 'clam'",
        ),
        (28, "'dept' is no factor of [design.factors]"),
        (29, "min_levels must be at least 3, got 2"),
        (35, "'margin' has no meaning for a hypothesis of kind 'claim'"),
    ]


def test_two_hypotheses_cannot_share_an_id(base: str, load: Load) -> None:
    assert "two hypotheses have the id 'H1'" in "\n".join(problems(load, base + GOOD + GOOD))


def test_further_outcomes_may_be_named_in_claims(base: str, load: Load) -> None:
    text = base + '[analysis]\noutcomes = ["test_loss"]\n'
    text += GOOD.replace("accuracy.diff", "test_loss.diff")
    assert load(text).protocol.analysis.outcomes == ["test_loss"]


def test_the_association_of_a_further_outcome_may_be_named(base: str, load: Load) -> None:
    text = base + '[analysis]\noutcomes = ["test_loss"]\n'
    text += GOOD.replace("accuracy.diff.depth", "test_loss.association@depth=11")
    assert claim_of(load(text)) == "test_loss.association@depth=11"


@pytest.mark.parametrize("outcome", ["accuracy", "converged", "expected", "ensemble_gain"])
def test_no_other_outcome_has_an_association(outcome: str, base: str, load: Load) -> None:
    text = base + '[analysis]\noutcomes = ["ensemble_gain"]\n'
    found = problems(load, text + GOOD.replace("accuracy.diff.depth", f"{outcome}.association"))
    assert any("should be of a further outcome of single runs" in line for line in found), found


BLOCKED = BASE.replace("[11, 19]", "[11, 19]\nlr = [0.1, 0.2, 0.4]") + "[analysis]\nblock = 'lr'\n"


@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        ("accuracy.block_diff.depth", None),
        ("converged.block_wins.depth", None),
        ("accuracy.block_rank@depth=11", None),
        ("accuracy.block_rank@lr=0.1", "should be of another factor than lr"),
        ("accuracy.block_diff.lr", "should be of another factor than lr"),
        ("converged.block_ratio.depth", "should be of converged runs"),
    ],
)
def test_claims_over_blocks_may_be_named(claim: str, wrong: str | None, load: Load) -> None:
    text = BLOCKED + GOOD.replace("accuracy.diff.depth", claim)
    if wrong is None:
        assert claim_of(load(text)) == claim
    else:
        assert wrong in "\n".join(problems(load, text))


def test_blocks_are_a_factor_and_leave_another_to_compare(load: Load) -> None:
    assert load(BLOCKED).protocol.analysis.block == "lr"
    assert load(BLOCKED).protocol.digest() != load(BLOCKED.split("[analysis]")[0]).protocol.digest()
    found = problems(load, BLOCKED.replace("'lr'", "'model'"))
    assert "'model' is no factor" in "\n".join(found)
    only = BASE + "[analysis]\nblock = 'depth'\n"
    assert "analysis.block is the only factor" in "\n".join(problems(load, only))
    without = BASE + GOOD.replace("accuracy.diff", "accuracy.block_diff")
    assert "of a protocol with analysis.block" in "\n".join(problems(load, without))


def test_a_mistake_in_the_design_hides_no_other_and_invents_none(base: str, load: Load) -> None:
    text = base.replace("[11, 19]", "[11, 20]") + GOOD
    found = problems(load, text)
    assert not any("hypothes" in line for line in found)


@pytest.mark.parametrize(
    "claim",
    ["accuracy.iqm@depth=11", "accuracy.improvement.depth", "peak.depth", "needed.depth"],
)
def test_secondary_quantities_and_curves_may_be_named(claim: str, base: str, load: Load) -> None:
    text = base + GOOD.replace("accuracy.diff.depth", claim)
    assert claim_of(load(text)) == claim


def test_the_model_is_that_of_the_schema() -> None:
    schema = Protocol.model_json_schema(by_alias=True)
    assert "hypotheses" in schema["properties"]
