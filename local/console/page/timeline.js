// The timeline as a picture: one bar for each part whose beginning and end were seen.
import { h, ms } from "./dom.js";

const meaning = {
  gateway: "routing, signature, the event",
  queue: "waiting for a sandbox",
  init: "the sandbox starts: extensions, then the app",
  restore: "SnapStart: the sandbox goes on from its snapshot",
  sandbox: "from the start of the invocation until the runtime has the event",
  adapter: "the event becomes a request, the app's answer a response",
  app: "the app, from its request to the last byte of its answer",
  "adapter and app": "recording the app tells the two apart",
  answer: "the adapter posts the response",
  response: "the response goes out to the client",
  after: "until the runtime and the extensions ask for the next invocation",
};

export function drawTimeline(figure, d) {
  const parts = d.timeline ?? [];
  if (!parts.length || !d.total) return figure.replaceChildren();
  const row = 20, top = 18, label = 108, figures = 66;
  const width = Math.max(280, figure.clientWidth || 600);
  const scale = (width - label - figures) / d.total;
  const height = top + parts.length * row + 6;
  const x = (t) => label + t * scale;
  const marks = (d.marks ?? []).filter((m) => m.at <= d.total);
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": parts.map((p) => `${p.name} ${ms(p.to - p.from)}`).join(", ") },
    ticks(d.total).map((t) => h("g", { class: "tick" }, h("line", { x1: x(t), x2: x(t), y1: top - 4, y2: height }), h("text", { x: x(t), y: 11, "text-anchor": t ? "middle" : "start" }, ms(t).replace(".00", "").replace(".0", "")))),
    marks.map((m) => h("line", { class: "mark", x1: x(m.at), x2: x(m.at), y1: top - 4, y2: height }, h("title", {}, `${m.name} at ${ms(m.at)}`))),
    parts.map((p, at) => {
      const y = top + at * row;
      return h("g", { class: "part" },
        h("title", {}, `${p.name}: ${meaning[p.name] ?? ""}, ${ms(p.to - p.from)}`),
        h("text", { x: 0, y: y + 13 }, p.name),
        h("rect", { class: "p-" + p.name.replaceAll(" ", "-"), x: x(p.from), y: y + 3, width: Math.max(2, (p.to - p.from) * scale), height: row - 7, rx: 2 }),
        h("text", { class: "took", x: width, y: y + 13, "text-anchor": "end" }, ms(p.to - p.from)));
    }));
  const first = marks.find((m) => m.name === "first byte"), end = marks.find((m) => m.name === "end");
  figure.replaceChildren(svg, h("figcaption", {}, first ? `first byte ${ms(first.at)}` : "", end ? ` · end ${ms(end.at)}` : ""));
}

// ticks are three or four round times.
function ticks(total) {
  const rough = total / 3, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough) ?? rough;
  const list = [];
  for (let t = 0; t < total * 0.96; t += step) list.push(t);
  return list;
}
