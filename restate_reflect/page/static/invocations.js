// The list of invocations, live, with filters that stand in the address; and one of them on its own.
import { addressOf, badge, coming, journal } from "./journal.js";
import { ask, clock, duration, el, field, moment, problemLine, repeat, textInput, ticker } from "./tools.js";

const REFRESH = 1500; // ms
const STATUSES = [
  ["", "any"], ["unfinished", "unfinished"], ["running", "running"], ["suspended", "suspended"], ["backing-off", "backing off"],
  ["paused", "paused"], ["scheduled", "scheduled"], ["pending", "pending"], ["succeeded", "succeeded"], ["failed", "failed"],
];
const TIMES = [["", "any time"], ["300", "last 5 minutes"], ["3600", "last hour"], ["86400", "last day"], ["604800", "last week"]];

const choose = (options, value) => el("select", {}, ...options.map(([name, label]) => el("option", { value: name, selected: name === value }, label)));

function took(info) {
  if (info.completed) return duration(new Date(info.completed) - new Date(info.created));
  if (info.status === "scheduled") return "";
  return ticker(() => duration(Math.max(0, Date.now() - new Date(info.created))));
}

function row(info) {
  const error = info.failure ?? info.lastFailure;
  const cells = [
    ["Status", badge(info), " ", coming(info)],
    ["Invocation", el("a", { href: addressOf(info.id) }, info.target), el("span", { class: "id muted" }, info.id)],
    ["Began", el("span", { title: moment(info.created) }, clock(info.created))],
    ["Took", took(info)],
    ["Attempt", info.retries > 1 ? String(info.retries) : ""],
    ["Error", error ? el("span", { class: "problem" }, error.split("\n")[0]) : ""],
  ];
  return el("tr", {}, ...cells.map(([head, ...content]) => el("td", { "data-head": head }, ...content.filter((each) => each != null && each !== ""))));
}

// Puts the rows in order, and touches only what is not in its place: the focus stays.
function reconcile(body, rows) {
  rows.forEach((each, at) => { if (body.children[at] !== each) body.insertBefore(each, body.children[at] ?? null); });
  while (body.children.length > rows.length) body.lastChild.remove();
}

function listView(parameters, services) {
  const service = choose([["", "all"], ...services.map((each) => [each.name, each.name])], parameters.get("service") ?? "");
  const status = choose(STATUSES, parameters.get("status") ?? "");
  const within = choose(TIMES, parameters.get("within") ?? "");
  const key = textInput({ value: parameters.get("key"), placeholder: "any" });
  const id = textInput({ value: parameters.get("id"), placeholder: "inv_…" });
  const count = el("p", { class: "muted", role: "status" });
  const problem = problemLine();
  const body = el("tbody");
  const heads = ["Status", "Invocation", "Began", "Took", "Attempt", "Error"];
  const filters = el("form", { class: "filters", role: "search", "aria-label": "Filter invocations", onsubmit: (event) => event.preventDefault() },
    field("Service", "", service), field("Status", "", status), field("Key", "", key), field("Id", "", id), field("Time", "", within));
  const list = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Invocations" },
    el("table", { class: "cards" }, el("caption", { class: "visually-hidden" }, "Invocations, newest first"),
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))), body));
  const view = el("div", { class: "view" }, filters, count, problem, list);
  const rows = new Map();

  const wanted = () => Object.fromEntries(Object.entries({ service: service.value, status: status.value, within: within.value,
    key: key.value, id: id.value.trim() }).filter(([, value]) => value));
  const look = async () => {
    const { within: seconds, ...asked } = wanted();
    if (seconds) asked.since = new Date(Date.now() - seconds * 1000).toISOString();
    const before = JSON.stringify(wanted());
    let found;
    try {
      found = (await ask(`invocations?${new URLSearchParams(asked)}`)).invocations;
      problem.tell(null);
    } catch (error) {
      if (error.status !== 404 && !(asked.id && error.status === 400)) return problem.tell(error);
      found = []; // no such id
      problem.tell(null);
    }
    if (before !== JSON.stringify(wanted())) return look();
    draw(found);
  };
  const draw = (found) => {
    const now = found.map((info) => {
      const text = JSON.stringify(info);
      if (rows.get(info.id)?.text !== text) rows.set(info.id, { text, node: row(info) });
      return rows.get(info.id).node;
    });
    reconcile(body, now);
    const unfinished = found.filter((info) => !info.completed).length;
    const told = found.length === 0 ? (Object.keys(wanted()).length ? "No invocation fits." : "No invocations yet: try a handler under Services.")
      : `${found.length === 200 ? "the newest 200" : found.length} ${found.length === 1 ? "invocation" : "invocations"}, ${unfinished} unfinished`;
    if (count.textContent !== told) count.textContent = told;
    list.hidden = found.length === 0;
  };
  const again = repeat(view, REFRESH, look);
  filters.addEventListener("input", () => {
    const query = new URLSearchParams(wanted()).toString();
    history.replaceState(null, "", `#/invocations${query ? `?${query}` : ""}`);
    again();
    look();
  });
  return view;
}

function oneView(id) {
  const panel = el("div");
  const view = el("div", { class: "view" }, el("p", {}, el("a", { href: "#/invocations" }, "All invocations")), panel);
  queueMicrotask(() => journal(panel, id, "h2"));
  return view;
}

export function invocationsView(rest, parameters, data) {
  return rest ? oneView(rest) : listView(parameters, data.services);
}
