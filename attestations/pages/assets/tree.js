// The Merkle tree of a log: inclusion, consistency and tiles, with WebCrypto's SHA-256 and nothing else.
//
// Sources: RFC 6962 §2.1; RFC 9162 §2.1.3.2 and §2.1.4.2; C2SP tlog-tiles. Sizes and indexes are BigInts.
"use strict";

(() => {
  /** Why something is not proven; `state` is "failed" (checked, and bad) or "unchecked" (could not be checked). */
  class Refusal extends Error {
    constructor(state, message) {
      super(message);
      this.state = state;
    }
  }
  const fail = (message) => {
    throw new Refusal("failed", message);
  };
  const leave = (message) => {
    throw new Refusal("unchecked", message);
  };

  const isEqual = (a, b) => a.length === b.length && a.every((one, at) => one === b[at]);

  function join(parts) {
    const all = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
    let at = 0;
    for (const one of parts) {
      all.set(one, at);
      at += one.length;
    }
    return all;
  }

  function webCrypto() {
    const subtle = globalThis.crypto?.subtle;
    return subtle ?? leave("this browser offers WebCrypto only over https, on localhost and for files");
  }

  async function sha256(...parts) {
    return new Uint8Array(await webCrypto().digest("SHA-256", join(parts)));
  }

  // --- trees ---

  const hashLeaf = (leaf) => sha256(Uint8Array.of(0), leaf);
  const hashNode = (left, right) => sha256(Uint8Array.of(1), left, right);
  const bitLength = (number) => (number === 0n ? 0 : number.toString(2).length);
  const countOnes = (number) => number.toString(2).replaceAll("0", "").length;

  /** Check that the leaf hash stands at `index` under the root of the checkpoint. */
  async function checkInclusion(leaf, index, path, { size, root }) {
    if (index >= size) fail(`there is no entry ${index} in a ledger of size ${size}`);
    const inner = bitLength(index ^ (size - 1n));
    if (path.length !== inner + countOnes(index >> BigInt(inner))) {
      fail(`the inclusion proof has ${path.length} hashes, which is wrong for entry ${index} of ${size}`);
    }
    let result = leaf;
    for (const [height, sibling] of path.entries()) {
      const goesRight = height >= inner || (index >> BigInt(height)) & 1n;
      result = await (goesRight ? hashNode(sibling, result) : hashNode(result, sibling));
    }
    if (!isEqual(result, root)) fail(`the proof of entry ${index} does not lead to the signed root at size ${size}`);
  }

  async function rangeRoot(readNode, start, end) {
    const peaks = [];
    for (let at = start; at < end; ) {
      const height = bitLength(end - at) - 1;
      peaks.push(await readNode(height, at >> BigInt(height)));
      at += 1n << BigInt(height);
    }
    let result = peaks.pop();
    while (peaks.length) result = await hashNode(peaks.pop(), result);
    return result;
  }

  async function consistencyProof(readNode, old, size) {
    const path = [];
    let [start, end] = [0n, size];
    while (old !== end) {
      const middle = start + (1n << BigInt(bitLength(end - start - 1n) - 1));
      const goesLeft = old <= middle;
      path.unshift(await (goesLeft ? rangeRoot(readNode, middle, end) : rangeRoot(readNode, start, middle)));
      if (goesLeft) end = middle;
      else start = middle;
    }
    if (start > 0n) path.unshift(await rangeRoot(readNode, start, end));
    return path;
  }

  /** Return the roots of both trees that a consistency proof leads to; null when it has the wrong length. */
  async function consistencyRoots(old, next, path) {
    const hashes = old.size & (old.size - 1n) ? [...path] : [old.root, ...path];
    let [node, last] = [old.size - 1n, next.size - 1n];
    const rise = () => ([node, last] = [node >> 1n, last >> 1n]);
    while (node & 1n) rise();
    let first = hashes.shift();
    let second = first;
    for (const sibling of hashes) {
      if (last === 0n) return null;
      if (node & 1n || node === last) {
        first = await hashNode(sibling, first);
        second = await hashNode(sibling, second);
        while (node !== 0n && !(node & 1n)) rise();
      } else {
        second = await hashNode(second, sibling);
      }
      rise();
    }
    return last === 0n && first ? [first, second] : null;
  }

  /** Check that the checkpoint `next` extends `old`; `readNode(height, index)` gives roots of whole subtrees. */
  async function checkConsistency(old, next, readNode) {
    if (old.size > next.size) fail(`a ledger of size ${next.size} does not extend one of size ${old.size}`);
    if (old.size === next.size && !isEqual(old.root, next.root)) {
      fail(`two different ledgers of size ${old.size} are signed by the pinned key: a split view`);
    }
    if (old.size === next.size || old.size === 0n) return;
    // the nodes are anybody's word; they count because they must lead to both signed roots
    const roots = await consistencyRoots(old, next, await consistencyProof(readNode, old.size, next.size));
    if (!roots || !isEqual(roots[0], old.root) || !isEqual(roots[1], next.root)) {
      fail(`the ledger of size ${next.size} does not extend the one of size ${old.size}: its past was changed`);
    }
  }

  /** Name the tile `number` of a level as tlog-tiles does. */
  function tilePath(level, number, width) {
    const groups = number.toString().padStart(3 * Math.ceil(number.toString().length / 3), "0").match(/.{3}/g);
    const name = groups.map((group, at) => (at === groups.length - 1 ? group : `x${group}`)).join("/");
    return `tile/${level}/${name}${width < 256 ? `.p/${width}` : ""}`;
  }

  /** Make a reader of nodes of a log of `size` from `readTile(path)`, which gives bytes. */
  function nodesOf(size, readTile) {
    const tiles = new Map();
    const read = async (level, number) => {
      const left = (size >> BigInt(8 * level)) - number * 256n;
      const path = tilePath(level, number, left < 256n ? Number(left) : 256);
      if (!tiles.has(path)) tiles.set(path, await readTile(path));
      return tiles.get(path);
    };
    return async (height, index) => {
      const [level, above] = [Math.floor(height / 8), height % 8];
      const first = index << BigInt(above);
      const tile = await read(level, first >> 8n);
      const start = Number(first & 255n) * 32;
      let row = Array.from({ length: 1 << above }, (_, at) => tile.slice(start + at * 32, start + at * 32 + 32));
      if (row.at(-1).length !== 32) leave("a tile of the log is too short");
      while (row.length > 1) {
        const pairs = row.filter((_, at) => at % 2 === 0).map((left, at) => hashNode(left, row[2 * at + 1]));
        row = await Promise.all(pairs);
      }
      return row[0];
    };
  }

  globalThis.weightmarkTree = Object.freeze({
    Refusal,
    checkConsistency,
    checkInclusion,
    fail,
    hashLeaf,
    isEqual,
    leave,
    nodesOf,
    sha256,
    tilePath,
    webCrypto,
  });
})();
