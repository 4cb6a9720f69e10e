// The proof check of a page: `tree.js`, `proof.js` and `history.js` prove, `panel.js` shows, this file wires them.
// The key is the one that the visitor pinned, never one that the page supplies; it and the newest checkpoint under
// it are kept in this browser (localStorage), for this site alone.
"use strict";

(() => {
  const { Refusal, fail, isEqual, leave } = globalThis.weightmarkTree;
  const { canonicalEvent, decode, encode, parseEvent, parseKey } = globalThis.weightmarkProof;
  const { parseReceipt, verifyCheckpoint, verifyReceipt } = globalThis.weightmarkProof;
  const { checkHistory } = globalThis.weightmarkHistory;
  const { Panel } = globalThis.weightmarkPanel;

  const MAX_FILE = 1024 * 1024;
  const root = new URL("../", document.currentScript.src).href;
  const section = document.getElementById("proof-check");
  if (!section) return;
  const isPage = section.dataset.mode === "page";
  const isCopy = location.protocol === "file:";
  const panel = new Panel(section);

  // --- what this browser keeps for this site ---

  const place = `weightmark-proof:${root}`;
  let kept = {};
  let isLasting = true;

  function recall() {
    try {
      const { vkey, seen } = JSON.parse(localStorage.getItem(place)) ?? {};
      kept = typeof vkey === "string" ? { vkey, seen: typeof seen === "string" ? seen : null } : {};
    } catch {
      isLasting = false;
    }
  }

  function keep(fields) {
    kept = fields;
    try {
      localStorage.setItem(place, JSON.stringify(fields));
    } catch {
      isLasting = false;
    }
  }

  /** Keep what was proven, unless another tab kept something newer meanwhile. */
  async function keepNewest(key, note) {
    recall();
    if (kept.vkey !== key.vkey) return;
    const other = kept.seen === null ? null : await verifyCheckpoint(kept.seen, key).catch(() => null);
    const { size } = await verifyCheckpoint(note, key);
    if (!other || other.size < size) keep({ vkey: key.vkey, seen: note });
  }

  /** Read a file of this site; null when there is none, or a page from a file asks. */
  async function read(path) {
    if (isCopy) return null;
    try {
      const answer = await fetch(root + path, { cache: "no-store", credentials: "omit", redirect: "error" });
      return answer.ok ? new Uint8Array(await answer.arrayBuffer()) : null;
    } catch {
      return null;
    }
  }

  // --- one check ---

  /** Return the entry's bytes of a file: an event that was written otherwise counts as its canonical form. */
  function canonicalBytes(file) {
    try {
      return encode(canonicalEvent(JSON.parse(decode(file, "the entry's file"))));
    } catch {
      return file;
    }
  }

  /** Return the entry's bytes: they lie in the receipt, in a file of their own, or in both and then equal. */
  function takeEntry(receipt, file) {
    const leaf = file && canonicalBytes(file);
    if (receipt.leaf && leaf && !isEqual(receipt.leaf, leaf)) fail("the entry's file is not the entry in the receipt");
    return receipt.leaf ?? leaf ?? leave("the receipt does not hold its entry: choose the entry's file as well");
  }

  function addressOfPage() {
    try {
      return decodeURIComponent(location.pathname);
    } catch {
      return leave("the address of this page cannot be read");
    }
  }

  /** The entry that is proven must be the one whose address was asked for. */
  function checkAddress(index) {
    if (!isPage) return;
    const asked = /\/entries\/(\d+)(?:\.html)?\/*$/.exec(addressOfPage());
    if (!asked) leave("the address of this page names no entry: open the entry by its number");
    if (asked[1] !== String(index)) {
      fail(`this is the address of entry ${asked[1]}, and the proof on it is of entry ${index}`);
    }
  }

  const proven = (says) => ({ state: "proven", says });

  /** Return the steps of a check, each leaving what it found in `found`. */
  function stepsOf(receiptBytes, entryFile, found) {
    return {
      "Pinned key": async () => {
        found.key = await parseKey(kept.vkey);
        return proven(`${found.key.name}, ${found.key.fingerprint}`);
      },
      "Signature and place": async () => {
        const receipt = parseReceipt(receiptBytes);
        found.leaf = takeEntry(receipt, entryFile);
        found.shown = await verifyReceipt(receipt, found.leaf, found.key);
        checkAddress(receipt.index);
        const { size } = found.shown;
        return proven(`the pinned key signed ${size} entries; this is number ${receipt.index}, counted from 0`);
      },
      Content: async () => {
        found.event = parseEvent(found.leaf, found.shown.origin);
        return proven("the entry is the event listed below; where the page says something else, believe the list");
      },
      History: async () => {
        const { shown, key } = found;
        const answer = await checkHistory({ shown, seen: kept.seen, key, read, isPage, isCopy });
        if (answer.newest) await keepNewest(key, answer.newest);
        return answer;
      },
    };
  }

  /** Run the steps in order; after one that does not hold, nothing is looked at. */
  async function check(receiptBytes, entryFile) {
    const found = {};
    const steps = [];
    for (const [title, step] of Object.entries(stepsOf(receiptBytes, entryFile, found))) {
      let answer = { state: "skipped", says: "an earlier step did not hold" };
      if (steps.every((one) => one.state === "proven")) {
        answer = await step().catch((error) => ({
          state: error instanceof Refusal ? error.state : "unchecked",
          says: error.message,
        }));
      }
      steps.push({ title, ...answer });
    }
    const state = ["failed", "unchecked"].find((worse) => steps.some((one) => one.state === worse)) ?? "proven";
    return { steps, state, event: found.event };
  }

  // --- start ---

  let receipt = null;
  let entry = null;

  /** Read the data block of the page: what the server claims, and nothing that counts by itself. */
  function readBlock() {
    const block = document.getElementById("proof");
    if (!block) return "";
    const { receipt: text, vkey } = JSON.parse(block.textContent);
    receipt = encode(String(text));
    return String(vkey);
  }

  async function describeClaimed(vkey) {
    if (!vkey || vkey === kept.vkey) return "";
    try {
      const key = await parseKey(vkey);
      return `The page names the key ${key.name}, ${key.fingerprint}.`;
    } catch (error) {
      return `The page names a key that is none: ${error.message}.`;
    }
  }

  async function run() {
    recall();
    const claimed = await describeClaimed(isPage ? readBlock() : "");
    if (!kept.vkey) return panel.showForm(claimed, pin);
    if (!isPage && !receipt && !entry) return panel.show("waiting");
    return panel.showResult(await check(receipt ?? encode(""), entry), claimed, isLasting, forget);
  }

  let queue = Promise.resolve();

  /** Look anew, after what is being looked at: an earlier answer never replaces a later one. */
  function start() {
    queue = queue.then(run).catch((error) => panel.showProblem(error.message));
    return panel.during(() => queue);
  }

  async function pin(text) {
    const key = await parseKey(text);
    keep({ vkey: key.vkey, seen: null });
    await start();
    panel.focus();
  }

  async function forget() {
    keep({});
    await start();
    panel.focus();
  }

  /** Return the receipt of a file: the file itself, or what the JSON of an entry's page holds; null for neither. */
  function receiptOf(file) {
    try {
      const text = decode(file, "the file");
      const found = text.startsWith("{") ? JSON.parse(text).receipt : text;
      return typeof found === "string" && found.startsWith("c2sp.org/") ? encode(found) : null;
    } catch {
      return null;
    }
  }

  async function choose(files) {
    const read = await Promise.all(files.map((one) => one.slice(0, MAX_FILE + 1).arrayBuffer()));
    const all = read.map((one) => new Uint8Array(one));
    const receipts = all.map(receiptOf).filter(Boolean);
    const others = all.filter((one) => receiptOf(one) === null);
    // a new receipt comes without the entry of the one before
    if (receipts.length) [receipt, entry] = [receipts[0], null];
    if (others.length) entry = others[0];
    await start();
  }

  if (!isPage) panel.offerFiles(choose);
  start();
})();
