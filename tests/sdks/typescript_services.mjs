// Services of the official TypeScript SDK for typescript_client.mjs. Run with the port, in a directory with the SDK.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(pathToFileURL(`${process.cwd()}/`)).resolve("@restatedev/restate-sdk");
const imported = await import(pathToFileURL(found));
const restate = imported.default ?? imported;
const { RestatePromise, TerminalError, TimeoutError, CancelledError } = restate;

const outcome = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof TimeoutError) return "timed out";
    if (error instanceof CancelledError) return "cancelled";
    if (error instanceof TerminalError) return `${error.code} ${error.message}`;
    throw error;
  }
};

const plain = restate.service({
  name: "TsPlain",
  handlers: {
    greet: async (_ctx, name) => `Hello, ${name}`,
    steps: async (ctx, count) => {
      const results = [];
      for (let i = 0; i < count; i++) results.push(await ctx.run(`step ${i}`, () => i * i));
      return results;
    },
    fail: async () => {
      throw new TerminalError("no such thing", { errorCode: 404 });
    },
    failingStep: async (ctx) =>
      outcome(ctx.run("never", () => { throw new Error("broken"); }, { maxRetryAttempts: 2, initialRetryInterval: 10 })),
    combine: async (ctx) => {
      const after = (ms, value) => ctx.sleep(ms).map(() => value);
      return {
        all: await RestatePromise.all([after(30, "a"), after(1, "b")]),
        race: await RestatePromise.race([after(5000, "slow"), after(1, "fast")]),
        any: await RestatePromise.any([ctx.serviceClient(plain).fail(), after(20, "there")]),
        settled: (await RestatePromise.allSettled([ctx.serviceClient(plain).fail(), after(1, "x")])).map((e) => e.status),
        timeout: await outcome(ctx.sleep(5000).orTimeout(10)),
      };
    },
    cancelChild: async (ctx) => {
      const child = ctx.serviceClient(plain).sleepLong();
      ctx.cancel(await child.invocationId);
      return outcome(child);
    },
    sleepLong: async (ctx) => {
      await ctx.sleep(3_600_000);
      return "slept";
    },
    headers: async (ctx) => ctx.request().headers.get("x-mine"),
    bytes: restate.handlers.handler(
      { input: restate.serde.binary, output: restate.serde.binary },
      async (_ctx, data) => data.slice().reverse(),
    ),
    attachTo: async (ctx, key) => {
      const sent = ctx.serviceSendClient(plain).greet("there", restate.rpc.sendOpts({ idempotencyKey: key }));
      return ctx.attach(await sent.invocationId);
    },
  },
});

const box = restate.object({
  name: "TsBox",
  handlers: {
    add: async (ctx, n) => {
      const count = ((await ctx.get("count")) ?? 0) + n;
      ctx.set("count", count);
      return count;
    },
    keys: restate.handlers.object.shared(async (ctx) => (await ctx.stateKeys()).sort()),
    clear: async (ctx) => ctx.clearAll(),
    wait: async (ctx) => {
      const { id, promise } = ctx.awakeable();
      ctx.set("awakeable", id);
      ctx.objectSendClient(box, `${ctx.key}-ids`).remember(id);
      return outcome(promise);
    },
    remember: async (ctx, id) => ctx.set("id", id),
    id: restate.handlers.object.shared(async (ctx) => ctx.get("id")),
  },
});

const flow = restate.workflow({
  name: "TsFlow",
  handlers: {
    run: async (ctx, name) => {
      ctx.set("name", name);
      return `${name} ${await ctx.promise("word")}`;
    },
    say: async (ctx, word) => ctx.promise("word").resolve(word),
    name: async (ctx) => ctx.get("name"),
    peek: async (ctx) => (await ctx.promise("word").peek()) ?? "nothing yet",
  },
});

await restate.serve({ services: [plain, box, flow], port: Number(process.argv[2]) });
