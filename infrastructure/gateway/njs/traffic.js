// Tells the API how busy each release was. Every worker adds its gauges each second; one of them,
// whoever comes first in a period, sends the sums. What could not be sent is put back and counted
// to the next period; where nothing happened, nothing is sent. The counting is `hot.js`'s.
import tools from "tools.js";

const NAMES = ["le_5", "le_10", "le_25", "le_50", "le_100", "le_250", "le_500"].concat([
  "le_1000",
  "le_2500",
  "le_5000",
  "le_10000",
  "more",
]);
const ALL = 1000000;
const MANY = 200; // releases in one report
const LONGEST = 600000; // no report tells of more: what waited for longer came all the same

async function tick() {
  sample();
  if (ngx.shared.reports.add("turn", Date.now(), settings.traffic_period - 500)) {
    await report(Date.now());
  }
}

// No other worker touches these gauges, and no request runs meanwhile: a zero can go.
function sample() {
  const own = process.pid + " ";
  ngx.shared.flights.keys(ALL).forEach(function (key) {
    if (!key.startsWith(own)) {
      return;
    }
    const value = ngx.shared.flights.incr(key, 0, 0, 60000);
    if (value <= 0) {
      ngx.shared.flights.delete(key);
    } else {
      count(key.slice(own.length, own.length + 36) + "flights", value);
    }
  });
}

function count(key, value) {
  try {
    ngx.shared.traffic.incr(key, value, 0);
  } catch (error) {
    return; // the zone is full: this is lost rather than a request
  }
}

async function report(now) {
  const since = ngx.shared.reports.get("since") || now - settings.traffic_period;
  const taken = take();
  const period = Math.max(1, now - since);
  const releases = Object.keys(taken).map(function (release) {
    return entry(release, taken[release], period);
  });
  for (let from = 0; from < releases.length; from += MANY) {
    if (!(await send(period, releases.slice(from, from + MANY)))) {
      releases.slice(from).forEach(function (one) {
        putBack(one.release, taken[one.release]);
      });
      return;
    }
  }
  ngx.shared.reports.set("since", now);
}

// Each count leaves the dictionary as it is read, so none is lost and none is sent twice.
function take() {
  const found = {};
  ngx.shared.traffic.keys(ALL).forEach(function (key) {
    const value = ngx.shared.traffic.pop(key);
    if (value) {
      const release = key.slice(0, 36);
      found[release] = found[release] || {};
      found[release][key.slice(36)] = value;
    }
  });
  return found;
}

function putBack(release, counts) {
  Object.keys(counts).forEach(function (name) {
    count(release + name, counts[name]);
  });
}

function entry(release, counts, period) {
  const latency = {};
  let requests = 0;
  NAMES.forEach(function (name) {
    latency[name] = counts[name] || 0;
    requests += latency[name];
  });
  return {
    release: release,
    requests: requests,
    errors: counts.errors || 0,
    in_flight: Math.round((1000 * 1000 * (counts.flights || 0)) / period) / 1000,
    latency_ms: latency,
  };
}

async function send(period, releases) {
  const body = {
    gateway: name(),
    sequence: ngx.shared.reports.incr("sequence", 1, 0),
    period_ms: Math.min(period, LONGEST),
    releases: releases,
  };
  try {
    const reply = await tools.report("/api/gateway/traffic", body);
    return reply.status === 204 || reply.status === 200;
  } catch (error) {
    return false;
  }
}

// Random, and the same in all workers for as long as this nginx lives.
function name() {
  const drawn = [0, 0].map(function () {
    return Math.floor(Math.random() * 4294967296);
  });
  ["name1", "name2"].forEach(function (key, n) {
    ngx.shared.reports.add(key, drawn[n]);
  });
  return ["name1", "name2"]
    .map(function (key) {
      return ngx.shared.reports.get(key).toString(16).padStart(8, "0");
    })
    .join("");
}

export default { tick };
