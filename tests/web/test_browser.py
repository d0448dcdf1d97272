"""The workbench in a real browser: `staanet web` as users start it, and Chromium.

`$STAANET_AXE` names axe.min.js of axe-core, with which the page is checked for accessibility.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from web.sound import audio, decoded, encoded, samples

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SECONDS = 120

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium (apt-get install chromium)"),
]

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")

HEARD = """async (name) => {
  const sounds = [...document.querySelectorAll("#sounds li")];
  const audio = sounds.find((one) => one.querySelector("b").textContent === name).querySelector("audio");
  const content = await (await fetch(audio.src)).arrayBuffer();
  const buffer = await new OfflineAudioContext(1, 1, 16000).decodeAudioData(content);
  return { seconds: buffer.duration, peak: Math.max(...buffer.getChannelData(0).map(Math.abs)) };
}"""
"""Decode a sound of the page as the browser plays it."""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a workbench that runs as a command, on a port that is free."""
    from web.conftest import MODEL

    folder = tmp_path_factory.mktemp("workbench")
    (folder / "net.py").write_text(MODEL)
    command = [sys.executable, "-m", "staanet", "web", "--port", "0", "--trust", "--runs", str(folder)]
    for name in ("build", "slow", "fails"):
        command += ["--model", f"{folder / 'net.py'}:{name}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    line = process.stdout.readline()
    yield re.search(r"http://\S+", line).group()
    process.terminate()
    assert process.wait(20) in (0, -15)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address):
    """Open the workbench in new browsers: `opened(width=390)`; a page may report no error."""
    contexts, errors = [], []

    def open_(width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(1000 * SECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#go:enabled")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert errors == []


def choose(page, content, name="clip.wav"):
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})


def attack(page, model="build", kind="fgsm"):
    page.select_option("#model", label=f"net.py:{model}")
    page.select_option("#attack", kind)
    page.click("#go")


def finished(page):
    page.wait_for_selector("#repeat:visible")
    page.wait_for_selector("#go:enabled")


def until(page, condition):
    """Wait until an expression is true; the policy of the page lets no script in it evaluate one."""
    end = time.monotonic() + SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        time.sleep(0.05)


def chosen(page, name="clip.wav"):
    until(page, f"document.querySelector('#chosen').textContent.startsWith({json.dumps(name + ': ')})")


def test_a_clip_is_attacked_seen_heard_and_downloaded(opened):
    page = opened()
    choose(page, audio(seconds=1.25))
    chosen(page)
    assert "1.3 s, 16000 Hz, one channel" in page.inner_text("#chosen")
    attack(page)
    finished(page)
    assert " → " in page.inner_text("#verdict .lead")
    for name in ("Original", "Attacked", "Difference", "Noise of the same size"):
        heard = page.evaluate(HEARD, name)
        assert heard["seconds"] == pytest.approx(1.25, abs=0.001)
        assert heard["peak"] > 0.05
    page.click("#sounds li:nth-child(2) button")
    until(page, "document.querySelectorAll('#sounds audio')[1].currentTime > 0.05")
    page.click("#sounds li:nth-child(1) button")
    assert page.evaluate("[...document.querySelectorAll('#sounds audio')].map((one) => one.paused)")[1]
    with page.expect_download() as waiting:
        page.click("#get-attacked")
    sound, rate = decoded(Path(waiting.value.path()).read_bytes())
    assert (sound.shape, rate, waiting.value.suggested_filename) == ((20_000, 1), 16_000, "clip-fgsm.wav")
    assert 0 < np.abs(sound - samples(seconds=1.25)).max() < 0.1
    with page.expect_download() as waiting:
        page.click("#get-toml")
    assert "[attacks.fgsm]" in Path(waiting.value.path()).read_text()
    assert page.inner_text("#command").startswith("staanet attack fgsm clip.wav attacked.wav --source ")


def test_the_waveform_is_zoomed_with_keys(opened):
    page = opened()
    choose(page, audio())
    chosen(page)
    attack(page, kind="noise")
    finished(page)

    def picture():
        return page.evaluate(
            "document.querySelector('#wave').toDataURL() + document.querySelector('#after').toDataURL()"
        )

    whole = picture()
    page.focus("#wave")
    page.keyboard.press("+")
    zoomed = picture()
    assert zoomed != whole
    page.keyboard.press("ArrowRight")
    assert picture() not in (whole, zoomed)
    page.keyboard.press("0")
    assert picture() == whole


def test_an_attack_is_cancelled_and_another_one_succeeds(opened):
    page = opened()
    choose(page, audio())
    chosen(page)
    page.select_option("#model", label="net.py:slow")
    page.select_option("#attack", "pgd")
    page.fill("#steps", "100")
    page.click("#go")
    until(page, "document.querySelector('#progress').textContent.includes('passes')")
    page.click("#cancel")
    assert page.inner_text("#progress") == "Cancelled."
    attack(page, kind="fgsm")
    finished(page)
    assert page.inner_text("#verdict").count("fgsm") == 1


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        (b"MZ" + bytes(5000), "virus.wav", "virus.wav: expected readable audio"),
        (b"\0\0\0\x18ftypmp42" + bytes(2000), "film.mp4", "film.mp4: expected .wav, .flac, .ogg, .mp3"),
        (
            b"<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>.wav",
            "<img src=x onerror=alert(1)>.wav: expected",
        ),
        (bytes(33 * 2**20), "huge.wav", "huge.wav: expected a clip of 32 MiB or less, got 33 MiB"),
        (audio(seconds=61, rate=8000, kind="FLAC"), "long.flac", "long.flac: expected a clip of 60 s or less"),
    ],
)
def test_a_hostile_file_is_a_sentence_and_the_page_goes_on(opened, content, name, sentence):
    page = opened()
    page.on("dialog", lambda _: pytest.fail("the page ran a script"))
    choose(page, content, name)
    page.wait_for_selector("#problem:visible")
    assert sentence in page.inner_text("#problem")
    assert page.is_disabled("#go")
    choose(page, audio())
    chosen(page)
    assert page.is_hidden("#problem")
    assert page.is_enabled("#go")


def test_a_model_that_fails_is_a_sentence(opened):
    page = opened()
    attack(page, model="fails", kind="fgsm")
    page.wait_for_selector("#problem:visible")
    assert "no weights today" in page.inner_text("#problem")
    attack(page, kind="fgsm")
    finished(page)


def test_two_browsers_at_once_do_not_mix(opened):
    pages = [opened(), opened()]
    for number, page in enumerate(pages):
        choose(page, audio(seconds=0.5 + 0.25 * number, seed=number), f"{number}.wav")
        chosen(page, f"{number}.wav")
    for page, model in zip(pages, ("slow", "build"), strict=True):
        attack(page, model=model, kind="fgsm")
    for number, page in enumerate(pages):
        finished(page)
        assert page.inner_text("#command").startswith(f"staanet attack fgsm {number}.wav ")
        assert page.evaluate(HEARD, "Attacked")["seconds"] == pytest.approx(0.5 + 0.25 * number, abs=0.001)


def test_everything_is_reached_with_the_keyboard(opened):
    page = opened()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    order = ("tab-attack", "file", "clip", "model", "attack", "snr", "share", "go")
    assert tuple(name for name in reached if name in order) == order
    page.focus("#snr")
    before = page.inner_text("#snr-out")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#snr-out") != before
    page.focus("#go")
    page.keyboard.press("Enter")
    finished(page)
    page.focus("#tab-attack")
    page.keyboard.press("ArrowRight")
    assert page.is_visible("#view-runs")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_and_is_accessible(opened, width, scheme):
    page = opened(width=width, color_scheme=scheme)
    choose(page, encoded(samples()), "a-very-long-name-of-a-recording-without-any-space-in-it-2026-11-27.wav")
    until(page, "document.querySelector('#chosen').textContent.includes(' Hz')")
    attack(page)
    finished(page)
    found = violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#tab-runs")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert [*found, *violations(page)] == []


def violations(page):
    """Return what axe-core finds, if it is there."""
    axe = os.environ.get("STAANET_AXE")
    if not axe:
        return []
    page.evaluate(Path(axe).read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]
