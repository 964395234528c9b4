// One invocation: facts, attempts that failed, the journal as a timeline with nested calls, and what can be done to it.
import { ask, clock, copyButton, countdown, duration, el, left, moment, part, post, problemLine, ticker } from "./tools.js";

const REFRESH = 700; // ms between looks at an invocation that is not finished

export const addressOf = (id) => `#/invocations/${part(id)}`;
export const wordOf = (info) => info.success === true ? "succeeded" : info.success === false ? "failed" : info.status;
const looks = { succeeded: "good", failed: "bad", "backing-off": "bad", paused: "bad" };
export const badge = (info) => el("span", { class: `badge ${looks[wordOf(info)] ?? "busy"}` }, wordOf(info));
const time = (text) => new Date(text).getTime();

// When it goes on by itself, if that is known.
export function coming(info) {
  if (info.completed) return null;
  if (info.nextRetry) return countdown(info.nextRetry, "next attempt in", "next attempt now", { class: "muted" });
  if (info.scheduled && info.status === "scheduled") return countdown(info.scheduled, "begins in", "begins now", { class: "muted" });
  return null;
}

function facts(info) {
  return el("p", { class: "facts" },
    badge(info), el("span", {}, info.target),
    el("span", { class: "muted", title: moment(info.created) }, `began ${clock(info.created)}`),
    info.completed ? el("span", { class: "muted" }, `took ${duration(time(info.completed) - time(info.created))}`) : null,
    info.retries > 1 ? el("span", { class: "muted" }, `attempt ${info.retries}`) : null,
    coming(info),
    info.parent ? el("span", { class: "muted" }, "called by ", el("a", { href: addressOf(info.parent) }, info.parentTarget ?? info.parent)) : null);
}

// ---------------------------------------------------------------- attempts

function attemptsView(info, open) {
  if (!info.attempts.length) return null;
  const count = info.attempts.length;
  const items = info.attempts.toReversed().map((attempt) => el("li", {},
    el("p", { class: "facts" }, el("span", { class: "badge bad" }, attempt.code ? `error ${attempt.code}` : "failed"),
      attempt.at ? el("span", { class: "muted" }, clock(attempt.at)) : null,
      attempt.step ? el("span", { class: "mono" }, attempt.step) : null),
    el("p", { class: "problem" }, attempt.message),
    attempt.trace ? el("pre", { class: "trace", tabindex: "0", "aria-label": "Traceback" }, attempt.trace) : null,
    attempt.whole.trim() !== attempt.trace.trim() ? el("details", { class: "whole" }, el("summary", {}, "with the frames of libraries"),
      el("pre", { class: "trace", tabindex: "0", "aria-label": "Whole traceback" }, attempt.whole)) : null));
  return el("details", { class: "attempts", open },
    // The server notes an error once, however often in a row it comes.
    el("summary", {}, count === 1 ? "Attempts failed with 1 error" : `Attempts failed with ${count} different errors in turn, newest first`), el("ol", {}, ...items));
}

// ---------------------------------------------------------------- steps

function detailText(detail) {
  if (detail.form === "empty") return "(empty)";
  if (detail.form === "base64") return `base64: ${detail.text}`;
  if (detail.form === "time") return new Date(Number(detail.text)).toLocaleString();
  return detail.text;
}

function preview(step) {
  const told = step.details.filter((detail) => detail.form !== "empty");
  const shown = told.at(-1);
  return shown ? `${shown.label} ${detailText(shown).replace(/\s+/g, " ").slice(0, 160)}` : "details";
}

function more(step) {
  const details = step.details.flatMap((detail) => [el("dt", {}, detail.label), el("dd", {}, detailText(detail))]);
  if (step.invocationId) details.push(el("dt", {}, "Invocation"), el("dd", {}, el("a", { href: addressOf(step.invocationId) }, step.invocationId)));
  if (!details.length) return null;
  const node = el("details", { class: "more", "data-index": step.index }, el("summary", {}, preview(step)), el("dl", {}, ...details));
  // What scrolls must be reachable by the keyboard.
  node.addEventListener("toggle", () => {
    for (const value of node.querySelectorAll("dd")) if (value.scrollHeight > value.clientHeight) value.tabIndex = 0;
  });
  return node;
}

function waits(step) {
  const wake = step.details.find((detail) => detail.label === "Wakes up" || detail.label === "Starts");
  if (!wake) return "waiting";
  return ticker(() => { const rest = Number(wake.text) - Date.now(); return rest > 0 ? `in ${left(rest)}` : "now"; }, { class: "timer" });
}

function stepView(step, info, callees) {
  const begin = step.start ? time(step.start) : time(info.created);
  const finished = info.completed != null;
  const waiting = step.state === "waiting";
  const state = waiting && finished ? "not awaited" : step.state;
  const bar = el("span", { class: `bar ${waiting && !finished ? "waiting" : step.state}` });
  const took = waiting ? (finished ? "" : waits(step)) : step.end && time(step.end) > begin ? duration(time(step.end) - begin) : "";
  const spoken = `${duration(Math.max(0, begin - time(info.created)))} after the start${typeof took === "string" && took && !waiting ? `, for ${took}` : ""}`;
  const item = el("li", {},
    el("div", { class: "step" },
      el("span", { class: "what" }, el("b", {}, step.type), " ", step.name ? el("span", { class: "mono" }, step.name) : null,
        state === "done" ? null : " ", state === "done" ? null : el("span", { class: `badge ${state === "failed" ? "bad" : "busy"}` }, state)),
      el("span", { class: "track", role: "img", "aria-label": spoken }, bar),
      el("span", { class: "took" }, took)),
    more(step),
    step.invocationId && /Call$/.test(step.type) ? callees.of(step.invocationId) : null);
  item.place = (from, to) => {
    const width = Math.max(to - from, 1);
    const end = step.end ? time(step.end) : to;
    bar.style.left = `${Math.min(98, Math.max(0, (begin - from) / width) * 100)}%`;
    bar.style.width = `${Math.max(0, Math.min(1, (end - begin) / width)) * 100}%`;
  };
  return item;
}

// Steps of one journal; kept between looks, so that what is open stays open and the focus stays where it is.
function stepsView(label, callees) {
  const steps = el("ol", { class: "steps", "aria-label": label });
  let shown = [];
  steps.draw = (info) => {
    const now = info.steps.map((step) => JSON.stringify([step, info.completed]));
    info.steps.forEach((step, at) => {
      if (now[at] === shown[at]) return;
      const item = stepView(step, info, callees);
      const before = steps.children[at];
      if (before?.querySelector(":scope > .more[open]")) item.querySelector(":scope > .more")?.setAttribute("open", "");
      const focused = before?.contains(document.activeElement);
      if (before) before.replaceWith(item); else steps.append(item);
      if (focused) item.querySelector("summary")?.focus();
    });
    while (steps.children.length > now.length) steps.lastChild.remove();
    shown = now;
  };
  steps.place = (from, to) => { for (const item of steps.children) item.place(from, to); };
  return steps;
}

// Callees by id: each is asked for once it is opened, and drawn on its caller's scale.
function calleesOf(depth) {
  const known = new Map();
  const make = (id) => {
    const status = el("p", { class: "facts" }, el("span", { class: "muted" }, "Loading…"));
    const inner = calleesOf(depth + 1);
    const steps = stepsView(`Steps of ${id}`, inner);
    const node = el("details", { class: "callee" }, el("summary", {}, "steps of the call"), status, steps);
    let done = false;
    const look = async () => {
      if (!node.open || done) return inner.look();
      try {
        const info = await ask(`invocations/${part(id)}`);
        done = info.completed != null;
        status.replaceChildren(badge(info), el("a", { href: addressOf(id) }, info.target),
          ...(info.failure ?? info.lastFailure ? [el("span", { class: "problem" }, (info.failure ?? info.lastFailure).split("\n")[0])] : []));
        steps.draw(info);
      } catch (error) {
        status.replaceChildren(el("span", { class: "muted" }, error.status === 404 ? "The server does not keep it any more." : error.message));
      }
      await inner.look();
    };
    node.addEventListener("toggle", async () => { await look(); scale(); });
    let scale = () => {};
    node.place = (from, to) => { scale = () => { steps.place(from, to); inner.place(from, to); }; scale(); };
    return { node, look };
  };
  return {
    of(id) {
      if (depth > 8) return null;
      if (!known.has(id)) known.set(id, make(id));
      return known.get(id).node;
    },
    async look() { for (const { look } of known.values()) await look(); },
    place(from, to) { for (const { node } of known.values()) node.place(from, to); },
  };
}

// ---------------------------------------------------------------- actions

const ACTIONS = [
  ["cancel", "Cancel the invocation", (info) => !info.completed, false],
  ["kill", "Kill", (info) => !info.completed, true],
  ["pause", "Pause", (info) => ["running", "ready", "backing-off"].includes(info.status), false],
  ["resume", "Resume", (info) => ["paused", "backing-off", "suspended"].includes(info.status), false],
  ["restart-as-new", "Restart as new", (info) => info.completed != null, false],
  ["purge", "Purge", (info) => info.completed != null, true],
];

// What can't be undone asks once more, in its own place.
export function twice(button, sure, act) {
  const label = button.textContent;
  let asked = false;
  button.addEventListener("click", () => {
    if (asked) { asked = false; button.textContent = label; act(); return; }
    asked = true;
    button.textContent = sure;
    setTimeout(() => { asked = false; button.textContent = label; }, 5000);
  });
}

function actionsView(id, problem, look) {
  const buttons = ACTIONS.map(([action, label, fits, asks]) => {
    const button = el("button", { type: "button", class: `quiet ${asks || action === "cancel" ? "danger" : ""}`, hidden: true, "data-action": action }, label);
    const act = async () => {
      button.disabled = true;
      try {
        const answer = await post(`invocations/${part(id)}/${action}`);
        problem.tell(null);
        if (answer.id) location.hash = addressOf(answer.id);
        look();
      } catch (error) { problem.tell(error); }
      button.disabled = false;
    };
    if (asks) twice(button, `${label} it for good?`, act);
    else button.addEventListener("click", act);
    button.fit = (info) => { button.hidden = info == null || !fits(info); };
    return button;
  });
  const bar = el("div", { class: "actions", role: "group", "aria-label": "Actions" }, ...buttons);
  bar.fit = (info) => { for (const button of buttons) button.fit(info); };
  return bar;
}

// ---------------------------------------------------------------- all of it

// Shows an invocation and looks again until it is finished, replaced, or out of sight.
export function journal(panel, id, heading = "h4") {
  const mine = (panel.showing = {});
  const status = el("div", { role: "status" });
  const failed = el("div");
  const callees = calleesOf(0);
  const steps = stepsView("Steps", callees);
  const problem = problemLine();
  let timer = 0;
  let shown = "";
  let missing = 0;
  const look = async () => {
    clearTimeout(timer);
    if (panel.showing !== mine || !panel.isConnected) return;
    try {
      const info = await ask(`invocations/${part(id)}`);
      if (panel.showing !== mine) return;
      missing = 0;
      draw(info);
      await callees.look();
      place(info);
      if (info.completed == null) timer = setTimeout(look, REFRESH);
    } catch (error) {
      if (shown && error.status === 404) return gone();
      // The server's tables follow the requests a moment later.
      if (++missing > 5) return problem.tell(error);
      timer = setTimeout(look, REFRESH);
    }
  };
  const actions = actionsView(id, problem, () => look());
  const gone = () => {
    actions.fit(null);
    steps.draw({ steps: [] });
    failed.replaceChildren();
    status.replaceChildren(el("p", { class: "muted" },
      "The server does not keep it any more: it was cancelled before it began, was purged, or is past its retention."));
  };
  const draw = (info) => {
    const now = JSON.stringify(info);
    if (now === shown) return;
    shown = now;
    steps.draw(info);
    actions.fit(info);
    const failure = info.failure ?? info.lastFailure;
    // The whole traceback stands below, with its attempt, where the server tells of attempts.
    const told = failure && info.attempts.some((attempt) => attempt.trace) ? failure.split("\n")[0] : failure;
    status.replaceChildren(facts(info), ...(told ? [el("p", { class: "problem last" }, told)] : []),
      ...(info.steps.length ? [] : [el("p", { class: "muted" }, info.completed ? "The journal is not kept any more." : "Nothing yet.")]));
    const open = failed.querySelector("details")?.open ?? info.completed == null;
    failed.replaceChildren(...[attemptsView(info, open)].filter(Boolean));
  };
  const place = (info) => {
    const from = time(info.created);
    const last = info.steps.flatMap((step) => [step.start, step.end]).filter(Boolean).map(time);
    const to = info.completed ? Math.max(time(info.completed), ...last) : Math.max(Date.now(), ...last);
    steps.place(from, to);
    callees.place(from, to);
  };
  panel.replaceChildren(el("section", { class: "journal", "aria-label": `Journal of ${id}` },
    el(heading, {}, "Journal"),
    el("p", { class: "facts" }, el("a", { class: "id", href: addressOf(id) }, id), copyButton(id, "Copy id")),
    status, actions, problem, failed, steps));
  look();
}
