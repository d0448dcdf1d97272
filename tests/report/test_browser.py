"""The pages in a browser: they make no request, follow their policy, fit a phone, and are accessible."""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(os.environ.get("STAANET_AXE", "node_modules/axe-core/axe.min.js"))
"""The script of axe-core (npm install axe-core), which is no part of the library."""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def pages(run, tmp_path_factory):
    """The page of an experiment and that of an evaluation, by name."""
    from assessment import test_page

    path = tmp_path_factory.mktemp("evaluation") / "index.html"
    found, rows = test_page.made(flags=("randomised",))
    test_page.page.write(found, rows, [test_page.sound()], path)
    return {"experiment": run / "report" / "index.html", "evaluation": path}


@pytest.fixture
def opened(browser, pages):
    """Open a page, and record its requests and errors."""
    contexts = []

    def open_page(name, *, width=1280, scheme="light", **settings):
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, **settings)
        contexts.append(context)
        page, seen = context.new_page(), []
        page.on("request", lambda request: seen.append(request.url))
        page.on("console", lambda message: seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.goto(pages[name].as_uri())
        page.wait_for_timeout(200)
        return page, [one for one in seen if not one.startswith(("data:", pages[name].as_uri()))]

    yield open_page
    for context in contexts:
        context.close()


NAMES = pytest.mark.parametrize("name", ["experiment", "evaluation"])


@NAMES
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_makes_no_request_raises_no_error_and_fits(opened, name, width):
    page, seen = opened(name, width=width)
    assert seen == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".uplot").count() == 2


def test_the_choice_of_a_budget_moves_sentence_decisions_and_clips(opened):
    page, _ = opened("evaluation")
    lead = page.locator("p.lead:visible")
    assert "(40 dB below it)" in lead.inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert page.locator("article:visible").count() == 1
    page.locator("#at-1").focus()
    page.keyboard.press("ArrowLeft")
    assert "(60 dB below it)" in lead.inner_text().replace("\N{NO-BREAK SPACE}", " ")
    assert page.locator("article:visible").count() == 0
    assert page.locator("caption:visible").all_inner_texts() == ["Clean", "Under attack at 60 dB"]
    box = page.locator(".u-over").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 20, box["y"] + 50)
    assert page.evaluate("document.querySelector('[name=budget]:checked').id") == "at-2"
    assert "under attack: 37.5 %" in page.locator(".tip").first.inner_text()


@NAMES
def test_a_page_works_without_scripts(opened, name):
    page, _ = opened(name, java_script_enabled=False)
    assert page.locator(".still svg:visible").count() == 1
    if name == "evaluation":
        page.locator("label[for=at-0]").click()
        assert page.locator("caption:visible").all_inner_texts() == ["Clean", "Under attack at 60 dB"]


@NAMES
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_axe_finds_nothing_serious(opened, name, width, scheme):
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install axe-core, or its script in $STAANET_AXE")
    page, _ = opened(name, width=width, scheme=scheme, bypass_csp=True)
    page.add_script_tag(content=AXE.read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run()")["violations"]
    found = [(one["id"], one["nodes"][0]["html"]) for one in violations if one["impact"] in ("serious", "critical")]
    assert found == []
