// State of one key: read, edited value by value, cleared.
import { twice } from "./journal.js";
import { ask, el, field, fresh, part, post, problemLine, textInput } from "./tools.js";

export function stateView(parameters, data) {
  const keyed = data.services.filter((service) => service.keyed);
  const service = el("select", {}, ...keyed.map((each) => el("option", { value: each.name, selected: each.name === parameters.get("service") }, each.name)));
  const known = el("datalist", { id: fresh("keys") });
  const key = textInput({ list: known.id, value: parameters.get("key"), required: true });
  const problem = problemLine();
  const done = el("p", { class: "muted", role: "status" });
  const values = el("div", { class: "values" });
  const form = el("form", { class: "filters", "aria-label": "Whose state" }, field("Service", "", service), field("Key", "", key), known,
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Show")));
  const view = el("div", { class: "view" },
    keyed.length ? form : el("p", { class: "muted" }, "No virtual object or workflow is served here."), problem, done, values);
  let state = { values: {}, version: "" };

  const path = () => `state?service=${part(service.value)}&key=${part(key.value)}`;
  const suggest = async () => {
    try {
      const { keys } = await ask(`state?service=${part(service.value)}`);
      known.replaceChildren(...keys.map((each) => el("option", { value: each })));
      return keys;
    } catch (error) { problem.tell(error); return []; }
  };
  const show = async () => {
    if (!key.value) { problem.tell("Give a key."); key.focus(); return; }
    history.replaceState(null, "", `#/state?${new URLSearchParams({ service: service.value, key: key.value })}`);
    try {
      state = await ask(path());
      problem.tell(null);
      draw();
    } catch (error) { problem.tell(error); }
  };
  const change = async (changes, told) => {
    try {
      await post(path(), { version: state.version, changes });
      problem.tell(null);
      await settled();
      done.textContent = told;
    } catch (error) { problem.tell(error); }
  };
  // The server applies a change between invocations, a moment later.
  const settled = async () => {
    const before = state.version;
    for (let looks = 0; looks < 20; looks++) {
      state = await ask(path());
      if (state.version !== before) break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    draw();
  };
  const draw = () => {
    const names = Object.keys(state.values);
    done.textContent = names.length === 1 ? "1 value" : `${names.length} values`;
    const clear = el("button", { type: "button", class: "quiet danger" }, "Clear all");
    twice(clear, "Clear all for good?", () => change(Object.fromEntries(names.map((name) => [name, null])), "Cleared."));
    values.replaceChildren(...names.map((name) => valueView(name, state.values[name])), addView(), ...(names.length ? [el("div", { class: "actions" }, clear)] : []));
  };
  const valueView = (name, value) => {
    const text = el("textarea", { rows: Math.min(12, Math.max(1, value.text.split("\n").length)), spellcheck: "false" });
    text.value = value.text;
    const form = value.form === "empty" ? "text" : value.form;
    const remove = el("button", { type: "button", class: "quiet danger" }, "Remove");
    twice(remove, "Remove it for good?", () => change({ [name]: null }, `${name} is removed.`));
    return el("form", { class: "value", "aria-label": `Value of ${name}`, onsubmit: (event) => {
      event.preventDefault();
      change({ [name]: { form, text: text.value } }, `${name} is saved.`);
    } }, field(name, form === "json" ? "JSON" : form, text), el("div", { class: "actions" }, el("button", { type: "submit" }, "Save"), remove));
  };
  const addView = () => {
    const name = textInput({ required: true });
    const text = el("textarea", { rows: 1, spellcheck: "false" });
    return el("form", { class: "value", "aria-label": "Add a value", onsubmit: (event) => {
      event.preventDefault();
      if (!name.value) { problem.tell("Give a name."); name.focus(); return; }
      change({ [name.value]: { form: "json", text: text.value } }, `${name.value} is added.`);
    } }, field("Another value's name", "", name), field("Value", "JSON", text), el("div", { class: "actions" }, el("button", { type: "submit" }, "Add")));
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); show(); });
  service.addEventListener("change", suggest);
  if (keyed.length) suggest().then((keys) => {
    if (!key.value && keys.length) [key.value] = keys;
    if (key.value) show();
  });
  return view;
}
