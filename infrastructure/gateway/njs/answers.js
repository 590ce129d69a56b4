// Everything that the gateway says itself: pages for people, problem details for programs.
// Pages come ready from `render.py`; only a host name is put in, escaped. What all of them carry
// is set in `gateway.conf`.

const STYLE =
  "default-src 'none'; style-src 'sha256-" +
  pages.style_hash +
  "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function page(r, name, status, type) {
  const host = (r.variables.host || "").replace(/[^a-z0-9.:_-]/g, "").slice(0, 253);
  r.headersOut["Content-Type"] = type || "text/html; charset=utf-8";
  r.headersOut["Cache-Control"] = "no-store";
  r.headersOut["Content-Security-Policy"] = STYLE;
  r.headersOut["Referrer-Policy"] = "no-referrer";
  r.headersOut["X-Robots-Tag"] = "noindex";
  if (status === 503 || status === 429) {
    r.headersOut["Retry-After"] = "5";
  }
  r.return(status, pages[name].split("{{host}}").join(host));
}

function problem(r, status, code, title, detail) {
  r.headersOut["Content-Type"] = "application/problem+json";
  r.headersOut["Cache-Control"] = "no-store";
  r.headersOut["X-Request-Id"] = r.variables.trace;
  if (status === 503) {
    r.headersOut["Retry-After"] = "2";
  }
  r.return(
    status,
    JSON.stringify({
      type: "about:blank",
      title: title,
      status: status,
      detail: detail,
      instance: path(r),
      code: code,
    }),
  );
}

// As it was asked for: what nginx refuses arrives here under a name of ours (`refusals.conf`).
function path(r) {
  const uri = r.variables.uri || "";
  return uri.startsWith("//") ? (r.variables.request_uri || "").split("?")[0] : uri;
}

function redirect(r, status, target) {
  const args = r.variables.args;
  const parts = /^([^#]*)(#.*)?$/.exec(target);
  const joined = args ? parts[1] + (parts[1].indexOf("?") < 0 ? "?" : "&") + args : parts[1];
  r.headersOut["Cache-Control"] = "public, max-age=0, must-revalidate";
  r.return(status, joined + (parts[2] || ""));
}

export default { page, problem, redirect };
