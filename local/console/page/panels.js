// Sandboxes, deployments and the plot.
import { h, ms, clock, ago } from "./dom.js";

let open = null; // key of the sandbox whose lines are shown
let lines = [];
let again = () => {};

export function drawSandboxes(root, sandboxes, now) {
  again = () => drawSandboxes(root, sandboxes, now);
  const versions = new Map();
  for (const s of sandboxes) {
    const name = s.function + " · version " + s.version.replace("$", "");
    if (!versions.has(name)) versions.set(name, []);
    versions.get(name).push(s);
  }
  const groups = [...versions].reverse().map(([name, list]) => {
    const up = list.filter((s) => s.state === "ready" || s.state === "starting").length;
    const since = Math.min(...list.map((s) => s.since));
    return h("article", { class: up ? "version up" : "version" },
      h("h2", {}, name, h("small", {}, up ? `${up} running, since ${clock(since)}` : "ended")),
      h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, ["", "State", "Since", "Init", "Memory", "Invocations", "Failures", "Last used", "Port"].map((t) => h("th", { scope: "col" }, t)))),
        h("tbody", {}, [...list].reverse().map((s) => sandboxRows(s, now)).flat()))));
  });
  if (!groups.length) groups.push(h("p", { class: "empty" }, "No sandbox has been started yet: the first request starts one."));
  root.replaceChildren(...groups);
}

function sandboxRows(s, now) {
  const state = s.state === "ready" ? (s.busy ? "busy" : "idle") : s.state;
  const alive = s.state === "ready" || s.state === "starting";
  const toggle = h("button", { "aria-expanded": String(open === s.key), title: "What it logged between invocations", onclick: () => toggleLines(s.key) }, `#${s.sandbox}`);
  const rows = [h("tr", { class: "sandbox " + state },
    h("th", { scope: "row" }, toggle),
    h("td", {}, h("span", { class: "state " + state }, state), s.provisioned ? h("em", { class: "tag" }, "provisioned") : null),
    h("td", { "data-label": "Since" }, alive ? ago(s.since, now) : `${clock(s.since)} – ${clock(s.ended || s.since)}`),
    h("td", { "data-label": "Init" }, s.init ? ms(s.init) : ""),
    h("td", { "data-label": "Memory" }, s.memory ? s.memory + " MB" : ""),
    h("td", { "data-label": "Invocations" }, String(s.invocations)),
    h("td", { "data-label": "Failures", class: s.failures ? "bad" : "" }, s.failures ? String(s.failures) : ""),
    h("td", { "data-label": "Last used" }, s.used ? (alive ? ago(s.used, now) + " ago" : clock(s.used)) : ""),
    h("td", { "data-label": "Port" }, s.port ? String(s.port) : ""))];
  if (s.failure) rows.push(h("tr", { class: "why" }, h("td", {}), h("td", { colspan: "8" }, h("b", {}, s.failure), " ", s.cause)));
  if (open === s.key) {
    rows.push(h("tr", { class: "why" }, h("td", {}), h("td", { colspan: "8" }, lines.length
      ? h("pre", { class: "log" }, lines.map((l) => h("div", { class: l.platform ? "platform" : "" }, l.text)))
      : h("span", { class: "muted" }, "It has logged nothing between invocations."))));
  }
  return rows;
}

async function toggleLines(key) {
  open = open === key ? null : key;
  lines = [];
  if (open) {
    const answer = await fetch(`api/sandboxes/${encodeURIComponent(key)}/lines`);
    if (answer.ok) lines = await answer.json();
  }
  again();
}

let drawn = "";
export function drawDeployments(root, deployments) {
  const key = JSON.stringify(deployments);
  if (key === drawn && root.children.length) return;
  drawn = key;
  root.replaceChildren(...[...deployments].reverse().map((d) => h("article", { class: d.error ? "deployment failed" : "deployment" },
    h("h2", {}, h("time", {}, clock(d.time)), h("span", {}, d.error ? "Not deployed" : d.result), h("small", {}, ms(d.took))),
    d.changed?.length ? h("p", { class: "changed" }, d.changed.slice(0, 12).map((f) => h("code", {}, f)), d.changed.length > 12 ? `and ${d.changed.length - 12} more` : "") : null,
    d.error ? h("pre", { class: "log bad" }, d.error) : null,
    d.error && deployments.length > 1 ? h("p", { class: "muted" }, "What served before goes on serving.") : null)));
}

// drawPlot shows how many invocations ran at once, by the second.
export function drawPlot(root, pulse, running) {
  const width = pulse.length, height = 24;
  const most = Math.max(2, ...pulse.map((b) => b[0]));
  let path = `M0 ${height}`;
  pulse.forEach((b, i) => (path += `L${i} ${(height - (b[0] / most) * (height - 2)).toFixed(1)}L${i + 1} ${(height - (b[0] / most) * (height - 2)).toFixed(1)}`));
  path += `L${width} ${height}Z`;
  const peak = Math.max(...pulse.map((b) => b[0]));
  const text = `${running} running, ${peak} at most in five minutes`;
  root.replaceChildren(
    h("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": text }, h("path", { d: path })),
    h("figcaption", {}, `${running}`, h("small", {}, ` / ${peak}`)));
}
