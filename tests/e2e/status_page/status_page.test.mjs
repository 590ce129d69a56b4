// The status page in a real browser, each state that UI.md asks for. With SCREENSHOTS=folder it
// also leaves pictures to look at.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { launch } from "../browser.mjs";
import { serve, world } from "./server.mjs";

let browser, page, server, current, problems;

before(async () => (browser = await launch()));
after(() => browser.close());

beforeEach(async () => {
  current = world();
  server = await serve(current);
  await open();
});

afterEach(async () => {
  await page.context().close();
  await server.end();
  assert.deepEqual(problems, [], "the page did something that it must not");
});

async function open(options = {}) {
  await page?.context().close();
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  page = await context.newPage();
  problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // A failed request is logged by the browser itself; anything else is ours.
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      problems.push(message.text());
    }
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(server.url)) problems.push(`asked ${request.url()}`);
  });
}

const go = (path = "/") => page.goto(server.url + path);
const see = (text, within = "body") =>
  page.locator(within).getByText(text).first().waitFor({ timeout: 15_000 });
const texts = (selector) => page.locator(selector).allInnerTexts();

async function picture(name) {
  if (!process.env.SCREENSHOTS) return;
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
}

test("a visitor sees what runs, which sites are live, and how to sign in", async () => {
  await go();
  await see("Everything runs, 3 sites are live");
  assert.equal(await page.title(), "✓ Everything runs, 3 sites are live · AstroCloud");
  assert.equal((await texts("#dependencies li")).length, 6);
  const links = page.locator("#sites a");
  assert.equal(await links.nth(1).getAttribute("href"), "http://shop.apps.localhost:8080");
  assert.match(
    (await texts("#sites tbody tr"))[1],
    /^shop[\s\S]*Live[\s\S]*#42[\s\S]*4 minutes ago$/,
  );
  await see("./dev link", "#projects-signed-out");
  assert.match(await page.locator("#freshness").innerText(), /^Checked \d\d:\d\d:\d\d$/);
  await picture("signed-out-light");
});

test("a ticket in the address signs in and leaves the address", async () => {
  await go("/#ticket=good");
  await see("Signed in as Local developer.");
  assert.equal(page.url(), `${server.url}/`);
  await see("Landing", "#projects");
  assert.deepEqual(await texts("#projects .chip"), [
    "Live #42",
    "Building #43",
    "Live #7",
    "Failed #3",
  ]);
  await see("Not deployed yet", "#projects");
  await picture("signed-in-light");
  assert.equal(
    await page.locator("#banner").evaluate((it) => getComputedStyle(it).position),
    "fixed",
  );
  await page.locator("#banner").waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Sign out" }).click();
  await see("Signed out.");
  await see("./dev link", "#projects-signed-out");
});

test("a used ticket says what to do next", async () => {
  await go("/#ticket=used");
  await see("This link was used before or is too old.");
  await see("run ./dev link", "#banner");
  assert.equal(page.url(), `${server.url}/`);
  await picture("used-ticket");
});

test("a stale sign-in is renewed once, without a word", async () => {
  Object.assign(current, { signedIn: true, stale: true });
  await go();
  await see("Landing", "#projects");
  assert.equal(current.requests.filter((request) => request === "POST auth/refresh").length, 1);
});

test("what does not answer stands first and in the title", async () => {
  current.status.status = "degraded";
  Object.assign(current.status.dependencies[4], {
    status: "failed",
    detail: "127.0.0.1:8086 refuses the connection. Look at ./dev logs kafka.",
  });
  await go();
  await see("Kafka does not answer");
  assert.match(
    (await texts("#dependencies li"))[0],
    /Kafka[\s\S]*Not answering[\s\S]*dev logs kafka/,
  );
  assert.equal(await page.title(), "✕ Kafka does not answer · AstroCloud");
  await picture("degraded");
});

test("nothing yet teaches the first step", async () => {
  Object.assign(current, { signedIn: true, projects: [] });
  current.status.sites = [];
  await go();
  await see("No site is live yet.");
  await see("You have no project yet.");
  await picture("empty");
});

test("an error stands in its part, with the request's id, and can be tried again", async () => {
  current.failing = { status: "The database is being restored" };
  current.signedIn = true;
  await go();
  await see("Live sites did not load: The database is being restored. Request req-7f3.");
  await see("The status did not load", "h1");
  await see("Landing", "#projects");
  await picture("error");
  current.failing = null;
  await page.locator("#sites-trouble").getByRole("button", { name: "Retry" }).click();
  await see("Everything runs");
  assert.equal(await page.locator(".trouble:visible").count(), 0);
});

test("without an API from the start it says so and goes on trying", async () => {
  current.away = true;
  await go();
  await see("The API does not answer");
  await see("Live sites did not load: no answer from the API.");
  await picture("unreachable");
  current.away = false;
  await see("Everything runs");
});

test("while offline the old data stays, with its time", async () => {
  current.signedIn = true;
  await go();
  await see("Everything runs");
  await see("Landing", "#projects");
  current.away = true;
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await see("Reconnecting…");
  await see(/^Offline, showing \d\d:\d\d:\d\d$/);
  assert.ok(await page.getByRole("button", { name: "Sign out" }).isDisabled());
  assert.equal((await texts("#sites tbody tr")).length, 3);
  await see("The API does not answer", "h1");
  await picture("offline");
  current.away = false;
  await see("Everything runs");
  await see(/^Checked/);
  assert.ok(await page.getByRole("button", { name: "Sign out" }).isEnabled());
});

test("data changes in place and a focused link keeps its focus", async () => {
  await go();
  await see("Everything runs");
  await page.locator("#sites a").nth(1).focus();
  current.status.sites[1].deployment = 43;
  current.status.sites.unshift({
    project: "new",
    url: "http://new.apps.localhost:8080",
    deployment: 1,
    since: new Date().toISOString(),
  });
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await see("#43", "#sites");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "shop");
});

test("names of any length and any content stay text in their place", async () => {
  current.status.sites[0].project = `<img src=x onerror=alert(1)>${"long-name-".repeat(12)}`;
  current.status.dependencies[0].name =
    "A dependency with a name that is rather long for this column";
  await go();
  await see("<img src=x");
  assert.ok(await page.evaluate(() => document.body.scrollWidth <= innerWidth));
  await picture("long-names");
});

test("the chosen theme holds before the first paint of the next visit", async () => {
  await go("/#ticket=good");
  await see("Landing", "#projects");
  await page.getByLabel("Theme").selectOption("dark");
  await page.reload({ waitUntil: "commit" });
  await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
  await see("Landing", "#projects");
  const ground = await page.evaluate(
    () => getComputedStyle(document.documentElement).backgroundColor,
  );
  assert.equal(ground, "rgb(17, 17, 19)");
  await picture("signed-in-dark");
});

test("at 360 pixels nothing scrolls sideways and fingers find their targets", async () => {
  await open({ viewport: { width: 360, height: 740 }, hasTouch: true });
  current.signedIn = true;
  await go();
  await see("Landing", "#projects");
  await see("Everything runs");
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  for (const box of await page.locator(".code:visible").all()) {
    assert.ok(await box.evaluate((it) => it.getBoundingClientRect().right <= innerWidth - 32));
  }
  assert.ok((await page.locator("#sites tbody tr").first().boundingBox()).height >= 44);
  for (const control of await page.locator("button:visible, select:visible").all()) {
    const { height } = await control.boundingBox();
    assert.ok(height >= 44, `${await control.innerText()} is ${height} pixels high`);
  }
  await picture("mobile");
});

test("what is not yet there has its shape, and nothing moves when it comes", async () => {
  current.slow = true;
  await go();
  await page.locator("#sites .bones").first().waitFor({ timeout: 15_000 });
  const before = await page.locator("#deploy-title").boundingBox();
  await picture("skeleton");
  current.slow = false;
  await see("Everything runs");
  assert.deepEqual(await page.locator("#deploy-title").boundingBox(), before);
  assert.equal(await page.locator("[aria-busy]").count(), 0);
});

test("the command is copied", async () => {
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await go();
  await page.locator("[data-copy='./dev deploy ']").click();
  await see("Copied", "[data-copy='./dev deploy ']");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "./dev deploy ");
});

test("an unknown address has a page in the same look", async () => {
  const answer = await go("/nowhere/at/all");
  assert.equal(answer.status(), 404);
  await see("Nothing is at this address");
  await picture("not-found");
  await page.getByRole("link", { name: "Open the status page" }).click();
  await see("Everything runs");
});
