// Tenants' apps: which address a request goes to, again where it was refused, and waking those
// that sleep. The usual request is `hot.js`'s; here is what it does not find.
import answers from "answers.js";
import hot from "hot.js";
import routes from "routes.js";
import tools from "tools.js";
import wake from "wake.js";

const MOST_TRIES = 6; // nginx allows ten jumps between locations

const PROBLEMS = {
  down: [
    "app_unavailable",
    "The app does not answer",
    "The app behind this address did not answer. Try again in a moment.",
  ],
  not_started: [
    "app_not_started",
    "The app did not start",
    "The app behind this address was asleep and did not start in time. Try again in a moment.",
  ],
  stopped: ["app_stopped", "The app is stopped", "Its owner has stopped the app at this address."],
};

// The line that `hot.js` reads. Only an app that is awake is kept for it.
function keep(v, found) {
  const route = found.route;
  if (!route.asleep) {
    const line = [route.release, robots(route), route.addresses.join(" ")].join("\t");
    tools.keepHot("d" + v.host, line, found);
  }
}

function robots(route) {
  return route.noindex ? "noindex" : "";
}

// Give the request an address of this route; false where the app did not wake.
async function take(r, v, route) {
  v.gw_robots = robots(route);
  if (!route.asleep) {
    v.gw_peer = hot.choose(route.release, route.addresses);
    move(v, route.release, v.gw_peer);
    return true;
  }
  move(v, route.release, "asleep");
  const addresses = await wake.up(v, route.release);
  if (!addresses) {
    return false;
  }
  v.gw_peer = hot.choose(route.release, addresses);
  move(v, route.release, v.gw_peer);
  return true;
}

// A request is in flight at one address at a time.
function move(v, release, address) {
  if (v.gw_taken) {
    hot.add(ngx.shared.flights, process.pid + " " + v.gw_taken, -1, 60000);
  }
  hot.begin(v, release, address);
}

// After an address did not answer: true when the request has one to go to now.
async function again(r, v) {
  return repeatable(r, v, last(v.upstream_bytes_sent)) && (await next(r, v));
}

// Before a body that cannot be sent twice: true when its address accepts connections.
async function probe(r, v) {
  for (;;) {
    const reply = await r.subrequest("//probe");
    if (reply.status === 204) {
      return true;
    }
    if (!(await next(r, v))) {
      return false;
    }
  }
}

// Another address that the route names, else one of the release before it, else all of them again
// after a pause.
async function next(r, v) {
  const tries = Number(v.gw_tries) + 1;
  const since = Number(v.gw_since) || Date.now();
  v.gw_tries = String(tries);
  v.gw_since = String(since);
  v.gw_failed += " " + v.gw_peer;
  let route = (await routes.find(r, v.host)).route;
  if (route.kind !== "dynamic" || tries > MOST_TRIES) {
    return false;
  }
  wake.forget(route.release);
  const others = untried(v, route) || untried(v, before(route));
  if (others) {
    return await take(r, v, others);
  }
  if (!route.asleep) {
    if (Date.now() - since > settings.app_patience) {
      return false;
    }
    v.gw_failed = "";
    await tools.pause(25 * Math.pow(2, tries)); // 3 s in all, within the jumps that there are
    route = (await routes.find(r, v.host)).route;
  }
  return route.kind === "dynamic" && (await take(r, v, route));
}

// The route with those of its addresses that did not fail; null where all did.
function untried(v, route) {
  const failed = v.gw_failed.split(" ");
  const fresh = route.addresses.filter(function (address) {
    return failed.indexOf(address) < 0;
  });
  return fresh.length > 0 ? Object.assign({}, route, { addresses: fresh }) : null;
}

// What answered just before this release and drains now; without addresses where that is long ago.
function before(route) {
  const old = route.before;
  const helps = old && Date.now() < old.until;
  return Object.assign({}, route, helps ? old : { addresses: [] });
}

// A request that no byte was sent of may go anywhere; one that only reads may go once more. A body
// that streams is gone with the first try.
function repeatable(r, v, sent) {
  if (v.gw_streams) {
    return false;
  }
  if (sent === "0") {
    return true;
  }
  const reads = ["GET", "HEAD", "OPTIONS"].indexOf(r.method) >= 0;
  if (!reads || v.gw_repeated || last(v.upstream_status) === "504") {
    return false;
  }
  v.gw_repeated = "1";
  return true;
}

// Of a list that nginx has made of all tries.
function last(value) {
  return (value || "").split(/[ ,:]+/).pop();
}

// People get a page, programs get problem details.
function refuse(r, name, status) {
  const problem = PROBLEMS[name];
  if (!problem || (r.headersIn["Accept"] || "").indexOf("text/html") >= 0) {
    return answers.page(r, name, status);
  }
  answers.problem(r, status, problem[0], problem[1], problem[2]);
}

export default { keep, take, again, probe, refuse, last };
