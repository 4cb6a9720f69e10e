// Run the scripts of the proof check under Node: one JSON request a line, one JSON answer a line.
// Usage: node proof_runner.mjs ASSETS
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runInThisContext } from "node:vm";

for (const name of ["tree.js", "proof.js", "history.js"]) {
  runInThisContext(readFileSync(join(process.argv[2], name), "utf8"), { filename: name });
}
const { Refusal, checkConsistency, nodesOf, tilePath } = globalThis.weightmarkTree;
const { parseEvent, parseKey, parseReceipt, verifyCheckpoint, verifyReceipt } = globalThis.weightmarkProof;
const { checkHistory } = globalThis.weightmarkHistory;

const fromBase64 = (text) => new Uint8Array(Buffer.from(text, "base64"));
const plain = (checkpoint) => ({ size: String(checkpoint.size), root: Buffer.from(checkpoint.root).toString("hex") });
const reader = (files) => async (path) => (path in files ? fromBase64(files[path]) : null);

const operations = {
  key: async ({ vkey }) => {
    const { name, id, fingerprint } = await parseKey(vkey);
    return { name, id, fingerprint };
  },
  receipt: async ({ receipt, leaf, vkey }) => {
    const parsed = parseReceipt(fromBase64(receipt));
    const bytes = leaf === null ? parsed.leaf : fromBase64(leaf);
    return { index: String(parsed.index), ...plain(await verifyReceipt(parsed, bytes, await parseKey(vkey))) };
  },
  event: async ({ leaf, origin }) => ({ event: parseEvent(fromBase64(leaf), origin) }),
  tile: async ({ level, number, width }) => ({ path: tilePath(level, BigInt(number), width) }),
  consistency: async ({ old, next, vkey, files }) => {
    const key = await parseKey(vkey);
    const [first, second] = [await verifyCheckpoint(old, key), await verifyCheckpoint(next, key)];
    await checkConsistency(first, second, nodesOf(second.size, reader(files)));
    return {};
  },
  history: async ({ shown, seen, vkey, files, isPage }) => {
    const key = await parseKey(vkey);
    return checkHistory({ shown: await verifyCheckpoint(shown, key), seen, key, read: reader(files), isPage });
  },
};

async function answer({ operation, without, ...request }) {
  const whole = globalThis.crypto;
  if (without) Object.defineProperty(globalThis, "crypto", { value: crippled(whole, without), configurable: true });
  try {
    return { state: "proven", ...(await operations[operation](request)) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { state: error.state, says: error.message };
  } finally {
    Object.defineProperty(globalThis, "crypto", { value: whole, configurable: true });
  }
}

/** A browser of old: without WebCrypto, or without Ed25519 in it. */
function crippled({ subtle }, without) {
  if (without === "subtle") return {};
  const importKey = async () => {
    throw new DOMException("Unrecognized name.", "NotSupportedError");
  };
  return { subtle: { digest: subtle.digest.bind(subtle), importKey } };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
