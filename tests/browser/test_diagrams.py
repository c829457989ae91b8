"""The diagrams of the documentation: legible on a phone, and in both colour schemes."""

from __future__ import annotations

from pathlib import Path

import pytest

DIAGRAMS = sorted((Path(__file__).parents[2] / "docs" / "diagrams").glob("*.svg"))
PHONE, MARGIN = 390, 16
LOOK = """() => {
    const colour = (one) => getComputedStyle(one).fill.match(/[\\d.]+/g).map(Number);
    const luminance = (rgb) => {
        const [r, g, b] = rgb.map((one) => (one /= 255) <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const page = document.querySelector("svg").getBoundingClientRect();
    const filled = [...document.querySelectorAll("rect")].filter((one) => getComputedStyle(one).fill !== "none");
    return [...document.querySelectorAll("text")].map((text) => {
        const box = text.getBoundingClientRect();
        const holds = (rect, x) => {
            const outer = rect.getBoundingClientRect();
            return outer.left <= x && x <= outer.right && outer.top <= box.top && box.bottom <= outer.bottom;
        };
        const behind = filled.filter((rect) => holds(rect, box.left + 1)).at(-1);
        const [low, high] = [luminance(colour(text)), luminance(colour(behind))].sort((a, b) => a - b);
        return {
            words: text.textContent,
            size: parseFloat(getComputedStyle(text).fontSize) * page.width / document.querySelector("svg").viewBox.baseVal.width,
            fits: holds(behind, box.right) && box.right <= page.right,
            contrast: (high + 0.05) / (low + 0.05),
        };
    });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("diagram", DIAGRAMS, ids=lambda file: file.stem)
def test_a_diagram_is_legible_on_a_phone(browser, diagram, scheme):
    context = browser.new_context(viewport={"width": PHONE, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    picture = diagram.read_text(encoding="utf-8")
    page.set_content(f"<style>body {{ margin: {MARGIN}px }} svg {{ width: 100%; height: auto }}</style>{picture}")

    texts = page.evaluate(LOOK)
    context.close()

    assert len(texts) > 10
    assert [one for one in texts if one["size"] < 12] == []
    assert [one for one in texts if not one["fits"]] == []
    assert [one for one in texts if one["contrast"] < 4.5] == []


def test_there_are_diagrams_and_they_name_no_file():
    assert DIAGRAMS
    assert [one.name for one in DIAGRAMS if ".py" in one.read_text(encoding="utf-8")] == []
