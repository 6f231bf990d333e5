// Goal: what a shopper and a clerk do on the page works in a browser, on a phone and on a desktop, with
// the keyboard alone, and when the network or a session fails on the way.
// Method: Chromium against the real mesh through the gateway. Every view is checked for accessibility,
// for fitting the screen, and for a silent console; pictures of them are in screenshots of the data
// folder.

import { randomUUID } from "node:crypto";
import type { Browser, Page, Request } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Role } from "#gen/slotmesh/identity/v1/profile_pb.ts";
import type { Slot } from "#gen/slotmesh/inventory/v1/slot_pb.ts";
import { uniqueTenant } from "#shared/testing.ts";
import { type DemoData, seedDemo } from "../../deploy/stack/demo.ts";
import { as, openStore, type Person, withToken } from "../e2e/mesh.ts";
import { inspect, type Look, openPage, startBrowser, tabTo } from "./browser.ts";

const ORIGIN = process.env.SLOTMESH_GATEWAY_URL ?? "http://127.0.0.1:8080";
const PASSWORD = "a long password";
const BOOK = "**/slotmesh.scheduling.v1.SchedulingService/BookAppointment";
const HOUR_MS = 3_600_000;

let browser: Browser;
let demo: DemoData;

beforeAll(async () => {
  [browser, demo] = await Promise.all([startBrowser(), seedDemo(process.env)]);
});
afterAll(() => browser?.close());

/** Runs a journey on a page of its own, and sees that its console stayed silent. */
async function onPage(look: Look, journey: (page: Page) => Promise<void>, forgive = /^$/) {
  const { page, complaints, close } = await openPage(browser, look);
  try {
    await journey(page);
    expect(complaints.filter((text) => !forgive.test(text))).toEqual([]);
  } finally {
    await close();
  }
}

function newName(): string {
  return `shopper-${randomUUID()}@example.org`;
}

async function register(page: Page, button: RegExp, displayName = "Leilani K."): Promise<string> {
  const name = newName();
  await page.getByRole("link", { name: "Register" }).click();
  await page.getByLabel("Email, phone or name").fill(name);
  await page.getByLabel("Your name (optional)").fill(displayName);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: button }).click();
  return name;
}

async function signInAsClerk(page: Page): Promise<void> {
  await page.goto(`${ORIGIN}/staff`);
  await page.getByLabel("Email, phone or name").fill(demo.clerk.signInName);
  await page.getByLabel("Password", { exact: true }).fill(demo.clerk.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Store you are in").waitFor();
}

/** Lets the mesh do what a page asks for, and loses the answers. */
async function loseAnswers(page: Page, calls: string): Promise<void> {
  await page.route(
    calls,
    (route) =>
      route
        .fetch()
        .then(() => route.abort())
        .catch(() => {}), // The page was reloaded meanwhile, which is what it is about.
  );
}

/** Returns the digits that the page shows. */
async function shownCode(page: Page): Promise<string> {
  const text = await page.locator(".code > [aria-hidden]").textContent();
  expect(text).toMatch(/^\d{6} \d{2}$/);
  return text ?? "";
}

test("on a phone: a shopper books and holds a code, a clerk redeems it once, and all is said in words", async () => {
  let code = "";
  await onPage(
    { screen: "phone" },
    async (phone) => {
      await phone.goto(ORIGIN);
      const aiea = phone.getByRole("listitem").filter({ hasText: "BetterBuy - Aiea" });
      await aiea.getByText("Remaining spots:").waitFor();
      expect(await aiea.textContent()).toContain("98-051 Kam Hwy, Aiea, HI 96701");
      expect(await aiea.textContent()).toContain("(HST)");
      await phone.getByText("No times").first().waitFor();
      await inspect(phone, "phone-1-stores");

      await aiea.getByRole("link", { name: "Choose a time at BetterBuy - Aiea" }).click();
      const time = phone.getByRole("link", { name: /^4:40 p\.m\. – 5:00 p\.m\. \(HST\), / });
      await time.waitFor();
      await inspect(phone, "phone-2-times");
      await time.click();

      await phone.getByRole("button", { name: "Sign in and book" }).waitFor();
      await inspect(phone, "phone-3-review");
      await phone.getByLabel("How many people").selectOption("2 people");
      await phone.getByRole("button", { name: "Sign in and book" }).click();
      await phone.getByRole("heading", { name: "Sign in" }).waitFor();
      await inspect(phone, "phone-4-sign-in");
      await register(phone, /^Register and book$/);

      await phone.getByRole("heading", { name: "Confirmed" }).waitFor();
      await phone.getByRole("img", { name: /^QR code of \d( \d){5}, \d \d$/ }).waitFor();
      code = await shownCode(phone);
      const main = await phone.getByRole("main").textContent();
      expect(main).toContain("4:40 p.m. – 5:00 p.m. (HST)");
      expect(main).toContain("2 people");
      await phone.getByRole("definition").filter({ hasText: "BetterBuy - Aiea" }).waitFor();
      await inspect(phone, "phone-5-confirmed");
      expect(await phone.title()).toBe("Confirmed – BetterBuy");

      // What is shown is shown again after a reload.
      await phone.reload();
      await phone.getByRole("img", { name: /^QR code/ }).waitFor();
      expect(await shownCode(phone)).toBe(code);

      await phone.getByRole("link", { name: "My appointments" }).first().click();
      await phone.getByRole("link", { name: /^Show code/ }).waitFor();
      await phone.getByText("4:40 p.m. – 5:00 p.m. (HST)", { exact: true }).waitFor();
      await inspect(phone, "phone-6-appointments");
      await phone.getByRole("link", { name: /^Show code/ }).click();
      await phone.getByRole("img", { name: /^QR code/ }).waitFor();

      await redeemAtTheCounter(code);
      await phone.getByText(/^BetterBuy - Aiea used this code /).waitFor();
      await inspect(phone, "phone-7-used");
      await phone.getByRole("heading", { name: "Used" }).waitFor();
      // Too late to give it back, and said so.
      await phone.getByRole("link", { name: "My appointments" }).first().click();
      await phone.getByRole("button", { name: /^Cancel appointment/ }).click();
      await phone.getByRole("button", { name: "Yes, cancel it" }).click();
      await phone.getByText("The code was used", { exact: true }).waitFor();
      await phone.getByRole("button", { name: "Keep it" }).click();

      await phone.getByRole("button", { name: "Sign out" }).click();
      await phone.getByRole("link", { name: "Sign in" }).waitFor();
      const kept = await phone.evaluate<string>("JSON.stringify(localStorage)");
      expect(kept).not.toMatch(/token|wish/i);
    },
    /status of 400/,
  );
});

/** Redeems a code by typing it, and meets each refusal on the way. */
async function redeemAtTheCounter(code: string): Promise<void> {
  await onPage(
    { screen: "desktop" },
    async (counter) => {
      await counter.goto(`${ORIGIN}/staff`);
      await counter.getByRole("heading", { name: "Staff sign-in" }).waitFor();
      await inspect(counter, "desktop-5-staff-sign-in");
      await signInAsClerk(counter);
      const field = counter.getByLabel("Code", { exact: true });
      const type = async (text: string) => {
        // The focus is where the clerk needs it: nothing is clicked from here on.
        expect(await field.evaluate("document.activeElement?.id")).toBe("code");
        await counter.keyboard.press("Control+A");
        await counter.keyboard.type(text);
      };
      await counter.getByLabel("Store you are in").selectOption("BetterBuy - Honolulu");
      await field.waitFor();
      await type(code);
      await counter.keyboard.press("Enter");
      await counter.getByText("Wrong store", { exact: true }).waitFor();
      await inspect(counter, "desktop-6-wrong-store");

      await counter.getByLabel("Store you are in").selectOption("BetterBuy - Aiea");
      await field.waitFor();
      await type(code.replace(" ", "-"));
      await counter.getByText("Leilani K.", { exact: true }).waitFor();
      await counter.getByText("Party of 2, not redeemed yet.").waitFor();
      await inspect(counter, "desktop-7-looked-up");
      await counter.keyboard.press("Enter");
      await counter.getByText("Redeemed", { exact: true }).waitFor();
      await inspect(counter, "desktop-8-redeemed");

      await type(code);
      await counter.keyboard.press("Enter");
      await counter.getByText("Already redeemed", { exact: true }).waitFor();
      await counter
        .getByText(/^Used at BetterBuy - Aiea, \w+, \w+ \d+, \d+:\d\d [ap]\.m\. \(HST\), by you\.$/)
        .waitFor();
      await inspect(counter, "desktop-9-already-redeemed");

      await type(code.replace(/^\d/, (digit) => String((Number(digit) + 1) % 10)));
      await counter.keyboard.press("Enter");
      await counter.getByText("Not found", { exact: true }).waitFor();

      await type("12 34");
      await counter.keyboard.press("Enter");
      await counter
        .getByText("A code has 8 digits, spaces and dashes aside: found 4.", { exact: true })
        .waitFor();
      await inspect(counter, "desktop-10-too-short");
    },
    // A look at a code that is not there is a 404, and what is no code a 400: Chromium writes them into its
    // console.
    /status of 40[04]/,
  );
}

test("with the keyboard alone: from the first Tab to a code, and back out through the dialog", async () => {
  await onPage({ screen: "desktop", scheme: "dark" }, async (page) => {
    const { keyboard } = page;
    await page.goto(ORIGIN);
    await page.getByText("Remaining spots:").first().waitFor();
    await page.getByText("No times").first().waitFor();
    await inspect(page, "desktop-1-stores-dark");
    await tabTo(page, /^Skip to the content$/);
    await keyboard.press("Enter");
    await tabTo(page, /^\w+, \w+ \d+, .*spots left$/);
    await keyboard.press("ArrowRight");
    await page.waitForURL(/\?date=/);
    await tabTo(page, /^Choose a time at BetterBuy - Kapolei/);
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "BetterBuy - Kapolei" }).waitFor();
    await page.getByRole("link", { name: /^9:20 a\.m\./ }).waitFor();
    // The heading has the focus, so that a screen reader says where one is.
    expect(await page.evaluate("document.activeElement?.tagName")).toBe("H1");
    await inspect(page, "desktop-2-times-dark");
    await tabTo(page, /^9:20 a\.m\. – 9:40 a\.m\. \(HST\),\s*\d+ spots left$/);
    await keyboard.press("Enter");
    await page.getByRole("button", { name: "Sign in and book" }).waitFor();
    await inspect(page, "desktop-3-review-dark");
    await tabTo(page, /^Sign in and book$/);
    await keyboard.press("Enter");
    await tabTo(page, /^Register$/);
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Register" }).waitFor();

    // Sent empty, it says what is wanted, and the focus is on the first field that wants it.
    await tabTo(page, /^Register and book$/);
    await keyboard.press("Enter");
    await page.getByText("Use 3 characters or more").waitFor();
    await expect
      .poll(() => page.evaluate(`document.activeElement?.getAttribute("aria-invalid")`))
      .toBe("true");
    await inspect(page, "desktop-3-register-dark");
    await keyboard.type(newName());
    await tabTo(page, /^Password/);
    await keyboard.type(PASSWORD);
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Confirmed" }).waitFor();
    await page.getByRole("img", { name: /^QR code/ }).waitFor();
    await inspect(page, "desktop-4-confirmed-dark");

    await tabTo(page, /^Cancel appointment/);
    await keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Give this appointment back?" }).waitFor();
    expect(await page.evaluate("document.activeElement?.textContent")).toBe("Keep it");
    await inspect(page, "desktop-4-cancel-dark");
    await keyboard.press("Escape");
    expect(await page.evaluate("document.activeElement?.textContent")).toMatch(/^Cancel appoint/);
    await keyboard.press("Enter");
    await tabTo(page, /^Yes, cancel it$/);
    await keyboard.press("Enter");
    await page.getByRole("heading", { name: "Cancelled" }).waitFor();
    await inspect(page, "desktop-4-cancelled-dark");
  });
});

describe("a tenant with slots in every state", () => {
  const tenantId = uniqueTenant();
  const home = `${ORIGIN}/t/${tenantId}`;
  const opensInMs = 25_000;
  let operator: Person;
  let open: { storeId: string; slots: Slot[] };
  let later: { storeId: string; slots: Slot[] };

  beforeAll(async () => {
    operator = await as("operator", tenantId);
    await operator.identity.createTenant({ tenantId, name: "Other" });
    const startsInMs = 30 * HOUR_MS;
    open = await openStore(
      operator,
      [
        { totalSpots: 1, startsInMs },
        { totalSpots: 40, startsInMs },
        { totalSpots: 40, startsInMs },
      ],
      { partySizeMax: 3 },
    );
    later = await openStore(operator, [{ totalSpots: 5, startsInMs }], { opensInMs });
  });

  function address({ storeId, slotId, startTime }: Slot): string {
    const ms = Number(startTime?.seconds ?? 0n) * 1000;
    // Hawaii is ten hours behind and knows no summer time.
    const date = new Date(ms - 10 * HOUR_MS).toISOString().slice(0, 10);
    return `${home}/stores/${storeId}/${date}/${slotId}`;
  }

  /** Registers someone without the page. */
  async function newShopper() {
    const { session } = await operator.identity.registerShopper({
      tenantId,
      signInName: newName(),
      password: PASSWORD,
      requestId: randomUUID(),
    });
    return withToken(session?.accessToken);
  }

  test("before it opens the seconds are counted; then the same button books", async () => {
    await onPage({ screen: "small", timeZone: "America/New_York" }, async (page) => {
      await page.goto(address(later.slots[0] as Slot));
      await page.getByText(/^Booking opens in \d+:\d\d$/).waitFor();
      const button = page.getByRole("button", { name: "Sign in and book" });
      expect(await button.getAttribute("aria-disabled")).toBe("true");
      await inspect(page, "small-1-opens-later");
      await expect
        .poll(() => button.getAttribute("aria-disabled"), { timeout: 2 * opensInMs })
        .toBe("false");
      await button.click();
      await register(page, /^Register and book$/);
      await page.getByRole("heading", { name: "Confirmed" }).waitFor();
      await page.getByRole("img", { name: /^QR code/ }).waitFor();
      await inspect(page, "small-2-confirmed");
    });
  });

  test("who comes too late is told so, and of other times; a page without spots says sold out", async () => {
    const [wanted, other] = open.slots as [Slot, Slot, Slot];
    await onPage(
      { screen: "phone" },
      async (page) => {
        await page.goto(`${home}/sign-in`);
        await register(page, /^Register$/);
        await page.getByRole("button", { name: "Sign out" }).waitFor();
        await page.goto(address(wanted));
        const button = page.getByRole("button", { name: "Book this time" });
        await page.getByText("1 spot left").first().waitFor();
        // Someone is faster, and this page does not know it yet.
        await page.route("**/*ListAvailability*", (route) => route.abort());
        const { storeId, slotId } = wanted;
        const faster = await newShopper();
        await faster.scheduling.bookAppointment({ storeId, slotId, requestId: randomUUID() });
        await expect
          .poll(async () => (await operator.inventory.getSlot({ storeId, slotId })).slot)
          .toMatchObject({ availableSpots: 0 });
        await button.click();
        await page.getByText("Sold out", { exact: true }).waitFor();
        await page.getByRole("heading", { name: "Free near that time" }).waitFor();
        await page.unroute("**/*ListAvailability*");
        await page.getByText("No connection", { exact: true }).waitFor({ state: "hidden" });
        await inspect(page, "phone-8-sold-out");

        // A second wish in a slot that is theirs is refused, and leads to the first.
        await page.goto(address(other));
        await button.click();
        await page.getByRole("heading", { name: "Confirmed" }).waitFor();
        await page.goto(address(other));
        await page.getByLabel("How many people").selectOption("3 people");
        await button.click();
        await page.getByText("You have an appointment at this time", { exact: true }).waitFor();
        await inspect(page, "phone-9-user-limit");
        await page.getByRole("link", { name: "Show my appointment" }).click();
        await page.getByRole("heading", { name: "Confirmed" }).waitFor();
      },
      /ERR_FAILED/,
    );
  });

  test("a lost answer, a reload and two taps at once are one appointment", async () => {
    const slot = open.slots[2] as Slot;
    await onPage(
      { screen: "phone" },
      async (page) => {
        await page.goto(`${home}/sign-in`);
        await register(page, /^Register$/);
        await page.getByRole("button", { name: "Sign out" }).waitFor();
        await page.goto(address(slot));
        const sent: string[] = [];
        page.on("request", (request: Request) => {
          if (request.url().endsWith("/BookAppointment")) {
            sent.push(request.postDataBuffer()?.toString("base64") ?? "");
          }
        });
        // The mesh takes the request; its answer is lost, and so is the page.
        await loseAnswers(page, BOOK);
        const button = page.getByRole("button", { name: "Book this time" });
        await button.dblclick();
        await expect.poll(() => sent.length, { timeout: 20_000 }).toBeGreaterThan(1);
        await page.unroute(BOOK);
        await page.reload();
        await page.getByRole("heading", { name: "Confirmed" }).waitFor();
        expect(new Set(sent).size).toBe(1);
        await page.goto(`${home}/appointments`);
        await page.getByRole("link", { name: /^Show code/ }).waitFor();
        expect(await page.getByRole("listitem").count()).toBe(1);
      },
      /ERR_FAILED/,
    );
  });

  test("without a network it says so and goes on by itself; an ended session leads back in", async () => {
    await onPage(
      { screen: "phone" },
      async (page) => {
        await page.goto(`${home}/sign-in`);
        const name = await register(page, /^Register$/);
        await page.getByRole("button", { name: "Sign out" }).waitFor();
        await page
          .getByText(/Remaining spots|Opens|Sold out/)
          .first()
          .waitFor();
        await page.context().setOffline(true);
        await page.getByText("No connection", { exact: true }).waitFor();
        await inspect(page, "phone-10-offline");
        await page.context().setOffline(false);
        await page.getByText("No connection", { exact: true }).waitFor({ state: "hidden" });

        // A refused token is renewed unseen, once for all who need it.
        const refreshes: string[] = [];
        page.on("request", (request: Request) => {
          if (request.url().endsWith("/RefreshSession")) {
            refreshes.push(request.url());
          }
        });
        const key = `slotmesh.${tenantId}.shopper`;
        const spoil = (change: string) =>
          page.evaluate(`{
          const kept = JSON.parse(localStorage.getItem(${JSON.stringify(key)}));
          localStorage.setItem(${JSON.stringify(key)}, JSON.stringify({ ...kept, ${change} }));
        }`);
        await spoil(`accessExpiresAtMs: 0`);
        await page.goto(`${home}/appointments`);
        await page.getByText("You have no appointments yet.").waitFor();
        expect(refreshes).toHaveLength(1);
        await inspect(page, "phone-11-no-appointments");

        await spoil(`accessToken: "x.y.z", refreshToken: "spent"`);
        await page.reload();
        await page.getByRole("heading", { name: "Sign in" }).waitFor();
        await page.getByText("Your session has ended", { exact: true }).waitFor();
        await page.getByLabel("Email, phone or name").fill(name);
        await page.getByLabel("Password", { exact: true }).fill("not the password");
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByText("That did not match", { exact: true }).waitFor();
        await inspect(page, "phone-12-wrong-password");
        await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("heading", { name: "My appointments" }).waitFor();

        await page.goto(`${home}/nowhere`);
        await page.getByRole("heading", { name: "Nothing is here" }).waitFor();
        await inspect(page, "phone-13-missing");
      },
      /ERR_INTERNET_DISCONNECTED|status of 401/,
    );
  });

  test("a clerk whose answer is lost presses Enter again and gets the same receipt", async () => {
    const { storeId } = open;
    const slot = open.slots[1] as Slot;
    const shopper = await newShopper();
    const { appointment } = await shopper.scheduling.bookAppointment({
      storeId,
      slotId: slot.slotId,
      requestId: randomUUID(),
    });
    const appointmentId = appointment?.appointmentId ?? "";
    for await (const _state of shopper.scheduling.watchAppointment({ appointmentId })) {
      // Until it is settled.
    }
    const code = (await shopper.codes.getCode({ appointmentId })).code?.code ?? "";
    const staff = { signInName: newName(), password: PASSWORD, displayName: "Kai" };
    await operator.identity.registerStaff({
      ...staff,
      role: Role.STAFF,
      storeIds: [storeId],
      requestId: randomUUID(),
    });
    await onPage(
      { screen: "phone", scheme: "dark" },
      async (page) => {
        await page.goto(`${home}/staff`);
        await page.getByLabel("Email, phone or name").fill(staff.signInName);
        await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByLabel("Code", { exact: true }).fill(code);
        await page.getByText("Party of 1, not redeemed yet.").waitFor();
        const redeem = "**/slotmesh.codes.v1.CodesService/RedeemCode";
        await loseAnswers(page, redeem);
        await page.getByLabel("Code", { exact: true }).press("Enter");
        await page.getByText("No connection", { exact: true }).waitFor();
        await page.unroute(redeem);
        await page.getByLabel("Code", { exact: true }).press("Enter");
        await page.getByText("Redeemed", { exact: true }).waitFor();
        await inspect(page, "phone-14-redeemed-dark");
      },
      /ERR_FAILED/,
    );
  });
});
