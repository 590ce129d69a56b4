// What a path of a release is. A release never changes, so what was read stays true for ever;
// only a shard that names a path, or that lacks it, decides: an evicted entry is read again.
// An entry is packed into one line of fields divided by tabs:
//   o  form  type  cache  gzip-form|-  br-form|-     a form: `s` or `l` (its size), then its digest
//   r  status  target
import crypto from "crypto";
import blob from "blob.js";
import routes from "routes.js";
import tools from "tools.js";

// The packed entry, or '' where the release has no such path. Throws when Blob does not answer.
async function find(route, path) {
  const key = route.release + path;
  const known = ngx.shared.paths.get(key);
  if (known !== undefined) {
    return known;
  }
  if (ngx.shared.unknown.get(key) !== undefined) {
    return "";
  }
  const entry = pick(await shard(route, number(path, route.shards)), path);
  if (entry) {
    tools.keep(ngx.shared.paths, key, entry);
  } else {
    tools.keep(ngx.shared.unknown, key, "1");
  }
  return entry;
}

function number(path, shards) {
  const digest = crypto.createHash("md5").update(path).digest("hex");
  return parseInt(digest.slice(0, 8), 16) % shards;
}

function pick(lines, path) {
  const head = "\n" + path + "\t";
  const from = /[\x00-\x1f]/.test(path) ? -1 : lines.indexOf(head);
  if (from < 0) {
    return "";
  }
  return lines.slice(from + head.length, lines.indexOf("\n", from + head.length));
}

// A shard as lines, each begun and ended by a line feed; read by one request, awaited by others.
async function shard(route, n) {
  const name = route.project + "/" + route.release + "/" + n;
  const until = Date.now() + 2 * settings.blob_timeout;
  let wait = 5;
  for (;;) {
    const lines = ngx.shared.shards.get(name);
    if (lines !== undefined) {
      return lines;
    }
    if (routes.lock("shard " + name)) {
      return await load(name);
    }
    if (Date.now() > until) {
      throw new Error("waited too long for another request");
    }
    await tools.pause(wait);
    wait = Math.min(50, wait * 2);
  }
}

async function load(name) {
  try {
    const reply = await blob.get("/manifests/" + name + ".json", "");
    if (reply.status !== 200) {
      throw new Error("status " + reply.status);
    }
    const lines = compile(JSON.parse(reply.text), name.slice(0, 36));
    tools.keep(ngx.shared.shards, name, lines);
    return lines;
  } finally {
    ngx.shared.state.delete("shard " + name);
  }
}

function compile(value) {
  if (value.version !== 1) {
    throw new Error("the manifest has an unknown version");
  }
  const lines = [""];
  Object.keys(value.paths).forEach(function (path) {
    const entry = /[\x00-\x1f]/.test(path) ? "" : pack(value.paths[path]);
    if (entry) {
      lines.push(path + "\t" + entry);
    }
  });
  lines.push("");
  return lines.join("\n");
}

// What cannot be true is left out rather than guessed: then the path is not there.
function pack(entry) {
  if (entry.r) {
    return redirect(entry.r[0], entry.r[1]);
  }
  if (!tools.hash(entry.d) || !tools.header(entry.t, 512)) {
    return "";
  }
  const cache = tools.header(entry.c, 512) ? entry.c : "public, max-age=0, must-revalidate";
  const forms = entry.e || {};
  return ["o", form([entry.d, entry.s]), entry.t, cache, form(forms.gzip), form(forms.br)].join(
    "\t",
  );
}

// Small is what fits one of nginx's output buffers (32 KB): `nginx.conf` sends that from memory.
function form(value) {
  if (!value || !tools.hash(value[0])) {
    return "-";
  }
  return (value[1] <= 32768 ? "s" : "l") + value[0];
}

function redirect(status, target) {
  if ([301, 302, 303, 307, 308].indexOf(status) < 0 || typeof target !== "string") {
    return "";
  }
  // encodeURI would encode a percent sign again.
  const safe = encodeURI(target).replace(/%25/g, "%");
  return tools.header(safe, 1024) ? ["r", status, safe].join("\t") : "";
}

export default { find };
