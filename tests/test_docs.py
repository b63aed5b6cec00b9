"""The documentation: it builds, it covers the command line, its links and its examples hold."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element

import click
import html5lib
import pytest

from vggstudy.cli import main
from vggstudy.protocol import Protocol, json_schema

REPOSITORY = Path(__file__).resolve().parent.parent
MARKDOWN = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("docs/**/*.md")),
    *sorted(REPOSITORY.glob("tests/**/*.md")),
    *sorted(REPOSITORY.glob("benchmarks/**/*.md")),
]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Element]:
    """Every page of the built documentation, parsed."""
    out = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(out),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {
        page: html5lib.parse(page.read_text("utf-8"), namespaceHTMLElements=False)
        for page in sorted(out.glob("**/*.html"))
        if page.name != "404.html"  # its links are absolute by nature
    }


def page_named(site: dict[Path, Element], name: str) -> Element:
    (page,) = (root for path, root in site.items() if path.name == name)
    return page


def words(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())


def commands(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command that a user can type, with its path."""
    if path:
        yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=command.name)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None, name
            if not inner.hidden:
                yield from commands(inner, (*path, name))


COMMANDS = dict(commands(main))


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_every_command_has_a_section(path: tuple[str, ...], site: dict[Path, Element]) -> None:
    page = page_named(site, "cli.html")
    headings = {
        words(heading).rstrip("¶") for level in "123456" for heading in page.iter(f"h{level}")
    }
    assert any(heading.split()[-len(path) :] == list(path) for heading in headings), headings


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_every_command_and_option_explains_itself(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    assert [one.opts for one in options if not one.help] == []


def test_every_setting_of_the_protocol_is_documented(site: dict[Path, Element]) -> None:
    described = words(page_named(site, "protocol.html"))
    objects = [json_schema(), *json_schema().get("$defs", {}).values()]
    settings = {name for one in objects for name in one.get("properties", {})}
    assert {name for name in settings if name not in described} == set()


def test_every_link_within_the_site_resolves(site: dict[Path, Element]) -> None:
    anchors = {
        page: {element.get("id") for element in root.iter() if element.get("id")}
        for page, root in site.items()
    }
    broken = []
    for page, root in site.items():
        for link in root.iter("a"):
            address = urlsplit(link.get("href") or "")
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            if target.is_dir():
                target /= "index.html"
            if target.suffix != ".html" and target.is_file() and not address.fragment:
                continue  # a file to download
            known = anchors.get(target)
            names = {address.fragment, unquote(address.fragment)}  # a browser tries both
            if known is None or (address.fragment and not names & known):
                broken.append((page.name, link.get("href")))
    assert broken == []


def test_the_site_fetches_nothing_from_elsewhere(site: dict[Path, Element]) -> None:
    elsewhere = [
        (page.name, element.get(attribute))
        for page, root in site.items()
        for tag, attribute in FETCHED.items()
        for element in root.iter(tag)
        if urlsplit(element.get(attribute) or "").netloc and element.get("rel") != "canonical"
    ]
    assert elsewhere == []


@pytest.mark.parametrize("file", MARKDOWN, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_relative_link_in_markdown_leads_to_a_file(file: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", file.read_text("utf-8"), flags=re.DOTALL)
    targets = [urlsplit(target) for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    broken = [
        target.path
        for target in targets
        if not target.scheme and target.path and not (file.parent / unquote(target.path)).exists()
        if not (file.is_relative_to(REPOSITORY / "docs") and "reports/" in target.path)
    ]  # reports are put into the site when it is built, where links to them are checked
    assert broken == []


@pytest.mark.parametrize("file", MARKDOWN, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_command_line_shown_exists(file: Path) -> None:
    shown = re.findall(
        r"(?:^|`)(?:\$ |    )?vggstudy ([a-z][a-z ]*)", file.read_text("utf-8"), re.MULTILINE
    )
    known = {path[0] for path in COMMANDS}
    assert {line.split()[0] for line in shown} <= known


def protocols_shown() -> Iterator[tuple[str, str]]:
    for file in MARKDOWN:
        for block in re.findall(r"^```toml\n(.*?)^```", file.read_text("utf-8"), re.M | re.S):
            if "schema" in tomllib.loads(block):
                yield file.name, block


@pytest.mark.parametrize(("name", "text"), list(protocols_shown()))
def test_every_protocol_shown_is_valid(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / name.replace(".md", ".toml")
    file.write_text(text, "utf-8")
    stated = Protocol.from_file(file)
    assert stated.table or stated.design.factors


def test_json_schema_is_json() -> None:
    assert json.loads(json.dumps(json_schema())) == json_schema()
