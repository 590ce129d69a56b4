// Everything that is not the usual request: `resolve` decides what a path of a host is, keeps the
// decision for `hot.js` and sends it; the rest are answers of the gateway's own.
import answers from "answers.js";
import apps from "apps.js";
import decision from "decision.js";
import manifest from "manifest.js";
import negotiation from "negotiation.js";
import routes from "routes.js";
import tools from "tools.js";

const SITE_MAX_BYTES = 65536; // as `object.conf` says it of bodies without a length
const STATUS = {
  unknown: 404,
  empty: 404,
  suspended: 403,
  outage: 503,
  busy: 429,
  too_large: 413,
  not_started: 503,
  stopped: 503,
};

async function resolve(r) {
  const v = r.variables;
  const found = await routes.find(r, v.host);
  if (found.route.kind === "dynamic") {
    return await app(r, v, found);
  }
  const stopped = found.route.kind === "stopped";
  if (!stopped && Number(r.headersIn["Content-Length"]) > SITE_MAX_BYTES) {
    return leave(r, special("too_large"));
  }
  if (r.method !== "GET" && r.method !== "HEAD" && !stopped) {
    return leave(r, found.route.kind === "outage" ? special("outage") : "method");
  }
  if (found.route.kind !== "static") {
    return leave(r, special(found.route.kind));
  }
  try {
    return await send(r, v, found);
  } catch (error) {
    v.gw_reason = "manifest: " + error.message;
    return leave(r, special("outage"));
  }
}

async function app(r, v, found) {
  apps.keep(v, found);
  if (await apps.take(r, v, found.route)) {
    r.return(423);
  } else {
    leave(r, special("not_started"));
  }
}

// After an address of an app did not answer.
async function again(r) {
  const v = r.variables;
  const status = apps.last(v.upstream_status) === "504" ? 504 : 502;
  v.gw_reason = "app: status " + status;
  if (!(await apps.again(r, v))) {
    leave(r, ["p", "down", status].join("\t"));
  }
}

async function probe(r) {
  if (!(await apps.probe(r, r.variables))) {
    r.variables.gw_reason = "app: no address accepts connections";
    leave(r, ["p", "down", 502].join("\t"));
  }
}

function special(kind) {
  return ["p", kind, STATUS[kind]].join("\t");
}

// Only paths that the release has go into the hot dictionary: a flood of others cannot fill it.
async function send(r, v, found) {
  const entry = await manifest.find(found.route, r.uri);
  if (entry.startsWith("r")) {
    return leave(r, entry);
  }
  if (!entry) {
    return await absent(r, v, found.route);
  }
  v.gw_object = decision.make(r, found.route, entry, false);
  if (v.gw_class !== "?") {
    tools.keepHot(v.gw_look, v.gw_object, found);
  }
  return same(r, v);
}

async function absent(r, v, route) {
  if (route.fallback && negotiation.wantsPage(r.uri, r.headersIn["Accept"])) {
    const page = await manifest.find(route, route.fallback);
    if (page.startsWith("o")) {
      v.gw_object = decision.make(r, route, page, false);
      return same(r, v);
    }
  }
  const missing = route.not_found ? await manifest.find(route, route.not_found) : "";
  if (missing.startsWith("o")) {
    v.gw_object = decision.make(r, route, missing, true);
    r.return(420);
    return;
  }
  leave(r, "p\tnot_found\t404");
}

// nginx itself answers If-None-Match, but not beside If-Modified-Since: it wants both to hold.
function same(r, v) {
  const tags = r.headersIn["If-None-Match"];
  if (
    tags !== undefined &&
    r.headersIn["If-Modified-Since"] !== undefined &&
    negotiation.matches(tags, decision.tag(v.gw_object))
  ) {
    leave(r, "unmodified");
  }
}

// What nginx cannot send from here is said in `answer`, which reads and drops a request's body.
// A body that is not small is not waited for: here the answer goes out before it.
function leave(r, what) {
  r.variables.gw_answer = what;
  if (r.variables.gw_streams) {
    r.headersOut["X-Content-Type-Options"] = "nosniff";
    answer(r);
  } else {
    r.return(419);
  }
}

function answer(r) {
  const f = r.variables.gw_answer.split("\t");
  if (f[0] === "unmodified") {
    Object.assign(r.headersOut, decision.headers(r.variables.gw_object));
    r.return(304);
  } else if (f[0] === "r") {
    answers.redirect(r, Number(f[1]), f[2]);
  } else if (f[0] === "method") {
    method(r);
  } else {
    apps.refuse(r, f[1], Number(f[2]));
  }
}

function method(r) {
  r.headersOut["Allow"] = "GET, HEAD";
  answers.page(r, "method", 405);
}

function unknownHost(r) {
  answers.page(r, "unknown", 404);
}

function outage(r) {
  if (!r.variables.gw_reason) {
    r.variables.gw_reason = "object: status " + r.variables.upstream_status;
  }
  answers.page(r, "outage", 503);
}

function tooLarge(r) {
  answers.page(r, "too_large", 413);
}

// A range that the file does not have. nginx has set the file's headers and Content-Range by now.
function range(r) {
  delete r.headersOut["ETag"];
  answers.page(r, "range", 416, "text/html");
}

// What nginx itself refuses, often before there is a host or a path.
function malformed(r) {
  refuse(
    r,
    400,
    "bad_request",
    "Bad request",
    "The request is not valid HTTP, or its headers are too large.",
  );
}

function tooLong(r) {
  refuse(r, 414, "too_long", "Address too long", "The address is too long. Send less in it.");
}

function refuse(r, status, code, title, detail) {
  if (/^\/(api|_blob)(\/|$)/.test(r.variables.request_uri || "")) {
    answers.problem(r, status, code, title, detail);
  } else {
    answers.page(r, code, status);
  }
}

function unavailable(r) {
  r.variables.gw_reason = "upstream: status " + r.variables.upstream_status;
  answers.problem(
    r,
    503,
    "unavailable",
    "Not available right now",
    "The service behind this address does not answer. Try again in a moment.",
  );
}

function apiTooLarge(r) {
  answers.problem(
    r,
    413,
    "too_large",
    "Too large",
    "The body is above " +
      settings.api_max_bytes +
      " bytes. Send files by an upload address instead.",
  );
}

function uploadTooLarge(r) {
  answers.problem(
    r,
    413,
    "too_large",
    "Too large",
    "The upload is above " +
      settings.upload_max_bytes +
      " bytes. Leave out what the site does not need.",
  );
}

function uploadMethod(r) {
  r.headersOut["Allow"] = "PUT";
  answers.problem(
    r,
    405,
    "method_not_allowed",
    "Method not allowed",
    "An upload address takes one PUT and nothing else.",
  );
}

function uploadUnsigned(r) {
  answers.problem(
    r,
    403,
    "upload_refused",
    "Upload refused",
    "The address is not a whole upload address. Use it exactly as the API gave it.",
  );
}

function uploadRefused(r) {
  r.variables.gw_reason = "upload: status " + r.variables.upstream_status;
  const status = r.variables.upstream_status === "409" ? 409 : 403;
  answers.problem(
    r,
    status,
    "upload_refused",
    "Upload refused",
    "The upload address has expired, was used, or was changed. Ask for a new one.",
  );
}

function noService(r) {
  answers.problem(
    r,
    404,
    "not_found",
    "Not found",
    "No service answers at this path. The API begins at /api/v1/.",
  );
}

export default {
  resolve,
  again,
  probe,
  answer,
  unknownHost,
  outage,
  method,
  tooLarge,
  range,
  malformed,
  tooLong,
  unavailable,
  apiTooLarge,
  uploadTooLarge,
  uploadMethod,
  uploadUnsigned,
  uploadRefused,
  noService,
};
