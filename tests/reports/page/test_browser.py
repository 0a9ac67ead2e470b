"""The page in a real browser, driven by chromedriver's own protocol; skipped where there is neither."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from advwindow.attacks.audit import Audit, Finding, codes
from advwindow.reports import write_html
from advwindow.reports.reading import content
from tests.reports.document.test_pdf import HOSTILE
from tests.reports.documents import pages
from tests.reports.runs import ATTACKS, Shape, make_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver"),
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--window-size=1280,900",
)  # fmt: skip

LOADED = """
return performance.getEntriesByType('resource').map((entry) => entry.name).filter((name) => !name.startsWith('data:'));
"""

OVERHANG = "const root = document.documentElement; return root.scrollWidth - root.clientWidth"

#: Ratio of the brightness of each text to that of what lies behind it, as WCAG 2 defines it: those below 4.5. White
#: letters of a figure that is shown whole lie on cells of a drawing, which only a picture of the page could tell.
FAINT = """
const seen = new Set();
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
const known = new Map();
const rgb = (color) => {
  if (!known.has(color)) {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    known.set(color, [...canvas.getImageData(0, 0, 1, 1).data]);
  }
  return known.get(color);
};
const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
  .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
function behind(element) {
  const layers = [];
  for (let at = element; at; at = at.parentElement) {
    const color = rgb(getComputedStyle(at).backgroundColor);
    layers.push(color);
    if (color[3] === 255) break;
  }
  return layers.reverse().reduce((under, over) => under.map((v, i) => v + (over[i] - v) * over[3] / 255));
}
return [...document.querySelectorAll(
  'p, td, th, small, strong, em, li > a, h1, h2, h3, dt, dd, figcaption, label, svg text')]
  .filter((e) => {
    const kind = [e.tagName, e.className, e.parentElement.className, getComputedStyle(e).fill].join();
    return !seen.has(kind) && seen.add(kind);
  })
  .filter((e) => e.textContent.trim() && !e.closest('.chip, [hidden], .unseen, .skip, button') && e.checkVisibility())
  .filter((e) => !e.closest('.plates') || getComputedStyle(e).fill !== 'rgb(255, 255, 255)')
  .map((e) => { const style = getComputedStyle(e);
    const [a, b] = [light(rgb(e.closest('svg') ? style.fill : style.color)), light(behind(e))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 90)]; })
  .filter(([ratio]) => ratio < 4.5);
"""


class Browser:
    """The little of WebDriver that is needed."""

    def __init__(self, address: str, folder: str) -> None:
        self._address = address
        options = {"args": [*FLAGS, f"--user-data-dir={folder}"], "binary": CHROMIUM}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        found = self.ask("/session", {"capabilities": {"alwaysMatch": wanted}})
        self._address += f"/session/{found['sessionId']}"

    def ask(self, path, data):
        request = urllib.request.Request(
            self._address + path, data=json.dumps(data).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=240) as answer:
            return json.load(answer)["value"]

    def close(self) -> None:
        with urllib.request.urlopen(urllib.request.Request(self._address, method="DELETE"), timeout=60):
            pass

    def run(self, script, *arguments):
        return self.ask("/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, **parameters):
        return self.ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, path, *, width=1280, theme="light"):
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("/url", {"url": path.as_uri()})
        self.run("document.documentElement.style.scrollBehavior = 'auto'")

    def complaints(self):
        return [entry["message"] for entry in self.ask("/se/log", {"type": "browser"})]

    def point(self, selector, x=0.5, y=0.5):
        """Move the mouse onto a part of an element, given as shares of its width and height."""
        left, top = self.run(
            "const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center', inline: 'center'});"
            "const b = e.getBoundingClientRect(); return [b.x + arguments[1] * b.width, b.y + arguments[2] * b.height]",
            selector, x, y,
        )  # fmt: skip
        time.sleep(0.2)  # a scroll that is not over would hide what the mouse shows
        self.devtools("Input.dispatchMouseEvent", type="mouseMoved", x=left, y=top)

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.devtools("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def bubble(self):
        return self.run("const b = document.querySelector('.bubble'); return b.hidden ? null : b.innerText")

    def choose(self, selector, value):
        self.run(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "for (const n of ['input', 'change']) e.dispatchEvent(new Event(n))",
            selector, value,
        )  # fmt: skip

    def shown(self, selector):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].filter((e) => e.checkVisibility())"
            ".map((e) => e.innerText ?? e.textContent)",
            selector,
        )


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True) as driver:
        port = next(line.rsplit(" ", 1)[1].strip(" .\n") for line in driver.stdout if "successfully on port" in line)
        found = Browser(f"http://127.0.0.1:{port}", str(tmp_path_factory.mktemp("profile")))
        yield found
        found.close()
        driver.terminate()


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    return write_html(run, tmp_path_factory.mktemp("page") / "x.html")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_opens_without_complaint_and_can_be_read(browser, page, theme):
    browser.open(page, theme=theme)
    assert browser.complaints() == []
    assert browser.run(LOADED) == []
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if theme == "light" else "rgb(20, 23, 26)"
    )
    assert browser.run(FAINT) == []


def test_the_reader_may_choose_light_or_dark(browser, page):
    browser.open(page)
    looks = []
    for _ in range(3):
        looks.append(browser.run("return getComputedStyle(document.body).backgroundColor"))
        browser.run("document.querySelector('#theme').click()")
    assert looks == ["rgb(255, 255, 255)", "rgb(255, 255, 255)", "rgb(20, 23, 26)"]


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_nothing_hangs_over(browser, page, width):
    browser.open(page, width=width)
    assert browser.run(OVERHANG) == 0


def test_the_pointer_tells_the_numbers_of_the_table(browser, page, study):
    browser.open(page)
    browser.point("[data-figure=alignment] .view:nth-child(4) .hit", x=0.999)
    row = content.about(study)["numbers"][3]["rows"][-1]
    said = browser.bubble()
    assert said.startswith("head\nPGD L∞ 8/255\n")
    for name, key in (("clean", "clean"), ("attack", "attack"), ("drift, 95 %", "drift"), ("p of the drift", "p")):
        assert f"{name}\t{row[key]}" in said
    browser.point("[data-figure=references] .view:nth-child(2) .hit", x=0.001)
    assert browser.bubble().startswith("blocks.0\nPGD L∞ 8/255\nglove-6b-50d\t0.0")
    browser.point("h1")
    assert browser.bubble() is None


def test_layers_can_be_chosen(browser, page):
    browser.open(page)
    heads = ".matrix thead th"
    assert len(browser.shown(heads)) == 17
    browser.choose("#layers", "head, blocks.1?")
    kept = [*(f"blocks.{place}" for place in range(10, 16)), "head"]
    assert browser.shown(heads) == kept
    assert browser.shown("#numbers [data-attack='0'] tbody th") == kept
    assert browser.shown("#told") == ["Shown: 7 of 17 layers, 6 of 6 attacks"]
    assert browser.run("return document.querySelectorAll('[data-figure=drift] .view:first-child .veil').length") == 10
    browser.choose("#layers", "")
    browser.choose("#verdict", "H")
    assert browser.shown(heads) == ["head"]
    browser.run("document.querySelector('#reset').click()")
    assert len(browser.shown(heads)) == 17
    assert browser.run("return document.querySelectorAll('.veil').length") == 0
    assert browser.run("return document.activeElement.id") == "layers"


def test_attacks_and_curves_can_be_chosen(browser, page):
    browser.open(page)
    panels = "[data-figure=alignment] .panel"
    curve = ".of-noise"
    assert len(browser.shown(panels)) == 6
    assert browser.shown(curve)
    browser.run("for (const b of document.querySelectorAll('#attacks input')) if (/FGSM|C&W/.test(b.value)) b.click()")
    browser.run("document.querySelector('.tools fieldset input[value=noise]').click()")
    assert len(browser.shown(panels)) == 4
    assert browser.shown(".attacks tbody th") == ["PGD"] * 4
    assert len(browser.shown(".matrix tbody th")) == 4
    assert len(browser.shown("[data-figure=references] .panel")) == 2
    left = (
        "return [...document.querySelectorAll('.of-noise')]"
        ".filter((e) => getComputedStyle(e).display !== 'none').length"
    )
    assert browser.run(left) == 0


def test_tables_can_be_sorted_and_unsorted(browser, page):
    browser.open(page)
    column = "#numbers [data-attack='3'] tbody td:nth-child(5)"
    before = browser.shown(column)
    press = "document.querySelector(\"#numbers [data-attack='3'] th:nth-child(5) button\").click()"
    browser.run(press)
    values = [float(text.split()[0].replace("−", "-")) for text in browser.shown(column)]
    assert values == sorted(values)
    assert sorted(before) == sorted(browser.shown(column))
    browser.run(press)
    values = [float(text.split()[0].replace("−", "-")) for text in browser.shown(column)]
    assert values == sorted(values, reverse=True)
    assert browser.run("return document.querySelectorAll('[aria-sort=descending]').length") == 1
    browser.run(press)
    assert browser.shown(column) == before


def test_keys_are_enough(browser, page):
    browser.open(page)
    browser.press("Tab")
    assert browser.run("return document.activeElement.textContent") == "Skip to the report"
    browser.press("Tab")
    assert browser.run("return document.activeElement.id") == "layers"
    browser.run("document.querySelector('[data-figure=drift] .view:nth-child(4)').focus()")
    browser.press("End")
    assert browser.bubble().startswith("head\n")
    browser.press("ArrowLeft")
    assert browser.bubble().startswith("blocks.15\n")
    spoken = browser.run("return document.querySelector('[aria-live=polite].unseen').textContent")
    assert spoken.startswith("blocks.15, PGD")
    browser.press("Escape")
    assert browser.bubble() is None
    assert browser.run("return document.querySelectorAll('.matrix td[tabindex=\"0\"]').length") == 1
    browser.run("document.querySelector('.matrix td[tabindex=\"0\"]').focus()")
    browser.press("ArrowRight")
    browser.press("ArrowDown")
    assert browser.bubble().startswith("blocks.1\nPGD L∞ 1/255\nverdict\tU")
    browser.press("Enter")
    assert browser.run("return location.hash") == "#n-0-1-1"
    assert browser.run("return document.querySelector(':target th').textContent") == "blocks.1"


SCROLLED = "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


@pytest.mark.parametrize(
    ("stop", "key", "told"),
    [
        (".matrix td[tabindex='0']", "ArrowDown", "blocks.0\nPGD L∞ 1/255\n"),
        ("[data-figure=drift] .view:nth-child(4)", "End", "head\nPGD L∞ 8/255\n"),
    ],
)
def test_what_a_key_shows_stays_as_the_page_scrolls(browser, page, stop, key, told):
    browser.open(page)
    browser.run("document.querySelector(arguments[0]).focus()", stop)
    browser.press(key)
    assert browser.bubble().startswith(told)
    before = browser.run("return document.querySelector('.bubble').getBoundingClientRect().y")
    browser.run("window.scrollBy(0, -60)")
    browser.run(SCROLLED)
    assert browser.bubble().startswith(told)
    assert browser.run("return document.querySelector('.bubble').getBoundingClientRect().y") == before + 60
    browser.press("Escape")
    browser.run("window.scrollBy(0, 30)")
    browser.run(SCROLLED)
    assert browser.bubble() is None


def test_what_the_pointer_shows_goes_as_the_page_scrolls(browser, page):
    browser.open(page)
    browser.point(".matrix tbody td")
    assert browser.bubble().startswith("blocks.0\n")
    browser.run("window.scrollBy(0, 300)")
    browser.run(SCROLLED)
    assert browser.bubble() is None


def test_names_do_no_harm(browser, tmp_path):
    shape = Shape(
        labels=HOSTILE * 2,
        layers=("</script><script>document.title='hit'</script>", "$b$", "<c>", "😀", "مرحبا.x", "L" * 200, "水.母"),
        caveats=("<img src=x onerror=\"document.title='hit'\">" + "W" * 200,),
        attacks=ATTACKS[3:5],
    )
    path = write_html(make_run(tmp_path / "run", shape), tmp_path / "x.html")
    browser.open(path, width=400)
    assert browser.complaints() == []
    assert browser.run("return document.title") == "sample:efficientnet-lite0 under attack"
    assert browser.run(OVERHANG) == 0
    browser.choose("#layers", "</script")
    assert browser.shown("#told") == ["Shown: 1 of 7 layers, 2 of 2 attacks"]
    browser.point("[data-figure=drift] .view .hit", x=0.01)
    assert browser.bubble().startswith("</script><script>document.title='hit'</script>\n")
    assert browser.run("return document.title") == "sample:efficientnet-lite0 under attack"


def test_a_comparison_in_front_stops_nothing(browser, tmp_path):
    shape = Shape(models=("timm:a", "timm:b"), attacks=ATTACKS[2:4])
    browser.open(write_html(make_run(tmp_path / "run", shape), tmp_path / "x.html"))
    assert browser.complaints() == []
    assert browser.run(FAINT) == []
    assert browser.run("return document.querySelectorAll('#compared-0 .standing tbody tr').length") == 2 * 2
    layers = shape.layers
    browser.choose("#layers", layers[-1])
    assert browser.shown("#told")[0].startswith(f"Shown: 1 of {len(layers)} layers, 2 of 2 attacks;")
    browser.point("[data-figure=drift] .view .hit", x=0.01)
    assert browser.bubble().startswith(layers[0])


#: Words of the audit whose lines are more than one high, so broken in the middle.
BROKEN = """
return [...document.querySelectorAll('#audit-0 td .found')]
  .filter((e) => e.getBoundingClientRect().height > 1.6 * parseFloat(getComputedStyle(e).fontSize) + 4)
  .map((e) => e.textContent);
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_audited_run_can_be_read(browser, tmp_path, theme):
    run = make_run(tmp_path / "run", Shape(attacks=ATTACKS[2:4]))
    verdicts = itertools.cycle(("pass", "warn", "fail", "skipped"))
    findings = tuple(Finding(code, next(verdicts), {}, f"what {code} saw " * 9, "do better " * 9) for code in codes())
    for spec in run.done():
        run.save_audit(spec, Audit("net", spec.attack, spec.condition, "full", 18, findings).to_dict())
    page = write_html(run, tmp_path / "x.html")
    for width in (400, 1280):
        browser.open(page, theme=theme, width=width)
        assert browser.complaints() == []
        assert browser.run(FAINT) == []
        assert browser.run(OVERHANG) == 0
        assert browser.run(BROKEN) == []
    shown = browser.shown("#audit-0 td .found")
    asked = [finding.verdict for finding in findings if finding.verdict != "skipped"]
    assert sorted(each.lower() for each in shown) == sorted(asked * len(run.done()))


@pytest.mark.parametrize("script", [True, False])
def test_it_prints_with_or_without_script_and_never_dark(browser, page, tmp_path, script):
    browser.devtools("Emulation.setScriptExecutionDisabled", value=not script)
    try:
        browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        browser.ask("/url", {"url": page.as_uri()})
        printed = browser.devtools("Page.printToPDF", preferCSSPageSize=True)["data"]
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    target = tmp_path / "x.pdf"
    target.write_bytes(base64.b64decode(printed))
    text = " ".join(pages(target))
    assert "PGD L∞ 8/255 fools all 18 correctly classified images" in text
    assert "Where each concept" in text
    assert "Theme" not in text
    assert 8 < len(pages(target)) < 20
