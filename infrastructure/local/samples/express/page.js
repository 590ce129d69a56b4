// The page as text. What comes from a request is escaped: a host name is anybody's to choose.
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escaped(value) {
  return String(value ?? "").replace(/[&<>"']/g, (sign) => ENTITIES[sign]);
}

export function pageOf({ host, replica, release, requests, time }) {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Hello from Express</title>
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="description" content="An Express server, put online by ./dev up" />
    <link rel="icon" href="/star.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/style.css" />
    <script src="/clock.js" defer></script>
  </head>
  <body>
    <main>
      <p class="kind"><img src="/star.svg" alt="" width="20" height="20" /> Express on AstroCloud</p>
      <h1><time id="clock" datetime="${escaped(time)}">${escaped(time).slice(11, 19)}</time></h1>
      <p class="lead">The server lets this clock tick: one event a second over server-sent events.</p>
      <dl>
        <div><dt>Host</dt><dd>${escaped(host)}</dd></div>
        <div><dt>Release</dt><dd>${escaped(release).slice(0, 8) || "of this folder"}</dd></div>
        <div><dt>Replica</dt><dd>${escaped(replica)}</dd></div>
        <div><dt>Requests served</dt><dd id="requests">${escaped(requests)}</dd></div>
      </dl>
    </main>
    <footer>Change <code>server.js</code>, then <code>./dev deploy</code>: visitors see no gap.</footer>
  </body>
</html>
`;
}
