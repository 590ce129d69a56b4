// Reading Blob: routes and manifests. Objects go through nginx's own proxy.
import own from "identity.js";

// A path within the account; `etag` asks only for what differs from it. Throws when Blob is out
// of reach, or sends nothing for as long as `js_fetch_timeout` says. That end is waited for: where a
// request ends before its fetch does, njs (0.9.9) later calls what is freed, and the worker dies.
async function get(path, etag) {
  const full = settings.blob_prefix + path;
  const date = new Date().toUTCString();
  const headers = {
    "x-ms-date": date,
    "x-ms-version": settings.blob_version,
    Authorization: own.authorization(full, date, etag || ""),
  };
  if (etag) {
    headers["If-None-Match"] = etag;
  }
  const reply = await ngx.fetch(settings.blob_origin + full, { headers: headers });
  const text = await reply.text();
  return { status: reply.status, etag: reply.headers.get("ETag") || "", text: text };
}

export default { get };
