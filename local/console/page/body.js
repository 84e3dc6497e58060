// Bodies: as formatted JSON, as text, as an image or as hexadecimal, clipped with its size said.
import { h, bytes } from "./dom.js";

export function content(body) {
  return body.text ?? "";
}

function raw(body) {
  if (body.base64 === undefined) return new TextEncoder().encode(body.text ?? "");
  return Uint8Array.from(atob(body.base64), (c) => c.charCodeAt(0));
}

function field(message, name) {
  return message.headers?.find((l) => l.name.toLowerCase() === name)?.value ?? "";
}

const longestColoured = 200_000;
const longestHex = 16 << 10;

// drawBody shows a message's body in the mode that was chosen, or in the one that fits.
export function drawBody(message, mode, choose) {
  const body = message.body;
  if (!body.size) return h("p", { class: "muted nobody" }, "No body.");
  const type = field(message, "content-type").split(";")[0].trim().toLowerCase();
  const coding = field(message, "content-encoding").toLowerCase();
  const json = body.base64 === undefined ? parse(body.text) : undefined;
  const modes = [];
  if (json !== undefined) modes.push("json");
  if (type.startsWith("image/") && body.kept === body.size && !coding) modes.push("image");
  if (body.base64 === undefined) modes.push("text");
  if (["gzip", "deflate"].includes(coding) && body.base64 !== undefined) modes.push("decoded");
  modes.push("hex");
  if (!modes.includes(mode)) mode = modes[0];
  const size = bytes(body.size) + (body.kept < body.size ? `, the first ${bytes(body.kept)} are kept` : "");
  return h("div", { class: "body" },
    h("div", { class: "bar" }, h("span", { class: "muted" }, "Body · " + size + (type ? " · " + type : "") + (coding ? " · " + coding : "")),
      h("span", { class: "modes" }, modes.map((m) => h("button", { "aria-pressed": String(m === mode), onclick: () => choose(m) }, m)))),
    { json: () => jsonView(json, body), text: () => h("pre", { tabindex: "0" }, body.text), image: () => imageView(body, type), decoded: () => decodedView(body, coding), hex: () => hexView(body) }[mode]());
}

function parse(text) {
  const start = (text ?? "").trimStart()[0];
  if (start !== "{" && start !== "[") return undefined;
  try { return JSON.parse(text); } catch { return undefined; }
}

// jsonView colours formatted JSON.
function jsonView(value, body) {
  const text = JSON.stringify(value, null, 2);
  const pre = h("pre", { class: "json", tabindex: "0" });
  if (text.length > longestColoured) {
    pre.textContent = text;
    return pre;
  }
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
  let at = 0, m;
  while ((m = token.exec(text))) {
    pre.append(text.slice(at, m.index));
    const kind = m[2] ? "key" : m[1] ? "string" : m[3] ? "word" : "number";
    pre.append(h("span", { class: kind }, m[1] ?? m[0]), m[2] ?? "");
    at = token.lastIndex;
  }
  pre.append(text.slice(at));
  return pre;
}

function imageView(body, type) {
  const image = h("img", { alt: "The body as an image", class: "preview" });
  const url = URL.createObjectURL(new Blob([raw(body)], { type }));
  image.onload = image.onerror = () => URL.revokeObjectURL(url);
  image.src = url;
  return image;
}

// decodedView undoes the compression in the browser.
function decodedView(body, coding) {
  const pre = h("pre", { tabindex: "0" }, "…");
  const stream = new Blob([raw(body)]).stream().pipeThrough(new DecompressionStream(coding));
  new Response(stream).text().then((text) => {
    const value = parse(text);
    if (value !== undefined) pre.replaceWith(jsonView(value));
    else pre.textContent = text;
  }, () => (pre.textContent = body.kept < body.size ? "The body is clipped, so it cannot be decoded." : "The body is not what its Content-Encoding says."));
  return pre;
}

function hexView(body) {
  const all = raw(body);
  const shown = all.subarray(0, longestHex);
  const lines = [];
  for (let at = 0; at < shown.length; at += 16) {
    const row = shown.subarray(at, at + 16);
    const hex = Array.from(row, (b) => b.toString(16).padStart(2, "0")).join(" ");
    const text = Array.from(row, (b) => (b >= 32 && b < 127 ? String.fromCharCode(b) : "·")).join("");
    lines.push(at.toString(16).padStart(6, "0") + "  " + hex.padEnd(47) + "  " + text);
  }
  if (all.length > shown.length) lines.push(`… ${bytes(all.length - shown.length)} more`);
  return h("pre", { class: "hex", tabindex: "0" }, lines.join("\n"));
}
