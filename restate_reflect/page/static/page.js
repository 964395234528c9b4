// The frame: which view is shown stands in the address after `#`, and the services are asked for again after each save.
import { deploymentsView } from "./deployments.js";
import { invocationsView } from "./invocations.js";
import { drawServices, filterIndex, openHandler } from "./services.js";
import { sqlView } from "./sql.js";
import { stateView } from "./state.js";
import { ask, el } from "./tools.js";

const REFRESH = 1500; // ms between looks for new code
const VIEWS = {
  services: ["Services", null],
  invocations: ["Invocations", (rest, parameters) => invocationsView(rest, parameters, data)],
  state: ["State", (rest, parameters) => stateView(parameters, data)],
  sql: ["SQL", () => sqlView()],
  deployments: ["Deployments", () => deploymentsView()],
};
const place = (id) => document.getElementById(id);
let data = null;

function route() {
  const [path, query] = location.hash.slice(1).split("?", 2);
  const [, name, ...rest] = path.startsWith("/") ? path.split("/") : [null, "services", path];
  const known = data?.journal && name in VIEWS ? name : "services";
  return { name: known, rest: decodeURIComponent(rest.join("/")), parameters: new URLSearchParams(query ?? "") };
}

function show(event) {
  const { name, rest, parameters } = route();
  const [title, make] = VIEWS[name];
  const isServices = make === null;
  document.title = rest && !isServices ? `${rest} · ${title}` : title;
  place("title").textContent = title;
  for (const tab of document.querySelectorAll(".tabs a")) {
    if (tab.dataset.view === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  document.querySelector(".layout").classList.toggle("wide", !isServices);
  for (const id of ["services", "sidebar"]) place(id).hidden = !isServices;
  place("view").replaceChildren(...(isServices ? [] : [make(rest, parameters)]));
  if (isServices) openHandler(rest);
  else if (event) { scrollTo(0, 0); place("main").focus({ preventScroll: true }); }
}

// Another revision serves: its handlers are drawn in place of the old ones, and what was written in their forms stays.
async function renew() {
  if (document.hidden) return;
  let found;
  try {
    found = await ask(`services?revision=${encodeURIComponent(data.revision)}`);
  } catch {
    return; // the endpoint restarts, or is gone: the next call says so
  }
  if (found.revision === data.revision) return;
  data = found;
  drawServices(data);
  place("news").textContent = "The services have changed: this is the saved code.";
  if (route().name === "services") openHandlerQuietly();
}

function openHandlerQuietly() {
  const { rest } = route();
  for (const link of document.querySelectorAll(".index a")) {
    if (decodeURIComponent(link.hash.slice(1)) === rest) link.setAttribute("aria-current", "true");
  }
}

async function start() {
  place("filter").addEventListener("input", filterIndex);
  addEventListener("hashchange", show);
  // By hand: its address would be that of another view.
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); place("main").focus(); });
  try {
    data = await ask("services");
  } catch (error) {
    place("services").replaceChildren(el("p", { class: "problem", role: "alert" }, error.message));
    return;
  }
  place("where").textContent = `called through ${data.ingress}`;
  document.querySelector(".tabs").hidden = !data.journal;
  drawServices(data);
  show();
  setInterval(renew, REFRESH);
}

start();
