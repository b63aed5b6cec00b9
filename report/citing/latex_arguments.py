"""Arguments of LaTeX's commands, found among the tokens of a file."""

from __future__ import annotations

from vggstudy.report.citing.tex import Kind, Token


class Arguments:
    """Looks at places among tokens; goes nowhere itself.

    Attributes
    ----------
    tokens : list of Token
    closing : dict of int to int
        The place of the brace that closes each opened one.
    """

    def __init__(self, found: list[Token]) -> None:
        self.tokens, self.closing = found, _closing(found)

    def blanks(self, place: int) -> int:
        """Behind blanks."""
        while place < len(self.tokens) and self.tokens[place].kind is Kind.SPACE:
            place += 1
        return place

    def behind_option(self, place: int) -> int:
        """Behind an argument in brackets, if one stands here."""
        return self.bracket(place)[1]

    def bracket(self, place: int) -> tuple[str | None, int]:
        """Text in brackets and the place behind it; None where there is none."""
        start = self.blanks(place)
        if start >= len(self.tokens) or self.tokens[start].text != "[":
            return None, place
        if self.tokens[start].kind is not Kind.TEXT:
            return None, place
        parts: list[str] = []
        for ahead in range(start + 1, min(start + 400, len(self.tokens))):
            token = self.tokens[ahead]
            if token.kind is Kind.TEXT and token.text == "]":
                return "".join(parts), ahead + 1
            if token.kind is Kind.PARAGRAPH or token.text == "[":
                break
            parts.append(("\\" if token.kind is Kind.COMMAND else "") + token.text)
        return None, place

    def argument(self, place: int, *, plain: bool = False) -> tuple[str | None, int]:
        """Text in braces and the place behind it; None where there is none, or it is not plain."""
        start = self.blanks(place)
        if start >= len(self.tokens) or self.tokens[start].kind is not Kind.OPEN:
            return None, place
        end = self.closing.get(start)
        if end is None:
            return None, place
        inner = self.tokens[start + 1 : min(end, start + 400)]
        if any(token.kind is Kind.COMMAND for token in inner):
            return None, end + 1
        if plain and any(token.kind in (Kind.OPEN, Kind.PARAGRAPH) for token in inner):
            return None, end + 1
        return "".join(token.text for token in inner).strip(), end + 1

    def before(self, place: int) -> str | None:
        """The command right before a token, blanks and an opening brace between them."""
        place -= 1
        while place >= 0 and self.tokens[place].kind in (Kind.SPACE, Kind.OPEN):
            place -= 1
        if place < 0 or self.tokens[place].kind is not Kind.COMMAND:
            return None
        return self.tokens[place].text


def _closing(found: list[Token]) -> dict[int, int]:
    """The place of the brace that closes each opened one."""
    waiting: list[int] = []
    closing: dict[int, int] = {}
    for place, token in enumerate(found):
        if token.kind is Kind.OPEN:
            waiting.append(place)
        elif token.kind is Kind.CLOSE and waiting:
            closing[waiting.pop()] = place
    return closing
