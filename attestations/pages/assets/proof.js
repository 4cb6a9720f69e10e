// What a receipt proves: keys, signed notes, checkpoints and tlog-proofs, with WebCrypto and nothing else.
//
// This file knows no page: `check.js` shows its answers, and tests run it under Node. It reads what
// docs/formats/ledger.md specifies as strictly as `weightmark ledger verify --receipt` does.
// Sources: C2SP signed-note v1.0.0, tlog-checkpoint v1.0.0, tlog-proof; RFC 8032 §5.1; RFC 8410.
"use strict";

(() => {
  const MAX_BYTES = 1024 * 1024;
  const MAX_SIGNATURES = 100;
  const MAX_HASHES = 64;
  const MAX_SIZE = 2n ** 63n - 1n;
  const HEADER = "c2sp.org/tlog-proof@v1";
  const NUMBER = /^(0|[1-9][0-9]{0,18})$/;
  const NOT_IN_NAMES = /[+\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
  const FIELDS = "at claim_id claim_sha256 event_id kind origin request_sha256 signer subject submitter v".split(" ");
  const SPKI_PREFIX = Uint8Array.of(48, 42, 48, 5, 6, 3, 43, 101, 112, 3, 33, 0);
  const FIELD = 2n ** 255n - 19n;
  // y coordinates of the points of small order on edwards25519: under such a key anybody can sign
  const WEAK = new Set([
    0n,
    1n,
    FIELD - 1n,
    2707385501144840649318225287225658788936804267575313519463743609750303402022n,
    55188659117513257062467267217118295137698188065244968500265048394206261417927n,
  ]);

  const { checkInclusion, fail, hashLeaf, isEqual, leave, sha256, webCrypto } = globalThis.weightmarkTree;

  const encode = (text) => new TextEncoder().encode(text);
  const toHex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
  const toBase64 = (bytes) => btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
  const quote = (text) => `“${text.slice(0, 120)}”`;

  function decode(bytes, what) {
    if (bytes.length > MAX_BYTES) leave(`${what} is over ${MAX_BYTES} bytes`);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return fail(`${what} is not UTF-8`);
    }
  }

  function decodeBase64(text, what) {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) fail(`${what} is not base64`);
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    return toBase64(bytes) === text ? bytes : fail(`${what} is not canonical base64`);
  }

  function decodeHash(text, what) {
    const bytes = decodeBase64(text, what);
    return bytes.length === 32 ? bytes : fail(`${what} is not 32 bytes`);
  }

  // --- keys, notes and checkpoints ---

  /** Read `<name>+<key id>+<base64 of type and key>`, which must be a sound Ed25519 key. */
  async function parseKey(vkey) {
    const [name, id, ...rest] = vkey.split("+");
    if (!name || NOT_IN_NAMES.test(name) || !rest.length) fail("the key is not <name>+<key id>+<base64>");
    const typed = decodeBase64(rest.join("+"), "the key");
    if (typed[0] !== 1 || typed.length !== 33) leave(`the key of ${quote(name)} is not an Ed25519 log key`);
    const raw = typed.slice(1);
    const y = BigInt(`0x${toHex(raw.slice().reverse())}`) & (2n ** 255n - 1n);
    if (y >= FIELD || WEAK.has(y)) fail(`the key of ${quote(name)} is a weak Ed25519 key`);
    const own = toHex((await sha256(encode(`${name}\n`), typed)).slice(0, 4));
    if (own !== id) fail(`the key id of the key of ${quote(name)} is not its own`);
    return { name, id, raw, vkey, fingerprint: `key:${toHex(await sha256(SPKI_PREFIX, raw))}` };
  }

  function parseLine(line) {
    const found = /^\u2014 ([^ ]+) (.*)$/s.exec(line);
    if (!found || NOT_IN_NAMES.test(found[1])) fail("the note has a malformed signature line");
    const data = decodeBase64(found[2], "a signature of the note");
    if (data.length <= 4) fail("the note has a signature that is too short");
    return { name: found[1], id: toHex(data.slice(0, 4)), signature: data.slice(4) };
  }

  function splitNote(note) {
    if (/[\x00-\x09\x0b-\x1f]/.test(note) || !note.endsWith("\n")) {
      fail("the note holds control characters or does not end in a newline");
    }
    const blank = note.lastIndexOf("\n\n");
    if (blank < 0 || blank + 2 === note.length) fail("the note has no signatures");
    const rows = note.slice(blank + 2, -1).split("\n");
    if (rows.length > MAX_SIGNATURES) leave(`the note has more than ${MAX_SIGNATURES} signatures`);
    return { text: note.slice(0, blank + 1), lines: rows.map(parseLine) };
  }

  async function checkSignature(text, signature, key) {
    const subtle = webCrypto();
    let good = false;
    try {
      const imported = await subtle.importKey("raw", key.raw, { name: "Ed25519" }, false, ["verify"]);
      good = await subtle.verify({ name: "Ed25519" }, imported, signature, encode(text));
    } catch (error) {
      leave(`this browser cannot check Ed25519 signatures (${error.name})`);
    }
    if (good !== true) fail("the signature by the pinned key on the checkpoint is not good");
  }

  function parseCheckpoint(text) {
    const lines = text.split("\n").slice(0, -1);
    if (lines.length < 3) fail("the checkpoint has fewer than three lines");
    const [origin, size, root, ...extensions] = lines;
    if (!origin || !NUMBER.test(size) || BigInt(size) > MAX_SIZE) {
      fail("the checkpoint has no origin or a malformed size");
    }
    if (extensions.includes("")) fail("the checkpoint has an empty extension line");
    return { origin, size: BigInt(size), root: decodeHash(root, "the root of the checkpoint") };
  }

  const linesBy = (key, lines) => lines.filter((line) => line.name === key.name && line.id === key.id);

  /** Whether a note (text) has a line by `key`, good or bad. */
  const namesKey = (note, key) => linesBy(key, splitNote(note).lines).length > 0;

  /** Check that the text `note` is a checkpoint of the log that `key` names, and signed by `key`. */
  async function verifyCheckpoint(note, key) {
    const { text, lines } = splitNote(note);
    const own = linesBy(key, lines);
    if (own.length === 0) {
      const signers = lines.slice(0, 5).map((line) => quote(`${line.name}+${line.id}`)).join(", ");
      fail(`the checkpoint is signed by ${signers}, not by the pinned key ${quote(`${key.name}+${key.id}`)}`);
    }
    for (const line of own) await checkSignature(text, line.signature, key);
    const checkpoint = parseCheckpoint(text);
    if (checkpoint.origin !== key.name) {
      fail(`the checkpoint is of the log ${quote(checkpoint.origin)}, signed as ${quote(key.name)}`);
    }
    if (checkpoint.size === 0n && !isEqual(checkpoint.root, await sha256())) {
      fail("the checkpoint of an empty log has another root");
    }
    return { ...checkpoint, note };
  }

  // --- receipts ---

  /** Read a tlog-proof (bytes); reading it proves nothing. */
  function parseReceipt(bytes) {
    const text = decode(bytes, "the receipt");
    const blank = text.indexOf("\n\n");
    const lines = text.slice(0, Math.max(blank, 0)).split("\n");
    if (lines.shift() !== HEADER) fail(`the receipt is not a tlog-proof: it does not begin with ${HEADER}`);
    const extra = lines[0]?.startsWith("extra ") ? lines.shift().slice(6) : null;
    const [, index] = /^index (.*)$/.exec(lines.shift() ?? "") ?? [];
    if (!NUMBER.test(index ?? "")) fail("the receipt has no index line or a malformed one");
    if (lines.length > MAX_HASHES) fail(`the receipt has more than ${MAX_HASHES} hashes`);
    const hashes = lines.map((one) => decodeHash(one, "a hash of the receipt"));
    const leaf = extra === null ? null : decodeBase64(extra, "the extra line of the receipt");
    return { index: BigInt(index), hashes, leaf, note: text.slice(blank + 2) };
  }

  /** Check that the bytes `leaf` are the entry that a parsed receipt speaks of; returns the checkpoint. */
  async function verifyReceipt(receipt, leaf, key) {
    const checkpoint = await verifyCheckpoint(receipt.note, key);
    await checkInclusion(await hashLeaf(leaf), receipt.index, receipt.hashes, checkpoint);
    return checkpoint;
  }

  const canonicalEvent = (event) => JSON.stringify(event, Object.keys(event).sort());

  /** Read a leaf as an event of the log `origin`: one flat object in canonical JSON. */
  function parseEvent(leaf, origin) {
    const text = decode(leaf, "the entry");
    let event = null;
    try {
      event = JSON.parse(text);
    } catch {
      fail("the entry is not JSON");
    }
    const isObject = event !== null && typeof event === "object" && !Array.isArray(event);
    if (!isObject || canonicalEvent(event) !== text) fail("the entry is not canonical JSON");
    if (!Number.isInteger(event.v) || event.v < 1) fail("the entry has no version");
    if (event.v > 1) leave("the entry is of a later version than this page reads");
    if (Object.keys(event).sort().join() !== FIELDS.join()) fail("the entry has missing or unknown fields");
    if (FIELDS.some((name) => name !== "v" && typeof event[name] !== "string")) {
      fail("a field of the entry is not a string");
    }
    if (event.origin !== origin) fail(`the entry was made for another log, ${quote(event.origin)}`);
    return event;
  }

  globalThis.weightmarkProof = Object.freeze({
    canonicalEvent,
    decode,
    encode,
    namesKey,
    parseEvent,
    parseKey,
    parseReceipt,
    verifyCheckpoint,
    verifyReceipt,
  });
})();
