// Reads an agency's topic with a plain Kafka client, and checks everything that can be checked outside the seal:
// that it is a CloudEvent, that the service signed it, and that no sequence is missing. Prints one JSON line a message.
//
//   node read.mjs HOST:PORT AGENCY SERVICE_KEY [HOW_MANY]
//
// On a secured cluster set KAFKA_CA (PEM file), KAFKA_USER and KAFKA_PASSWORD_FILE.
// The group remembers how far was read; KAFKA_GROUP names another.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Kafka as Binding } from "cloudevents";
import { Kafka, logLevel } from "kafkajs";

const [broker, agency, serviceKey, howMany = "0"] = process.argv.slice(2);
const ATTRIBUTES = ["id", "source", "type", "subject", "sequence", "casesequence", "position", "caseversion",
  "schemaversion", "keyid", "correlation", "partitionkey"];
const ED25519 = Buffer.from("302a300506032b6570032100", "hex"); // SubjectPublicKeyInfo, RFC 8410
const key = createPublicKey({
  key: Buffer.concat([ED25519, Buffer.from(serviceKey.replace(/^ed25519:/, ""), "base64url")]), format: "der", type: "spki",
});

const sha256 = (...parts) => createHash("sha256").update(Buffer.concat(parts)).digest();
const node = (left, right) => sha256(Buffer.of(1), left, right);

// The root over a leaf and its path (RFC 9162 § 2.1.3.2).
function root(leaf, index, size, path) {
  let at = index, last = size - 1, hash = leaf;
  for (const other of path) {
    if (last === 0) throw new Error("the path is too long");
    if (at % 2 === 1 || at === last) {
      hash = node(other, hash);
      while (at % 2 === 0 && at !== 0) { at >>= 1; last >>= 1; }
    } else hash = node(hash, other);
    at >>= 1; last >>= 1;
  }
  if (last !== 0) throw new Error("the path is too short");
  return hash;
}

function isSigned(headers, value) {
  const said = ["rujukan/delivery/2", ...ATTRIBUTES.map((name) => headers[`ce_${name}`])].join("\n");
  const leaf = sha256(Buffer.of(0), Buffer.from(said + "\n"), value);
  const [index, size, path] = headers.ce_batch.split(".");
  const hashes = Buffer.from(path, "base64url");
  const steps = Array.from({ length: hashes.length / 32 }, (_, n) => hashes.subarray(32 * n, 32 * n + 32));
  const count = Buffer.alloc(8);
  count.writeBigUInt64BE(BigInt(size));
  const signed = Buffer.concat([Buffer.from("rujukan/batch/2\n"), count, root(leaf, +index, +size, steps)]);
  return verify(null, signed, key, Buffer.from(headers.ce_signature, "base64url"));
}

const secured = process.env.KAFKA_CA && {
  ssl: { ca: [readFileSync(process.env.KAFKA_CA)] },
  sasl: { mechanism: "scram-sha-512", username: process.env.KAFKA_USER,
    password: readFileSync(process.env.KAFKA_PASSWORD_FILE, "utf8").trim() },
};
const kafka = new Kafka({ brokers: [broker], clientId: "reader", logLevel: logLevel.NOTHING, ...secured });
const consumer = kafka.consumer({ groupId: process.env.KAFKA_GROUP ?? `rujukan.agency.${agency}`, sessionTimeout: 6000 });
let expected = 1, seen = 0;

await consumer.connect();
await consumer.subscribe({ topic: `rujukan.agency.${agency}`, fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message }) => {
    if (+howMany && seen >= +howMany) return; // it is about to end
    const headers = Object.fromEntries(Object.entries(message.headers).map(([name, text]) => [name, text.toString()]));
    const event = Binding.toEvent({ headers, key: message.key.toString(), value: message.value });
    const sequence = Number(event.sequence);
    console.log(JSON.stringify({
      id: event.id, subject: event.subject, sequence, keyid: event.keyid, bytes: message.value.length,
      signed: isSigned(headers, message.value), gap: sequence > expected,
    }));
    expected = Math.max(expected, sequence + 1);
    if (++seen === +howMany) setTimeout(() => consumer.disconnect().then(() => process.exit(0)), 0);
  },
});
