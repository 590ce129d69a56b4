// Puts data onto the page: in place, keyed, so that nothing jumps and no focus is lost.

import { STATES, ago, count, exact, plainAddress } from "./format.js";

const TOAST = 6_000;
const NAMES = { "web pubsub": "Web PubSub", "blob storage": "Blob Storage" };

export const byId = (id) => document.getElementById(id);

/** An icon of the sprite. */
function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = svg.appendChild(document.createElementNS(space, "use"));
  use.setAttribute("href", `icons.svg#${name}`);
  return svg;
}

/** An element with attributes and children; text is always text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Icon and word of a state; `suffix` names the deployment. */
function chip(state, suffix = "") {
  const { word, icon: name, active } = STATES[state] ?? { word: state, icon: "clock" };
  const made = element("span", { class: "chip", "data-state": state }, icon(name), word + suffix);
  if (active) made.dataset.active = "";
  return made;
}

function when(time) {
  return element("time", { datetime: time, title: exact(time) }, ago(time));
}

function named(name, url) {
  return [
    element("a", { class: "name", href: url, title: name }, name),
    element("span", { class: "address muted", title: url }, plainAddress(url)),
  ];
}

/** Make a list's children those of `items`, replacing only what differs. */
function reconcile(list, items, key, build) {
  const known = new Map();
  for (const child of [...list.children]) {
    if (child.dataset.key === undefined)
      child.remove(); // a skeleton
    else known.set(child.dataset.key, child);
  }
  items.forEach((item, index) => {
    const fresh = build(item);
    fresh.dataset.key = key(item);
    const child = known.get(fresh.dataset.key) ?? fresh;
    known.delete(fresh.dataset.key);
    if (!child.isEqualNode(fresh)) updateChild(child, fresh);
    if (list.children[index] !== child) list.insertBefore(child, list.children[index] ?? null);
  });
  for (const gone of known.values()) gone.remove();
  list.closest("[aria-busy]")?.removeAttribute("aria-busy");
}

// Cell by cell, so that a link that has the focus keeps it while a time beside it changes.
function updateChild(child, fresh) {
  const cells = [...fresh.children];
  cells.forEach((cell, index) => {
    const old = child.children[index];
    if (!old) child.append(cell);
    else if (!old.isEqualNode(cell)) old.replaceWith(cell);
  });
  while (child.children.length > cells.length) child.lastElementChild.remove();
}

/** Sites that are online. */
export function showSites(sites) {
  const row = (site) =>
    element(
      "tr",
      {},
      element("td", {}, ...named(site.project, site.url)),
      element("td", {}, chip("live")),
      element("td", { class: "figure number" }, `#${site.deployment}`),
      element("td", { class: "figure" }, when(site.since)),
    );
  reconcile(byId("sites").tBodies[0], sites, (site) => site.url, row);
  byId("sites").hidden = sites.length === 0;
  byId("sites-empty").hidden = sites.length > 0;
  byId("sites-count").textContent = sites.length > 0 ? count(sites.length, "site") : "";
}

/** Projects with their last deployment; null where nobody is signed in. */
export function showProjects(projects) {
  const shown = projects ?? [];
  const row = ({ project, last }) =>
    element(
      "tr",
      {},
      element("td", {}, ...named(project.name, project.url)),
      element("td", {}, element("span", { class: "chips" }, ...projectChips(project, last))),
      element("td", { class: "figure" }, last ? when(last.created_at) : "–"),
    );
  reconcile(byId("projects").tBodies[0], shown, ({ project }) => project.id, row);
  byId("projects").hidden = shown.length === 0;
  byId("projects-empty").hidden = projects === null || shown.length > 0;
  byId("projects-signed-out").hidden = projects !== null;
  byId("projects-count").textContent = shown.length > 0 ? count(shown.length, "project") : "";
}

function projectChips(project, last) {
  const chips = [];
  if (project.live) chips.push(chip("live", ` #${project.live.number}`));
  if (last && last.id !== project.live?.deployment_id) {
    chips.push(chip(last.state, ` #${last.number}`));
  }
  return chips.length > 0 ? chips : ["Not deployed yet"];
}

/** How a dependency is written: the API has its name in lower case. */
export function nameOf(dependency) {
  return NAMES[dependency] ?? dependency.charAt(0).toUpperCase() + dependency.slice(1);
}

/** What the installation needs to work. */
export function showDependencies(dependencies) {
  const failed = dependencies.filter(({ status }) => status !== "ok");
  const row = ({ name, status, detail }) => {
    const works = status === "ok";
    const mark = element(
      "span",
      { class: "chip", "data-state": works ? "ok" : "failed" },
      icon(works ? "circle-check" : "circle-x"),
      works ? "Running" : "Not answering",
    );
    const line = element("span", { class: "line" }, element("span", {}, nameOf(name)), mark);
    const item = element("li", {}, line);
    if (!works && detail) item.append(element("p", { class: "detail" }, detail));
    return item;
  };
  // What fails stands first, whatever its name.
  const ordered = [...failed, ...dependencies.filter(({ status }) => status === "ok")];
  reconcile(byId("dependencies"), ordered, ({ name }) => name, row);
  byId("dependencies").hidden = false;
  const running = dependencies.length - failed.length;
  byId("dependencies-count").textContent = `${running} of ${dependencies.length}`;
}

/** The sentence at the top, and the same in the window's title. */
export function showSummary(kind, text) {
  const summary = byId("summary");
  const [state, name, mark] = {
    ok: ["ok", "circle-check", "✓ "],
    failed: ["failed", "circle-x", "✕ "],
    away: ["waiting", "refresh-cw", "… "],
  }[kind];
  summary.dataset.state = state;
  summary.querySelector("use").setAttribute("href", `icons.svg#${name}`);
  const words = summary.querySelector("span");
  if (words.textContent !== text) words.textContent = text;
  document.title = `${mark}${text} · AstroCloud`;
}

/** Say in a part of the page why it has no data; without an error the part is well. */
export function showTrouble(part, what, error, retry) {
  const place = byId(`${part}-trouble`);
  place.hidden = !error;
  if (!error) return;
  const id = error.requestId ? ` Request ${error.requestId}.` : "";
  const button = element("button", { type: "button" }, "Retry");
  button.addEventListener("click", retry);
  place.replaceChildren(element("p", {}, `${what} did not load: ${error.message}.${id}`), button);
  const table = byId(part);
  table.querySelectorAll(".bones").forEach((bone) => bone.remove());
  table.hidden = table.querySelector("[data-key]") === null;
  table.removeAttribute("aria-busy");
}

/** An error stands at the top until it is dismissed; what is done is said for a moment. */
export function showBanner(kind, title, text) {
  const banner = byId("banner");
  const name = kind === "error" ? "circle-x" : "circle-check";
  banner.dataset.kind = kind;
  byId("banner-icon").setAttribute("href", `icons.svg#${name}`);
  byId("banner-title").textContent = title;
  byId("banner-text").textContent = text;
  banner.hidden = false;
  announce(`${title} ${text}`);
  clearTimeout(leaving);
  if (kind !== "error") leaving = setTimeout(leave, TOAST);
}

let leaving = 0;

function leave() {
  const banner = byId("banner");
  if (banner.matches(":hover, :focus-within")) leaving = setTimeout(leave, TOAST);
  else banner.hidden = true;
}

/** Tell it to those who do not see it. */
export function announce(text) {
  byId("announcement").textContent = text;
}
