"""LaTeX's commands: what prints nothing, what reads files, what cannot be followed."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    """Names between blanks."""
    return frozenset(text.split())


PRINTS: dict[str, str] = {
    **{sign: sign for sign in "%&_#${}"},
    **dict.fromkeys(["textminus", "textendash", "textemdash", "minus"], "-"),
    **dict.fromkeys(["percent", "textpercent"], "%"),
    **dict.fromkeys(["quad", "qquad", " ", "\n", "\t", "space", "enspace", "hfill", "["], " "),
    **dict.fromkeys(["]", "newline", "linebreak", "enskip", "hskip"], " "),
    **{"pm": "±", "times": "×", "cdot": "·", "leq": "≤", "le": "≤", "geq": "≥", "ge": "≥"},
    **{"lbrack": "[", "rbrack": "]", "infty": "∞", "ldots": "…", "dots": "…", "to": "→"},
    **{"rightarrow": "→", "approx": "~", "sim": "~", "S": "§", "textasciitilde": "~"},
    **{"textbackslash": "\\", "mid": "|", "lparen": "(", "rparen": ")", "textpm": "±"},
    **{"textless": "<", "textgreater": ">", "lt": "<", "gt": ">", "neq": "≠", "colon": ":"},
}
"""Commands that print one sign."""

NOTHING = _words(
    r"""
    ! ( ) , - / : ; > @ abstract allowbreak alpha and appendix ast author backmatter bar begin
    begingroup beta bf bfseries bgroup BibTeX Big big Bigg bigg Biggl biggl Biggr biggr Bigl
    bigl bigm Bigr bigr bigskip bm boldsymbol bottomrule boxed caption captionof centering
    chapter clearpage colorbox columnsep columnwidth date Delta delta dfrac displaystyle eg
    egroup em emph end endgroup enquote ensuremath etal fbox fcolorbox footnote footnotesize
    footnotetext frac frenchspacing frontmatter hat hbox hline href Huge huge ie indent it
    item itshape LARGE Large large LaTeX leavevmode left limits linewidth mainmatter
    makeatletter makeatother maketitle marginpar mathbb mathbf mathcal mathit mathnormal
    mathop mathring mathrm mathsf mathstrut mbox mdseries medskip middle midrule mu newblock
    newpage nobreak noindent nolimits nolinebreak normalfont normalsize null num numrange
    operatorname pagebreak par paragraph part prime protect qty qtyrange quote raggedleft
    raggedright relax right rm rmfamily sc scriptsize scshape section selectfont sf sffamily
    SI si sigma SIrange small smallskip so sout star strut subparagraph subsection
    subsubsection tablenum tableofcontents TeX text textbf textcolor textheight textit textmd
    textnormal textquote textrm textsc textsf textsl textstyle texttt textup textwidth tfrac
    thanks tilde tiny title toprule tt ttfamily ul uline underline unit upshape widehat
    """
)
"""Commands that print what stands in their braces, or nothing that could be taken for a number."""

HIDES: dict[str, int] = {
    **dict.fromkeys(
        _words(
            r"""
            addbibresource autocite baselinestretch bibitem bibliography bibliographystyle
            captionsetup cite citealp citealt citeauthor citep citet citeyear citeyearpar
            cline cmidrule color DeclareGraphicsExtensions footcite footnotemark geometry
            graphicspath hphantom hspace hypersetup hyphenation includegraphics index keywords
            label linespread lstset nocite nolinkurl pagenumbering pagestyle parencite
            PassOptionsToPackage path pdfoutput phantom printbibliography setstretch sisetup
            supercite textcite theoremstyle thispagestyle url usetikzlibrary vphantom vspace
            """
        ),
        1,
    ),
    **dict.fromkeys(
        _words(
            r"""
            addtocounter addtolength newtheorem numberwithin PassOptionsToClass rule
            setcounter setlength
            """
        ),
        2,
    ),
    **dict.fromkeys(
        _words(
            r"""
            addcontentsline definecolor
            """
        ),
        3,
    ),
}
"""Commands whose first arguments are not printed, with how many."""

FIRST_HIDDEN = frozenset(["textcolor", "colorbox", "href", "captionof"])
"""Commands of which the first argument is not printed, the last is."""

REFERENCES = frozenset(["ref", "eqref", "autoref", "cref", "Cref", "pageref", "nameref", "thepage"])
"""Print numbers that belong to no study."""

FILES = _words(
    r"""
    @@input @iinput @include @input include includestandalone input InputIfFileExists subfile
    subfileinclude
    """
)
"""Commands that read a file named by their first argument."""

FILES_IN = _words(
    r"""
    import import* includefrom inputfrom subimport subimport* subincludefrom subinputfrom
    """
)
"""Commands that read a file named by a folder and a name."""

PACKAGES = {"usepackage": ".sty", "RequirePackage": ".sty", "RequirePackageWithOptions": ".sty"} | {
    "documentclass": ".cls",
    "documentstyle": ".cls",
    "LoadClass": ".cls",
    "LoadClassWithOptions": ".cls",
}
"""Commands that read packages and classes, with the ending of their files."""

UNREAD = _words(
    r"""
    @filef@und attachfile bibinput BVerbatimInput CatchFileBetweenTags CatchFileDef
    CatchFileEdef csvautotabular csvloop csvreader DTLloaddb DTLloadrawdb embedfile
    ExecuteMetaData file_input:n filecontents includeinkscape includemedia includepdf
    includesvg inputminted inputpygmentize inputtikz loadglsentries lstinputlisting
    LVerbatimInput makeindex markdownInput openin pdffiledump pdfximage pgfplotstableread
    pgfplotstabletypeset pyfile read ReadFile readline tikzinput usecolortheme usetheme
    VerbatimInput verbatiminput
    """
)
"""Commands that take text from a file in a way that is not followed."""

POWERS = _words(
    r"""
    @makeother @sanitize active afterassignment aftergroup begingroup@ catcode catcodetable
    char chardef cs_set:Npn DeclareTextSymbol DeclareUnicodeCharacter DefineShortVerb delcode
    directlua dospecials endlinechar escapechar everydisplay everymath everypar ExplSyntaxOn
    jobname latelua lccode lowercase lstMakeShortInline lstnewenvironment luacode luadirect
    luaexec makeatother@ MakeOuterQuote MakeShortVerb mathchardef mathcode newunicodechar
    obeylines output pdfliteral regexpatchcmd romannumeral scantextokens scantokens
    ShellEscape special StrSubstitute symbol sys_shell tex_let:D toks uccode uppercase write18
    """
)
"""Commands that change how a text is read or printed, so that nobody can tell what it says."""

DEFINERS = _words(
    r"""
    @ifdefinable @namedef @nameedef @nameuse addto AddToHook AddToHookWithArguments appto
    apptocmd CheckCommand csappto csdef csedef csgdef cslet csletcs csname cspreto csshow
    csundef csuse csxdef DeclareCommandCopy DeclareDocumentCommand DeclareDocumentEnvironment
    DeclareExpandableDocumentCommand DeclareMathOperator DeclarePairedDelimiter
    DeclareRobustCommand def detokenize eappto edef epreto expandafter futurelet g@addto@macro
    gappto gdef global global@let GlobalLetLtxMacro gpreto ifcsdef ifdef l@addto@macro let
    letcs LetLtxMacro long ltx@newcommand meaning new@command newcommand NewCommandCopy
    newcommandx newcount newcounter NewDocumentCommand NewDocumentEnvironment newenvironment
    NewExpandableDocumentCommand NewHook newif newlet newrobustcmd newsavebox newtoks noexpand
    outer patchcmd preto pretocmd protected protected@edef protected@xdef providecommand
    providecommandx ProvideDocumentCommand ProvideExpandableDocumentCommand providerobustcmd
    renew@command renewcommand RenewCommandCopy renewcommandx RenewDocumentCommand
    RenewDocumentEnvironment renewenvironment RenewExpandableDocumentCommand renewrobustcmd
    robustify savebox sbox show string undef unexpanded WithSuffix xappto xapptocmd xdef
    xdefcs xpatchcmd xpreto xpretocmd
    """
)
"""Commands behind which the macro's name means a new meaning, or another name, of the macro."""

NAMED = _words(
    r"""
    @ifundefined @namedef @nameedef @nameuse begin csappto csdef csedef csgdef cslet csletcs
    cspreto csshow csundef csuse csxdef end ExpandArgs ifcsdef ifcsundef letcs UseName
    """
)
"""Commands that take the name of a command in braces."""

TEX_OWN = frozenset(["glyphtounicode", "glyphtounicode.tex", "glyphtounicode-cmr"])
"""Files that every TeX has, and that print nothing."""
