// The status page over HTTP as the gateway serves it, with an API whose answers a test chooses.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const PAGE = fileURLToPath(new URL("../../../frontend/status-page/", import.meta.url));
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};
const POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'";

const ago = (seconds) => new Date(Date.now() - seconds * 1000).toISOString();
const deployment = (number, state, seconds) => ({
  id: `d${number}`,
  number,
  state,
  created_at: ago(seconds),
});

/** An installation in which everything works; tests change what they are about. */
export function world() {
  return {
    away: false,
    slow: false,
    failing: null,
    signedIn: false,
    stale: false,
    requests: [],
    status: {
      status: "ok",
      dependencies: ["postgres", "redis", "blob storage", "queues", "kafka", "web pubsub"].map(
        (name) => ({ name, status: "ok", detail: null }),
      ),
      sites: [
        { project: "hello", url: "http://hello.apps.localhost:8080", deployment: 1, since: ago(7) },
        {
          project: "shop",
          url: "http://shop.apps.localhost:8080",
          deployment: 42,
          since: ago(250),
        },
        {
          project: "docs",
          url: "http://docs.apps.localhost:8080",
          deployment: 7,
          since: ago(200_000),
        },
      ],
    },
    projects: [
      {
        id: "p1",
        name: "Shop",
        url: "http://shop.apps.localhost:8080",
        live: { deployment_id: "d42", number: 42 },
        last: deployment(43, "building", 12),
      },
      {
        id: "p2",
        name: "Docs",
        url: "http://docs.apps.localhost:8080",
        live: { deployment_id: "d7", number: 7 },
        last: deployment(7, "ready", 200_000),
      },
      {
        id: "p3",
        name: "Landing",
        url: "http://landing.apps.localhost:8080",
        live: null,
        last: deployment(3, "failed", 4_000),
      },
      { id: "p4", name: "Notes", url: "http://notes.apps.localhost:8080", live: null, last: null },
    ],
  };
}

/** Serve a world; answers its address and how to end it. */
export async function serve(current) {
  const server = createServer((request, response) => {
    void answer(current, request, response);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const end = () => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  };
  return { url: `http://localhost:${server.address().port}`, end };
}

async function answer(current, request, response) {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname.startsWith("/api/v1/")) {
    current.requests.push(`${request.method} ${pathname.slice(8)}`);
    if (current.away) request.socket.destroy();
    else await answerApi(current, request, response, pathname.slice(8));
    return;
  }
  const path = normalize(pathname === "/" ? "/index.html" : pathname);
  const headers = { "Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff" };
  try {
    const body = await readFile(join(PAGE, path));
    response.writeHead(200, { ...headers, "Content-Type": TYPES[extname(path)] ?? "text/plain" });
    response.end(body);
  } catch {
    response.writeHead(404, { ...headers, "Content-Type": TYPES[".html"] });
    response.end(await readFile(join(PAGE, "404.html")));
  }
}

async function answerApi(current, request, response, path) {
  let text = "";
  for await (const part of request) text += part;
  while (current.slow) await new Promise((again) => setTimeout(again, 20));
  const say = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": "req-7f3" });
    response.end(status === 204 ? undefined : JSON.stringify(body));
  };
  if (current.failing?.[path]) {
    say(500, { code: "internal_error", detail: current.failing[path] });
  } else if (path === "status") {
    say(200, current.status);
  } else if (path === "auth/development") {
    current.signedIn = JSON.parse(text).ticket === "good";
    if (current.signedIn) say(200, { access_token: "a", refresh_token: "r", expires_in: 900 });
    else say(401, { code: "invalid_ticket", detail: "The ticket was used before" });
  } else if (path === "auth/refresh" && current.signedIn) {
    current.stale = false;
    say(200, { access_token: "a", refresh_token: "r", expires_in: 900 });
  } else if (!current.signedIn || current.stale) {
    say(401, { code: "unauthenticated", detail: "Sign in first" });
  } else if (path === "auth/sign-out") {
    current.signedIn = false;
    say(204);
  } else if (path === "me") {
    say(200, { user: { id: "u", login: "dev", name: "Local developer" }, accounts: [] });
  } else if (path === "projects") {
    say(200, { items: current.projects, next_cursor: null });
  } else {
    const { last } = current.projects.find(({ id }) => path === `projects/${id}/deployments`);
    say(200, { items: last ? [last] : [], next_cursor: null });
  }
}
