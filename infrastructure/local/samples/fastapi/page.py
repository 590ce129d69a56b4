"""The page as text. What comes from a request is escaped: a host name is anybody's to choose."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Hello from FastAPI</title>
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="description" content="A FastAPI server, put online by ./dev up" />
    <link rel="icon" href="/star.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/style.css" />
    <script src="/clock.js" defer></script>
  </head>
  <body>
    <main>
      <p class="kind">
        <img src="/star.svg" alt="" width="20" height="20" /> FastAPI on AstroCloud
      </p>
      <h1><time id="clock" datetime="{time}">{clock}</time></h1>
      <p class="lead">The server lets this clock tick: one message a second over a WebSocket.</p>
      <dl>
        <div><dt>Host</dt><dd>{host}</dd></div>
        <div><dt>Release</dt><dd>{release}</dd></div>
        <div><dt>Replica</dt><dd>{replica}</dd></div>
        <div><dt>Requests served</dt><dd id="requests">{requests}</dd></div>
      </dl>
    </main>
    <footer>
      Change <code>main.py</code>, then <code>./dev deploy</code>: visitors see no gap.
    </footer>
  </body>
</html>
"""


def page_of(*, host: str, replica: str, release: str, time: object, requests: object) -> str:
    """What a visitor sees."""
    return _PAGE.format(
        host=escape(host),
        replica=escape(replica),
        release=escape(release[:8]) or "of this folder",
        time=escape(str(time)),
        clock=escape(str(time)[11:19]),
        requests=escape(str(requests)),
    )
