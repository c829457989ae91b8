"""The local intake's pages in a real browser."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install --group browser")

from click.testing import CliRunner  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402

from braintrust_run_output import RunOutputSpanProcessor  # noqa: E402
from braintrust_run_output.cli import main  # noqa: E402
from braintrust_run_output.local import add_to_dataset  # noqa: E402

expect = playwright.expect
PHONE = {"width": 375, "height": 740}
HOSTILE = [
    "<script>alert('script')</script>",
    "<img src=x onerror=alert('onerror')>",
    "\"><svg onload=alert('onload')>",
    "'\" autofocus onfocus=alert('onfocus') x='",
    "javascript:alert('url')",
    "</pre></code><iframe src=javascript:alert('frame')></iframe>",
    "</script><script>alert('end')</script>",
    "{{ 7 * 7 }}",
]


@pytest.fixture
def export(intake):
    """Run an agent, whose spans go through the real processor and the real exporter; return its trace id."""
    provider = TracerProvider(resource=Resource({"service.name": "weather-agent"}), shutdown_on_exit=False)
    provider.add_span_processor(RunOutputSpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=intake.endpoint)))
    tracer = provider.get_tracer("opentelemetry.instrumentation.openai.v1")

    def export(output="It is sunny in Paris.", *, name="POST /ask", question="How is the weather?"):
        with tracer.start_as_current_span(name) as root:
            root.set_attribute("braintrust.input", question)
            with tracer.start_as_current_span("plan", attributes={"gen_ai.operation.name": "chat"}) as plan:
                plan.set_attribute("gen_ai.completion", "Let me see.")
            with tracer.start_as_current_span("get_weather", attributes={"gen_ai.operation.name": "execute_tool"}):
                pass
            with tracer.start_as_current_span("answer", attributes={"gen_ai.operation.name": "chat"}) as answer:
                if output is not None:
                    answer.set_attribute("gen_ai.completion", output)
        return f"{root.get_span_context().trace_id:032x}"

    yield export
    provider.shutdown()


def test_an_export_appears_by_itself(open_page, export):
    page = open_page()
    expect(page.get_by_text("No traces yet")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Live")

    export()

    expect(page.get_by_role("link", name="POST /ask")).to_be_visible()
    expect(page.get_by_text("It is sunny in Paris.")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("Live · 1 new trace")


def test_an_open_trace_grows(open_page, export, intake):
    trace_id = export()
    rows = intake.store.trace(trace_id)
    page = open_page(f"/ui/traces/{trace_id}")
    expect(page.get_by_role("status")).to_have_text("Live")

    intake.store.insert([{**rows[0], "id": "ffff", "span_id": "ffff", "is_root": False, "span_parents": [rows[0]["id"]],
                          "span_attributes": {"name": "late", "type": "llm"}}])  # fmt: skip

    expect(page.get_by_role("table").get_by_role("link", name="late")).to_be_visible()


def test_the_focus_stays_where_it_was(open_page, export):
    export(name="first")
    page = open_page()
    expect(page.get_by_role("status")).to_have_text("Live")
    page.get_by_role("link", name="first").focus()

    export(name="second")

    expect(page.get_by_role("link", name="second")).to_be_visible()
    expect(page.get_by_role("link", name="first")).to_be_focused()


def test_tree_source_and_row(open_page, export):
    trace_id = export()
    page = open_page()
    page.get_by_role("link", name="POST /ask").click()

    expect(page).to_have_url(re.compile(trace_id))
    spans = page.get_by_role("table", name="The trace as a tree").get_by_role("rowheader")
    expect(spans).to_have_text(
        [
            re.compile(r"Level 1:\s+POST /ask\s*$"),
            re.compile(r"Level 2:\s+plan\s*$"),
            re.compile(r"Level 2:\s+get_weather\s*$"),
            re.compile(r"Level 2:\s+answer\s+★ answer\s*$"),
        ]
    )
    expect(page.locator("#run-output")).to_have_text("It is sunny in Paris.")
    types = [cell.inner_text() for cell in page.locator("table.spans .type").all()]
    assert types == ["task", "llm", "tool", "llm"]
    page.get_by_text("The whole row").click()
    row = json.loads(page.get_by_role("region", name="The dataset row").locator(".json").inner_text())
    assert row == {
        "input": "How is the weather?",
        "expected": None,
        "metadata": {"run_output": "It is sunny in Paris."},
        "tags": [],
    }


def test_any_span_can_be_looked_at(open_page, export):
    page = open_page(f"/ui/traces/{export()}")

    page.get_by_role("link", name="plan").click()

    detail = page.get_by_role("region", name="Span plan")
    expect(detail.get_by_text('"Let me see."').first).to_be_visible()
    expect(page.get_by_role("link", name="plan")).to_have_attribute("aria-current", "true")


def test_rows_are_collected_and_exported(open_page, export, intake):
    page = open_page(f"/ui/traces/{export()}")

    page.get_by_role("button", name="Add to dataset").click()

    expect(page.get_by_role("heading", name="Added to the dataset")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Export 1 row as JSON").click()
    assert download.value.suggested_filename == "dataset.json"
    (row,) = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert row["metadata"] == {"run_output": "It is sunny in Paris."}
    assert row["input"] == "How is the weather?"
    assert [row] == intake.store.dataset()

    page.get_by_role("button", name="Remove").click()

    expect(page.get_by_text("No rows yet")).to_be_visible()


def test_why_there_is_no_run_output(open_page, intake):
    intake.store.insert([
        {"id": "r", "root_span_id": "t", "is_root": True, "span_attributes": {"name": "root"}},
        {"id": "c", "root_span_id": "t", "span_parents": ["r"], "span_attributes": {"name": "chat", "type": "llm"},
         "context": {"scope": "opentelemetry.instrumentation.openai.v1"}},
    ])  # fmt: skip
    page = open_page()
    expect(page.get_by_text("Content capture is off")).to_be_visible()

    page.get_by_role("link", name="root").click()

    expect(page.get_by_role("heading", name="Content capture is off")).to_be_visible()
    expect(page.get_by_text("export TRACELOOP_TRACE_CONTENT=true")).to_be_visible()


def test_traces_are_filtered(open_page, export, intake):
    export(name="with")
    intake.store.insert([
        {"id": "r", "root_span_id": "t", "is_root": True, "span_attributes": {"name": "without"}},
        {"id": "c", "root_span_id": "t", "span_parents": ["r"], "span_attributes": {"name": "chat", "type": "llm"},
         "context": {"resource": {"service.name": "billing"}}},
    ], intake.store.register("project", "shop").id)  # fmt: skip
    page = open_page()

    page.get_by_role("checkbox", name="Without a run output 1").check()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="without")).to_be_visible()
    expect(page.get_by_role("link", name="with", exact=True)).to_have_count(0)
    expect(page.get_by_role("region", name="Why")).to_contain_text("1 Content capture is off")

    page.get_by_role("checkbox", name="Without a run output").uncheck()
    page.get_by_role("combobox", name="Service").select_option("weather-agent")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="with", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="without")).to_have_count(0)
    page.get_by_role("combobox", name="Service").select_option("")
    page.get_by_role("combobox", name="Project").select_option(label="shop (1)")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="without")).to_be_visible()


@pytest.mark.parametrize("size", [{"width": 390, "height": 844}, {"width": 1280, "height": 800}], ids=["phone", "desk"])
@pytest.mark.parametrize("spans", [3, 81])
def test_the_row_and_its_value_are_seen_without_scrolling(open_page, intake, size, spans):
    rows = [{"id": "r", "root_span_id": "t", "is_root": True, "input": "question " * 500, "created": "2026-01-01T00:00:00Z",
             "metrics": {"start": 1.0, "end": 9.0}, "context": {"resource": {"service.name": "weather-agent"}},
             "span_attributes": {"name": "POST /ask"}, "metadata": {"run_output": "answer " * 500}}]  # fmt: skip
    rows += [{"id": f"c{n}", "root_span_id": "t", "span_parents": ["r"], "metadata": {"run_output": "answer " * 500},
              "span_attributes": {"name": "chat", "type": "llm"}} for n in range(spans - 1)]  # fmt: skip
    intake.store.insert(rows)
    page = open_page("/ui/traces/t", viewport=size)

    region = page.get_by_role("region", name="The dataset row")
    for one in (region.get_by_text("question question").first, region.locator("#run-output")):
        box = one.bounding_box()
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= size["height"]
    marked = page.evaluate("getComputedStyle(document.querySelector('#run-output mark')).backgroundColor")
    assert marked != "rgba(0, 0, 0, 0)"


@pytest.mark.parametrize(
    ("child", "badge"),
    [
        ({"metadata": {"run_output": "x"}, "root": {"metadata": {"run_output": "x"}}}, "★ answer"),
        ({"error": "boom"}, "✕ failed here"),
        ({}, "→ look here"),
    ],
)
def test_a_badge_says_what_the_span_is(open_page, intake, child, badge):
    root = {
        "id": "r",
        "root_span_id": "t",
        "is_root": True,
        "span_attributes": {"name": "root"},
        **child.pop("root", {}),
    }
    chat = {"id": "c", "root_span_id": "t", "span_parents": ["r"], "span_attributes": {"name": "chat", "type": "llm"}}
    intake.store.insert([root, {**chat, **child}])
    page = open_page("/ui/traces/t")

    expect(page.get_by_role("table").get_by_role("rowheader", name="chat")).to_contain_text(badge)
    badges = page.locator("table .badge")
    assert [one.inner_text() for one in badges.all()] == [badge]


def test_an_unknown_address_is_a_page(open_page):
    page = open_page()
    # Not by open_page, for Chromium reports a 404 on its console.
    page.set_content(page.request.get("/nope", headers={"Accept": "text/html"}).text())

    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_what_insert_writes_is_shown(open_page, export, intake):
    export()
    environment = {"BRAINTRUST_API_URL": intake.url, "BRAINTRUST_APP_URL": intake.url, "BRAINTRUST_API_KEY": "k"}
    command = ["insert", "--project", "shop", "--dataset", "examples", "--intake", intake.url, "--apply"]
    intake.store.register("project", "shop")

    ended = CliRunner(env=environment).invoke(main, command)

    assert ended.exit_code == 0, ended.output
    page = open_page("/ui/dataset")
    expect(page.get_by_role("cell", name="It is sunny in Paris.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 390, "height": 844}, {"width": 1280, "height": 800}], ids=["phone", "desk"])
def test_axe_finds_nothing_serious(browser, intake, paths, scheme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="pip install --group browser").Axe()
    context = browser.new_context(base_url=intake.url, color_scheme=scheme, viewport=size)
    page = context.new_page()
    for path in [*paths, "/?without=1", "/ui/dataset"]:
        page.goto(path)

        found = axe.run(page).response["violations"]
        serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], path
    context.close()


@pytest.mark.parametrize("hop", ["HTTP", "queue"])
def test_a_model_in_another_process_points_to_the_relay(open_page, intake, hop):
    start, end = (2.0, 3.0) if hop == "HTTP" else (20.0, 30.0)
    intake.store.insert([
        {"id": "r", "root_span_id": "t", "is_root": True, "metrics": {"start": 1.0, "end": 10.0},
         "span_attributes": {"name": "root"}, "context": {"resource": {"service.name": "web"}}},
        {"id": "c", "root_span_id": "t", "span_parents": ["r"], "metrics": {"start": start, "end": end},
         "span_attributes": {"name": "chat", "type": "llm"}, "metadata": {"run_output": "Hi"},
         "context": {"parent_is_remote": True, "resource": {"service.name": "worker"}}},
    ])  # fmt: skip
    page = open_page("/ui/traces/t")

    expect(page.get_by_role("heading", name="The model was called in another process")).to_be_visible()
    expect(page.get_by_text("braintrust-run-output relay")).to_be_visible()
    expect(page.get_by_role("rowheader", name="chat")).to_contain_text("→ look here")


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_content_is_only_shown(open_page, export, text):
    trace_id = export(text, name=text, question=text)
    page = open_page()
    expect(page.get_by_role("status")).to_have_text("Live")
    expect(page.get_by_text(text).first).to_be_visible()
    export(text, name=f"again {text}", question=text)
    expect(page.get_by_text("again").first).to_be_visible()  # put in by the script

    page.goto(f"/ui/traces/{trace_id}")
    expect(page.locator("#run-output")).to_have_text(text)
    expect(page.get_by_role("status")).to_have_text("Live")
    page.get_by_role("button", name="Add to dataset").click()
    expect(page.get_by_role("cell", name=text).first).to_be_visible()
    assert page.locator("iframe, script:not([src]), [onerror], [onload], [onfocus]").count() == 0


def test_the_policy_stops_a_script_that_got_in(browser, intake):
    """The check above would pass with no policy at all: so would this one, but for the policy."""
    context = browser.new_context(base_url=intake.url)
    page = context.new_page()
    violations = []
    page.on("console", lambda message: violations.append(message.text))
    page.goto("/")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.ran = true\">')")
    page.wait_for_function("document.images[document.images.length - 1].complete")

    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in violations)
    context.close()


def test_five_thousand_traces(open_page, intake):
    for number in range(5_000):
        intake.store.insert([
            {"id": f"r{number}", "root_span_id": f"t{number}", "is_root": True,
             "span_attributes": {"name": f"run {number}", "type": "task"}, "metadata": {"run_output": "x" * 2_000}},
            {"id": f"c{number}", "root_span_id": f"t{number}", "span_parents": [f"r{number}"],
             "span_attributes": {"name": "chat", "type": "llm"}, "metadata": {"run_output": "x" * 2_000}},
        ])  # fmt: skip
    page = open_page()

    expect(page.get_by_role("link", name="run 4999", exact=True)).to_be_visible()
    assert len(page.content()) < 100_000
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="run 4949", exact=True)).to_be_visible()
    took = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
    assert took < 5_000, f"{took} ms for a page"
    page.goto(f"/?before={intake.store.traces(limit=5_000)[-2].cursor}")
    expect(page.get_by_role("link", name="run 0", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Older")).to_have_count(0)


def test_with_the_keyboard_alone(open_page, export):
    export()
    page = open_page()
    expect(page.get_by_role("status")).to_have_text("Live")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("checkbox", name="Without a run output")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="POST /ask")).to_be_focused()
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="POST /ask", level=1)).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "add":
            break
    expect(page.get_by_role("button", name="Add to dataset")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Added to the dataset")).to_be_visible()


def test_without_javascript(open_page, export):
    export(name="first")
    page = open_page(java_script_enabled=False)
    expect(page.get_by_role("status").filter(has_text="Reload to see new traces.")).to_be_visible()
    export(name="second")

    page.reload()

    page.get_by_role("link", name="second").click()
    page.get_by_role("button", name="Add to dataset").click()
    expect(page.get_by_role("heading", name="Added to the dataset")).to_be_visible()


@pytest.fixture
def paths(export, intake):
    trace_id = export("w" * 500, name="n" * 300)
    without = export(None)
    page = [f"/ui/traces/{trace_id}", f"/ui/traces/{without}"]
    row = add_to_dataset(intake.store, trace_id)
    return ["/", *page, f"/ui/dataset?added={row['id']}", "/ui/traces/none"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phones_width_has_no_sideways_scroll(browser, intake, paths, scheme):
    context = browser.new_context(base_url=intake.url, viewport=PHONE, color_scheme=scheme)
    page = context.new_page()
    for path in paths:
        page.goto(path)

        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        too_wide = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => !e.closest('.hidden, svg, thead') &&"
            f" e.getBoundingClientRect().right > {PHONE['width']} + 1).map(e => e.outerHTML.slice(0, 80))"
        )
        assert too_wide == [], path
    context.close()


def test_the_structure_that_assistive_technology_needs(browser, intake, paths):
    context = browser.new_context(base_url=intake.url)
    page = context.new_page()
    for path in paths:
        page.goto(path)

        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.title()
        for one in ("h1", "main", "header nav", "footer"):
            assert page.locator(one).count() == 1, (path, one)
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels)), (path, levels)
        nameless = page.evaluate(
            "[...document.querySelectorAll('a,button,input,select,textarea')].filter(e => !e.textContent.trim()"
            " && !e.getAttribute('aria-label') && !(e.labels && e.labels.length)).map(e => e.outerHTML)"
        )
        assert nameless == [], path
        assert page.locator("img:not([alt])").count() == 0
        for table in page.locator("table").all():
            assert table.locator("caption").count() == 1
            assert table.locator("thead th:not([scope=col])").count() == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids)), path
        targets = page.evaluate(
            "[...document.querySelectorAll('[aria-labelledby]')].every(e => document.getElementById(e.getAttribute('aria-labelledby')))"
        )
        assert targets, path
    context.close()


_CONTRAST = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const rgb = (colour) => { canvas.clearRect(0,0,1,1); canvas.fillStyle = colour; canvas.fillRect(0,0,1,1);
    return [...canvas.getImageData(0,0,1,1).data]; };
  const light = ([r,g,b]) => { const f = (c) => (c/=255) <= .03928 ? c/12.92 : ((c+.055)/1.055)**2.4;
    return .2126*f(r)+.7152*f(g)+.0722*f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c[3] === 255) return c; } return [255,255,255]; };
  const low = [];
  for (const e of document.querySelectorAll('body *')) {
    if (e.closest('.hidden, .skip, svg') || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a,b)+.05)/(Math.min(a,b)+.05);
    if (ratio < 4.5) low.push(`${e.tagName}.${e.className}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(low)];
}
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(browser, intake, paths, scheme):
    context = browser.new_context(base_url=intake.url, color_scheme=scheme)
    page = context.new_page()
    for path in paths:
        page.goto(path)

        assert page.evaluate(_CONTRAST) == [], path
    context.close()
