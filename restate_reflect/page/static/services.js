// Services and their handlers: an index beside them, and each handler with its documentation, schemas and form.
import { documentation, schemaView, typeName } from "./schema.js";
import { el, fresh } from "./tools.js";
import { tryIt } from "./tryit.js";

const KINDS = { SERVICE: "Service", VIRTUAL_OBJECT: "Virtual object", WORKFLOW: "Workflow" };
const HANDLER_KINDS = {
  EXCLUSIVE: ["Exclusive", "Exclusive: one at a time for each key"],
  SHARED: ["Shared", "Shared: runs beside others, and only reads state"],
  WORKFLOW: ["Run", "Runs the workflow, once for each key"],
};
const anchor = (service, handler) => `${service.name}/${handler.name}`;

function sideName(side) {
  if (side.contentType == null) return "nothing";
  if (side.parameters) return side.parameters.join(", ");
  return side.schema ? typeName(side.schema, side.schema) : "bytes";
}

function handlerView(service, handler, data) {
  const kind = handler.kind ? HANDLER_KINDS[handler.kind] : null;
  const details = el("details", { class: "handler", id: anchor(service, handler) },
    el("summary", {}, el("h3", {}, handler.name),
      kind ? el("span", { class: "badge" }, kind[0]) : null,
      handler.private ? el("span", { class: "badge" }, "Private") : null,
      el("span", { class: "types" }, `${sideName(handler.input)} → ${sideName(handler.output)}`)));
  // Filled when it is first opened: a large endpoint has hundreds of schemas.
  details.fill = () => {
    if (!details.open || details.children.length > 1) return;
    details.append(el("div", { class: "about" },
      el("div", {}, documentation(handler.documentation),
        handler.kind ? el("p", { class: "muted" }, `${HANDLER_KINDS[handler.kind][1]}.`) : null,
        el("h4", {}, "Input"), schemaView(handler.input),
        el("h4", {}, "Output"), schemaView(handler.output)),
      el("div", {}, el("h4", {}, "Try it"), tryIt(service, handler, data.ingress, data.journal))));
  };
  details.addEventListener("toggle", details.fill);
  details.description = JSON.stringify([service.kind, handler, data.ingress, data.journal]);
  return details;
}

// Of a handler whose description is the same the old view stays, with everything written and shown in it.
function renewed(service, handler, data, olds) {
  const made = handlerView(service, handler, data);
  const old = olds.get(made.id);
  if (!old) return made;
  if (old.description === made.description) return old;
  if (old.open) {
    made.open = true;
    made.fill();
    const parts = old.querySelector(".try")?.parts;
    if (parts) made.querySelector(".try")?.take?.(parts);
  }
  return made;
}

function serviceView(service, data, olds) {
  const id = fresh("service");
  return el("section", { class: "service", "aria-labelledby": id },
    el("header", {}, el("h2", { id }, service.name), el("span", { class: `badge ${service.kind}` }, KINDS[service.kind])),
    documentation(service.documentation),
    ...service.handlers.map((handler) => renewed(service, handler, data, olds)));
}

function indexView(services) {
  return services.map((service) => el("div", { class: "group" },
    el("h2", {}, service.name),
    el("ul", {}, ...service.handlers.map((handler) => el("li", {},
      el("a", { href: `#${encodeURIComponent(anchor(service, handler))}` }, handler.name))))));
}

export function drawServices(data) {
  const main = document.getElementById("services");
  const olds = new Map([...main.querySelectorAll(".handler")].map((each) => [each.id, each]));
  const focused = document.activeElement;
  document.getElementById("index").replaceChildren(...indexView(data.services));
  main.replaceChildren(...data.services.map((service) => serviceView(service, data, olds)));
  if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
  filterIndex();
}

export function openHandler(id) {
  const target = id && document.getElementById(id);
  for (const link of document.querySelectorAll(".index a")) {
    if (decodeURIComponent(link.hash.slice(1)) === id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.querySelector("summary").focus({ preventScroll: true });
  target.scrollIntoView();
}

export function filterIndex() {
  const wanted = document.getElementById("filter").value.trim().toLowerCase();
  let any = false;
  for (const group of document.querySelectorAll(".index .group")) {
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
