// Small checks and helpers of all modules: what may be an identifier, a digest, a header; waiting;
// keeping. Nothing here knows hosts or paths. (`settings`, `identity` and `pages` are global,
// read-only and shared by all requests: nginx preloads them, `render.py` writes them.)
// Expressions end by `(?![^])`: here `$` would also match before a line feed at the end.

function hash(digest) {
  return /^[0-9a-f]{64}(?![^])/.test(digest);
}

function identifier(value) {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?![^])/.test(value);
}

// A value that may stand in a response header: printable ASCII, so no line can be added; and no
// longer than `most`, because a cached answer's name and headers share one buffer of 3900 bytes.
function header(value, most) {
  return typeof value === "string" && value.length <= most && /^[\x20-\x7e]+(?![^])/.test(value);
}

function pause(milliseconds) {
  return new Promise(function (resolve) {
    setTimeout(resolve, milliseconds);
  });
}

// A zone that is full refuses what cannot be made room for: then the value is just not kept.
// The third argument is the life of the entry; without it the zone's own holds.
function keep(zone, key, value, life) {
  try {
    if (life === undefined) {
      zone.set(key, value);
    } else {
      zone.set(key, value, Math.max(1, Math.floor(life)));
    }
    return true;
  } catch (error) {
    return false;
  }
}

// For `hot.js`: a decision, in front of it when to ask again and when it ends.
function keepHot(key, decision, found) {
  const now = Date.now();
  if (found.life >= 1) {
    const times = [found.life, found.rest].map(function (left) {
      return String(Math.floor(now + left));
    });
    keep(ngx.shared.hot, key, times.join("") + decision, found.rest);
  }
}

// Where an app answers: numbers and a port, so that nginx never asks a resolver.
function addresses(value) {
  return Array.isArray(value) && value.length > 0 && value.length <= 1000 && value.every(address);
}

function address(value) {
  const found = /^(\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]{2,39}\]):(\d{1,5})(?![^])/.exec(value);
  if (typeof value !== "string" || !found || Number(found[2]) < 1 || Number(found[2]) > 65535) {
    return false;
  }
  return found[1][0] === "[" || found[1].split(".").every((part) => Number(part) <= 255);
}

// Something is told or asked of the API app; `settings.api_origin` is where it listens.
async function report(path, body) {
  const reply = await ngx.fetch(settings.api_origin + path, {
    method: "POST",
    headers: {
      Authorization: "Bearer " + identity.gateway_key,
      "Content-Type": "application/json",
    },
    body: JSON.stringify(body),
  });
  return { status: reply.status, text: await reply.text() };
}

export default { hash, identifier, header, addresses, pause, keep, keepHot, report };
