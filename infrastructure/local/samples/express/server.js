// A server of one file: a page, and a clock that the server itself lets tick by server-sent events.
import { hostname } from "node:os";

import express from "express";

import { pageOf } from "./page.js";

const TICK_MS = 1000;
const app = express();
const begun = Date.now();
const clocks = new Set();
let requests = 0;

function facts() {
  return {
    time: new Date().toISOString(),
    requests,
    watching: clocks.size,
    seconds: Math.round((Date.now() - begun) / 1000),
  };
}

app.disable("x-powered-by");
app.get("/healthz", (request, response) => response.type("text").send("ok\n"));
app.use((request, response, next) => {
  requests += 1;
  next();
});
app.use(express.static("public"));

app.get("/", (request, response) => {
  const release = process.env.ASTROCLOUD_RELEASE_ID ?? "";
  response.send(pageOf({ host: request.get("host"), replica: hostname(), release, ...facts() }));
});

app.get("/clock", (request, response) => {
  response.set({ "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  clocks.add(response);
  request.on("close", () => clocks.delete(response));
});

function tick() {
  const event = `data: ${JSON.stringify(facts())}\n\n`;
  for (const clock of clocks) clock.write(event);
}

const ticking = setInterval(tick, TICK_MS);
// The platform says where to listen.
const server = app.listen(process.env.PORT ?? 8080, () => {
  console.log(JSON.stringify({ level: "info", message: `Listening at ${server.address().port}` }));
});

// A release that is replaced is told to end: what was begun is finished, browsers come back.
process.on("SIGTERM", () => {
  clearInterval(ticking);
  for (const clock of clocks) clock.end();
  server.close(() => console.log(JSON.stringify({ level: "info", message: "Good night" })));
});
