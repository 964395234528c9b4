// Services of the official TypeScript SDK. Run with the port; the SDK is looked for from the working directory.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(pathToFileURL(`${process.cwd()}/`)).resolve("@restatedev/restate-sdk");
const restate = (await import(pathToFileURL(found))).default ?? (await import(pathToFileURL(found)));

const peer = restate.service({
  name: "TypeScriptPeer",
  handlers: {
    nothing: async () => undefined,
    echo: async (_ctx, value) => value,
    ask: async (ctx, name) => await ctx.serviceClient({ name: "Names" }).length(name ?? undefined),
  },
});
const shelf = restate.object({
  name: "Shelf",
  handlers: {
    put: async (ctx, value) => ctx.set("note", value ?? null),
  },
});

await restate.serve({ services: [peer, shelf], port: Number(process.argv[2]) });
