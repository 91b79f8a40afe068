"""Probes, one of its own for each field, and what an answer may look like that shows one.

Rule 1: a probe is known again wherever it stands, whole or cut, by its mark: ``x0017z`` is that of the seventeenth field.
Rule 2: an answer is judged as a browser reads it: elements, attributes, addresses, data for scripts, cells of a spreadsheet.
"""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlsplit

import httpx

MARK = re.compile(r"x(\d{4})z")
#: 911 times 911, where no id could hold it by chance: some template was carried out.
CARRIED_OUT = re.compile(r"(?<![0-9a-f])829921(?![0-9a-f])")
RUNS = "${911*911}<script>ran=1</script><img src=x onerror=ran=1>{% raise %}"
ADDRESSES = ("href", "src", "action", "formaction", "xlink:href", "hx-get", "hx-post", "hx-put", "hx-delete", "poster", "data")
OUTSIDE = ("javascript", "data", "vbscript", "blob")
NEVER = ("img", "iframe", "object", "embed", "base", "frame", "applet")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
SENT = ("text", "search", "tel", "url", "email", "password", "number", "date", "time", "datetime-local", "file")


@dataclass
class Probes:
    """``fields``: in the order of their marks; ``shown``: those that some page, part, print or spreadsheet held."""

    fields: list[str] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def of(self, name: str, most: int | None = None, *, braces: bool = True) -> str:
        """A probe for the field, of at most ``most`` characters. ``braces``: whether a template may stand in it."""
        if name not in self.fields:
            self.fields.append(name)
        mark = f"x{self.fields.index(name):04d}z"
        short = f"=<i id={mark}>'\""
        whole = short + ("{{911*911}}" + RUNS if braces else "<script>ran=1</script><img src=x onerror=ran=1>")
        sizes = (whole, short + "{{911*911}}" if braces else short, short, f"<i id={mark}>", f"<{mark}")
        return next((one for one in sizes if most is None or len(one) <= most), short)

    def judge(self, answer: httpx.Response, where: str) -> Markup:
        """Remembers what the answer shows and what is wrong with it; its markup."""
        text, kind = answer.text, answer.headers.get("content-type", "")
        page = Markup()
        if answer.status_code >= 500:
            self.wrong.append(f"{where}: {answer.status_code}")
        if CARRIED_OUT.search(text):
            self.wrong.append(f"{where}: a template was carried out")
        if answer.content and answer.headers.get("x-content-type-options") != "nosniff":
            self.wrong.append(f"{where}: a browser may guess what it is")
        if kind.startswith("text/html"):
            policy = answer.headers.get("content-security-policy", "")
            if "default-src 'none'" not in policy or "unsafe" in policy:
                self.wrong.append(f"{where}: policy {policy!r}")
            page.feed(text)
            page.close()
            self.wrong += [f"{where}: {one}" for one in page.wrong]
        elif kind.startswith("text/csv"):
            cells = (cell for row in csv.reader(io.StringIO(text)) for cell in row)
            self.wrong += [f"{where}: a formula in {cell!r}" for cell in cells if MARK.search(cell) and cell.startswith(FORMULA)]
        elif not kind.startswith(("application/json", "application/problem+json", "application/yaml")) and answer.content:
            self.wrong.append(f"{where}: is {kind!r}")
        self.shown |= {self.fields[int(number)] for number in MARK.findall(text) if int(number) < len(self.fields)}
        return page


@dataclass
class Field:
    """What a form sends by a name. ``kind``: of an input its type, else the element; ``values``: those to choose from."""

    name: str
    kind: str
    value: str = ""
    most: int | None = None
    values: list[str] = field(default_factory=list)


@dataclass
class Form:
    """``also``: addresses to which scripts send the same fields, each with its method."""

    method: str
    action: str
    fields: list[Field] = field(default_factory=list)
    also: list[tuple[str, str]] = field(default_factory=list)


class Markup(HTMLParser):
    """Links, parts that scripts fetch, forms, and whatever no page of ours holds."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.forms: list[Form] = []
        self.wrong: list[str] = []
        self._form: Form | None = None
        self._named: dict[str, Form] = {}
        self._select: Field | None = None
        self._area: Field | None = None
        self._data: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._judge(tag, given)
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if "hx-get" in given:
            self.parts.append(given["hx-get"])
        if tag == "form":
            self._form = Form(given.get("method", "get").lower(), given.get("action", ""))
            self._named[given.get("id", "")] = self._form
            self.forms.append(self._form)
        form = self._named.get(given["form"]) if "form" in given else self._form
        if form is not None:
            self._take(tag, given, form)
        if tag == "script" and given.get("type") == "application/json":
            self._data = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "textarea":
            self._area = None
        elif tag == "script" and self._data is not None:
            try:
                json.loads(self._data)
            except ValueError:
                self.wrong.append(f"data for a script that is no JSON: {self._data[:80]!r}")
            self._data = None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data
        if self._data is not None:
            self._data += data

    def _judge(self, tag: str, given: dict[str, str]) -> None:
        for name, value in given.items():
            if not re.fullmatch(r"[a-z][a-z0-9:_.-]*", name) or name.startswith(("on", "hx-on")) or name in ("style", "srcdoc"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name == "id" and MARK.match(value):
                self.wrong.append(f"<{tag} id={value}>")
            if name in ADDRESSES and urlsplit(value.strip()).scheme.lower() in OUTSIDE:
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("hx-vals", "hx-headers") and not value.startswith("{"):
                self.wrong.append(f"<{tag} {name}={value!r}>")
        if tag in NEVER or MARK.search(tag):
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not given.get("src") and given.get("type") != "application/json":
            self.wrong.append("<script> within the page")

    def _take(self, tag: str, given: dict[str, str], form: Form) -> None:
        for name, method in (("hx-post", "post"), ("hx-get", "get")):
            if given.get(name):
                form.also.append((method, given[name]))
        if given.get("formaction"):
            form.also.append((given.get("formmethod", form.method), given["formaction"]))
        name, kind = given.get("name", ""), given.get("type", "text" if tag == "input" else "submit")
        most = int(given["maxlength"]) if given.get("maxlength", "").isdigit() else None
        if tag == "option" and self._select is not None:
            self._select.values.append(given.get("value", ""))
            if "selected" in given:
                self._select.value = given.get("value", "")
        elif not name or "disabled" in given:
            return
        elif tag == "select":
            self._select = Field(name, "select")
            form.fields.append(self._select)
        elif tag == "textarea":
            self._area = Field(name, "textarea", most=most)
            form.fields.append(self._area)
        elif tag in ("input", "button") and kind in ("radio", "checkbox", "submit"):
            known = next((one for one in form.fields if (one.name, one.kind) == (name, kind)), None)
            if known is None:
                known = Field(name, kind)
                form.fields.append(known)
            known.values.append(given.get("value", "on"))
            if "checked" in given:
                known.value = given.get("value", "on")
        elif tag == "input":
            form.fields.append(Field(name, kind, given.get("value", ""), most))
