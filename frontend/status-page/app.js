// The status page: asks the API every ten seconds and says how fresh the answers are.

import { Unreachable, call } from "./api.js";
import { clock, count } from "./format.js";
import * as view from "./view.js";

const POLL = 10_000;
const POLL_WHILE_AWAY = 2_000;
const OFFLINE_AFTER = 10_000;
const RECONNECTING_AFTER = 2_000;
const SKELETON = { from: 200, until: 600 };
const PROJECTS = 10;

const { byId } = view;
const state = { me: undefined, updated: 0, awaySince: 0, timer: 0, busy: false, again: false };

start();

async function start() {
  wireTheme();
  wireCopying();
  byId("banner-close").addEventListener("click", () => (byId("banner").hidden = true));
  byId("sign-out").addEventListener("click", signOut);
  addEventListener("online", refresh);
  addEventListener("hashchange", () => void signInByTicket().then(refresh));
  document.addEventListener("visibilitychange", () => document.hidden || void refresh());
  setInterval(showFreshness, 1000);
  await signInByTicket();
  await refresh();
}

/** Ask for everything; one round at a time. */
async function refresh() {
  if (state.busy) {
    state.again = true;
    return;
  }
  state.busy = true;
  clearTimeout(state.timer);
  try {
    await Promise.all([refreshStatus(), refreshProjects()]);
  } finally {
    state.busy = false;
  }
  if (state.again) {
    state.again = false;
    return refresh();
  }
  state.timer = setTimeout(refresh, state.awaySince ? POLL_WHILE_AWAY : POLL);
}

async function refreshStatus() {
  try {
    const status = await call("GET", "status");
    await settled();
    arrived();
    for (const part of ["sites", "dependencies"]) view.showTrouble(part, "", null);
    view.showSites(status.sites);
    view.showDependencies(status.dependencies);
    summarize(status);
  } catch (error) {
    if (error instanceof Unreachable) state.awaySince ||= Date.now();
    await failed(error, ["sites", "Live sites"], ["dependencies", "What runs"]);
    if (!state.updated) view.showSummary("away", unknown(error));
    showFreshness();
  }
}

function unknown(error) {
  return error instanceof Unreachable ? "The API does not answer" : "The status did not load";
}

function summarize({ dependencies, sites }) {
  const broken = dependencies.filter(({ status }) => status !== "ok");
  if (broken.length === 0) {
    const online =
      sites.length === 0 ? "" : `, ${count(sites.length, "site is", "sites are")} live`;
    view.showSummary("ok", `Everything runs${online}`);
  } else if (broken.length === 1) {
    view.showSummary("failed", `${view.nameOf(broken[0].name)} does not answer`);
  } else {
    view.showSummary("failed", `${broken.length} of ${dependencies.length} do not answer`);
  }
}

async function refreshProjects() {
  try {
    if (state.me === null) return;
    if (state.me === undefined) showPerson(await call("GET", "me"));
    const { items } = await call("GET", `projects?limit=${PROJECTS}`);
    const rows = await Promise.all(items.map(withLastDeployment));
    await settled();
    view.showTrouble("projects", "", null);
    view.showProjects(rows);
  } catch (error) {
    if (error.status === 401) {
      await settled();
      showPerson(null);
      return;
    }
    await failed(error, ["projects", "Your projects"]);
  }
}

async function withLastDeployment(project) {
  const { items } = await call("GET", `projects/${project.id}/deployments?limit=1`);
  return { project, last: items[0] ?? null };
}

/** Who is signed in; null when it is known that nobody is. */
function showPerson(me) {
  state.me = me;
  byId("person").hidden = byId("sign-out").hidden = me === null;
  byId("person").textContent = me?.user.name ?? me?.user.login ?? "";
  if (me === null) {
    view.showTrouble("projects", "", null);
    view.showProjects(null);
  }
}

async function signInByTicket() {
  const ticket = new URLSearchParams(location.hash.slice(1)).get("ticket");
  if (!ticket) return;
  // Out of the address first: it must reach no history, bookmark or screenshot.
  history.replaceState(null, "", location.pathname + location.search);
  try {
    await call("POST", "auth/development", { ticket });
    const me = await call("GET", "me");
    showPerson(me);
    view.showBanner("done", `Signed in as ${me.user.name ?? me.user.login}.`, "");
  } catch (error) {
    const next = "For a new link run ./dev link and open the address that it prints.";
    if (error instanceof Unreachable) {
      view.showBanner("error", "Not signed in.", `There is ${error.message}. ${next}`);
    } else if (error.status === 401) {
      view.showBanner("error", "This link was used before or is too old.", next);
    } else {
      view.showBanner("error", "Not signed in.", `${sentence(error.message)} ${next}`);
    }
  }
}

async function signOut() {
  byId("sign-out").disabled = true;
  try {
    await call("POST", "auth/sign-out", {});
    showPerson(null);
    view.showBanner("done", "Signed out.", "");
  } catch (error) {
    if (error.status === 401) showPerson(null);
    else view.showBanner("error", "Not signed out.", `${sentence(error.message)} Try again.`);
  } finally {
    byId("sign-out").disabled = false;
  }
}

// An API that is away is said once, at the top, as long as there is something to read; an API
// that answers with an error is said in the part that misses its data.
async function failed(error, ...parts) {
  if (error instanceof Unreachable && state.updated) return;
  await settled();
  for (const [part, what] of parts) view.showTrouble(part, what, error, refresh);
}

function arrived() {
  if (state.awaySince && state.updated) view.announce("Reconnected.");
  state.updated = Date.now();
  state.awaySince = 0;
  byId("sign-out").disabled = false;
  showFreshness();
}

function showFreshness() {
  const away = state.awaySince ? Date.now() - state.awaySince : 0;
  let text = state.updated ? `Checked ${clock(state.updated)}` : "";
  if (away > OFFLINE_AFTER) {
    text = state.updated ? `Offline, showing ${clock(state.updated)}` : "Offline, trying every 2 s";
    byId("sign-out").disabled = true;
    byId("sign-out").title = "Not while offline";
    view.showSummary("away", "The API does not answer");
  } else if (away > RECONNECTING_AFTER) {
    text = "Reconnecting…";
  } else {
    byId("sign-out").removeAttribute("title");
  }
  byId("freshness").toggleAttribute("data-old", away > RECONNECTING_AFTER);
  if (byId("freshness").textContent !== text) byId("freshness").textContent = text;
}

// A skeleton that was seen stays long enough not to flicker.
function settled() {
  const now = performance.now();
  const seen = !state.updated && now > SKELETON.from && now < SKELETON.until;
  return seen ? new Promise((done) => setTimeout(done, SKELETON.until - now)) : undefined;
}

function wireTheme() {
  const select = byId("theme");
  select.value = document.documentElement.dataset.theme ?? "system";
  select.addEventListener("change", () => {
    const root = document.documentElement;
    if (select.value === "system") delete root.dataset.theme;
    else root.dataset.theme = select.value;
    try {
      localStorage.setItem("theme", select.value);
    } catch {
      // Kept for this visit only.
    }
  });
}

function wireCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.addEventListener("click", () => void copy(button));
  }
}

async function copy(button) {
  const [label, use] = [button.querySelector("span"), button.querySelector("use")];
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    use.setAttribute("href", "icons.svg#check");
    label.textContent = "Copied";
    view.announce("Copied.");
  } catch {
    // No permission: select it, so that the keyboard can copy.
    getSelection().selectAllChildren(button.parentElement.querySelector("code"));
    label.textContent = "Selected";
  }
  setTimeout(() => {
    label.textContent = "Copy command";
    use.setAttribute("href", "icons.svg#copy");
  }, 2000);
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
