// Drive Chromium: one JSON request a line, one JSON answer a line.
// Usage: node browser_runner.mjs NODE_MODULES CHROMIUM
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [modules, executablePath] = process.argv.slice(2);
const { chromium } = createRequire(join(modules, "x"))("playwright-core");
const axe = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const FOCUSABLE = "a[href], area[href], button, input, select, summary, textarea, [tabindex]";
const PATIENCE = 60_000;

// Chromium has no sandbox for root, which CI is
const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
const browser = await chromium.launch({ executablePath, args });
const visitors = new Map();

/** What went on in a page since it was opened. */
function watch(page) {
  const seen = { requests: [], console: [], dialogs: [], problems: [] };
  page.on("request", (one) => seen.requests.push(one.url()));
  page.on("console", (one) => ["error", "warning"].includes(one.type()) && seen.console.push(one.text()));
  page.on("dialog", (one) => (seen.dialogs.push(one.message()), one.dismiss()));
  page.on("pageerror", (error) => seen.problems.push(String(error)));
  page.on("popup", (one) => seen.problems.push(`popup ${one.url()}`));
  page.on("download", (one) => seen.problems.push(`download ${one.url()}`));
  return seen;
}

/** Every element that takes the keyboard, and which of them Tab reached, in order. */
async function walkByTab(page) {
  await page.evaluate((selector) => {
    const isShown = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled && one.tabIndex >= 0;
    const inFolded = (one) => one.closest("details:not([open])") && one.localName !== "summary";
    const all = [...document.querySelectorAll(selector)].filter((one) => isShown(one) && !inFolded(one));
    globalThis.__reachable = all;
  }, FOCUSABLE);
  const reached = [];
  for (let at = 0; at < 600; at += 1) {
    await page.keyboard.press("Tab");
    const found = await page.evaluate(() => {
      const outline = getComputedStyle(document.activeElement);
      const isMarked = outline.outlineStyle !== "none" && outline.outlineWidth !== "0px";
      return { at: globalThis.__reachable.indexOf(document.activeElement), isMarked, html: document.activeElement.outerHTML.slice(0, 120) };
    });
    if (found.at < 0 || (reached.length && found.at === reached[0].at)) break;
    reached.push(found);
  }
  const missed = await page.evaluate(
    (seen) => globalThis.__reachable.filter((_, at) => !seen.includes(at)).map((one) => one.outerHTML.slice(0, 200)),
    reached.map((one) => one.at),
  );
  return { reached: reached.map((one) => one.html), missed, unmarked: reached.filter((one) => !one.isMarked).map((one) => one.html) };
}

/** Have the browser write a picture in a smaller form. */
async function toWebp(context, png) {
  const page = await context.newPage();
  const written = await page.evaluate(async (data) => {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
    return canvas.toDataURL("image/webp", 0.8);
  }, png.toString("base64"));
  await page.close();
  return Buffer.from(written.split(",")[1], "base64");
}

const operations = {
  open: async ({ name, options, media }) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    context.setDefaultTimeout(PATIENCE);
    context.setDefaultNavigationTimeout(PATIENCE);
    const page = await context.newPage();
    if (media) await page.emulateMedia({ media });
    visitors.set(name, { context, page, seen: watch(page) });
  },
  close: async ({ name }) => {
    await visitors.get(name).context.close();
    visitors.delete(name);
  },
  visit: async ({ page, url }) => {
    const answer = await page.goto(url, { waitUntil: "load" });
    return { status: answer?.status() ?? 0, headers: answer ? await answer.allHeaders() : {} };
  },
  await: async ({ page, selector }) => void (await page.waitForSelector(selector, { state: "attached" })),
  text: async ({ page, selector }) => ({ text: await page.locator(selector).first().innerText() }),
  texts: async ({ page, selector }) => ({ texts: await page.locator(selector).allInnerTexts() }),
  attributes: async ({ page, selector, attribute }) => ({
    values: await page.locator(selector).evaluateAll((all, key) => all.map((one) => one.getAttribute(key)), attribute),
  }),
  fill: async ({ page, selector, value }) => void (await page.fill(selector, value)),
  click: async ({ page, selector }) => void (await page.click(selector)),
  press: async ({ page, key }) => void (await page.keyboard.press(key)),
  choose: async ({ page, selector, files }) => void (await page.setInputFiles(selector, files)),
  storage: async ({ page }) => ({ storage: await page.evaluate(() => ({ ...localStorage })) }),
  store: async ({ page, key, value }) => void (await page.evaluate(([at, text]) => localStorage.setItem(at, text), [key, value])),
  /** Take from the page what an old browser does not have. */
  cripple: async ({ page, less }) =>
    void (await page.addInitScript((what) => {
      const refuse = async () => {
        throw new DOMException("Unrecognized name.", "NotSupportedError");
      };
      if (what === "subtle") Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined });
      else SubtleCrypto.prototype.importKey = refuse;
    }, less)),
  /** Put another version of a path before the visitor, as a server could that lies. */
  replace: async ({ context, path, status, body, type }) => {
    const bytes = Buffer.from(body, "base64");
    await context.unroute((url) => url.pathname === path).catch(() => {});
    await context.route((url) => url.pathname === path, async (route) => {
      const whole = await route.fetch().catch(() => null);
      // the headers of an error page would forbid what the page that is put in its place needs
      await route.fulfill({ response: whole?.ok() ? whole : undefined, status, body: bytes, contentType: type });
    });
  },
  facts: async ({ page, seen }) => ({
    ...seen,
    ...(await page.evaluate(() => ({
      title: document.title,
      language: document.documentElement.lang,
      main: document.querySelector("main")?.innerText ?? "",
      width: document.documentElement.clientWidth,
      scrollWidth: document.documentElement.scrollWidth,
      marked: String(globalThis.__xss ?? ""),
      active: document.activeElement?.id ?? "",
    }))),
  }),
  links: async ({ page }) => ({
    links: await page.locator("a[href]").evaluateAll((all) => all.map((one) => one.href)),
  }),
  /** Look for barriers: `rules` names rules of axe, or is null for all of WCAG 2.2 AA and axe's best practice. */
  axe: async ({ page, rules }) => {
    await page.evaluate(axe);
    const runOnly = rules ? { type: "rule", values: rules } : { type: "tag", values: TAGS };
    const options = { runOnly, resultTypes: ["violations"] };
    const found = await page.evaluate((given) => globalThis.axe.run(document, given), options);
    const nodes = (one) => one.nodes.slice(0, 4).map((node) => `${node.html.slice(0, 200)} :: ${node.failureSummary}`);
    const short = (one) => ({ id: one.id, impact: one.impact, nodes: nodes(one) });
    return { violations: found.violations.map(short), passes: found.passes.length };
  },
  scheme: async ({ page, colorScheme }) => void (await page.emulateMedia({ colorScheme })),
  resize: async ({ page, size }) => void (await page.setViewportSize(size)),
  shown: async ({ page, selector }) => ({
    shown: await page.locator(selector).evaluateAll((all) => all.filter((one) => one.checkVisibility()).map((one) => one.outerHTML.slice(0, 120))),
  }),
  print: async ({ page, path }) => void (await page.pdf({ path, format: "A4" })),
  tabs: async ({ page }) => walkByTab(page),
  /** Take a picture of the window, or of the whole page: PNG, or WebP where the name says so. */
  picture: async ({ context, page, path, whole }) => {
    const png = await page.screenshot({ fullPage: whole ?? false });
    writeFileSync(path, path.endsWith(".webp") ? await toWebp(context, png) : png);
  },
  scroll: async ({ page, selector }) => void (await page.locator(selector).evaluate((one) => one.scrollIntoView())),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, visitor, ...request } = JSON.parse(line);
  try {
    const answer = await operations[operation]({ ...visitors.get(visitor), ...request });
    console.log(JSON.stringify({ answer: answer ?? {} }));
  } catch (error) {
    console.log(JSON.stringify({ problem: String(error.stack ?? error) }));
  }
}
await browser.close();
