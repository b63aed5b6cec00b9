"""Checks one paper against one set of claims."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from vggstudy.errors import AnalysisError
from vggstudy.report.citing.columns import Columns, unbound
from vggstudy.report.citing.commands import DEFINERS
from vggstudy.report.citing.findings import UNCLEAR, WARNING, WRONG, Mismatch
from vggstudy.report.citing.fit import Printed, misfit, printed_of
from vggstudy.report.citing.intervals import Interval, Unread, find_intervals
from vggstudy.report.citing.latex import (
    DEFINITION,
    FORMS,
    cited,
    claim_id_of,
    despite_of,
    macros,
    tex_key,
)
from vggstudy.report.citing.latex_definitions import CHANGES
from vggstudy.report.citing.latex_paper import Use, read_latex
from vggstudy.report.citing.markdown_paper import read_markdown
from vggstudy.report.citing.neighbours import Said, beside
from vggstudy.report.citing.paper import MAX_FILES, Folder, is_latex, read_paper
from vggstudy.report.citing.tables import HEAD as TABLE_HEAD
from vggstudy.report.citing.tables import TableSpec, table
from vggstudy.report.citing.text import Text
from vggstudy.report.words.display import display, size_of

if TYPE_CHECKING:
    from vggstudy.analysis import Claim, ClaimSet

_MADE_BY = re.compile(r"made by vggstudy [\w.+]+;")
_MADE_BY_LAST = re.compile(r"made by vggstudy [\w.+]+$")
_MEANINGS = re.compile(
    rf"\\(?:{'|'.join(map(re.escape, sorted(DEFINERS, key=len, reverse=True)))})\*?[\s{{%]*"
    r"\\(textbf|bfseries|caption|centering|label|input|toprule|midrule|bottomrule|tabular|"
    r"endtabular|table|endtable|cr|hline|%|\\)(?![A-Za-z@])"
)
"""Commands that an exported table uses, where they are defined anew."""

MOST_LINES = 10
"""Lines of a table that are told of."""

_MACROS_HEAD = "% vggstudy-macros"
_GLUED_BEFORE = re.compile("[\\w.+\ufffc-]$|[+-] ?$")
_GLUED_AFTER = re.compile(
    "^(?:[\\w%^\ufffc]|\\.\\d|,\\d| ?[×*·] ?\\d| (?:thousand|million|billion|hundred)\\b)"
)


class Checker:
    """Checks a paper's files, in the order in which they are input."""

    def __init__(
        self,
        claims: ClaimSet,
        path: Path,
        *,
        allowed: Sequence[Path],
        trusted: Sequence[Path],
        list_unbound: bool = False,
    ) -> None:
        self.checked = 0
        self._unbound = list_unbound
        self.found: list[Mismatch] = []
        self._claims, self._path = claims, path
        self._keys: dict[str, Claim] = {}
        self._printed: dict[tuple[str | None, str | None], list[Printed]] = defaultdict(list)
        self._parted: set[tuple[str, str]] = set()
        self._searched = False
        self._folder = Folder(path.parent, allowed, trusted)
        for claim in claims.values():
            self._take(claim)
        self._uses = 0
        self._exports = 0
        self._tables = 0
        self._redefined: list[tuple[Path, int, str]] = []
        self._first_use: tuple[Path, int] | None = None

    def _take(self, claim: Claim) -> None:
        """Let a claim's numbers be found without its id."""
        key = tex_key(claim.id)
        if key in self._keys:
            return
        self._keys[key] = claim
        shown = display(claim)
        if shown is not None and claim.available:
            ends = shown.rounded.low, shown.rounded.high
            self._printed[ends].append(printed_of(claim, shown))
        name = claim.id
        self._parted |= {(name[:at], name[at + 1 :]) for at, x in enumerate(name) if x in ".@="}

    def run(self) -> None:
        """Check the paper and what it inputs, each file once."""
        seen: set[Path] = set()
        waiting = [self._path]
        while waiting:
            file = waiting.pop(0)
            if file.resolve() in seen:
                continue
            seen.add(file.resolve())
            content = read_paper(file)
            full = self._folder.admit(content)
            if full is not None:
                self._say(file, 0, full, UNCLEAR)
                break
            waiting = [*self._check(file, content), *waiting]
        for file, line, name in self._redefined if self._tables else ():
            self._say(
                file, line, f"\\{name} gets another meaning, and tables print with it", UNCLEAR
            )
        if self._uses and not self._exports and self._first_use is not None:
            text = r"\vgg is used, but no file of macros that vggstudy exported is input"
            self._say(*self._first_use, text, UNCLEAR)

    def _say(self, path: Path, line: int, text: str, code: int = WRONG) -> None:
        self.found.append(Mismatch(str(path), line, text, code))

    def _check(self, file: Path, content: str) -> list[Path]:
        """Check one file; returns those that it inputs."""
        before = len(self.found)
        inputs: list[Path] = []
        if content.startswith(_MACROS_HEAD):
            self._check_export(file, content)
        elif content.startswith(TABLE_HEAD):
            self._check_table(file, content)
        elif is_latex(file) or file != self._path:
            inputs = self._check_latex(file, content)
        else:
            text, findings = read_markdown(content)
            for code, line, said in findings:
                self._say(file, line, said, code)
            if "\\vgg[" in content:
                line = content.count("\n", 0, content.index("\\vgg[")) + 1
                self._say(file, line, r"\vgg is a macro of LaTeX and prints nothing here", UNCLEAR)
            self._check_text(file, text)
        self.found[before:] = sorted(self.found[before:], key=lambda found: found.line)
        return inputs

    # -- the file of macros ---------------------------------------------------------------------

    def _check_export(self, file: Path, content: str) -> None:
        """The file of macros must be what an export gives now, but for the version's number."""
        self._exports += 1
        fresh = self._fresh(content)
        lines, ours = content.split("\n"), fresh.split("\n")
        self.checked += sum(line.startswith("\\vgg@def{") for line in lines)
        lines[0], ours[0] = (_MADE_BY.sub("made by vggstudy;", text[0]) for text in (lines, ours))
        if lines == ours and "\r" not in content:
            return
        known = set(ours)
        other = len(lines) > 1 and lines[1].startswith("% inputs SHA-256 ") and lines[1] != ours[1]
        wrong = [(n, line) for n, line in enumerate(lines, start=1) if line not in known]
        for number, line in wrong[:3]:
            if number == 2 and other:
                text = "these macros were made from other inputs than the study's"
            elif (match := DEFINITION.match(line.strip())) is not None:
                text = f"{match['key']} ({match['form']}) is not the study's"
            else:
                text = CHANGES
            self._say(file, number, text)
        if not wrong:
            text = "this file of macros is not what an export gives now: export it again"
            self._say(file, 1, text, UNCLEAR)

    def _fresh(self, content: str) -> str:
        """The file of macros as it would be exported, in spite of the checks that it names.

        It holds the claims that are made unasked; one that holds others too was asked for them.
        """
        made = list(self._claims.values())
        digest, despite = next((claim.inputs_digest for claim in made), ""), despite_of(content)
        found = (DEFINITION.match(line) for line in content.split("\n"))
        named = {one["key"]: None for one in found if one is not None}
        held = [claim for key in named if (claim := self._defined(key)) is not None]
        whole = {claim.id for claim in held}.issuperset(c.id for c in made if cited(c, despite))
        return macros(held if whole else made, inputs_digest=digest, despite=despite)

    # -- a table --------------------------------------------------------------------------------

    def _check_table(self, file: Path, content: str) -> None:
        """A table must be, line for line, what an export gives now, but for the version's number.

        So no cell, label or mark can stand where another belongs.
        """
        lines = content.split("\n")
        self._tables += 1
        self.checked += sum(line.startswith("& ") and " % " in line for line in lines)
        spec = TableSpec.read(lines[0])
        if spec is None:
            self._say(file, 1, "the first line of this table is not what an export writes", UNCLEAR)
            return
        digest = next((claim.inputs_digest for claim in self._claims.values()), "")
        try:
            ours = table(self._claims, spec, inputs_digest=digest).split("\n")
        except AnalysisError as error:
            self._say(file, 1, str(error))
            return
        ours[0] = _MADE_BY_LAST.sub("", ours[0])
        lines[0] = _MADE_BY_LAST.sub("", lines[0])
        wrong = [
            (number, have, want)
            for number, (have, want) in enumerate(zip_longest(lines, ours), start=1)
            if have != want
        ]
        for number, have, want in wrong[:MOST_LINES]:
            place = min(number, len(lines))
            self._say(
                file, place, f"this line of the table is not the study's: {_differs(have, want)}"
            )
        if len(wrong) > MOST_LINES:
            last = min(wrong[MOST_LINES][0], len(lines))
            self._say(file, last, f"and {len(wrong) - MOST_LINES} more lines from here on")
        if "\r" in content:
            self._say(
                file, 1, "this table is not what an export gives now: export it again", UNCLEAR
            )

    def _check_meanings(self, file: Path, content: str) -> None:
        """Where a table is exported, commands that print its cells must mean what they mean."""
        for found in _MEANINGS.finditer(content):
            line = content.count("\n", 0, found.start()) + 1
            self._redefined.append((file, line, found[1]))

    # -- LaTeX ----------------------------------------------------------------------------------

    def _check_latex(self, file: Path, content: str) -> list[Path]:
        """A file of LaTeX."""
        if (at := content.find(TABLE_HEAD)) >= 0:
            said = "a table that vggstudy exported is checked in a file of its own: \\input it"
            self._say(file, content.count("\n", 0, at) + 1, said, UNCLEAR)
        self._check_meanings(file, content)
        paper = read_latex(content, self._print)
        for code, line, said in paper.findings:
            self.checked += code == WRONG
            self._say(file, line, said, code)
        for use in paper.uses:
            self._check_use(file, paper.text, use)
        self._check_text(file, paper.text, [(use.start, use.end) for use in paper.uses])
        found = []
        if len(paper.files) > MAX_FILES:
            said = f"more than {MAX_FILES} files are input; those from here on are not read"
            self._say(file, paper.files[MAX_FILES].line, said, UNCLEAR)
        for asked in paper.files[:MAX_FILES]:
            answer = self._folder.find(asked, file)
            if isinstance(answer, str):
                self._say(file, asked.line, answer, UNCLEAR)
            elif answer is not None:
                found.append(answer)
        return found

    def _print(self, form: str, key: str) -> str:
        """What the study prints for a macro; nothing where it makes no such claim."""
        claim = self._defined(key)
        shown = display(claim) if claim is not None and claim.available else None
        if claim is None or shown is None:
            return ""
        size = str(size_of(claim))
        forms = {"estimate": shown.estimate, "interval": shown.interval, "n": size}
        return forms.get(form, f"{shown.estimate}, {shown.interval}, n = {size}")

    def _check_use(self, file: Path, text: Text, use: Use) -> None:
        """A macro must name a claim that has an interval, in a form that there is."""
        self.checked += 1
        self._uses += 1
        self._first_use = self._first_use or (file, use.line)
        claim = self._defined(use.id)
        if claim is None:
            self._say(file, use.line, f"the study makes no claim {use.id}")
        elif not claim.available:
            self._say(file, use.line, f"{use.id} is not available: {claim.reason_text}")
        if use.form not in FORMS:
            said = f"has no form {use.form!r}" if use.form else "needs a form in brackets"
            self._say(file, use.line, f"\\vgg {said}: choose one of {', '.join(FORMS)}")
        before = text.content[max(0, use.start - 3) : use.start]
        after = text.content[use.end : use.end + 12]
        if (glued := _GLUED_BEFORE.search(before)) and not before.endswith("--"):
            said = f"{glued[0]!r} right before \\vgg[{use.form}]{{{use.id}}} changes its number"
            self._say(file, use.line, said)
        elif glued := _GLUED_AFTER.match(after):
            said = f"{glued[0]!r} right behind \\vgg[{use.form}]{{{use.id}}} changes its number"
            self._say(file, use.line, said)

    # -- numbers in the text --------------------------------------------------------------------

    def _check_text(self, file: Path, text: Text, macros_: Sequence[tuple[int, int]] = ()) -> None:
        """Every interval must be one that a claim prints."""
        for line, said in dict.fromkeys(text.oddities):
            self._say(file, line, said, UNCLEAR)
        found = sorted(find_intervals(text.content), key=lambda one: one.start)
        starts = [one.start for one in found]
        columns = Columns(text.content)
        if self._unbound:
            spans = [*macros_, *((x.start, x.start + len(x.said)) for x in found)]
            for place, said in unbound(text.content, spans):
                words = f"{said!r} stands in a table and is bound to no claim"
                self._say(file, text.line(place), words, WARNING)
        since = 0
        for place, one in enumerate(found):
            self.checked += 1
            number = text.line(one.start)
            until = starts[place + 1] if place + 1 < len(starts) else len(text.content)
            if isinstance(one, Unread):
                words = f"{one.said.strip()!r} looks like an interval and could not be read"
                self._say(file, number, words, UNCLEAR)
            else:
                near = beside(text.content, one, since, until).with_size(columns.size(one.start))
                quoted = " ".join(text.content[max(since, one.start - 30) : one.end].split())
                self._check_interval((file, number), one, near, quoted)
                since = one.end + near.used

    def _check_interval(
        self, place: tuple[Path, int], one: Interval, said: Said, quoted: str
    ) -> None:
        """One interval with what stands beside it."""
        code, text = self._judge(one, said, quoted)
        if code not in (None, WARNING) and self._search():
            code, text = self._judge(one, said, quoted)
        if code is not None:
            self._say(*place, text, code)

    def _judge(self, one: Interval, said: Said, quoted: str) -> tuple[int | None, str]:
        """What is wrong with an interval; None where nothing is."""
        meant = [name for name in said.words if self._mistyped(name)]
        ids: set[str] = set()
        for name in (*said.ids, *meant):
            claim = self._known(name)
            if claim is None:
                return WRONG, f"the study makes no claim {name}"
            self._take(claim)
            ids.add(claim.id)
        candidates = list(self._printed.get((one.low, one.high), ()))
        if one.other_high is not None:
            candidates += self._printed.get((one.low, one.other_high), ())
        if ids:
            candidates = [x for x in candidates if {x.id} == ids]
        code, reason = misfit(one, said, candidates, labelled=bool(ids))
        if code == WARNING:
            return code, f"{one.said.strip()!r} has no estimate beside it"
        if code == WRONG:
            why = f": {reason}" if reason else ""
            return code, f"no claim of the study prints {quoted!r}{why}"
        return code, f"{quoted!r} cannot be checked: {reason}"

    def _search(self) -> bool:
        """Take the claims that nobody asked for, once: a typed number need not name its claim."""
        if self._searched:
            return False
        self._searched = True
        found = self._claims.searched()
        for claim in found:
            self._take(claim)
        return bool(found)

    def _mistyped(self, word: str) -> bool:
        """Whether a word is an id but for its only sign."""
        return any((word[:at], word[at + 1 :]) in self._parted for at in range(len(word)))

    def _known(self, name: str) -> Claim | None:
        """The claim of an id, as it is or as a macro writes it."""
        return self._claims.get(name) or self._defined(name)

    def _defined(self, key: str) -> Claim | None:
        """The claim that a macro writes so."""
        if key in self._keys:
            return self._keys[key]
        claim = self._claims.get(claim_id_of(key))
        return claim if claim is not None and tex_key(claim.id) == key else None


def _differs(have: str | None, want: str | None) -> str:
    """A line of a table and what it should be."""
    if want is None:
        return f"{have!r} is one too many"
    return f"{want!r} is missing" if have is None else f"{have!r}, the study's {want!r}"
