// Deployments, newest first: which revision of which service each serves, and what still runs there.
import { ask, el, moment, problemLine, repeat } from "./tools.js";

const REFRESH = 2000; // ms

function cardOf(each) {
  const services = Object.entries(each.services).map(([name, revision]) => el("li", {},
    el("span", { class: "mono" }, name), ` revision ${revision} `,
    each.current.includes(name) ? el("span", { class: "badge good" }, "current") : el("span", { class: "badge" }, "older")));
  return el("li", { class: "card" },
    el("h2", { class: "mono" }, each.id),
    el("p", { class: "facts" }, el("span", {}, each.url), el("span", { class: "muted" }, `registered ${moment(each.created)}`),
      el("span", { class: "muted" }, [each.protocol, each.http, each.sdk].filter(Boolean).join(", ")),
      each.unfinished ? el("span", { class: "badge busy" }, `${each.unfinished} unfinished`) : null),
    el("ul", { class: "revisions" }, ...services));
}

export function deploymentsView() {
  const list = el("ol", { class: "plain" });
  const count = el("p", { class: "muted", role: "status" });
  const problem = problemLine();
  const view = el("div", { class: "view" }, count, problem, list);
  let shown = "";
  repeat(view, REFRESH, async () => {
    try {
      const { deployments } = await ask("deployments");
      problem.tell(null);
      if (shown === JSON.stringify(deployments)) return;
      shown = JSON.stringify(deployments);
      count.textContent = deployments.length === 1 ? "1 deployment" : `${deployments.length} deployments, newest first`;
      list.replaceChildren(...deployments.map(cardOf));
    } catch (error) { problem.tell(error); }
  });
  return view;
}
