// What the tests of the page share: a Chromium, pages that remember what went wrong in them, the keyboard
// as a person uses it, an accessibility check, and pictures of each view to look at.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect } from "vitest";
import { fetchChromium } from "../../deploy/stack/chromium.ts";
import { loadConfig } from "../../deploy/stack/config.ts";

const FETCH_MS_MAX = 300_000;
const LAUNCH_MS_MAX = 60_000;
const TABS_MAX = 60;
/** A slow machine must not fail what a person would have waited for. */
const WAIT_MS_MAX = 30_000;
/** What WCAG 2.2 asks for at level AA, and what axe calls good practice. */
const AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// What is asked of the page from within, as text: the tests' own types know no document.
const RUN_AXE = `axe.run({ runOnly: ${JSON.stringify(AXE_TAGS)}, resultTypes: ["violations"] })`;
const SHAPE = `({
  isWide: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  headings: document.querySelectorAll("h1").length,
  lang: document.documentElement.lang,
})`;
/** What has the focus, by the name it is announced with, and whether eyes see that it has. A radio button
 * is drawn by what follows it. */
const FOCUSED = `(() => {
  const focused = document.activeElement;
  const label = [...(focused.labels ?? [])].map((it) => it.textContent).join(" ");
  const drawn = focused.type === "radio" ? focused.nextElementSibling : focused;
  return {
    name: focused.getAttribute("aria-label") ?? (label || focused.textContent),
    isSeen: getComputedStyle(drawn).outlineStyle !== "none",
  };
})()`;

/** The kinds of screen that the page is looked at on. */
export const SCREENS = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true },
  small: { viewport: { width: 320, height: 640 }, deviceScaleFactor: 2, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 900 } },
} as const;

/** How a page is opened. */
export interface Look {
  readonly screen: keyof typeof SCREENS;
  readonly scheme?: "light" | "dark";
  /** The zone of the device, which the page must not care about. */
  readonly timeZone?: string;
}

/** Where the pictures go: beside the mesh's data, out of git. */
const pictures = join(process.env.SLOTMESH_DATA ?? ".data", "screenshots");

/** Starts Chromium, fetching it first where it is missing. */
export async function startBrowser(): Promise<Browser> {
  mkdirSync(pictures, { recursive: true });
  const { cacheFolder, environment } = loadConfig();
  const signal = AbortSignal.timeout(FETCH_MS_MAX);
  const cache = { folder: cacheFolder, say: console.log, signal };
  const program = await fetchChromium(cache, environment.PATH);
  return chromium.launch({
    executablePath: program.path,
    env: { ...(environment as Record<string, string>), ...program.env },
    timeout: LAUNCH_MS_MAX,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-dev-shm-usage",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Opens a page in a profile of its own; `complaints` collects what its console had to say. */
export async function openPage(browser: Browser, look: Look) {
  const context = await browser.newContext({
    ...SCREENS[look.screen],
    colorScheme: look.scheme ?? "light",
    reducedMotion: "reduce",
    locale: "en-US",
    timezoneId: look.timeZone ?? "Asia/Tokyo",
  });
  context.setDefaultTimeout(WAIT_MS_MAX);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) {
      complaints.push(message.text());
    }
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return { page, complaints, close: () => context.close() };
}

/** Looks at a view: no accessibility violation, nothing wider than the screen, one heading; and keeps a
 * picture of it. */
export async function inspect(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  await page.evaluate(AXE);
  const found = await page.evaluate<AxeResults>(RUN_AXE);
  const violations = found.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
  );
  expect(violations, `accessibility of ${name}`).toEqual([]);
  expect(await page.evaluate(SHAPE), name).toEqual({ isWide: false, headings: 1, lang: "en" });
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** Presses Tab until the focus is on what has this text or label, as someone without a mouse would. */
export async function tabTo(page: Page, name: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    // Each press moves the focus that the next look reads.
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<{ name: string; isSeen: boolean }>(FOCUSED);
    passed.push(focused.name);
    if (name.test(focused.name)) {
      expect(focused.isSeen, `the focus on ${focused.name} is seen`).toBe(true);
      return;
    }
  }
  throw new Error(`no Tab led to ${name}: ${passed.join(" | ")}`);
}
