// The page: one connection that tells what changes (the feed), the views, and the keys.
import { $, ms, toast, copy } from "./dom.js";
import { List } from "./list.js";
import { Detail } from "./detail.js";
import { drawSandboxes, drawDeployments, drawPlot } from "./panels.js";

const state = { view: "invocations", secrets: false, sandboxes: [], deployments: [], now: Date.now(), skew: 0, address: location.host };
const detail = new Detail($("#detail"), {
  secrets: () => state.secrets,
  close: () => select(null),
  open: (id) => select(id),
  address: () => state.address,
});
const list = new List($("#list"), { open: (id) => select(id), now: () => Date.now() + state.skew });

// follow listens to the feed and begins again after an end: the browser connects anew by itself.
let feed;
function follow() {
  feed = new EventSource("api/feed");
  feed.onmessage = (event) => take(JSON.parse(event.data));
  feed.onerror = () => live(false);
  feed.onopen = () => live(true);
}

// A browser opens six connections to one server: a page in the background leaves its own to the app.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return feed?.close();
  if (feed?.readyState === EventSource.CLOSED) follow();
});

function live(on) {
  const e = $("#live");
  e.textContent = on ? "live" : "away";
  e.className = on ? "on" : "off";
  e.title = on ? "Connected to the local cloud" : "The local cloud does not answer; the page connects as soon as it does";
}

function take(update) {
  if (update.about) begin(update.about, update.count);
  state.skew = update.now - Date.now();
  list.take(update.invocations ?? [], update.oldest);
  const chosen = (update.invocations ?? []).find((i) => i.id === detail.id);
  if (chosen) detail.changed(chosen);
  if (update.sandboxes || update.about) state.sandboxes = update.sandboxes ?? [];
  if (update.deployments) {
    const known = update.about ? [] : state.deployments;
    state.deployments = known.concat(update.deployments);
    if (!update.about) announce(update.deployments.at(-1));
    const app = update.deployments.at(-1).app;
    $("#app").textContent = app || "console";
    document.title = (app ? app + " · " : "") + "console";
  }
  if (update.pulse) drawPlot($("#plot"), update.pulse, update.running);
  $("#count").textContent = update.count || "";
  $("#record").setAttribute("aria-pressed", update.recording);
  $("#record").textContent = update.recording ? "Recording the app" : "Record the app";
  const up = state.sandboxes.filter((s) => s.state === "ready" || s.state === "starting").length;
  $("#boxes").textContent = up || "";
  const last = state.deployments.at(-1);
  $("#broken").textContent = last?.error ? "!" : "";
  $("#broken").className = last?.error ? "bad" : "";
  draw();
}

function begin(about, count) {
  list.reset(count);
  state.address = about.address;
  $("#stack").textContent = about.stack;
  $("#record").hidden = !about.records;
}

function announce(d) {
  toast(d.error ? "Not deployed: " + d.error.split("\n")[0] : d.result + " in " + ms(d.took), !!d.error);
}

function draw() {
  if (state.view === "sandboxes") drawSandboxes($("#sandboxes"), state.sandboxes, Date.now() + state.skew);
  if (state.view === "deployments") drawDeployments($("#deployments"), state.deployments);
}

function show(view) {
  state.view = view;
  for (const b of document.querySelectorAll("[data-view]")) {
    b.toggleAttribute("aria-current", false);
    if (b.dataset.view === view) b.setAttribute("aria-current", "page");
  }
  for (const p of document.querySelectorAll("[data-panel]")) p.hidden = p.dataset.panel !== view || (p.id === "detail" && !detail.id);
  document.body.classList.toggle("opened", view === "invocations" && !!detail.id);
  draw();
}

function select(id) {
  list.select(id);
  detail.open(id);
  history.replaceState(null, "", id ? "#" + id : location.pathname);
  show("invocations");
  if (!id) $("#list").focus();
}

function setSecrets(on) {
  state.secrets = on;
  $("#secrets").setAttribute("aria-pressed", on);
  $("#secrets").textContent = on ? "Secrets shown" : "Secrets hidden";
  detail.refresh();
}

async function record() {
  const on = $("#record").getAttribute("aria-pressed") !== "true";
  const answer = await fetch("api/recording", { method: "POST", headers: { "Content-Type": "application/json", "X-Console": "1" }, body: JSON.stringify({ on }) });
  if (!answer.ok) toast((await answer.json()).error, true);
}

function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
}

function turnView(by) {
  const views = ["invocations", "sandboxes", "deployments"];
  show(views[(views.indexOf(state.view) + by + views.length) % views.length]);
}

const keys = {
  j: () => select(list.step(1)),
  k: () => select(list.step(-1)),
  ArrowDown: () => select(list.step(1)),
  ArrowUp: () => select(list.step(-1)),
  Enter: () => (detail.id ? $("#detail").focus() : select(list.step(1))),
  Escape: () => select(null),
  "/": () => $("#search").focus(),
  f: () => list.toggle("failed"),
  c: () => list.toggle("cold"),
  p: () => list.pause(),
  x: () => list.clear(),
  r: () => detail.replay(),
  e: () => detail.edit(),
  y: () => detail.copyAs("curl"),
  s: () => setSecrets(!state.secrets),
  t: switchTheme,
  "?": () => $("#keys").showModal(),
  "[": () => turnView(-1),
  "]": () => turnView(1),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (event.key === "Escape" && event.target.closest("input")) return event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const scrolls = event.target.closest("#detail") && event.key.startsWith("Arrow");
  if (event.key === "Enter" && event.target.closest("button, a, summary")) return;
  if (/^[1-6]$/.test(event.key)) detail.tab(Number(event.key) - 1);
  else if (keys[event.key] && !scrolls) keys[event.key]();
  else return;
  event.preventDefault();
});

for (const b of document.querySelectorAll("[data-view]")) b.addEventListener("click", () => show(b.dataset.view));
$("#secrets").addEventListener("click", () => setSecrets(!state.secrets));
$("#record").addEventListener("click", record);
$("#theme").addEventListener("click", switchTheme);
$("#help").addEventListener("click", () => $("#keys").showModal());
addEventListener("resize", () => detail.resize());
setInterval(() => list.tick(), 250);
follow();
if (location.hash.length > 30) select(location.hash.slice(1));
