// The official TypeScript client against an ingress: `node typescript_client.mjs URL`; prints what it got, as JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(pathToFileURL(`${process.cwd()}/`)).resolve("@restatedev/restate-sdk-clients");
const imported = await import(pathToFileURL(found));
const clients = imported.connect ? imported : imported.default;
const rs = clients.connect({ url: process.argv[2] });
const [plain, box, flow] = [
  (...given) => rs.serviceClient({ name: "TsPlain" }, ...given),
  (key) => rs.objectClient({ name: "TsBox" }, key),
  (key) => rs.workflowClient({ name: "TsFlow" }, key),
];

const outcome = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return { name: error.name, status: error.status, message: error.message.slice(0, 40) };
  }
};
const until = async (ask) => {
  for (let i = 0; i < 400; i++) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== "") return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("it never came");
};

const results = {};
const note = async (name, make) => { results[name] = await outcome(make()); };

await note("greet", () => plain().greet("Ada"));
await note("steps", () => plain().steps(4));
await note("failure", () => plain().fail());
await note("failing step", () => plain().failingStep());
await note("combinators", () => plain().combine());
await note("cancelled child", () => plain().cancelChild());
await note("headers", () => plain().headers(clients.Opts.from({ headers: { "X-Mine": "yes" } })));
await note("bytes", async () => {
  const options = clients.Opts.from({ input: clients.serde.binary, output: clients.serde.binary });
  return [...(await plain().bytes(new Uint8Array([1, 2, 3]), options))];
});
await note("attach in a handler", () => plain().attachTo("ts-attach"));
await note("missing handler", () => plain().nothing());
await note("idempotent", async () => {
  const options = clients.SendOpts.from({ idempotencyKey: "ts-1" });
  const sends = [];
  for (let i = 0; i < 2; i++) sends.push(await rs.serviceSendClient({ name: "TsPlain" }).greet("twice", options));
  return [sends.map((each) => each.status), sends[0].invocationId === sends[1].invocationId, await rs.result(sends[1])];
});
await note("delayed", async () => {
  const started = Date.now();
  const options = clients.SendOpts.from({ delay: 200, idempotencyKey: "ts-2" });
  const sent = await rs.serviceSendClient({ name: "TsPlain" }).greet("later", options);
  return [await rs.result(sent), Date.now() - started >= 190];
});
await note("state", async () => {
  const counter = box("a/b ä");
  return [await counter.add(2), await counter.add(3), await counter.keys(), (await counter.clear()) ?? null, await counter.keys()];
});
for (const verb of ["resolveAwakeable", "rejectAwakeable"]) {
  await note(verb, async () => {
    const key = `awakeable-${verb}`;
    const waiting = box(key).wait();
    const id = await until(() => box(`${key}-ids`).id());
    await rs[verb](id, "a word");
    return waiting;
  });
}
await note("workflow", async () => {
  const one = flow("w1");
  const submissions = [await one.workflowSubmit("Ada"), await one.workflowSubmit("Bob")];
  await until(() => one.name());
  const before = [await one.peek(), (await one.workflowOutput()).ready];
  await one.say("word");
  const attached = await one.workflowAttach();
  return [submissions.map((each) => each.status), before, attached, (await one.workflowOutput()).result, await outcome(one.say("again"))];
});
console.log(JSON.stringify(results));
process.exit(0);
