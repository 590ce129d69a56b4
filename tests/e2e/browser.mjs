// A Chromium for tests: the one that CHROME_PATH names, else the one of @sparticuz/chromium,
// unpacked once into this folder's node_modules.
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const HERE = dirname(fileURLToPath(import.meta.url));
const UNPACKED = join(HERE, "node_modules", ".cache", "chromium");
const BIN = join(HERE, "node_modules", "@sparticuz", "chromium", "bin");
// The sandbox needs privileges that containers seldom give; the pages are our own.
const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--font-render-hinting=none"];

// Without any font on the machine no text is drawn, so the package's own one is always there.
const FONTS = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${join(UNPACKED, "fonts")}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>${join(UNPACKED, "font-cache")}</cachedir>
</fontconfig>
`;

export async function launch() {
  if (process.env.CHROME_PATH) {
    return chromium.launch({ executablePath: process.env.CHROME_PATH, args: ARGUMENTS });
  }
  const executablePath = await unpacked();
  const env = { ...process.env, FONTCONFIG_FILE: join(UNPACKED, "fonts.conf") };
  try {
    return await chromium.launch({ executablePath, args: ARGUMENTS, env });
  } catch (error) {
    if (!/shared libraries/.test(String(error))) throw error;
    // Machines without libnss3 and its like take the ones that come with the package.
    const libraries = join(UNPACKED, "al2023", "lib");
    const path = [libraries, process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
    return chromium.launch({
      executablePath,
      args: ARGUMENTS,
      env: { ...env, LD_LIBRARY_PATH: path },
    });
  }
}

// The package unpacks into the temporary folder and takes half a file for a whole one, so it
// works in a folder of its own, which is moved into place when it is complete.
async function unpacked() {
  if (existsSync(UNPACKED)) return join(UNPACKED, "chromium");
  const draft = `${UNPACKED}.${process.pid}`;
  await mkdir(draft, { recursive: true });
  const temporary = process.env.TMPDIR;
  process.env.TMPDIR = draft;
  const { default: packed, inflate } = await import("@sparticuz/chromium");
  await packed.executablePath();
  await inflate(join(BIN, "al2023.tar.br"));
  await writeFile(join(draft, "fonts.conf"), FONTS);
  if (temporary === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = temporary;
  try {
    await rename(draft, UNPACKED);
  } catch {
    await rm(draft, { recursive: true }); // another test was first
  }
  return join(UNPACKED, "chromium");
}
