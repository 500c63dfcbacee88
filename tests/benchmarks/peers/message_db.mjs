import { randomUUID } from "node:crypto";
import { APPENDERS, measureAll, measureAppend, openPool } from "./measure.mjs";

const WRITE = {
  name: "write",
  text: "SELECT message_store.write_message($1, $2, 'ReferralUpdated', $3::jsonb, NULL, $4)",
};
// message-db has no call for several events: one statement calls its function for each, in order.
const WRITE_MANY = {
  name: "write-many",
  text: `SELECT message_store.write_message(e.id, $2, 'ReferralUpdated', e.data, NULL, $4::bigint + e.n - 1)
         FROM unnest($1::varchar[], $3::jsonb[]) WITH ORDINALITY AS e (id, data, n)`,
};
const READ = { name: "read", text: "SELECT data FROM message_store.get_stream_messages($1, 0, -1)" };

function connect(clients) {
  const pool = openPool(clients);
  return {
    append: (stream, bodies, version) => {
      const json = bodies.map((body) => JSON.stringify(body));
      return bodies.length === 1
        ? pool.query({ ...WRITE, values: [randomUUID(), stream, json[0], version - 1] })
        : pool.query({ ...WRITE_MANY, values: [json.map(() => randomUUID()), stream, json, version - 1] });
    },
    read: async (stream) => {
      const { rows } = await pool.query({ ...READ, values: [stream] });
      return rows.map((row) => JSON.parse(row.data));
    },
    close: () => pool.end(),
  };
}

await measureAll(connect);

// Its lock is a category's, not a stream's: clients that share no category show what the lock costs.
for (const clients of APPENDERS.slice(1)) {
  const store = connect(clients);
  await measureAppend(clients, store.append, (client) => `referral${client}`, "message-db (own categories)");
  await store.close();
}
