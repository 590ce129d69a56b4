import os
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

port = int(os.environ.get("PORT", "8000"))
ThreadingHTTPServer(("", port), SimpleHTTPRequestHandler).serve_forever()
