// The usual request: what a host and path are was decided before and is still fresh, so one look
// into a dictionary says which answer in the cache it is; a second look finds a tenant's app, which
// answers every path of its host. All else is in `gateway.js`.
// Each request has a JavaScript world of its own, made of all that its location imports: hence
// nothing is imported here. How a decision is written stands in `decision.js` and `apps.js`; before
// it stands until when nobody has to ask again, and until when it holds: 13 digits each.
const decisions = ngx.shared.hot;
const BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];

function find(r) {
  const v = r.variables;
  const kept = decisions.get(v.gw_look);
  if (kept !== undefined) {
    return fresh(v.gw_look, kept);
  }
  const key = "d" + v.host;
  const app = decisions.get(key);
  const decision = app === undefined ? "" : fresh(key, app);
  return decision && take(v, decision);
}

// When it is time, one request takes the long way and asks anew; others go on until the bound.
function fresh(key, kept) {
  const now = Date.now();
  if (now < kept.slice(0, 13)) {
    return kept.slice(26);
  }
  const until = kept.slice(13, 26);
  if (now < until) {
    renew(key, until + kept.slice(13), until - now);
  }
  return "";
}

function renew(key, kept, life) {
  try {
    decisions.set(key, kept, life);
  } catch (error) {
    return; // no room: the next one asks, too
  }
}

// From `<release>\t<robots>\t<address> …`: one address, the less busy of two drawn ones.
function take(v, app) {
  const f = app.split("\t");
  const addresses = f[2].split(" ");
  v.gw_robots = f[1];
  v.gw_peer = addresses.length === 1 ? addresses[0] : choose(f[0], addresses);
  begin(v, f[0], v.gw_peer);
  return "d";
}

function choose(release, addresses) {
  const first = draw(addresses);
  const second = draw(addresses);
  return busy(release, first) <= busy(release, second) ? first : second;
}

function draw(addresses) {
  return addresses[Math.floor(Math.random() * addresses.length)];
}

function busy(release, address) {
  const flights = ngx.shared.flights;
  return flights ? flights.get(gauge(release, address)) || 0 : 0;
}

// Requests in flight are counted by worker: only a worker itself may take its zeros away, and the
// gauges of one that was killed expire because it no longer touches them (`traffic.js`).
function gauge(release, address) {
  return process.pid + " " + release + " " + address;
}

function begin(v, release, address) {
  const flights = ngx.shared.flights;
  if (flights) {
    v.gw_taken = release + " " + address;
    add(flights, gauge(release, address), 1, 60000);
  }
}

// Asked for by the access log, so once for each request, however it ended.
function ended(r) {
  const v = r.variables;
  const release = v.gw_taken.slice(0, 36);
  const status = Number(v.status);
  add(ngx.shared.flights, process.pid + " " + v.gw_taken, -1, 60000);
  add(ngx.shared.traffic, release + bucket(duration(r, v, status)), 1);
  if (status >= 500) {
    add(ngx.shared.traffic, release + "errors", 1);
  }
  return "1";
}

// A zone that is full refuses: then this one request is not counted, and is answered all the same.
function add(zone, key, step, life) {
  try {
    zone.incr(key, step, 0, life);
  } catch (error) {
    return;
  }
}

// A stream or a WebSocket lasts as long as its client wants: its beginning is its latency.
function duration(r, v, status) {
  const type = r.headersOut["Content-Type"] || "";
  const stream = status === 101 || type.startsWith("text/event-stream");
  return (
    1000 *
    Number((stream && (v.upstream_header_time || "").split(/[ ,:]+/).pop()) || v.request_time)
  );
}

function bucket(milliseconds) {
  const found = BOUNDS.find(function (bound) {
    return milliseconds <= bound;
  });
  return found === undefined ? "more" : "le_" + found;
}

export default { find, ended, choose, begin, gauge, add };
