// The page is made of DOM nodes and text only; nothing that comes from a service is ever read as HTML.
const api = (path) => new URL(`api/${path}`, document.baseURI);

let serial = 0;
export const fresh = (word) => `${word}-${++serial}`;

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(api(path), { ...options, headers: { "x-restate-reflect-docs": "1", ...options.headers } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The endpoint does not answer. Is it still running?");
  }
  const data = await answer.json().catch(() => ({ message: `The endpoint answered ${answer.status}.` }));
  if (!answer.ok) throw Object.assign(new Error(data.message), { status: answer.status });
  return data;
}

export function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60000) return `${(milliseconds / 1000).toFixed(milliseconds < 10000 ? 2 : 1)} s`;
  if (milliseconds < 3600000) return `${Math.round(milliseconds / 6000) / 10} min`;
  return milliseconds < 86400000 ? `${Math.round(milliseconds / 360000) / 10} h` : `${Math.round(milliseconds / 8640000) / 10} d`;
}

export const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const moment = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
export const part = encodeURIComponent;

export async function post(path, data) {
  return ask(path, { method: "POST", body: data === undefined ? "" : JSON.stringify(data) });
}

export function field(label, hint, control) {
  control.id ||= fresh("field");
  return el("div", { class: "field" }, el("label", { for: control.id }, label, hint ? el("span", { class: "hint" }, ` ${hint}`) : null), control);
}

export const textInput = (attributes) => el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });

export function copyButton(text, label) {
  const button = el("button", { type: "button", class: "quiet", onclick: async () => {
    const wanted = typeof text === "function" ? text() : text;
    try { await navigator.clipboard.writeText(wanted); button.textContent = "Copied"; } catch { button.textContent = "Can't copy"; }
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
  return button;
}

// What changes with the clock alone: text that is written anew each second while it is on the page.
const ticking = new Set();
setInterval(() => {
  for (const each of ticking) {
    if (each.node.isConnected) each.node.textContent = each.text();
    else if (each.seen) ticking.delete(each);
    each.seen ||= each.node.isConnected;
  }
}, 1000);

export function ticker(text, attributes = {}) {
  const node = el("span", attributes, text());
  ticking.add({ node, text, seen: false });
  return node;
}

export function left(milliseconds) {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const rest = [Math.floor((seconds % 86400) / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (days) return `${days} d ${two(rest[0])}:${two(rest[1])}:${two(rest[2])}`;
  return rest[0] ? `${rest[0]}:${two(rest[1])}:${two(rest[2])}` : `${rest[1]}:${two(rest[2])}`;
}

// A moment that is to come, counting down; what it says once it has come.
export function countdown(time, before, after, attributes) {
  return ticker(() => { const rest = new Date(time) - Date.now(); return rest > 0 ? `${before} ${left(rest)}` : after; }, attributes);
}

// Looks again and again, while the view is on the page and somebody can see it. `look` may be called at once, too.
export function repeat(view, milliseconds, look) {
  let running = false;
  const once = async () => {
    if (running) return;
    running = true;
    try { await look(); } finally { running = false; }
  };
  const timer = setInterval(() => {
    if (!view.isConnected) clearInterval(timer);
    else if (!document.hidden) once();
  }, milliseconds);
  once();
  return once;
}

export function problemLine() {
  const line = el("p", { class: "problem", role: "alert", hidden: true });
  line.tell = (error) => { line.textContent = error ? error.message ?? String(error) : ""; line.hidden = !error; };
  return line;
}

export function table(heads, rows, caption) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", {}, el("caption", { class: "visually-hidden" }, caption),
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell, at) => el("td", { "data-head": heads[at] }, cell)))))));
}
