// Looks at a site as a visitor does and prints what it saw as one JSON object:
// node visit.mjs URL '{"shows": "text", "deep": "/path", "deep_shows": "text", "shot": "a.png"}'
import { launch } from "../e2e/browser.mjs";

const WAIT = 20_000;
const [, , site, wanted] = process.argv;
const { shows, deep, deep_shows: deepShows, shot } = JSON.parse(wanted);

// Text in shadow roots and frames is seen, too: Lit has the first, Storybook the second.
async function isSeen(page, text) {
  const found = page.frames().map((frame) => frame.getByText(text).first());
  const seen = found.map((locator) => locator.waitFor({ state: "visible", timeout: WAIT }));
  return Promise.any(seen).then(
    () => true,
    () => false,
  );
}

async function see(browser, path, text, picture) {
  const page = await browser.newPage();
  const errors = [];
  const paths = new Set();
  const elsewhere = new Set();
  // Fonts and the like of other hosts are named, but not asked for: tests reach no other host.
  await page.route(
    (url) => url.protocol.startsWith("http") && url.origin !== new URL(site).origin,
    (route) => {
      elsewhere.add(new URL(route.request().url()).host);
      return route.abort();
    },
  );
  page.on("console", (message) => {
    const from = message.location().url;
    const isOurs = !from || new URL(from, site).origin === new URL(site).origin;
    if (message.type() === "error" && isOurs) errors.push(message.text());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("response", (response) => {
    paths.add(new URL(response.url()).pathname);
    if (response.status() >= 400) errors.push(`${response.status()} ${response.url()}`);
  });
  const answer = await page.goto(new URL(path, site).href, { waitUntil: "load" });
  await page.waitForLoadState("networkidle", { timeout: WAIT }).catch(() => {});
  const seen = text ? await isSeen(page, text) : true;
  const body = seen ? "" : (await page.locator("body").innerText()).slice(0, 500);
  if (picture) await page.screenshot({ path: picture });
  await page.close();
  return {
    status: answer?.status() ?? 0,
    seen,
    body,
    errors,
    paths: [...paths],
    elsewhere: [...elsewhere],
  };
}

const browser = await launch();
try {
  const first = await see(browser, "/", shows, shot);
  const second = await see(browser, deep, deepShows);
  console.log(JSON.stringify({ first, deep: second }));
} finally {
  await browser.close();
}
