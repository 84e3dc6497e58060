// The list: one row for each invocation, the newest first. Rows are kept and changed in place.
import { $, h, ms, clock } from "./dom.js";

// start says how long a cold start took.
function start(s) {
  const took = s.restore || s.init;
  return [s.restore ? "restore" : "cold", took ? h("span", { class: "fraction" }, " " + ms(took)) : ""];
}

export class List {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.rows = new Map(); // by id: { data, element }
    this.filters = { failed: false, cold: false, slow: false };
    this.status = new Set();
    this.text = "";
    this.found = new Set(); // ids whose bodies or lines contain the text
    this.from = 0; // numbers below are cleared away
    this.held = null; // updates while the list is held
    root.addEventListener("click", (event) => {
      const row = event.target.closest("[data-id]");
      if (row) page.open(row.dataset.id);
    });
    this.bind();
  }

  bind() {
    for (const b of document.querySelectorAll("[data-filter]")) b.addEventListener("click", () => this.toggle(b.dataset.filter));
    for (const b of document.querySelectorAll("[data-status]")) {
      b.addEventListener("click", () => {
        const s = b.dataset.status;
        this.status.has(s) ? this.status.delete(s) : this.status.add(s);
        b.setAttribute("aria-pressed", this.status.has(s));
        this.refilter();
      });
    }
    $("#slower").addEventListener("input", () => this.refilter());
    $("#filters").addEventListener("submit", (event) => event.preventDefault());
    $("#search").addEventListener("input", () => this.search($("#search").value));
    $("#pause").addEventListener("click", () => this.pause());
    $("#clear").addEventListener("click", () => this.clear());
  }

  // reset begins anew with a connection; count is how many invocations there have been. What is cleared stays cleared,
  // unless the local cloud is another one by now.
  reset(count) {
    if (count + 1 < this.from) this.from = 0;
    if (this.held) return;
    this.rows.clear();
    this.root.replaceChildren();
  }

  // take shows summaries that are new or changed, and drops what the console keeps no more.
  take(summaries, oldest) {
    if (this.held) {
      this.held.push(...summaries);
      this.held = this.held.slice(-2000);
      $("#pause").textContent = `held, ${new Set(this.held.map((s) => s.id)).size} more`;
      return;
    }
    const fresh = [];
    for (const s of summaries) {
      const row = this.rows.get(s.id);
      if (row) {
        row.data = s;
        this.fill(row);
      } else if (s.n >= oldest) {
        const made = { data: s, element: h("div", { role: "option", "data-id": s.id, id: "i" + s.n, "aria-selected": String(s.id === this.selected) }) };
        this.rows.set(s.id, made);
        this.fill(made);
        fresh.push(made);
      }
    }
    fresh.sort((a, b) => b.data.n - a.data.n);
    this.root.prepend(...fresh.map((r) => r.element));
    for (const [id, row] of this.rows) {
      if (row.data.n >= oldest) break; // the map is in the order of the numbers
      row.element.remove();
      this.rows.delete(id);
    }
    this.empty();
  }

  fill(row) {
    const s = row.data, e = row.element;
    const code = s.state === "running" ? (s.status || "···") : s.status || (s.state === "failed" ? "fail" : "ok");
    e.className = `row ${s.state} s${String(s.status ?? "")[0] ?? ""}` + (s.duration >= 1000 ? " slow" : "");
    const took = h("span", { class: "took" }, s.state === "running" ? "" : ms(s.duration));
    const bar = h("i", { class: "bar" });
    bar.style.width = Math.min(100, Math.log10(1 + (s.duration ?? 0)) * 25) + "%";
    e.replaceChildren(
      h("time", {}, clock(s.time), h("span", { class: "fraction" }, clock(s.time, true).slice(8))),
      h("span", { class: "status" }, String(code)),
      h("span", { class: "method" }, s.method),
      h("span", { class: "path", title: s.path }, h("span", {}, s.path), s.replayOf ? h("em", { class: "tag", title: "sent again from here" }, "replay") : null,
        s.streamed ? h("em", { class: "tag" }, "stream") : null),
      h("span", { class: "cold", title: s.cold ? "Cold start: a sandbox was started for this" : "" }, s.cold ? start(s) : ""),
      h("span", { class: "box", title: s.version ? `version ${s.version}, sandbox ${s.sandbox}` : "" }, s.version ? `v${s.version.replace("$", "")}·${s.sandbox}` : ""),
      took, h("span", { class: "track" }, bar),
      s.failure || s.cause ? h("span", { class: "cause" }, h("b", {}, s.failure ? s.failure + " " : ""), s.cause ?? "") : "",
    );
    row.took = took;
    e.hidden = !this.matches(s);
  }

  // tick counts the time of those that run.
  tick() {
    for (const row of this.rows.values()) {
      if (row.data.state === "running") row.took.textContent = ms(Math.max(0, this.page.now() - row.data.time));
    }
  }

  matches(s) {
    if (s.n < this.from) return false;
    if (this.filters.failed && s.state !== "failed" && s.state !== "refused") return false;
    if (this.filters.cold && !s.cold) return false;
    if (this.filters.slow && (s.duration ?? 0) < Number($("#slower").value)) return false;
    if (this.status.size && !this.status.has(String(s.status ?? "")[0])) return false;
    if (!this.text) return true;
    const words = [s.method, s.path, s.id, s.status, s.failure, s.cause, s.trace, s.function, "v" + s.version].join(" ").toLowerCase();
    return this.text.split(/\s+/).every((w) => words.includes(w)) || this.found.has(s.id);
  }

  search(text) {
    this.text = text.trim().toLowerCase();
    this.found = new Set();
    this.refilter();
    clearTimeout(this.asking);
    if (this.text.length < 2) return;
    this.asking = setTimeout(async () => {
      const asked = this.text;
      const ids = await (await fetch("api/search?q=" + encodeURIComponent(asked))).json();
      if (asked !== this.text) return;
      this.found = new Set(ids);
      this.refilter();
    }, 150);
  }

  refilter() {
    for (const row of this.rows.values()) row.element.hidden = !this.matches(row.data);
    this.empty();
  }

  empty() {
    const shown = [...this.rows.values()].some((r) => !r.element.hidden);
    const e = $("#empty");
    e.hidden = shown;
    e.textContent = this.rows.size ? "Nothing matches the filters." : "Nothing yet. Open the site, and what it asks shows here.";
  }

  toggle(name) {
    this.filters[name] = !this.filters[name];
    $(`[data-filter="${name}"]`).setAttribute("aria-pressed", this.filters[name]);
    this.refilter();
  }

  pause() {
    const held = this.held;
    this.held = held ? null : [];
    $("#pause").setAttribute("aria-pressed", !!this.held);
    $("#pause").textContent = this.held ? "held" : "pause";
    if (held) {
      const last = new Map(held.map((s) => [s.id, s]));
      const all = [...last.values()].sort((a, b) => a.n - b.n);
      this.take(all, all.length ? all.at(-1).n - 499 : 0);
    }
  }

  clear() {
    for (const row of this.rows.values()) this.from = Math.max(this.from, row.data.n + 1);
    this.refilter();
  }

  select(id) {
    const old = this.rows.get(this.selected);
    old?.element.setAttribute("aria-selected", "false");
    this.selected = id;
    const row = this.rows.get(id);
    if (!row) return this.root.removeAttribute("aria-activedescendant");
    row.element.setAttribute("aria-selected", "true");
    this.root.setAttribute("aria-activedescendant", row.element.id);
    row.element.scrollIntoView({ block: "nearest" });
  }

  // step is the id of the next shown row.
  step(by) {
    const shown = [...this.root.children].filter((e) => !e.hidden);
    if (!shown.length) return null;
    const at = shown.findIndex((e) => e.dataset.id === this.selected);
    return shown[Math.min(shown.length - 1, Math.max(0, at < 0 ? 0 : at + by))].dataset.id;
  }
}
