// The form's request as a curl line, and as a Python program with this package's client.
const shell = (text) => /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;
const python = (text) => JSON.stringify(text).replace(/\u2028|\u2029|\u007f/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);

// asked: { ingress, service, handler, key, body, headers, idempotency, send, delay }
export function curl(asked) {
  const parts = [asked.service.name, ...(asked.service.keyed ? [asked.key] : []), asked.handler.name, ...(asked.send ? ["send"] : [])];
  const query = asked.send && asked.delay ? `?delay=${encodeURIComponent(asked.delay)}` : "";
  const words = ["curl", shell(`${asked.ingress}/${parts.map(encodeURIComponent).join("/")}${query}`)];
  if (asked.body === "") words.splice(1, 0, "-X", "POST");
  const headers = { ...(asked.body === "" ? {} : { "content-type": asked.handler.input.contentType }), ...asked.headers };
  if (asked.idempotency) headers["idempotency-key"] = asked.idempotency;
  for (const [name, value] of Object.entries(headers)) words.push("-H", shell(`${name}: ${value}`));
  if (asked.body !== "") words.push("--data-raw", shell(asked.body));
  return words.join(" ");
}

function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return python(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, each]) => `${python(name)}: ${literal(each)}`).join(", ")}}`;
  return String(value);
}

// The arguments as Python, or null where a number would lose digits on its way through this script.
function argumentsOf(asked) {
  const typed = asked.handler.python;
  if (!typed || /\d{16}/.test(asked.body)) return null;
  if (asked.body === "") return [];
  const value = JSON.parse(asked.body);
  const fields = asked.handler.input.parameters;
  const one = (argument, given) => argument.model ? `${argument.model.name}.model_validate(${literal(given)})` : literal(given);
  if (!fields) return [one(typed.arguments[0], value)];
  return typed.arguments.filter((argument) => argument.name in value).map((argument) => `${argument.name}=${one(argument, value[argument.name])}`);
}

const seconds = (delay) => {
  const found = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(delay.trim());
  return found ? String(Number(found[1]) * { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400 }[found[2]]) : null;
};

export function pythonProgram(asked) {
  const given = argumentsOf(asked);
  const typed = given && asked.handler.python;
  const options = [
    ...(asked.service.keyed ? [`key=${python(asked.key)}`] : []),
    ...(asked.send && asked.delay ? [`delay=${seconds(asked.delay) ?? python(asked.delay)}`] : []),
    ...(asked.idempotency ? [`idempotency_key=${python(asked.idempotency)}`] : []),
    ...(Object.keys(asked.headers).length ? [`headers=${literal(asked.headers)}`] : []),
  ];
  const verb = asked.send ? "send" : "call";
  const byName = given?.some((each) => /^\w+=/.test(each));
  const method = typed ? `${typed.class}.${typed.method}` : null;
  let line;
  if (!typed) {
    const body = asked.body === "" ? [] : [`${python(asked.body)}.encode()`];
    const type = asked.body === "" || asked.handler.input.contentType === "application/json" ? [] : [`content_type=${python(asked.handler.input.contentType)}`];
    line = `client.${verb}_raw(${[python(asked.service.name), python(asked.handler.name), ...body, ...options, ...type].join(", ")})`;
  } else if (byName) line = `client.target(${[method, ...options].join(", ")}).${verb}(${given.join(", ")})`;
  else line = `client.${verb}(${[method, ...given, ...options].join(", ")})`;
  const names = new Map();
  const add = (module, name) => names.set(module, (names.get(module) ?? new Set()).add(name.split(".")[0]));
  if (typed) {
    add(typed.module, typed.class);
    for (const argument of typed.arguments) if (argument.model) add(argument.model.module, argument.model.name);
  }
  const imports = [...names].map(([module, found]) => `from ${module} import ${[...found].sort().join(", ")}`);
  return ["import asyncio", "", "from restate_reflect.ingress import Client", ...(imports.length ? ["", ...imports] : []), "", "",
    "async def main() -> None:", `    async with Client(${python(asked.ingress)}) as client:`,
    asked.send ? `        print((await ${line}).id)` : `        print(await ${line})`, "", "", "asyncio.run(main())", ""].join("\n");
}
