// Docstrings and JSON Schemas, for reading.
import { el } from "./tools.js";

function spans(list) {
  return list.map((span) => {
    if (span.type === "code") return el("code", {}, span.text);
    if (span.type === "strong" || span.type === "em") return el(span.type, {}, span.text);
    if (span.type === "link") return el("a", { href: span.href, rel: "noreferrer", target: "_blank" }, span.text);
    return span.text;
  });
}

export function documentation(blocks) {
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

const LIMITS = [
  ["minimum", "≥"], ["exclusiveMinimum", ">"], ["maximum", "≤"], ["exclusiveMaximum", "<"], ["multipleOf", "multiple of"],
  ["minLength", "length ≥"], ["maxLength", "length ≤"], ["pattern", "matches"], ["minItems", "items ≥"],
  ["maxItems", "items ≤"], ["minProperties", "entries ≥"], ["maxProperties", "entries ≤"],
];

export function resolve(schema, root) {
  let seen = 0;
  while (schema && typeof schema === "object" && typeof schema.$ref === "string" && seen++ < 20) {
    const target = schema.$ref === "#" ? root : schema.$ref.replace(/^#\//, "").split("/").reduce(
      (node, part) => node?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], root);
    const { $ref, ...beside } = schema;
    schema = target && typeof target === "object" ? { ...target, ...beside } : {};
  }
  return schema ?? {};
}

export function mapValue(schema) {
  return typeof schema.additionalProperties === "object" && !Object.keys(schema.properties ?? {}).length
    ? schema.additionalProperties : null;
}

export function typeName(schema, root, depth = 0) {
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

export function schemaView(side) {
  if (side.contentType == null) return el("p", { class: "muted" }, "Nothing.");
  const type = side.contentType === "application/json" ? null : el("p", { class: "muted" }, "As ", el("code", {}, side.contentType));
  if (side.schema == null) return type;
  if (side.parameters) return el("div", { class: "schema" }, type, list(side.schema, side.schema, 1));
  return el("div", { class: "schema" }, type, el("ul", {}, entry(null, side.schema, side.schema, false, 1)));
}
