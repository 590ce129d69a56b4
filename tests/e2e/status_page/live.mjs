// The status page as the running platform serves it: signs in by a one-time link and looks for
// what must be there. Arguments: the link and a project that was deployed.
import assert from "node:assert/strict";
import { launch } from "../browser.mjs";

const [link, project] = process.argv.slice(2);
const browser = await launch();
try {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(link).origin) problems.push(request.url());
  });
  const see = (text, within) =>
    page.locator(within).getByText(text).first().waitFor({ timeout: 20_000 });

  await page.goto(link);
  await see("Signed in as", "#banner");
  assert.equal(new URL(page.url()).hash, "");
  await see(/^Everything runs/, "h1");
  await see(project, "#sites");
  await see(project, "#projects");
  await see("Live #1", "#projects");

  await page.reload();
  await see(project, "#projects"); // the cookies hold
  await page.getByRole("button", { name: "Sign out" }).click();
  await see("./dev link", "#projects-signed-out");
  assert.deepEqual(problems, []);

  await page.goto(link);
  await see("This link was used before", "#banner");
  const unknown = await page.goto(new URL("/nothing/here", link).href);
  assert.equal(unknown.status(), 404);
  await see("Nothing is at this address", "main");
} finally {
  await browser.close();
}
