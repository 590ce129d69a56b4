import { mkdir, writeFile } from "node:fs/promises";

await mkdir("dist", { recursive: true });
await writeFile(
  "dist/index.html",
  "<!doctype html><title>Example</title><h1>Build script example</h1>",
);
