import { getPostgreSQLEventStore } from "@event-driven-io/emmett-postgresql";
import { conninfo, measureAll, openPool } from "./measure.mjs";

await measureAll(async (clients) => {
  const pool = openPool(clients);
  const store = getPostgreSQLEventStore(conninfo, { connectionOptions: { pool } });
  await store.schema.migrate();
  return {
    append: (stream, bodies, version) =>
      store.appendToStream(
        stream,
        bodies.map((data) => ({ type: "ReferralUpdated", data })),
        { expectedStreamVersion: BigInt(version) },
      ),
    read: async (stream) => (await store.readStream(stream)).events.map((event) => event.data),
    close: async () => {
      await store.close();
      await pool.end();
    },
  };
});
