"""Visual checks that axe lacks: contrast of borders, texts that are cut off, covered or off the screen."""

from typing import Any

from playwright.sync_api import Page

# WCAG 2.2, 1.4.12.
TEXT_SPACING = """
* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
p { margin-bottom: 2em !important; }
"""

_CONTRAST = """
    const channels = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const contrast = (a, b) => {
        const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y);
        return (light + 0.05) / (dark + 0.05);
    };
    const isClear = (colour) => colour.length === 4 && colour[3] === 0;
    const behind = (element) => {
        for (let at = element; at !== null; at = at.parentElement) {
            const colour = channels(getComputedStyle(at).backgroundColor);
            if (colour.length >= 3 && !isClear(colour)) return colour;
        }
        return channels(getComputedStyle(document.body).backgroundColor);
    };
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
"""


def edge_contrasts(page: Page, selector: str) -> dict[str, float]:
    """Return the contrast of each control's border with what is around it; 0 where it has none."""
    found: dict[str, float] = page.evaluate(
        f"""(selector) => {{ {_CONTRAST}
            const found = {{}};
            for (const [place, control] of [...document.querySelectorAll(selector)].filter(isShown).entries()) {{
                const {{ borderTopWidth, borderTopStyle, borderTopColor }} = getComputedStyle(control);
                const colour = channels(borderTopColor);
                const isThere = parseFloat(borderTopWidth) >= 1 && borderTopStyle !== "none" && !isClear(colour);
                const around = behind(control.parentElement);
                found[`${{control.className || control.id}} ${{place}}`] = isThere ? contrast(colour, around) : 0;
            }}
            return found;
        }}""",
        selector,
    )
    return found


def colour_contrasts(page: Page, selector: str, colour: str) -> dict[str, float]:
    """Return the contrast of a colour of each element, such as ``color`` or ``fill``, with what is around it."""
    found: dict[str, float] = page.evaluate(
        f"""([selector, colour]) => {{ {_CONTRAST}
            const shown = [...document.querySelectorAll(selector)].filter(isShown);
            return Object.fromEntries(shown.map((element, place) => [
                `${{element.className.baseVal ?? element.className}} ${{place}}`,
                contrast(channels(getComputedStyle(element)[colour]), behind(element.parentElement)),
            ]));
        }}""",
        [selector, colour],
    )
    return found


def faults_of_text(page: Page) -> list[str]:
    """Return every text that is cut, leaves the screen sideways, or lies on another one, once nothing moves."""
    page.evaluate("Promise.allSettled(document.getAnimations().map((animation) => animation.finished))")
    found: dict[str, Any] = page.evaluate(
        """() => {
            const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const texts = [];
            while (nodes.nextNode()) {
                const element = nodes.currentNode.parentElement;
                if (nodes.currentNode.textContent.trim() === "") continue;
                if (element.closest(".unseen, .skip, script, style")) continue;
                if (!element.checkVisibility({ visibilityProperty: true })) continue;
                const range = document.createRange();
                range.selectNodeContents(nodes.currentNode);
                const boxes = [...range.getClientRects()].filter((box) => box.width > 1 && box.height > 1);
                texts.push({ element, boxes, words: nodes.currentNode.textContent.trim().slice(0, 40) });
            }
            const faults = new Set();
            for (const { element, boxes, words } of texts) {
                for (const box of boxes) {
                    const isOff = box.left < -1 || box.right > innerWidth + 1;
                    if (isOff && element.closest(".strip") === null) faults.add(`off the screen: ${words}`);
                    for (let around = element; around !== document.body; around = around.parentElement) {
                        const { overflowX, overflowY } = getComputedStyle(around);
                        const edge = around.getBoundingClientRect();
                        const isAcross = box.right > edge.right + 1 || box.left < edge.left - 1;
                        const isAlong = box.bottom > edge.bottom + 1 || box.top < edge.top - 1;
                        const clips = (overflow) => /hidden|clip/.test(overflow);
                        const isCut = (clips(overflowX) && isAcross) || (clips(overflowY) && isAlong);
                        if (isCut) faults.add(`cut: ${words}`);
                    }
                }
            }
            // What is meant to lie over the page is not looked at here.
            const lying = texts.filter(({ element }) => element.closest("main, header") && !element.closest(".hits"));
            const flat = lying.flatMap(({ boxes, words }, text) => boxes.map((box) => ({ box, words, text })));
            flat.sort((a, b) => a.box.top - b.box.top);
            flat.forEach((one, at) => {
                for (const other of flat.slice(at + 1)) {
                    if (other.box.top > one.box.bottom) break;
                    const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
                    const along = Math.min(one.box.bottom, other.box.bottom) - other.box.top;
                    if (one.text === other.text || across <= 2 || along <= 6) continue;
                    faults.add(`${one.words} lies on ${other.words}`);
                }
            });
            return { texts: texts.length, faults: [...faults] };
        }"""
    )
    assert found["texts"] > 10, "hardly a text was looked at"
    faults: list[str] = found["faults"]
    return faults


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider > 0
