// SELECTs over the server's tables.
import { el, field, post, problemLine, table } from "./tools.js";

const QUERIES = [
  ["Unfinished", "SELECT id, target, status, retry_count, created_at FROM sys_invocation\nWHERE status <> 'completed' ORDER BY created_at"],
  ["Failed", "SELECT id, target, completion_failure, completed_at FROM sys_invocation\nWHERE completion_result = 'failure' ORDER BY completed_at DESC LIMIT 50"],
  ["Counts", "SELECT target_service_name, status, count(*) AS n FROM sys_invocation\nGROUP BY target_service_name, status ORDER BY n DESC"],
  ["Journal", "SELECT id, index, entry_type, name, appended_at FROM sys_journal LIMIT 50"],
  ["Events", "SELECT id, event_type, appended_at, event_json FROM sys_journal_events LIMIT 50"],
  ["State", "SELECT service_name, service_key, key, value_utf8 FROM state LIMIT 50"],
];
let kept = QUERIES[0][1]; // what was written stays while other views are looked at

export function sqlView() {
  const text = el("textarea", { rows: 5, spellcheck: "false", autocomplete: "off" });
  text.value = kept;
  const problem = problemLine();
  const told = el("p", { class: "muted", role: "status" });
  const answer = el("div");
  const run = async () => {
    kept = text.value;
    told.textContent = "Asking…";
    try {
      const began = performance.now();
      const { columns, rows, count } = await post("sql", { query: text.value });
      problem.tell(null);
      told.textContent = `${count} ${count === 1 ? "row" : "rows"}, ${Math.round(performance.now() - began)} ms${rows.length < count ? `; the first ${rows.length} are shown` : ""}`;
      const cell = (value) => value == null ? el("span", { class: "muted" }, "null") : typeof value === "object" ? JSON.stringify(value) : String(value);
      answer.replaceChildren(...(rows.length ? [table(columns, rows.map((row) => columns.map((column) => cell(row[column]))), "Rows")] : []));
    } catch (error) {
      told.textContent = "";
      answer.replaceChildren();
      problem.tell(error);
    }
  };
  const form = el("form", { "aria-label": "SQL", onsubmit: (event) => { event.preventDefault(); run(); } },
    el("div", { class: "actions", role: "group", "aria-label": "Ready-made queries" },
      ...QUERIES.map(([name, query]) => el("button", { type: "button", class: "quiet", onclick: () => { text.value = query; run(); } }, name))),
    field("Query", "one SELECT; Ctrl+Enter runs it", text),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Run")));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  return el("div", { class: "view" }, form, problem, told, answer);
}
