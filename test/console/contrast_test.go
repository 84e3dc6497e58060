package main

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"lambda-web/test/browser"
)

// faint lists the texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, success criterion 1.4.3).
const faint = `(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, under) => {
    canvas.fillStyle = "rgb(" + under.join(" ") + ")"; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (c) => c.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { const all = []; for (let at = e; at; at = at.parentElement) all.unshift(getComputedStyle(at).backgroundColor); return all.reduce((under, c) => rgb(c, under), [255, 255, 255]); };
  const found = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest("#toast")) continue;
    const back = behind(e), style = getComputedStyle(e);
    const front = rgb(e.namespaceURI.endsWith("svg") ? style.fill : style.color, back);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) found.add(e.className.toString() + " " + e.tagName + " " + e.textContent.slice(0, 20) + " " + ratio.toFixed(2));
  }
  return [...found].join("\n");
})()`

// TestContrast: every text can be read, in light and in dark, in each view.
func TestContrast(t *testing.T) {
	s := openShop(t, "-console", "record")
	if err := visit(s.URL, s.Cloud); err != nil {
		t.Fatal(err)
	}
	for _, theme := range []string{"light", "dark"} {
		for _, v := range views {
			s.do(browser.Look(1280, 860, theme), chromedp.Navigate("about:blank"),
				chromedp.Navigate(consoleOf(s.Cloud)),
				browser.Until(`document.querySelectorAll(".row").length > 5`), v.get(1280))
			if found := s.js(faint); found != "" {
				t.Errorf("%s%s: too faint:\n%s", theme, v.name, found)
			}
		}
	}
}

// TestKeyboard: everything that can be clicked can be reached with Tab, has a name, and shows where the focus is.
func TestKeyboard(t *testing.T) {
	s := openShop(t)
	s.get("/api/hello?name=Ada")
	s.do(browser.Until(row("/api/hello?name=Ada")), press("j"), browser.Until(opened))
	reached := s.js(`(() => {
  const all = [...document.querySelectorAll("button, input, a[href], summary")].filter((e) => e.checkVisibility() && !e.disabled);
  return all.filter((e) => e.tabIndex < 0 || !(e.textContent.trim() || e.getAttribute("aria-label") || e.title)).map((e) => e.outerHTML).join("\n");
})()`)
	if reached != "" {
		t.Errorf("without a name, or out of reach:\n%s", reached)
	}
	s.do(chromedp.Evaluate(`document.activeElement.blur()`, nil))
	seen := map[string]bool{}
	for range 12 {
		s.do(chromedp.KeyEvent("\t"))
		seen[s.js(`document.activeElement.id || document.activeElement.textContent`)] = true
		if outline := s.js(`getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
			t.Errorf("%s shows no focus", s.js(`document.activeElement.outerHTML.slice(0, 100)`))
		}
	}
	if len(seen) < 10 {
		t.Errorf("Tab reaches %s only", fmt.Sprint(seen))
	}
	s.do(press("\x1b"), browser.Until(`document.querySelector("#detail").hidden`), chromedp.KeyEvent("?"),
		browser.Until(`document.querySelector("#keys").open`),
		chromedp.KeyEvent("\x1b"), browser.Until(`!document.querySelector("#keys").open`))
}
