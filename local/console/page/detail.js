// One invocation: its messages, its timeline, its lines, and what can be done with it.
import { h, $, ms, bytes, clock, copy, toast } from "./dom.js";
import { drawBody, content } from "./body.js";
import { drawTimeline } from "./timeline.js";

const names = {
  request: ["Request", "as the client sent it"],
  event: ["Event", "as Lambda gave it to the adapter"],
  appRequest: ["App request", "what the adapter sent to the app"],
  appResponse: ["App answer", "what the app answered"],
  answer: ["Event response", "what the adapter posted to Lambda"],
  response: ["Response", "as the gateway sent it to the client"],
};

export class Detail {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    this.id = null;
    this.kind = "request";
    this.turn = 0;
    this.modes = {}; // how bodies are shown, by message
  }

  async open(id) {
    this.editing = false;
    if (id !== this.id) this.modes = {};
    this.id = id;
    this.data = null;
    this.root.hidden = !id;
    if (!id) return this.root.replaceChildren();
    this.root.scrollTop = 0;
    await this.refresh();
  }

  // changed asks again when the feed says that there is more, but not too often.
  changed(summary) {
    if (this.waiting || this.editing) return;
    const pause = summary.state === "running" || summary.streamed ? 120 : 0;
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.refresh();
    }, pause);
  }

  async refresh() {
    const id = this.id, turn = ++this.turn;
    if (!id || this.editing) return;
    const answer = await fetch(`api/invocations/${id}?secrets=${this.page.secrets() ? 1 : 0}`);
    const data = await answer.json();
    if (turn !== this.turn || this.editing) return; // a later one has been asked for
    if (!answer.ok) return this.root.replaceChildren(h("p", { class: "empty" }, data.error), h("button", { class: "close", onclick: this.page.close, "aria-label": "Close" }, "×"));
    this.data = data;
    this.draw();
  }

  draw() {
    const d = this.data, top = this.root.scrollTop;
    if (!d.messages.some((m) => m.kind === this.kind)) this.kind = d.messages[0].kind;
    this.root.replaceChildren(
      this.head(d),
      d.cause ? h("p", { class: "reason" }, h("b", {}, d.failure), d.failure ? " " : "", d.cause) : "",
      h("figure", { class: "timeline", id: "timeline" }),
      this.log(d),
      this.messages(d),
      h("h3", {}, "Figures"),
      h("dl", { class: "figures" }, d.figures.filter((f) => f.value).map((f) => h("div", {}, h("dt", {}, f.name), h("dd", {}, f.value)))));
    this.resize();
    this.root.scrollTop = top;
  }

  resize() {
    if (this.data && this.id && !this.editing) drawTimeline($("#timeline"), this.data);
  }

  head(d) {
    const button = (text, title, action, off) => h("button", { title, onclick: action, disabled: !!off }, text);
    return h("header", {},
      h("h2", {}, h("span", { class: `status ${d.state} s${String(d.status ?? "")[0] ?? ""}` }, d.state === "running" ? "running" : String(d.status || (d.state === "failed" ? "failed" : "ok"))),
        h("span", { class: "method" }, d.method), h("span", { class: "path" }, d.path)),
      h("p", { class: "muted" }, `${clock(d.time, true)} · ${d.duration ? ms(d.duration) : "running"}`,
        d.version ? ` · version ${d.version.replace("$", "")}, sandbox ${d.sandbox}` : "", d.cold ? " · cold start" : d.version ? " · warm" : "",
        d.replayOf ? [" · replay of ", h("a", { href: "#" + d.replayOf, onclick: (e) => (e.preventDefault(), this.page.open(d.replayOf)) }, "this one")] : ""),
      h("span", { class: "actions" },
        button("Replay", d.replay || "Send it again as it was (r)", () => this.replay(), d.replay),
        button("Edit", "Edit it and send it (e)", () => this.edit()),
        h("span", { class: "copies" }, "Copy as ",
          ["curl", "event", "pytest", "go"].map((form) => button(form, form === "event" ? "The event, as a file for make event" : form === "curl" ? "A command (y)" : "A test of this request and its answer", () => this.copyAs(form)))),
        h("button", { class: "close", title: "Close (Esc)", "aria-label": "Close", onclick: this.page.close }, "×")));
  }

  log(d) {
    const lines = d.lines ?? [];
    const rows = lines.map((l) => h("div", { class: l.platform ? "platform" : "" }, h("time", {}, (l.at >= 0 ? "+" : "") + l.at.toFixed(1)), h("span", {}, l.text.replace(/\x1b\[[0-9;]*m/g, ""))));
    if (d.dropped) rows.splice(Math.ceil(rows.length / 2), 0, h("div", { class: "platform" }, h("time"), h("span", {}, `… ${d.dropped} lines are not kept …`)));
    return h("section", { "aria-label": "Log" },
      h("h3", {}, "Log", h("small", {}, d.bare ? "no longer kept" : "of this invocation alone, milliseconds since its beginning")),
      rows.length ? h("pre", { class: "log", tabindex: "0" }, rows) : h("p", { class: "muted" }, d.bare ? "The console keeps 64 MB; this one's bodies and lines went first." : "No lines."));
  }

  messages(d) {
    const m = d.messages.find((m) => m.kind === this.kind);
    return h("section", { "aria-label": "Messages" },
      h("div", { class: "tabs", role: "tablist" }, d.messages.map((m, at) => h("button", {
        role: "tab", "aria-selected": String(m.kind === this.kind), class: m.seen ? "" : "unseen", title: names[m.kind][1] + ` (${at + 1})`, onclick: () => this.tab(at),
      }, names[m.kind][0]))),
      h("div", { class: "message", role: "tabpanel" }, this.message(m, d)));
  }

  message(m, d) {
    const parts = [h("p", { class: "muted" }, names[m.kind][1], m.note ? h("span", { class: "note" }, " — " + m.note) : "")];
    if (!m.seen) return parts;
    if (m.start) parts.push(h("pre", { class: "start" }, m.kind === "answer" ? JSON.stringify(parsed(m.start), null, 2) : m.start));
    if (m.headers?.length) {
      parts.push(h("table", { class: "headers" }, h("tbody", {}, m.headers.map((l) => h("tr", {}, h("th", { scope: "row" }, l.name),
        h("td", {}, l.hidden ? h("button", { class: "masked", title: "Show secrets (s)", onclick: () => $("#secrets").click() }, l.value) : l.value))))));
    }
    if (m.kind === "response" && d.pieces?.length) parts.push(this.pieces(d));
    parts.push(drawBody(m, this.modes[m.kind], (mode) => {
      this.modes[m.kind] = mode;
      this.draw();
    }));
    return parts;
  }

  pieces(d) {
    const last = d.pieces.at(-1);
    return h("details", { class: "pieces", open: d.state === "running" },
      h("summary", {}, `${d.pieces.length + (d.more ?? 0)} pieces, the last one at ${ms(last.at)}`),
      h("ol", {}, d.pieces.slice(-40).map((p) => h("li", {}, h("time", {}, "+" + ms(p.at)), bytes(p.size)))));
  }

  tab(at) {
    if (!this.data?.messages[at]) return;
    this.kind = this.data.messages[at].kind;
    this.draw();
  }

  async send(edited) {
    const answer = await fetch(`api/invocations/${this.id}/replay`, {
      method: "POST", headers: { "Content-Type": "application/json", "X-Console": "1" }, body: JSON.stringify(edited ?? {}),
    });
    const result = await answer.json();
    if (!answer.ok) return toast(result.error, true);
    this.editing = false;
    this.page.open(result.id);
    toast("Sent again");
  }

  replay() {
    if (!this.data) return;
    if (this.data.replay) return toast(this.data.replay, true);
    this.send();
  }

  async copyAs(form) {
    if (!this.id) return;
    const answer = await fetch(`api/invocations/${this.id}/as/${form}?secrets=${this.page.secrets() ? 1 : 0}`);
    const text = await answer.text();
    copy(text, { curl: "as curl", event: "the event", pytest: "a test for pytest", go: "a test in Go" }[form]);
  }

  // edit shows the request, or the event, as a form.
  edit() {
    const d = this.data;
    if (!d) return;
    this.editing = true;
    const m = d.messages.find((m) => m.kind === "request") ?? d.messages[0];
    const direct = m.kind === "event";
    const [method, target] = (m.start ?? "").split(" ");
    const input = (name, value, label) => h("label", {}, label, Object.assign(h("input", { name, autocomplete: "off", spellcheck: "false" }), { value: value ?? "" }));
    const area = (name, value, rows, label) => h("label", {}, label, Object.assign(h("textarea", { name, rows, spellcheck: "false" }), { value }));
    const body = m.body.base64 === undefined ? content(m.body) : null;
    const shown = direct ? pretty(body) : body;
    const form = h("form", { class: "edit" },
      h("h2", {}, direct ? "Edit the event" : "Edit the request"),
      direct ? "" : h("div", { class: "line" }, input("method", method, "Method"), input("target", target, "Path and query")),
      direct ? "" : area("headers", m.headers.filter((l) => !["host", "content-length"].includes(l.name.toLowerCase())).map((l) => l.name + ": " + l.value).join("\n"), 8, "Headers, one a line; •••••••• keeps the value that is there"),
      body === null ? h("p", { class: "muted" }, "The body is binary and goes out as it was.") : area("body", shown, direct ? 24 : 10, direct ? "Event" : "Body"),
      h("span", { class: "actions" }, h("button", { class: "primary" }, "Send"),
        h("button", { type: "button", onclick: () => { this.editing = false; this.draw(); } }, "Cancel")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const f = new FormData(form), edited = {};
      if (!direct) {
        edited.method = f.get("method");
        edited.target = f.get("target");
        edited.headers = f.get("headers").split("\n").filter((l) => l.trim()).map((l) => {
          const colon = l.indexOf(":");
          return { name: (colon < 0 ? l : l.slice(0, colon)).trim(), value: colon < 0 ? "" : l.slice(colon + 1).trim() };
        });
      }
      const text = f.get("body")?.replaceAll("\r\n", "\n");
      if (body !== null && text !== shown) edited.text = text;
      this.send(edited);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.editing = false; this.draw(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
    });
    this.root.replaceChildren(form);
    form.querySelector("textarea, input").focus();
  }
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return text; }
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}
