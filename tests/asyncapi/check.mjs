// Reads an AsyncAPI document as the AsyncAPI Initiative's own parser does; prints what it finds, one JSON line each.

import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const { document, diagnostics } = await new Parser().parse(readFileSync(process.argv[2], "utf8"));
for (const { severity, code, path, message } of diagnostics) {
  console.log(JSON.stringify({ severity, code, path: path.join("/"), message }));
}
console.log(JSON.stringify({ operations: document ? document.operations().all().map((o) => o.id()).sort() : [] }));
