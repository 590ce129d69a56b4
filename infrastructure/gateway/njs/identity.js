// The gateway's own identity at Blob: Shared Key. A managed identity would put its bearer token
// into `authorization`, and nothing else would change: both modes are headers. No signature ever
// stands in an address, because nginx logs addresses.
import crypto from "crypto";

// What is signed, line by line: verb, content encoding, language, length, MD5, type, date,
// If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since, range; then ours.
function authorization(path, date, etag) {
  const text = [
    "GET",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    "",
    etag,
    "",
    "",
    "x-ms-date:" + date,
    "x-ms-version:" + settings.blob_version,
    "/" + settings.blob_account + path,
  ].join("\n");
  const key = Buffer.from(identity.key, "base64");
  const signature = crypto.createHmac("sha256", key).update(text).digest("base64");
  return "SharedKey " + settings.blob_account + ":" + signature;
}

// The two headers of a proxied object; nginx asks for them only when it really asks Blob.
function proxyDate(_r) {
  return new Date().toUTCString();
}

function proxyAuthorization(r) {
  const path = settings.blob_prefix + "/objects/" + r.variables.in_object;
  return authorization(path, r.variables.blob_date, "");
}

export default { authorization, proxyDate, proxyAuthorization };
