// Form controls made from a JSON Schema. Each gives its part of the body as JSON text, so that no digit is lost on the way.
import { resolve, typeName } from "./schema.js";
import { el, field, textInput } from "./tools.js";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const DEEPEST = 3;

// The one choice beside null, and whether null may be.
function unwrapped(schema, root) {
  const found = resolve(schema, root);
  const choices = found.anyOf ?? found.oneOf;
  if (!choices) return [found, [].concat(found.type ?? []).includes("null")];
  const others = choices.filter((choice) => resolve(choice, root).type !== "null");
  return others.length === 1 && others.length < choices.length ? [resolve(others[0], root), true] : [found, false];
}

const bad = (name, why) => Object.assign(new Error(`${name}: ${why}`), { field: name });

function leaf(control, name, required, nullable, read, write) {
  return {
    control,
    read() {
      if (control.value === "") return required ? (nullable ? "null" : read("")) : undefined;
      return read(control.value);
    },
    write(value) { control.value = value == null ? "" : write(value); },
  };
}

function choiceOf(found, name, required, nullable) {
  const values = found.enum ?? [found.const];
  const control = el("select", {}, ...(required && !nullable ? [] : [el("option", { value: "" }, "")]),
    ...values.map((value) => el("option", { value: JSON.stringify(value) }, typeof value === "string" ? value : JSON.stringify(value))));
  return leaf(control, name, required, nullable, (text) => text || JSON.stringify(values[0]), (value) => JSON.stringify(value));
}

function leafOf(schema, root, name, required) {
  const [found, nullable] = unwrapped(schema, root);
  if (found.enum || found.const !== undefined) return choiceOf(found, name, required, nullable);
  if (found.type === "boolean") return choiceOf({ enum: [true, false] }, name, required, nullable);
  if (found.type === "integer" || found.type === "number") {
    return leaf(textInput({ inputmode: "decimal" }), name, required, nullable, (text) => {
      if (!NUMBER.test(text.trim())) throw bad(name, "a number is wanted");
      return text.trim();
    }, String);
  }
  if (found.type === "string") {
    return leaf(textInput({ placeholder: found.examples?.[0] ?? found.format }), name, required, nullable, (text) => JSON.stringify(text), String);
  }
  return leaf(el("textarea", { rows: 2, spellcheck: "false" }), name, required, nullable, (text) => {
    try { JSON.parse(text); } catch (error) { throw bad(name, `JSON is wanted: ${error.message}`); }
    return text;
  }, (value) => JSON.stringify(value));
}

function objectOf(found, root, depth) {
  const parts = Object.entries(found.properties).map(([name, schema]) => {
    const required = found.required?.includes(name) ?? false;
    const [inner, nullable] = unwrapped(schema, root);
    const nests = !nullable && inner.properties && Object.keys(inner.properties).length && depth < DEEPEST;
    return { name, required, type: typeName(schema === true ? {} : schema, root), part: nests && required ? objectOf(inner, root, depth + 1) : leafOf(schema === true ? {} : schema, root, name, required) };
  });
  let beside = {}; // what the JSON has besides the schema's properties
  const node = el("div", { class: "fields" }, ...parts.map(({ name, required, type, part }) => part.control
    ? field(name, `${type}${required ? "" : ", optional"}`, part.control)
    : el("fieldset", { class: "nested" }, el("legend", {}, name, el("span", { class: "hint" }, ` ${type}`)), part.node)));
  return {
    node,
    read(indent = "") {
      const deeper = `${indent}  `;
      const texts = parts.map(({ name, part }) => [name, part.read(deeper)]).filter(([, text]) => text !== undefined);
      for (const [name, value] of Object.entries(beside)) texts.push([name, JSON.stringify(value)]);
      return texts.length ? `{\n${texts.map(([name, text]) => `${deeper}${JSON.stringify(name)}: ${text}`).join(",\n")}\n${indent}}` : "{}";
    },
    write(value) {
      const given = value && typeof value === "object" && !Array.isArray(value) ? value : {};
      for (const { name, part } of parts) part.write(given[name]);
      const known = new Set(parts.map(({ name }) => name));
      beside = Object.fromEntries(Object.entries(given).filter(([name]) => !known.has(name)));
    },
  };
}

// Controls for a body, or null for what is better written as JSON at once: lists, maps, choices.
export function fieldsOf(schema) {
  if (!schema || typeof schema !== "object") return null;
  const [found, nullable] = unwrapped(schema, schema);
  if (found.properties && Object.keys(found.properties).length && !nullable) return objectOf(found, schema, 0);
  if (!found.enum && found.const === undefined && !["string", "integer", "number", "boolean"].includes(found.type)) return null;
  const part = leafOf(schema, schema, "Value", true);
  return { node: el("div", { class: "fields" }, field("Value", typeName(schema, schema), part.control)), read: () => part.read(), write: (value) => part.write(value) };
}
