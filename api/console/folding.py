"""A page's own words are looked up once, when its template is read, and not each time that the page is shown.

A long list says the same few words in every line; asking the catalogue for each of them is a good part of what such a page costs.
Rule: only what is constant is folded, ``_("Save")``; what takes a value or a number is asked as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from api.console.languages import translations

ASKED = ("name", "lparen", "string", "rparen")  # _("...")


class Folding(Extension):
    """Of an environment in one language, which ``language`` names, for the pages of one ``area``."""

    language, area = "en", ""

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        """Each constant question becomes its answer, which is markup as the question's would be."""
        tokens = list(stream)
        at = 0
        while at < len(tokens):
            asked = tokens[at : at + len(ASKED)]
            if asked[0].value == "_" and tuple(token.type for token in asked) == ASKED:
                yield from self._answered(asked)
                at += len(ASKED)
            else:
                yield tokens[at]
                at += 1

    def _answered(self, asked: list[Token]) -> Iterator[Token]:
        line, text = asked[2].lineno, asked[2].value
        answer = translations(self.language, self.area).gettext(text) % {}  # as newstyle gettext does: %% is one
        yield Token(line, "lparen", "(")
        yield Token(line, "string", answer)
        yield Token(line, "pipe", "|")
        yield Token(line, "name", "safe")
        yield Token(line, "rparen", ")")


def folding_in(language: str, area: str) -> type[Folding]:
    """The extension for an environment in this language, for the pages of this area."""
    return type("Folding", (Folding,), {"language": language, "area": area})
