// Reading Blob: routes and manifests. Objects go through nginx's own proxy.
import own from "identity.js";

// A path within the account; `etag` asks only for what differs from it. Throws when Blob is out
// of reach or slower than the bound: headers and body together.
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
  let timer;
  const bound = new Promise(function (resolve, reject) {
    timer = setTimeout(function () {
      reject(new Error("no answer in time"));
    }, settings.blob_timeout);
  });
  try {
    return await Promise.race([read(settings.blob_origin + full, headers), bound]);
  } finally {
    clearTimeout(timer); // a request ends only when nothing of it is pending
  }
}

async function read(address, headers) {
  const reply = await ngx.fetch(address, { headers: headers });
  const text = await reply.text();
  return { status: reply.status, etag: reply.headers.get("ETag") || "", text: text };
}

export default { get };
