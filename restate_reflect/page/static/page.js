// The page is made of DOM nodes and text only; nothing that comes from a service is ever read as HTML.
"use strict";

const KINDS = {
  SERVICE: "Service", VIRTUAL_OBJECT: "Virtual object", WORKFLOW: "Workflow",
};
const HANDLER_KINDS = {
  EXCLUSIVE: ["Exclusive", "Exclusive: one at a time for each key"],
  SHARED: ["Shared", "Shared: runs beside others, and only reads state"],
  WORKFLOW: ["Run", "Runs the workflow, once for each key"],
};
const REFRESH = 700; // ms between looks at an invocation that is not finished
const api = (path) => new URL(`api/${path}`, document.baseURI);

// ---------------------------------------------------------------- small tools

let serial = 0;
const fresh = (word) => `${word}-${++serial}`;

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

async function ask(path, options = {}) {
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

function duration(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60000) return `${(milliseconds / 1000).toFixed(milliseconds < 10000 ? 2 : 1)} s`;
  if (milliseconds < 3600000) return `${Math.round(milliseconds / 6000) / 10} min`;
  return milliseconds < 86400000 ? `${Math.round(milliseconds / 360000) / 10} h` : `${Math.round(milliseconds / 8640000) / 10} d`;
}

const clock = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// ---------------------------------------------------------------- docstrings

function spans(list) {
  return list.map((span) => {
    if (span.type === "code") return el("code", {}, span.text);
    if (span.type === "strong" || span.type === "em") return el(span.type, {}, span.text);
    if (span.type === "link") return el("a", { href: span.href, rel: "noreferrer", target: "_blank" }, span.text);
    return span.text;
  });
}

function documentation(blocks) {
  if (!blocks.length) return null;
  return el("div", { class: "docs" }, ...blocks.map((block) => {
    if (block.type === "heading") return el("p", { class: "heading" }, ...spans(block.spans));
    if (block.type === "code") return el("pre", { tabindex: "0" }, block.text);
    if (block.type === "list") {
      return el(block.ordered ? "ol" : "ul", {}, ...block.items.map((item) => el("li", {}, ...spans(item))));
    }
    if (block.type === "terms") {
      return el("dl", {}, ...block.items.flatMap((item) => [el("dt", {}, item.term), el("dd", {}, ...spans(item.spans))]));
    }
    return el("p", {}, ...spans(block.spans));
  }));
}

// ---------------------------------------------------------------- schemas

const LIMITS = [
  ["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"], ["multipleOf", "multiple of"],
  ["minLength", "length ≥"], ["maxLength", "length ≤"], ["pattern", "matches"], ["minItems", "items ≥"],
  ["maxItems", "items ≤"], ["minProperties", "entries ≥"], ["maxProperties", "entries ≤"],
];

function resolve(schema, root) {
  let seen = 0;
  while (schema && typeof schema === "object" && typeof schema.$ref === "string" && seen++ < 20) {
    const target = schema.$ref === "#" ? root : schema.$ref.replace(/^#\//, "").split("/").reduce(
      (node, part) => node?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], root);
    const { $ref, ...beside } = schema;
    schema = target && typeof target === "object" ? { ...target, ...beside } : {};
  }
  return schema ?? {};
}

function mapValue(schema) {
  return typeof schema.additionalProperties === "object" && !Object.keys(schema.properties ?? {}).length
    ? schema.additionalProperties : null;
}

function typeName(schema, root, depth = 0) {
  if (schema === true || schema == null || depth > 6) return "anything";
  if (schema === false) return "nothing";
  const named = schema.$ref ? schema.$ref.split("/").pop() : null;
  const found = resolve(schema, root);
  if (found.const !== undefined) return JSON.stringify(found.const);
  if (found.enum) return found.title && named ? found.title : found.enum.map((value) => JSON.stringify(value)).join(" | ");
  const choices = found.properties ? null : found.anyOf ?? found.oneOf;
  if (choices) {
    if (named && found.title) return found.title;
    return [...new Set(choices.map((choice) => typeName(choice, root, depth + 1)))].join(" | ");
  }
  const types = [].concat(found.type ?? (found.properties ? "object" : []));
  const one = (type) => {
    if (type === "array") {
      if (found.prefixItems) return `[${found.prefixItems.map((part) => typeName(part, root, depth + 1)).join(", ")}]`;
      return found.items ? `list of ${typeName(found.items, root, depth + 1)}` : "list";
    }
    if (type === "object") {
      const values = mapValue(found);
      if (values) return `map to ${typeName(values, root, depth + 1)}`;
      return found.title ?? "object";
    }
    if (type === "string" && found.format) return found.format;
    if (type === "string" && (found.contentEncoding || found.format === "binary")) return "bytes as base64";
    return type;
  };
  return types.length ? types.map(one).join(" | ") : named && found.title ? found.title : "anything";
}

// What can be opened below: a schema with properties, through lists, maps and choices.
function inside(schema, root, depth = 0) {
  const found = resolve(schema, root);
  if (depth > 4) return [];
  if (found.properties && Object.keys(found.properties).length) return [found];
  const parts = [found.items, mapValue(found), ...(found.prefixItems ?? []), ...(found.anyOf ?? []), ...(found.oneOf ?? [])];
  const below = parts.filter((part) => part && typeof part === "object").flatMap((part) => inside(part, root, depth + 1));
  return below.filter((part, at) => below.findIndex((other) => other.title === part.title && other.properties === part.properties) === at);
}

function limitsOf(schema, root) {
  const found = resolve(schema, root);
  const all = [found, ...[].concat(found.anyOf ?? [], found.oneOf ?? []).filter((choice) => choice && !choice.properties)];
  const texts = all.flatMap((part) => LIMITS.filter(([name]) => part[name] !== undefined).map(([name, sign]) => [sign, part[name]]));
  if (found.uniqueItems) texts.push(["all different", ""]);
  if (found.default !== undefined) texts.push(["default", JSON.stringify(found.default)]);
  if (found.examples?.length && !found.properties) texts.push(["for example", JSON.stringify(found.examples[0])]);
  if (found.enum && found.title && schema.$ref) texts.unshift(["one of", found.enum.map((value) => JSON.stringify(value)).join(", ")]);
  if (!texts.length) return null;
  const parts = texts.flatMap(([sign, value], at) => [at ? ", " : "", `${sign} `, value === "" ? null : el("code", {}, String(value))]);
  return el("span", { class: "limits" }, ...parts);
}

function entry(name, schema, root, required, open) {
  const found = resolve(schema, root);
  const description = found.description ?? schema.description;
  const item = el("li", {},
    name == null ? null : el("span", { class: "name" }, name), name == null ? null : " ",
    el("span", { class: "type" }, typeName(schema, root)),
    required ? el("span", { class: "required" }, " required") : null,
    description ? el("span", { class: "says" }, description) : null,
    limitsOf(schema, root));
  for (const part of inside(schema, root)) item.append(fields(part, root, open, name == null && inside(schema, root).length === 1));
  return item;
}

function list(schema, root, depth) {
  return el("ul", {}, ...Object.entries(schema.properties).map(
    ([name, part]) => entry(name, part === true ? {} : part, root, schema.required?.includes(name), depth - 1)));
}

// Nested objects open on demand below the first levels, which also ends recursion.
function fields(schema, root, depth, bare) {
  if (bare) return list(schema, root, depth);
  const details = el("details", { open: depth > 0 }, el("summary", {}, `fields of ${schema.title ?? "the object"}`));
  const fill = () => { if (details.children.length === 1) details.append(list(schema, root, depth)); };
  if (depth > 0) fill();
  else details.addEventListener("toggle", fill);
  return details;
}

function schemaView(side) {
  if (side.contentType == null) return el("p", { class: "muted" }, "Nothing.");
  const type = side.contentType === "application/json" ? null : el("p", { class: "muted" }, "As ", el("code", {}, side.contentType));
  if (side.schema == null) return type;
  if (side.parameters) return el("div", { class: "schema" }, type, list(side.schema, side.schema, 1));
  return el("div", { class: "schema" }, type, el("ul", {}, entry(null, side.schema, side.schema, false, 1)));
}

// ---------------------------------------------------------------- journals

function facts(info) {
  const word = info.success === true ? "succeeded" : info.success === false ? "failed" : info.status;
  const look = info.success === true ? "good" : info.success === false ? "bad" : "busy";
  return el("p", { class: "facts" },
    el("span", { class: `badge ${look}` }, word), el("span", {}, info.target),
    el("span", { class: "muted" }, `began ${clock(info.created)}`),
    info.completed ? el("span", { class: "muted" }, `took ${duration(new Date(info.completed) - new Date(info.created))}`) : null,
    info.retries > 1 ? el("span", { class: "muted" }, `attempt ${info.retries}`) : null);
}

function stepView(step, info, from, to, open, follow) {
  const begin = new Date(step.start ?? info.created).getTime();
  const end = step.end ? new Date(step.end).getTime() : to;
  const finished = info.completed != null;
  const state = step.state === "waiting" && finished ? "not awaited" : step.state;
  const bar = el("span", { class: `bar ${step.state === "waiting" && !finished ? "waiting" : step.state}` });
  const width = Math.max(to - from, 1);
  bar.style.left = `${Math.min(98, ((begin - from) / width) * 100)}%`;
  bar.style.width = `${Math.max(0, ((end - begin) / width) * 100)}%`;
  const took = step.state === "waiting" ? (finished ? "" : "waiting") : end > begin ? duration(end - begin) : "";
  const details = step.details.flatMap((detail) => [el("dt", {}, detail.label), el("dd", {}, detailText(detail))]);
  if (step.invocationId) {
    details.push(el("dt", {}, "Invocation"), el("dd", {}, el("button", { type: "button", class: "link", onclick: () => follow(step.invocationId) }, step.invocationId)));
  }
  const more = details.length ? el("details", { open: open.has(step.index), "data-index": step.index }, el("summary", {}, "details"), el("dl", {}, ...details)) : null;
  // What scrolls must be reachable by the keyboard.
  more?.addEventListener("toggle", () => {
    for (const value of more.querySelectorAll("dd")) if (value.scrollHeight > value.clientHeight) value.tabIndex = 0;
  });
  return el("li", {},
    el("div", { class: "step" },
      el("span", { class: "what" }, el("b", {}, step.type), " ", step.name ? el("span", { class: "mono" }, step.name) : null,
        state === "done" ? null : " ", state === "done" ? null : el("span", { class: `badge ${state === "failed" ? "bad" : "busy"}` }, state)),
      el("span", { class: "track", role: "img", "aria-label": `${duration(Math.max(0, begin - from))} after the start${took && took !== "waiting" ? `, for ${took}` : ""}` }, bar),
      el("span", { class: "took" }, took)),
    more);
}

function detailText(detail) {
  if (detail.form === "empty") return "(empty)";
  if (detail.form === "base64") return `base64: ${detail.text}`;
  if (detail.form === "time") return new Date(Number(detail.text)).toLocaleString();
  return detail.text;
}

// Shows an invocation and looks again until it is finished, replaced, or out of sight.
function journal(panel, id) {
  const mine = (panel.showing = {});
  const title = el("h4", {}, "Journal");
  const status = el("div", { role: "status" });
  const steps = el("ol", { class: "steps", "aria-label": "Steps" });
  const problem = el("p", { class: "problem", role: "alert", hidden: true });
  const cancel = el("button", { type: "button", class: "quiet danger", hidden: true, onclick: async () => {
    cancel.disabled = true;
    try { await ask(`invocations/${id}/cancel`, { method: "POST" }); } catch (error) { complain(error); }
  } }, "Cancel the invocation");
  const complain = (error) => { problem.textContent = error.message; problem.hidden = false; };
  panel.replaceChildren(el("section", { class: "journal", "aria-label": `Journal of ${id}` },
    title, el("p", { class: "facts" }, el("span", { class: "id" }, id), copyButton(id)), status, steps, problem, cancel));
  let shown = "";
  let missing = 0;
  const look = async () => {
    if (panel.showing !== mine || !panel.isConnected) return;
    let info;
    try {
      info = await ask(`invocations/${id}`);
      problem.hidden = true;
    } catch (error) {
      if (shown && error.status === 404) return gone();
      // The server's tables follow the requests a moment later.
      if (++missing > 5) return complain(error);
      setTimeout(look, REFRESH);
      return;
    }
    if (panel.showing !== mine) return;
    const now = JSON.stringify(info);
    const finished = info.completed != null;
    if (now !== shown || !finished) draw(info, now !== shown);
    shown = now;
    cancel.hidden = finished;
    if (!finished) setTimeout(look, REFRESH);
  };
  const gone = () => {
    cancel.hidden = true;
    steps.replaceChildren();
    status.replaceChildren(el("p", { class: "muted" },
      "The server does not keep it any more: it was cancelled before it began, or is past its retention."));
  };
  const draw = (info, changed) => {
    const from = new Date(info.created).getTime();
    const last = info.steps.flatMap((step) => [step.start, step.end]).filter(Boolean).map((time) => new Date(time).getTime());
    const to = info.completed ? Math.max(new Date(info.completed).getTime(), ...last) : Math.max(Date.now(), ...last);
    const open = new Set([...steps.querySelectorAll("details[open]")].map((details) => Number(details.dataset.index)));
    const focused = document.activeElement?.closest?.("details")?.dataset.index;
    steps.replaceChildren(...info.steps.map((step) => stepView(step, info, from, to, open, (other) => journal(panel, other))));
    if (focused && !steps.contains(document.activeElement)) steps.querySelector(`details[data-index="${focused}"] summary`)?.focus();
    if (!changed) return;
    const failure = info.failure ?? info.lastFailure;
    status.replaceChildren(facts(info), ...(failure ? [el("p", { class: "problem" }, failure)] : []),
      ...(info.steps.length ? [] : [el("p", { class: "muted" }, info.completed ? "The journal is not kept any more." : "Nothing yet.")]));
  };
  look();
}

function copyButton(text) {
  const button = el("button", { type: "button", class: "quiet", onclick: async () => {
    try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Can't copy"; }
    setTimeout(() => { button.textContent = "Copy id"; }, 1500);
  } }, "Copy id");
  return button;
}

// ---------------------------------------------------------------- the form

function field(label, hint, control) {
  control.id = fresh("field");
  return el("div", {}, el("label", { for: control.id }, label, hint ? el("span", { class: "hint" }, ` ${hint}`) : null), control);
}

function tryIt(service, handler, canLook) {
  if (handler.private) return el("p", { class: "muted" }, "Private: only other handlers can call it.");
  const text = (attributes) => el("input", { type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
  const key = service.keyed ? text({ required: true, placeholder: "my-key" }) : null;
  const idempotency = handler.idempotent ? text({}) : null;
  const delay = text({ placeholder: "10s" });
  const json = handler.input.form === "json";
  const rows = Math.min(16, Math.max(2, handler.input.example.split("\n").length));
  const body = handler.input.form === "none" ? null : el("textarea", { rows, spellcheck: "false", autocomplete: "off" });
  if (body) body.value = handler.input.example;
  const problem = el("p", { class: "problem", role: "alert", id: fresh("problem"), hidden: true });
  const outcome = el("div", { class: "outcome" });
  const panel = el("div");
  const name = fresh("mode");
  const radio = (value, label, checked) => el("label", {}, el("input", { type: "radio", name, value, checked, onchange: () => change() }), label);
  const submit = el("button", { type: "submit", class: "primary" }, "Call");
  const stop = el("button", { type: "button", class: "quiet", hidden: true }, "Stop waiting");
  const reset = body ? el("button", { type: "button", class: "quiet", onclick: () => { body.value = handler.input.example; check(); } }, "Reset the body") : null;
  const delayField = field("Delay", "such as 10s or 5m", delay);
  delayField.hidden = true;
  const form = el("form", { novalidate: true, "aria-label": `Try ${service.name}/${handler.name}` },
    key ? field(service.kind === "WORKFLOW" ? "Workflow key" : "Key", "required", key) : null,
    body ? field("Body", json ? (handler.input.contentType === "application/json" ? "JSON" : `JSON, sent as ${handler.input.contentType}`) : handler.input.contentType, body) : null,
    el("fieldset", {}, el("legend", {}, "How"), el("div", { class: "choices" },
      radio("call", "Call, and wait for the result", true), radio("send", "Send, and let it run", false))),
    el("div", { class: "row" }, idempotency ? field("Idempotency key", "optional", idempotency) : null, delayField),
    problem, el("div", { class: "actions" }, submit, stop, reset));
  const sending = () => form.elements[name].value === "send";

  function change() {
    delayField.hidden = !sending();
    submit.textContent = sending() ? "Send" : "Call";
  }
  function complain(message, control) {
    problem.textContent = message;
    problem.hidden = !message;
    for (const each of [key, body]) {
      if (!each) continue;
      each.toggleAttribute("aria-invalid", each === control);
      if (each === control) { each.setAttribute("aria-invalid", "true"); each.setAttribute("aria-describedby", problem.id); }
      else each.removeAttribute("aria-describedby");
    }
    control?.focus();
    return !message;
  }
  function check() {
    if (key && !key.value) return complain("Give a key.", key);
    if (json && (body.value.trim() || handler.input.required)) {
      try { JSON.parse(body.value); } catch (error) { return complain(`The body is no JSON: ${error.message}`, body); }
    }
    return complain("");
  }
  async function go(event) {
    event.preventDefault();
    if (!check()) return;
    const query = new URLSearchParams();
    if (key) query.set("key", key.value);
    if (sending()) { query.set("send", ""); if (delay.value.trim()) query.set("delay", delay.value.trim()); }
    const headers = idempotency?.value ? { "idempotency-key": idempotency.value } : {};
    const abort = new AbortController();
    stop.hidden = sending();
    stop.onclick = () => abort.abort();
    submit.disabled = true;
    panel.showing = null;
    panel.replaceChildren();
    outcome.replaceChildren(el("p", { class: "muted", role: "status" }, sending() ? "Sending…" : "Waiting for the result…"), panel);
    try {
      const path = `call/${encodeURIComponent(service.name)}/${encodeURIComponent(handler.name)}?${query}`;
      show(await ask(path, { method: "POST", headers, body: body ? body.value : "", signal: abort.signal }));
    } catch (error) {
      const message = error.name === "AbortError" ? "Not waiting any more; the invocation goes on." : error.message;
      outcome.replaceChildren(el("p", { class: error.name === "AbortError" ? "muted" : "problem", role: "alert" }, message));
    }
    submit.disabled = false;
    stop.hidden = true;
    if (recent?.open) recent.refresh();
  }
  function show(answer) {
    const good = answer.status < 300;
    const result = el("section", { "aria-label": `Result of ${service.name}/${handler.name}` },
      el("p", { class: "facts", role: "status" },
        el("span", { class: `badge ${good ? "good" : "bad"}` }, `${answer.status} ${answer.reason}`),
        el("span", { class: "muted" }, `${duration(answer.milliseconds)}`)),
      el("div", { class: "body" }, answer.body.form === "empty" ? el("p", { class: "muted" }, "No content.")
        : el("pre", { tabindex: "0", "aria-label": "Body of the answer" }, answer.body.form === "base64" ? `base64: ${answer.body.text}` : answer.body.text)));
    outcome.replaceChildren(result, panel);
    if (answer.invocationId && canLook) journal(panel, answer.invocationId);
    else if (answer.invocationId) panel.replaceChildren(el("p", { class: "facts" }, el("span", { class: "id" }, answer.invocationId), copyButton(answer.invocationId)));
  }
  form.addEventListener("submit", go);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const recent = canLook ? recentList(service, handler, (id) => { outcome.replaceChildren(panel); journal(panel, id); outcome.scrollIntoView({ block: "nearest" }); }) : null;
  return el("div", {}, form, recent, outcome);
}

function recentList(service, handler, choose) {
  const holder = el("div");
  const details = el("details", { class: "recent" }, el("summary", {}, "Recent invocations"), holder);
  details.refresh = async () => {
    try {
      const query = new URLSearchParams({ service: service.name, handler: handler.name });
      const { invocations } = await ask(`invocations?${query}`);
      const rows = invocations.map((info) => el("tr", {},
        el("td", {}, el("button", { type: "button", class: "link", onclick: () => choose(info.id) }, info.id)),
        ...(service.keyed ? [el("td", {}, info.target.split("/").slice(1, -1).join("/"))] : []),
        el("td", {}, info.success === true ? "succeeded" : info.success === false ? "failed" : info.status),
        el("td", {}, clock(info.created))));
      const heads = ["Invocation", ...(service.keyed ? ["Key"] : []), "State", "Began"];
      holder.replaceChildren(
        rows.length ? el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows))
          : el("p", { class: "muted" }, "None yet."),
        el("button", { type: "button", class: "quiet", onclick: () => details.refresh() }, "Refresh"));
    } catch (error) {
      holder.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    }
  };
  details.addEventListener("toggle", () => { if (details.open) details.refresh(); });
  return details;
}

// ---------------------------------------------------------------- services

const anchor = (service, handler) => `${service.name}/${handler.name}`;

function sideName(side) {
  if (side.contentType == null) return "nothing";
  if (side.parameters) return side.parameters.join(", ");
  return side.schema ? typeName(side.schema, side.schema) : "bytes";
}

function handlerView(service, handler, canLook) {
  const kind = handler.kind ? HANDLER_KINDS[handler.kind] : null;
  const details = el("details", { class: "handler", id: anchor(service, handler) },
    el("summary", {}, el("h3", {}, handler.name),
      kind ? el("span", { class: "badge" }, kind[0]) : null,
      handler.private ? el("span", { class: "badge" }, "Private") : null,
      el("span", { class: "types" }, `${sideName(handler.input)} → ${sideName(handler.output)}`)));
  // Filled when it is first opened: a large endpoint has hundreds of schemas.
  details.addEventListener("toggle", () => {
    if (!details.open || details.children.length > 1) return;
    details.append(el("div", { class: "about" },
      el("div", {}, documentation(handler.documentation),
        handler.kind ? el("p", { class: "muted" }, `${HANDLER_KINDS[handler.kind][1]}.`) : null,
        el("h4", {}, "Input"), schemaView(handler.input),
        el("h4", {}, "Output"), schemaView(handler.output)),
      el("div", {}, el("h4", {}, "Try it"), tryIt(service, handler, canLook))));
  });
  return details;
}

function serviceView(service, canLook) {
  const id = fresh("service");
  return el("section", { class: "service", "aria-labelledby": id },
    el("header", {}, el("h2", { id }, service.name), el("span", { class: `badge ${service.kind}` }, KINDS[service.kind])),
    documentation(service.documentation),
    ...service.handlers.map((handler) => handlerView(service, handler, canLook)));
}

function indexView(services) {
  return services.map((service) => el("div", { class: "group" },
    el("h2", {}, service.name),
    el("ul", {}, ...service.handlers.map((handler) => el("li", {},
      el("a", { href: `#${encodeURIComponent(anchor(service, handler))}` }, handler.name))))));
}

function openFromAddress() {
  const id = decodeURIComponent(location.hash.slice(1));
  const target = id && document.getElementById(id);
  for (const link of document.querySelectorAll("nav a")) {
    if (decodeURIComponent(link.hash.slice(1)) === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.querySelector("summary").focus({ preventScroll: true });
  target.scrollIntoView();
}

function filterIndex(event) {
  const wanted = event.target.value.trim().toLowerCase();
  let any = false;
  for (const group of document.querySelectorAll("nav .group")) {
    const service = group.querySelector("h2").textContent.toLowerCase();
    let some = false;
    for (const item of group.querySelectorAll("li")) {
      item.hidden = !`${service}/${item.textContent.toLowerCase()}`.includes(wanted);
      some ||= !item.hidden;
    }
    group.hidden = !some;
    any ||= some;
  }
  document.getElementById("nothing").hidden = any;
}

// ---------------------------------------------------------------- theme

const stored = { // a browser may forbid storage
  get() { try { return localStorage.getItem("restate-reflect-theme"); } catch { return null; } },
  set(value) { try { localStorage.setItem("restate-reflect-theme", value); } catch { /* for this visit only */ } },
};

const system = matchMedia("(prefers-color-scheme: dark)");
const chosenTheme = () => stored.get() ?? (system.matches ? "dark" : "light");
// At once, as the script stands in the head: the first paint has the right colours.
document.documentElement.dataset.theme = chosenTheme();

function theme() {
  const button = document.getElementById("theme");
  const apply = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = name === "dark" ? "Light theme" : "Dark theme";
  };
  button.addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    stored.set(next);
    apply(next);
  });
  system.addEventListener("change", () => apply(chosenTheme()));
  apply(chosenTheme());
}

async function start() {
  theme();
  document.getElementById("filter").addEventListener("input", filterIndex);
  addEventListener("hashchange", openFromAddress);
  const main = document.getElementById("main");
  let data;
  try {
    data = await ask("services");
  } catch (error) {
    main.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    return;
  }
  document.getElementById("where").textContent = `called through ${data.ingress}`;
  document.getElementById("index").replaceChildren(...indexView(data.services));
  main.replaceChildren(...data.services.map((service) => serviceView(service, data.journal)));
  openFromAddress();
}

addEventListener("DOMContentLoaded", start);
