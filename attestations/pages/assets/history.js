// The history of a log as one browser sees it: what it remembers, what is shown, and what the site says now must
// be one log that only grew. Found out: entries taken back, and two views of one log.
"use strict";

(() => {
  const { checkConsistency, fail, leave, nodesOf } = globalThis.weightmarkTree;
  const { decode, namesKey, verifyCheckpoint } = globalThis.weightmarkProof;

  const bySize = (a, b) => (a.size < b.size ? -1 : Number(a.size > b.size));

  /** Make a reader of tiles; a partial tile that is gone has become a whole one. */
  function tileReader(read) {
    return async (path) => {
      const whole = path.replace(/\.p\/\d+$/, "");
      return (await read(path)) ?? (await read(whole)) ?? leave(`${path} could not be read from this site`);
    };
  }

  /** What the site says now; null when it has no checkpoint, or is not the site of the log of a receipt. */
  async function readNow(read, key, isPage) {
    const bytes = await read("checkpoint");
    const note = bytes && decode(bytes, "the checkpoint of this site");
    return note !== null && (isPage || namesKey(note, key)) ? verifyCheckpoint(note, key) : null;
  }

  async function verifyRemembered(note, key) {
    try {
      return await verifyCheckpoint(note, key);
    } catch {
      return leave("what this browser remembers of the log is damaged: forget the key, and pin it again");
    }
  }

  /** What the site shows must hold all that was signed before; without its word, a copy may be old by itself. */
  function checkNothingTakenBack(present, before, isSitesWord) {
    if (present.size >= before.size) return;
    const says = `the pinned key signed ${before.size} entries before, and ${present.size} are shown now`;
    if (isSitesWord) fail(`${says}: entries were taken back`);
    leave(`${says}: an old copy, or entries were taken back`);
  }

  /**
   * Compare the checkpoint `shown` (verified) with `seen` (a note that this browser kept, or null) and with what
   * the site says now. `read(path)` gives bytes of the site, or null when it has none. A page shows the log's
   * present, a receipt its past (`isPage` false). A copy of one's own on the disk (`isCopy`) has no tiles to read,
   * and a site that gives none withholds them. Returns {state, says, newest}, `newest` being the note to keep.
   */
  async function checkHistory({ shown, seen, key, read, isPage, isCopy }) {
    const now = await readNow(read, key, isPage);
    const before = seen === null ? null : await verifyRemembered(seen, key);
    const present = now ?? (isPage ? shown : null);
    for (const one of [before, shown]) {
      if (present && one) checkNothingTakenBack(present, one, Boolean(now));
    }
    const all = [before, shown, now].filter(Boolean).sort(bySize);
    const nodes = nodesOf(all.at(-1).size, tileReader(read));
    for (const [at, next] of all.slice(1).entries()) {
      if (all[at].size !== next.size && !now) {
        const says = `that the log only grew from ${all[at].size} to ${next.size} entries: no tiles can be read here`;
        return { state: isCopy && !isPage ? "skipped" : "unchecked", says, newest: null };
      }
      await checkConsistency(all[at], next, nodes);
    }
    const newest = isPage || now ? all.at(-1) : null;
    const size = all.at(-1).size;
    const says = before
      ? `nothing was taken back or changed since this browser first saw the log; it has ${size} entries now`
      : `this browser saw the log for the first time, with ${size} entries: from now on it compares`;
    return { state: "proven", says, newest: newest?.note ?? null };
  }

  globalThis.weightmarkHistory = Object.freeze({ checkHistory });
})();
