// The app of these tests. Its start command's variables tell how it behaves: LATE (milliseconds
// before it listens), LISTEN (another port than PORT), EXIT (ends at once with this code), EAT (MiB
// to take), HEALTH (status of /health).
const { createServer } = require("node:http");
const { env, argv } = process;

const burn = (milliseconds) => {
  const until = Date.now() + milliseconds;
  while (Date.now() < until);
};

const server = createServer((request, answer) => {
  const url = new URL(request.url, "http://app");
  const milliseconds = Number(url.searchParams.get("ms"));
  answer.setHeader("X-Release", env.ASTROCLOUD_RELEASE_ID);
  answer.setHeader("X-Pod", env.HOSTNAME);
  if (url.pathname === "/health") answer.statusCode = Number(env.HEALTH || 200);
  if (url.pathname === "/burn") burn(milliseconds);
  if (url.pathname === "/exit") process.exit(Number(url.searchParams.get("code")));
  if (url.pathname === "/wait") setTimeout(() => answer.end("waited"), milliseconds);
  else answer.end(env.VERSION || "one");
});
process.on("SIGTERM", () => {
  if (!server.listening) process.exit(0);
  server.close(() => process.exit(0));
});

if (env.EAT) {
  console.log("taking memory");
  globalThis.kept = Buffer.alloc(Number(env.EAT) * 2 ** 20, 1);
}
if (env.EXIT) {
  console.error("no database at db.example:5432");
  process.exit(Number(env.EXIT));
}
if (argv[2] === "worker") {
  setInterval(() => {}, 1000);
  console.log("working");
} else {
  setTimeout(() => server.listen(env.LISTEN || env.PORT), Number(env.LATE || 0));
}
