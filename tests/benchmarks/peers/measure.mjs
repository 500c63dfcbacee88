import { randomUUID } from "node:crypto";
import pg from "pg";

const { peer, seconds, connections, event, ...setup } = JSON.parse(process.argv[2]);
export const conninfo = setup.conninfo;
const LENGTH = 100;
export const APPENDERS = [1, 8, 32, 128];
const STREAMS = 200;

export const body = (n) => ({ ...event, sequence: n });
export const openPool = (clients) =>
  new pg.Pool({ connectionString: conninfo, max: Math.min(clients, connections) });

const sleep = (s) => new Promise((wake) => setTimeout(wake, s * 1000));

/** `step(client)` resolves to the number of things it did; a step that fails ends the process. */
async function rate(clients, step) {
  let done = 0;
  let running = true;
  const loops = Array.from({ length: clients }, async (_, client) => {
    while (running) {
      // Not `done += await …`: that would add to what `done` was before the wait.
      const more = await step(client);
      done += more;
    }
  });
  await sleep(seconds / 3);
  done = 0;
  const start = performance.now();
  await sleep(seconds);
  const value = (done * 1000) / (performance.now() - start);
  running = false;
  await Promise.all(loops);
  return value;
}

async function report(what, clients, unit, step, name = peer) {
  const value = await rate(clients, step);
  console.log(JSON.stringify({ peer: name, what, clients, value: Math.round(value), unit }));
}

/** One event a call; a client begins a new stream every hundred events. */
export async function measureAppend(clients, append, category = () => "referral", name = peer) {
  const at = Array.from({ length: clients }, () => ({ stream: "", n: LENGTH }));
  const step = async (client) => {
    const own = at[client];
    if (own.n === LENGTH) Object.assign(own, { stream: `${category(client)}-${randomUUID()}`, n: 0 });
    await append(own.stream, [body(own.n)], own.n);
    own.n += 1;
    return 1;
  };
  await report("append", clients, "appends/s", step, name);
}

/** `connect(clients)` resolves to `{append(stream, bodies, version), read(stream), close()}`. */
export async function measureAll(connect) {
  for (const clients of APPENDERS) {
    const store = await connect(clients);
    await measureAppend(clients, store.append);
    await store.close();
  }
  const store = await connect(8);
  const hundred = Array.from({ length: LENGTH }, (_, n) => body(n));
  const fill = async () => {
    const stream = `referral-${randomUUID()}`;
    await store.append(stream, hundred, 0);
    return stream;
  };
  for (const clients of [1, 8])
    await report("batch", clients, "events/s", async () => ((await fill()), LENGTH));
  const streams = [];
  while (streams.length < STREAMS) streams.push(await fill());
  const admin = openPool(1);
  await admin.query("VACUUM ANALYZE");
  await admin.end();
  for (const clients of [1, 8])
    await report("read", clients, "streams/s", async () => {
      const events = await store.read(streams[Math.floor(Math.random() * STREAMS)]);
      if (events.length !== LENGTH || events[LENGTH - 1].sequence !== LENGTH - 1)
        throw new Error("a stream came back wrong");
      return 1;
    });
  await store.close();
}
