// How times, numbers and states are written. Nothing here touches the page.

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "always" });
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });
const clockFormat = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "long" });

/** Every state with the word and icon that show it; `active` ones are under way. */
export const STATES = {
  queued: { word: "Queued", icon: "clock", active: true },
  fetching: { word: "Fetching", icon: "arrow-down-to-line", active: true },
  building: { word: "Building", icon: "hammer", active: true },
  publishing: { word: "Publishing", icon: "cloud-upload", active: true },
  rolling_out: { word: "Rolling out", icon: "layers", active: true },
  ready: { word: "Ready", icon: "circle-check" },
  live: { word: "Live", icon: "radio" },
  failed: { word: "Failed", icon: "circle-x" },
  canceled: { word: "Canceled", icon: "ban" },
  superseded: { word: "Superseded", icon: "skip-forward" },
};

/** "4 minutes ago" up to 30 days, then the date. */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, (now - Date.parse(time)) / 1000);
  if (seconds > 30 * 86_400) return day.format(Date.parse(time));
  for (const [unit, size] of UNITS) {
    if (seconds >= size) return relative.format(-Math.floor(seconds / size), unit);
  }
  return seconds < 10 ? "just now" : relative.format(-Math.floor(seconds), "second");
}

/** Local time and UTC, for whoever points at a relative one. */
export function exact(time) {
  return `${full.format(Date.parse(time))} · ${new Date(time).toISOString().slice(0, 19)}Z`;
}

export function clock(time = Date.now()) {
  return clockFormat.format(time);
}

/** "1 site", "12 sites". */
export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** An address as people read it: without its scheme. */
export function plainAddress(url) {
  return url.replace(/^https?:\/\//, "").replace(/\/$/, "");
}
