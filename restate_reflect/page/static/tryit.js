// The form of a handler: key, fields and JSON, headers, how to call; then the answer and what the invocation does meanwhile.
import { fieldsOf } from "./fields.js";
import { journal } from "./journal.js";
import { curl, pythonProgram } from "./snippets.js";
import { ask, clock, copyButton, duration, el, field, fresh, part, textInput } from "./tools.js";

const PATIENCE = 600; // ms after which a call that has no answer yet is looked for
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*([\x20-\x7e]*)$/;

export function tryIt(service, handler, ingress, canLook) {
  if (handler.private) return el("p", { class: "muted" }, "Private: only other handlers can call it.");
  const key = service.keyed ? textInput({ required: true, placeholder: "my-key" }) : null;
  const idempotency = handler.idempotent ? textInput({}) : null;
  const delay = textInput({ placeholder: "10s" });
  const json = handler.input.form === "json";
  const rows = Math.min(16, Math.max(2, handler.input.example.split("\n").length));
  const body = handler.input.form === "none" ? null : el("textarea", { rows, spellcheck: "false", autocomplete: "off" });
  if (body) body.value = handler.input.example;
  const fields = json ? fieldsOf(handler.input.schema) : null;
  const headers = el("textarea", { rows: 2, spellcheck: "false", autocomplete: "off", placeholder: "x-tenant: acme" });
  const problem = el("p", { class: "problem", role: "alert", id: fresh("problem"), hidden: true });
  const outcome = el("div", { class: "outcome" });
  const panel = el("div");
  const name = fresh("mode");
  const radio = (value, label, checked) => el("label", {}, el("input", { type: "radio", name, value, checked, onchange: () => change() }), label);
  const submit = el("button", { type: "submit", class: "primary" }, "Call");
  const stop = el("button", { type: "button", class: "quiet", hidden: true }, "Stop waiting");
  const reset = body ? el("button", { type: "button", class: "quiet", onclick: () => { body.value = handler.input.example; follow(); check(); } }, "Reset the body") : null;
  const delayField = field("Delay", "such as 10s or 5m", delay);
  delayField.hidden = true;
  const copies = json && handler.input.contentType !== "application/json" ? null
    : el("div", { class: "actions", role: "group", "aria-label": "Copy the request" },
      copyButton(() => curl(asked()), "Copy as curl"), copyButton(() => pythonProgram(asked()), "Copy as Python"));
  const bodyField = body ? field("Body", json ? (handler.input.contentType === "application/json" ? "JSON" : `JSON, sent as ${handler.input.contentType}`) : handler.input.contentType, body) : null;
  const form = el("form", { novalidate: true, "aria-label": `Try ${service.name}/${handler.name}` },
    key ? field(service.kind === "WORKFLOW" ? "Workflow key" : "Key", "required", key) : null,
    fields ? el("div", { class: "sides" }, el("fieldset", {}, el("legend", {}, "Fields"), fields.node), bodyField) : bodyField,
    el("fieldset", {}, el("legend", {}, "How"), el("div", { class: "choices" },
      radio("call", "Call, and wait for the result", true), radio("send", "Send, and let it run", false))),
    el("div", { class: "row" }, idempotency ? field("Idempotency key", "optional", idempotency) : null, delayField),
    el("details", { class: "headers" }, el("summary", {}, "Headers"), field("Headers", "one a line, name: value", headers)),
    problem, el("div", { class: "actions" }, submit, stop, reset), copies);
  const sending = () => form.elements[name].value === "send";

  function change() {
    delayField.hidden = !sending();
    submit.textContent = sending() ? "Send" : "Call";
  }
  function complain(message, control) {
    problem.textContent = message;
    problem.hidden = !message;
    for (const each of [key, body, headers]) {
      if (!each) continue;
      each.toggleAttribute("aria-invalid", each === control);
      if (each === control) { each.setAttribute("aria-invalid", "true"); each.setAttribute("aria-describedby", problem.id); }
      else each.removeAttribute("aria-describedby");
    }
    if (control) { control.closest("details")?.setAttribute("open", ""); if (control.closest("details.headers") || control === key || control === body) control.focus(); }
    return !message;
  }
  // The fields follow the JSON; a number with more digits than a script can hold is left to the JSON alone.
  function follow() {
    if (!fields) return;
    let value;
    try { value = JSON.parse(body.value); } catch { return; }
    const exact = !/\d{16}/.test(body.value);
    fields.node.closest("fieldset").disabled = !exact;
    if (exact) fields.write(value);
  }
  fields?.node.addEventListener("input", () => {
    try { body.value = fields.read(); complain(""); } catch (error) { complain(error.message, null); }
  });
  body?.addEventListener("input", follow);
  follow();

  function headersGiven() {
    const given = {};
    for (const line of headers.value.split("\n").map((each) => each.trim()).filter(Boolean)) {
      const found = HEADER.exec(line);
      if (!found) throw new Error(`No header: ${line}. Write name: value.`);
      given[found[1]] = found[2];
    }
    return given;
  }
  function check() {
    if (key && !key.value) return complain("Give a key.", key);
    if (json && (body.value.trim() || handler.input.required)) {
      try { JSON.parse(body.value); } catch (error) { return complain(`The body is no JSON: ${error.message}`, body); }
    }
    try { headersGiven(); } catch (error) { return complain(error.message, headers); }
    return complain("");
  }
  // The request as it is written now; what is missing or wrong stands as it is.
  function asked() {
    let given = {};
    try { given = headersGiven(); } catch { /* told by the form itself */ }
    return { ingress, service, handler, key: key?.value || "my-key", body: body ? body.value : "", headers: given,
      idempotency: idempotency?.value ?? "", send: sending(), delay: delay.value.trim() };
  }
  async function go(event) {
    event.preventDefault();
    if (!check()) return;
    const query = new URLSearchParams();
    if (key) query.set("key", key.value);
    if (sending()) { query.set("send", ""); if (delay.value.trim()) query.set("delay", delay.value.trim()); }
    const given = { ...headersGiven(), ...(idempotency?.value ? { "idempotency-key": idempotency.value } : {}) };
    const abort = new AbortController();
    stop.hidden = sending();
    stop.onclick = () => abort.abort();
    submit.disabled = true;
    panel.showing = null;
    panel.replaceChildren();
    outcome.replaceChildren(el("p", { class: "muted", role: "status" }, sending() ? "Sending…" : "Waiting for the result…"), panel);
    const began = Date.now();
    let waiting = canLook && !sending();
    const watch = async () => {
      if (!waiting) return;
      const id = await underWay(began, given["idempotency-key"]).catch(() => null);
      if (!waiting) return;
      if (id) journal(panel, id);
      else setTimeout(watch, PATIENCE);
    };
    setTimeout(watch, PATIENCE);
    try {
      const path = `call/${part(service.name)}/${part(handler.name)}?${query}`;
      const options = { method: "POST", headers: { "x-restate-reflect-headers": part(JSON.stringify(given)) }, body: body ? body.value : "", signal: abort.signal };
      show(await ask(path, options));
    } catch (error) {
      const left = error.name === "AbortError";
      outcome.replaceChildren(el("p", { class: left ? "muted" : "problem", role: "alert" }, left ? "Not waiting any more; the invocation goes on." : error.message), ...(left ? [panel] : []));
    }
    waiting = false;
    submit.disabled = false;
    stop.hidden = true;
    if (recent?.open) recent.refresh();
  }
  // The invocation of a call that has no answer yet: how it fails and when it is tried again is worth seeing meanwhile.
  async function underWay(began, idempotencyKey) {
    const query = new URLSearchParams({ service: service.name, handler: handler.name, status: "unfinished", limit: "20" });
    if (key) query.set("key", key.value);
    // The clocks of both are the same machine's, or nearly.
    if (!idempotencyKey && handler.kind !== "WORKFLOW") query.set("since", new Date(began - 50).toISOString());
    const { invocations } = await ask(`invocations?${query}`);
    const fitting = invocations.filter((info) => !info.parent && (!idempotencyKey || info.idempotencyKey === idempotencyKey));
    return fitting.at(-1)?.id ?? null;
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
    else if (answer.invocationId) panel.replaceChildren(el("p", { class: "facts" }, el("span", { class: "id" }, answer.invocationId), copyButton(answer.invocationId, "Copy id")));
  }
  form.addEventListener("submit", go);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  const recent = canLook ? recentList(service, handler, (id) => { outcome.replaceChildren(panel); journal(panel, id); outcome.scrollIntoView({ block: "nearest" }); }) : null;
  const whole = el("div", { class: "try" }, form, recent, outcome);
  // What was written survives a save of the code that changes the handler.
  whole.take = (other) => {
    if (key && other.key) key.value = other.key.value;
    if (body && other.body && other.body.value !== other.example) { body.value = other.body.value; follow(); }
    headers.value = other.headers.value;
    outcome.replaceChildren(...other.outcome.childNodes);
  };
  whole.parts = { key, body, headers, outcome, example: handler.input.example };
  return whole;
}

function recentList(service, handler, choose) {
  const holder = el("div");
  const details = el("details", { class: "recent" }, el("summary", {}, "Recent invocations"), holder);
  details.refresh = async () => {
    try {
      const query = new URLSearchParams({ service: service.name, handler: handler.name, limit: "10" });
      const { invocations } = await ask(`invocations?${query}`);
      const rows = invocations.map((info) => el("tr", {},
        el("td", {}, el("button", { type: "button", class: "link", onclick: () => choose(info.id) }, info.id)),
        ...(service.keyed ? [el("td", {}, info.key ?? "")] : []),
        el("td", {}, info.success === true ? "succeeded" : info.success === false ? "failed" : info.status),
        el("td", {}, clock(info.created))));
      const heads = ["Invocation", ...(service.keyed ? ["Key"] : []), "State", "Began"];
      holder.replaceChildren(
        rows.length ? el("table", {}, el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, ...rows))
          : el("p", { class: "muted" }, "None yet."),
        el("div", { class: "actions" }, el("button", { type: "button", class: "quiet", onclick: () => details.refresh() }, "Refresh"),
          el("a", { href: `#/invocations?service=${part(service.name)}` }, "All invocations of the service")));
    } catch (error) {
      holder.replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    }
  };
  details.addEventListener("toggle", () => { if (details.open) details.refresh(); });
  return details;
}
