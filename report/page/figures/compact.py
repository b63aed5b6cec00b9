"""Matplotlib's SVG in a fraction of its bytes, the same picture to the eye.

Coordinates keep tenths of a pixel, equal neighbours become one path, round markers become dots of
a round stroke, styles that occur more than once become classes, and groups that say nothing go.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from vggstudy.report.page.figures.path import shorten
from vggstudy.report.words.text import clean

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}"
REFERENCE = re.compile(r"url\(#([^)]+)\)|\A#(.+)\Z")
ROUND = re.compile(r"M 0 ([\d.]+) +(?:C [-\d. ]+){8}z\s*")
"""A circle around the origin, as matplotlib draws the marker ``o``."""

MERGED = {"d", "style", "clip-path"}
"""Attributes of a path that may become one with its neighbour."""


def compact(source: str, key: str, colours: Mapping[str, str]) -> str:
    """The elements inside matplotlib's root, shortened, with ids and classes of their own.

    Parameters
    ----------
    source : str
        A whole SVG file.
    key : str
        Prefix of every id, and the id of the element to which the styles are confined.
    colours : mapping of str to str
        What stands in a style for what is drawn: sentinel to CSS value.

    Returns
    -------
    str
        What goes between ``<svg id="key">`` and ``</svg>``.
    """
    root = ET.fromstring(clean(source))
    _strip(root, colours)
    _draw_markers(root)
    _flatten(root)
    _merge(root)
    _rename(root, key)
    sheet = _style_sheet(root, key)
    inside = "".join(ET.tostring(child, encoding="unicode") for child in root)
    inside = inside.replace(" />", "/>")  # neither text nor an attribute holds a bare ">"
    return f"<style>{sheet}</style>{inside}"


def _strip(root: ET.Element, colours: Mapping[str, str]) -> None:
    """Drop namespaces, metadata, matplotlib's own style sheet, fonts and digits."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{SVG}metadata", f"{SVG}style"):
                parent.remove(child)
    root.attrib.clear()
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        if element.tag != "text":
            element.text = None
        element.tail = None
        for name in list(element.attrib):
            value = element.attrib.pop(name)
            if kept := _attribute(name, value, colours):
                element.set(name.removeprefix(XLINK), kept)
        _place(element)


def _attribute(name: str, value: str, colours: Mapping[str, str]) -> str:
    """An attribute's value, shortened; empty where the attribute says nothing."""
    if name == "style":
        declared = (part.partition(":") for part in value.split(";") if part.strip())
        pairs = ((prop.strip(), said.strip()) for prop, _, said in declared)
        kept = [f"{p}:{colours.get(v, v)}" for p, v in pairs if p != "font-family"]
        return ";".join(kept)
    if name in ("x", "y", "width", "height"):
        return number(value)
    if name == "transform" and value.startswith("rotate(-0 "):
        return ""
    return value


def number(text: str) -> str:
    """A coordinate in tenths of a pixel, without zeros that say nothing."""
    return f"{round(float(text), 1) + 0.0:g}"


def _place(element: ET.Element) -> None:
    """Write a text's place as x and y, and round what remains of its transform."""
    transform = element.get("transform", "")
    if not transform:
        return
    rounded = re.sub(r"-?\d+\.\d+", lambda match: number(match[0]), transform)
    moved = re.fullmatch(r"translate\((\S+) (\S+)\)", rounded)
    if element.tag == "text" and moved:
        element.attrib.pop("transform")
        element.set("x", moved[1])
        element.set("y", moved[2])
    else:
        element.set("transform", rounded)


def _draw_markers(root: ET.Element) -> None:
    """Share the style of markers that stand together; draw round ones as dots."""
    shapes = {f"#{path.get('id')}": path.get("d", "") for path in root.iter("path")}
    for group in root.iter("g"):
        alike = {(child.tag, child.get("href"), child.get("style", "")) for child in group}
        if len(alike) != 1:
            continue
        tag, shape, style = alike.pop()
        if tag != "use" or shape is None:
            continue
        for use in group:
            use.attrib.pop("style", None)
        dots = _dots(shapes[shape], style)
        group.set("style", dots or style)
        for use in group if dots else ():
            place = f"M{use.get('x')} {use.get('y')}h0"
            use.tag, use.attrib = "path", {"d": place}
    used = {use.get("href") for use in root.iter("use")}
    for defs in root.iter("defs"):
        defs[:] = [child for child in defs if child.tag != "path" or f"#{child.get('id')}" in used]


def _dots(marker: str, style: str) -> str | None:
    """The stroke whose dots look like these markers; None where they are not plain circles."""
    circle = ROUND.fullmatch(marker)
    declared = dict(part.split(":", 1) for part in style.split(";") if part)
    if circle is None or declared.pop("stroke-opacity", "1") != "0":
        return None
    stroke = {"stroke": declared["fill"], "stroke-width": f"{2 * float(circle[1]):g}"}
    if "fill-opacity" in declared:
        stroke["stroke-opacity"] = declared["fill-opacity"]
    return ";".join(f"{k}:{v}" for k, v in stroke.items()) + ";stroke-linecap:round"


def _flatten(parent: ET.Element) -> None:
    """Put the children of groups without attributes in the groups' places."""
    children: list[ET.Element] = []
    for child in parent:
        _flatten(child)
        if child.tag not in ("g", "defs") or _says_something(child):
            children.append(child)
        else:
            children += child
    parent[:] = children


def _says_something(group: ET.Element) -> bool:
    """Whether a group has content, and an attribute besides the name that matplotlib gives it."""
    return len(group) > 0 and (group.tag == "defs" or bool(set(group.attrib) - {"id"}))


def _merge(parent: ET.Element) -> None:
    """Make one path of neighbours that are drawn alike; shorten every path, drop empty ones."""
    children: list[ET.Element] = []
    for child in parent:
        _merge(child)
        if child.tag == "path" and not child.get("d"):
            continue
        before = children[-1] if children else None
        if before is not None and _mergeable(before, child):
            before.set("d", f"{before.get('d')} {child.get('d')}")
        else:
            children.append(child)
    parent[:] = children
    for child in children:
        if child.tag == "path":
            child.set("d", shorten(child.get("d", "")))


def _mergeable(first: ET.Element, second: ET.Element) -> bool:
    """Whether two paths drawn as one look the same: opaque, without dashes, drawn alike."""
    style = first.get("style")
    return (
        first.tag == second.tag == "path"
        and style is not None
        and style == second.get("style")
        and first.get("clip-path") == second.get("clip-path")
        and "opacity" not in style
        and "dash" not in style
        and not (set(first.attrib) | set(second.attrib)) - MERGED - {"id"}
        and first.get("id") is None
    )


def _rename(root: ET.Element, key: str) -> None:
    """Keep the ids that something refers to, short and under the figure's own prefix."""
    names: dict[str, str] = {}
    for element in root.iter():
        for value in element.attrib.values():
            for match in REFERENCE.finditer(value):
                names.setdefault(match[1] or match[2], f"{key}-i{len(names)}")
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "href" or "url(#" in value:
                element.set(name, _renamed(value, names))
        if "id" in element.attrib:
            own = element.attrib.pop("id")
            if own in names:
                element.set("id", names[own])


def _renamed(value: str, names: Mapping[str, str]) -> str:
    """A reference by the new name."""
    return REFERENCE.sub(
        lambda m: f"url(#{names[m[1]]})" if m[1] else f"#{names[m[2]]}",
        value,
    )


def _style_sheet(root: ET.Element, key: str) -> str:
    """Classes for the styles that occur more than once, confined to the figure."""
    counts = Counter(element.get("style") for element in root.iter() if element.get("style"))
    names = dict(zip((s for s, n in counts.items() if n > 1), _letters(), strict=False))
    for element in root.iter():
        style = element.get("style")
        if style in names:
            element.attrib.pop("style")
            element.set("class", names[style])
    rules = [f"#{key}{{stroke-linejoin:round}}"]
    return "".join([*rules, *(f"#{key} .{name}{{{style}}}" for style, name in names.items())])


def _letters() -> Iterator[str]:
    """Short names: a to z, then a1, a2 ..."""
    count = 0
    while True:
        yield chr(ord("a") + count % 26) + (str(count // 26) if count >= 26 else "")
        count += 1
