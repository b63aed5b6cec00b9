"""The page in a real browser: accessible, silent on the network, as wide as the screen."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from vggstudy.analysis import AnalysisResult
from vggstudy.report import ReportContext, RunCurves, render

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
SCREENSHOTS = "VGGSTUDY_SCREENSHOTS"
"""Environment variable: a folder for the pictures that a person looks at."""

WIDTHS = (390, 700, 1200)
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"

REFERENCE = Path(__file__).parents[3] / "report" / "reference"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of the system."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def pages(
    tmp_path_factory: pytest.TempPathFactory,
    tiny: AnalysisResult,
    all_failed: AnalysisResult,
    with_losses: AnalysisResult,
    make_runs: Callable[..., pd.DataFrame],
    make_result: Callable[..., AnalysisResult],
    context: ReportContext,
) -> dict[str, Path]:
    """A study with everything, all runs failed, losses (in Korean too), many cells; a real one."""
    folder = tmp_path_factory.mktemp("pages")
    frame = pd.concat(
        [make_runs().assign(depth=d, data_norm=n) for d in (11, 13, 19) for n in (False, True)]
    )
    curves = [
        RunCurves(
            levels={"batch_norm": on, "lr": rate},
            outcome="converged" if on else "failed_to_learn",
            curves={"val_accuracy": [0.1, 0.5, 0.7 if on else 0.1]},
        )
        for on in (False, True)
        for rate in (0.001, 0.01)
        for _ in range(3)
    ]
    full = ReportContext(
        **{name: getattr(context, name) for name in context.__slots__ if name != "curves"},
        curves=curves,
    )
    cases = {
        "tiny": render(tiny, context=full),
        "korean": render(with_losses, context=full, language="ko"),
        "failed": render(all_failed),
        "losses": render(with_losses),
        "large": render(make_result(frame, ["depth", "batch_norm", "data_norm", "lr"])),
    }
    for name, text in cases.items():
        (folder / f"{name}.html").write_text(text, "utf-8")
    made = {name: folder / f"{name}.html" for name in cases}
    return {**made, "published": REFERENCE / "depth-batch-norm-cpu" / "report.html"}


def opened(browser: Browser, path: Path, *, width: int = 1200, dark: bool = False) -> Page:
    """The page with every table unfolded."""
    scheme = "dark" if dark else "light"
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]  # a literal of two
    )
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    return page


def keep(page: Page, name: str) -> None:
    """Leave a picture where somebody asked for it."""
    if folder := os.environ.get(SCREENSHOTS):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("case", ["tiny", "failed", "losses", "large", "korean", "published"])
def test_axe_finds_no_violation(
    case: str, dark: bool, browser: Browser, pages: dict[str, Path]
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    page = opened(browser, pages[case], dark=dark)
    response = axe.Axe().run(page).response
    # Axe takes every text in an SVG for one on a picture: those are test_figures' to judge.
    aside = axe.Axe().run(page, context={"exclude": [["svg"]]}).response
    keep(page, f"{case}-{'dark' if dark else 'light'}")
    page.close()
    assert [_said(violation) for violation in response["violations"]] == []
    unsure = [one for one in aside["incomplete"] if one["id"] == "color-contrast"]
    assert [_said(one) for one in unsure] == []


def _said(violation: dict[str, Any]) -> str:
    """A violation with the first element that it concerns."""
    return f"{violation['id']}: {violation['nodes'][0]['html'][:200]}"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("case", ["tiny", "failed", "losses", "large", "korean", "published"])
def test_the_page_never_scrolls_sideways(
    case: str, width: int, browser: Browser, pages: dict[str, Path]
) -> None:
    page = opened(browser, pages[case], width=width)
    needed = page.evaluate("document.documentElement.scrollWidth")
    keep(page, f"{case}-{width}")
    page.close()
    assert needed <= width


def test_nothing_is_asked_of_the_network_and_nothing_is_logged(
    browser: Browser, pages: dict[str, Path]
) -> None:
    asked: list[str] = []
    logged: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: logged.append(message.text))
    page.goto(pages["tiny"].as_uri())
    page.close()
    assert [url for url in asked if not url.startswith("data:")] == [pages["tiny"].as_uri()]
    assert logged == []


def test_hostile_strings_open_no_dialog(
    browser: Browser, tiny: AnalysisResult, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.html"
    hostile = ReportContext(title=HOSTILE, question=HOSTILE, notes=[HOSTILE], commands=[HOSTILE])
    path.write_text(render(tiny, context=hostile), "utf-8")
    dialogs: list[str] = []

    def refuse(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page = browser.new_page()
    page.on("dialog", refuse)
    page.goto(path.as_uri())
    title = page.locator("h1").inner_text()
    page.close()
    assert dialogs == []
    assert title == HOSTILE


def test_a_claim_s_link_leads_to_its_row(browser: Browser, pages: dict[str, Path]) -> None:
    page = opened(browser, pages["tiny"])
    page.locator(".card summary").first.click()
    link = page.locator("a.ref").first
    link.click()
    target = page.evaluate("document.querySelector(':target')?.textContent")
    page.close()
    assert target.startswith("converged.diff.")


def test_print_has_every_claim_and_its_id_and_no_table_behind_a_drawn_figure(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(pages["tiny"].as_uri())
    page.emulate_media(media="print")

    def heights(selector: str) -> list[float]:
        script = "[...document.querySelectorAll('%s')].map(e => e.getBoundingClientRect().height)"
        found: list[float] = page.evaluate(script % selector)
        assert found
        return found

    assert min(heights("tr[id^=claim]")) > 5
    assert min(heights(".card .id")) > 5
    assert max(heights(".as-text.bulk table")) == max(heights(".card .inside")) == 0
    page.close()


def printed(page: Page, *hidden: str) -> bytes:
    """The page as a PDF, without what is hidden."""
    page.add_style_tag(content=f"{', '.join(hidden)} {{ display: none !important }}")
    source = page.pdf(prefer_css_page_size=True)
    page.close()
    return source


def sheets(source: bytes) -> int:
    """Pages of a PDF."""
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", source))


@pytest.mark.parametrize("study", ["depth-batch-norm-cpu", "depth-batch-norm-cpu-2027"])
def test_a_published_report_prints_a_summary_of_one_page_and_an_article_of_twelve_at_most(
    study: str, browser: Browser
) -> None:
    """Numbers of pages hang on the machine's fonts: those of the development environment."""
    path = REFERENCE / study / "report.html"
    opened_page, summary = browser.new_page(), browser.new_page()
    opened_page.goto(path.as_uri())
    assert sheets(printed(opened_page, ".opens", ".opens ~ section", "footer")) <= 12
    summary.goto(path.as_uri())
    assert sheets(printed(summary, "#abstract ~ section", "footer")) == 1


def test_print_ends_its_article_early_numbers_pages_and_leaves_none_blank(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page()
    page.goto(pages["large"].as_uri())
    source = printed(page, ".opens", ".opens ~ section")
    count = sheets(source)
    assert 2 <= count <= 12
    drawn = [
        zlib.decompress(x)
        for x in re.findall(rb"stream\r?\n(.*?)endstream", source, re.DOTALL)
        if x[:1] == b"x"
    ]
    texts = [x for x in drawn if b"BT" in x]
    assert len(texts) >= count


def rows_shown(page: Page) -> int:
    """Claims in the list that are to be seen."""
    return int(page.locator(".claims tbody tr:visible").count())


def test_claims_are_filtered_and_links_find_what_was_filtered_away(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = opened(browser, pages["tiny"])
    every = rows_shown(page)
    box = page.get_by_label("Filter by id or method")
    box.fill("  CONVERGED.p@ wilson")
    assert rows_shown(page) == 0
    assert page.locator(".filter output").inner_text() == "0 found"
    box.fill("BATCH_NORM converged.p")
    found = rows_shown(page)
    assert 0 < found < every
    assert page.locator(".filter output").inner_text() == f"{found} found"
    page.emulate_media(media="print")
    assert rows_shown(page) == every
    assert not page.locator(".filter").is_visible()
    page.emulate_media(media="screen")
    link = page.locator("a.ref").first
    goal = (link.get_attribute("href") or "")[1:]
    assert not page.locator(f"[id='{goal}']").is_visible()
    link.evaluate("link => link.click()")
    assert page.locator(f"[id='{goal}']").is_visible()
    assert rows_shown(page) == every
    page.close()


def test_contents_say_where_one_is(browser: Browser, pages: dict[str, Path]) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(pages["large"].as_uri())
    for name in ("accuracy", "interactions", "convergence"):
        page.evaluate(f"document.getElementById('{name}').scrollIntoView()")
        page.wait_for_selector(f".contents a[href='#{name}'][aria-current='location']")
        assert page.locator(".contents [aria-current]").count() == 1
    page.close()


MARKED = "[...document.querySelectorAll('.cells .on')].map(e => e.dataset.cell)"


def test_a_cell_that_is_pointed_at_is_marked_in_every_figure_and_named(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(pages["tiny"].as_uri())
    figures = page.locator("figure:has(.cells)").count()
    assert figures >= 3
    page.locator("#fig-convergence-cells .canvas-w .cells path").nth(1).hover()
    marked = page.evaluate(MARKED)
    assert len(marked) >= 2 * figures  # for wide and for narrow pages
    assert len({*marked}) == 1
    assert page.locator("figure:has(.cells .on)").count() == figures
    name = page.locator("#cells option").nth(int(marked[0])).get_attribute("value")
    assert page.locator(".cell-name").inner_text() == name
    page.mouse.move(2, 2)
    assert page.evaluate(MARKED) == []
    page.close()


def test_arrow_keys_lead_from_cell_to_cell_and_no_key_is_trapped(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto(pages["tiny"].as_uri())
    canvas = page.locator("#fig-accuracy .canvas-w")
    canvas.focus()
    seen = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(page.evaluate(MARKED)[0])
    order = canvas.locator(".cells path").evaluate_all("all => all.map(e => e.dataset.cell)")
    assert seen == [order[i] for i in (0, 1, 0, -1, 0)]
    page.keyboard.press("Escape")
    assert page.evaluate(MARKED) == []
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    assert page.evaluate(MARKED) == []
    assert not canvas.evaluate("e => e === document.activeElement")
    page.close()


def test_without_its_script_the_page_says_the_same(
    browser: Browser, pages: dict[str, Path]
) -> None:
    said = []
    for runs in (False, True):
        setting = browser.new_context(java_script_enabled=runs)
        page = setting.new_page()
        page.goto(pages["tiny"].as_uri())
        said.append(page.locator("main").inner_text())
        assert page.locator(".filter").count() == runs
        setting.close()
    assert said[0] == said[1]


def test_a_changed_script_does_not_run(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    text = pages["tiny"].read_text("utf-8").replace('"use strict";', '"use strict"; alert(1);')
    (tmp_path / "changed.html").write_text(text, "utf-8")
    logged: list[str] = []
    page = browser.new_page()
    page.on("console", lambda message: logged.append(message.text))
    page.goto((tmp_path / "changed.html").as_uri())
    assert page.locator(".filter").count() == 0
    assert any("Content Security Policy" in text for text in logged)
    page.close()
