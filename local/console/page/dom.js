const drawing = new Set(["svg", "g", "rect", "line", "path", "text", "title"]);

// h makes an element. Text is only ever set as text: nothing that passed through the app becomes markup.
export function h(tag, attributes, ...children) {
  const e = drawing.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

export const $ = (selector) => document.querySelector(selector);

// milliseconds as people read them.
export function ms(v) {
  if (v === undefined || v === null) return "";
  if (v < 10) return v.toFixed(2) + " ms";
  if (v < 1000) return v.toFixed(v < 100 ? 1 : 0) + " ms";
  if (v < 60000) return (v / 1000).toFixed(2) + " s";
  return Math.floor(v / 60000) + " min " + Math.round((v % 60000) / 1000) + " s";
}

export function bytes(n) {
  if (n < 1024) return n + " B";
  if (n < 1 << 20) return (n / 1024).toFixed(1) + " kB";
  return (n / (1 << 20)).toFixed(1) + " MB";
}

export function clock(t, millis) {
  const d = new Date(t);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}` + (millis ? "." + String(d.getMilliseconds()).padStart(3, "0") : "");
}

// ago is a span of time until now, in words.
export function ago(t, now) {
  const s = Math.max(0, Math.round((now - t) / 1000));
  if (s < 60) return s + " s";
  if (s < 3600) return Math.floor(s / 60) + " min";
  return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
}

let hiding;
export function toast(text, bad) {
  const t = $("#toast");
  t.textContent = text;
  t.className = bad ? "bad shown" : "shown";
  clearTimeout(hiding);
  hiding = setTimeout(() => (t.className = ""), 3500);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { class: "offscreen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  toast("Copied " + what);
}
