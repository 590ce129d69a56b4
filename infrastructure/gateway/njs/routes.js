// What a host is: its route, read from Blob, never older than the bound while Blob answers.
// Half the bound after a route was read it is asked for again, by one request alone; others go on
// with the old one until the bound itself. Paths and objects are not known here.
import blob from "blob.js";
import tools from "tools.js";

const UNKNOWN = { kind: "unknown" };
const OUTAGE = { kind: "outage" };
const BUSY = { kind: "busy" };

// A host's route, {route, life, rest}: after `life` one request asks anew, and a decision made from
// it holds for `rest`.
async function find(r, host) {
  if (host.length > 253 || !/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(host)) {
    return answer(UNKNOWN, settings.soft_age);
  }
  const until = Date.now() + 2 * settings.blob_timeout;
  let wait = 5;
  for (;;) {
    const known = read(host);
    const ready = usable(known, host) || refused(r, known);
    if (ready) {
      return ready;
    }
    if (lock("route " + host)) {
      return await revalidate(r, host, known);
    }
    const old = bearable(known, host);
    if (old) {
      return old;
    }
    if (Date.now() > until) {
      return outage(r, "route: waited too long for another request");
    }
    await tools.pause(wait);
    wait = Math.min(50, wait * 2);
  }
}

function answer(route, life, rest) {
  return { route: route, life: life, rest: rest === undefined ? life : rest };
}

function checked(route, age) {
  return answer(route, settings.soft_age - age, settings.route_max_age - age);
}

function outage(r, reason) {
  r.variables.gw_reason = reason;
  return answer(OUTAGE, 0);
}

function read(host) {
  const text = ngx.shared.routes.get(host);
  return text === undefined ? null : JSON.parse(text);
}

function age(known) {
  const value = Date.now() - known.checked;
  return value < 0 ? Infinity : value; // the clock was set back
}

// What may be used without asking: a fresh route, a host just found to be unknown, or, while
// Blob was just found out of reach, the old route until its grace ends.
function usable(known, host) {
  if (known && age(known) <= settings.soft_age) {
    return checked(known.route, age(known));
  }
  if (!known && ngx.shared.unknown.get("host " + host) !== undefined) {
    return answer(UNKNOWN, 0);
  }
  if (ngx.shared.state.get("pause " + host) === undefined) {
    return null;
  }
  return known && age(known) <= grace(known) ? answer(known.route, 50) : answer(OUTAGE, 0);
}

// An app's address may be another's later; a file is always the file.
function grace(known) {
  return known.route.kind === "dynamic" ? settings.app_grace : settings.grace;
}

// A client that asks for one unknown host after the other is not worth a look into Blob.
function refused(r, known) {
  if (known) {
    return null;
  }
  const asked = ngx.shared.counts.get(r.remoteAddress);
  return asked !== undefined && asked >= settings.unknown_rate ? answer(BUSY, 0) : null;
}

// What others go on with while one asks: a route within the bound, or any within its grace
// while asking fails.
function bearable(known, host) {
  if (!known) {
    return null;
  }
  const failing = ngx.shared.state.get("failing " + host) !== undefined;
  const bound = failing ? grace(known) : settings.route_max_age;
  return age(known) <= bound ? answer(known.route, 0) : null;
}

function lock(name) {
  try {
    return ngx.shared.state.add(name, "1", 3 * settings.blob_timeout);
  } catch (error) {
    return true; // the zone is full: rather ask twice than never
  }
}

async function revalidate(r, host, known) {
  const asked = Date.now();
  try {
    const reply = await blob.get("/routes/" + host + ".json", known ? known.etag : "");
    return settle(r, host, reply, asked);
  } catch (error) {
    return failed(r, host, error.message);
  } finally {
    ngx.shared.state.delete("route " + host);
  }
}

function settle(r, host, reply, asked) {
  if (reply.status === 404) {
    return vanished(r, host, asked);
  }
  const known = read(host);
  if (reply.status === 304 && known) {
    return remember(host, { checked: asked, etag: known.etag, route: known.route });
  }
  if (reply.status !== 200) {
    return failed(r, host, "status " + reply.status);
  }
  const route = parse(host, reply.text);
  if (older(route, known)) {
    return remember(host, { checked: asked, etag: known.etag, route: known.route });
  }
  return remember(host, { checked: asked, etag: reply.etag, route: route });
}

// A generation counts within one project: it never goes back.
function older(route, known) {
  return (
    known && known.route.project === route.project && route.generation < known.route.generation
  );
}

function remember(host, known) {
  ngx.shared.state.delete("failing " + host);
  const before = read(host);
  if (before && older(known.route, before)) {
    return answer(before.route, 0);
  }
  known.route.before = replaced(known.route, before && before.route);
  tools.keep(ngx.shared.routes, host, JSON.stringify(known));
  return checked(known.route, age(known));
}

// The app that answered until this route came. It drains for a while, so it helps out where the
// new one's address is not known yet on every way there.
function replaced(route, old) {
  const follows = old && old.kind === "dynamic" && old.project === route.project;
  if (!follows || route.kind !== "dynamic" || route.asleep) {
    return undefined;
  }
  if (old.release === route.release) {
    return old.before;
  }
  const until = Date.now() + settings.app_overlap;
  return { release: old.release, addresses: old.addresses, until: until };
}

function vanished(r, host, asked) {
  ngx.shared.routes.delete(host);
  tools.keep(ngx.shared.unknown, "host " + host, "1", settings.soft_age);
  try {
    ngx.shared.counts.incr(r.remoteAddress, 1, 0, 1000);
  } catch (error) {
    r.variables.gw_reason = "counter: " + error.message;
  }
  return answer(UNKNOWN, settings.soft_age - (Date.now() - asked));
}

// Blob is out of reach: the next try comes after a pause, and the old route serves on.
function failed(r, host, reason) {
  const known = read(host);
  tools.keep(ngx.shared.state, "pause " + host, "1", settings.soft_age);
  tools.keep(
    ngx.shared.state,
    "failing " + host,
    "1",
    settings.route_max_age + 3 * settings.blob_timeout,
  );
  r.variables.gw_reason = "route: " + reason;
  return known && age(known) <= grace(known) ? answer(known.route, 0) : answer(OUTAGE, 0);
}

// Only what is written here is believed: a route of another host, or half of one, is a failure.
function parse(host, text) {
  const value = JSON.parse(text);
  if (value.version !== 1 || value.host !== host || !Number.isInteger(value.generation)) {
    throw new Error("the route is not of this host and version");
  }
  if (["suspended", "stopped", "empty", "unknown"].indexOf(value.kind) >= 0) {
    return { kind: value.kind, generation: value.generation, project: value.project || "" };
  }
  if (!tools.identifier(value.project) || !tools.identifier(value.release)) {
    throw new Error("the route names no release");
  }
  return value.kind === "dynamic" ? app(value) : site(value);
}

function app(value) {
  const asleep = value.asleep === true;
  if (!asleep && !tools.addresses(value.addresses)) {
    throw new Error("the route has no addresses that are right");
  }
  return {
    kind: "dynamic",
    generation: value.generation,
    project: value.project,
    release: value.release,
    addresses: asleep ? [] : value.addresses,
    asleep: asleep,
    noindex: value.noindex === true,
  };
}

function site(value) {
  if (value.kind !== "static" || !Number.isInteger(value.shards) || value.shards < 1) {
    throw new Error("the route is incomplete");
  }
  return {
    kind: "static",
    generation: value.generation,
    project: value.project,
    release: value.release,
    shards: value.shards,
    not_found: value.not_found || "",
    fallback: value.fallback || "",
    noindex: value.noindex === true,
  };
}

export default { find, lock };
