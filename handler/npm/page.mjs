// Looks at the status page in a real Chromium: node page.mjs BASE, where the fixture of handler/internal/status serves it.
// Prints a line of JSON for each check; ends with code 1 where one failed.
import { checks } from "./page_checks.mjs";
import { launch, open } from "./browser.mjs";

const base = process.argv[2];
const only = process.argv[3] ?? "";
const browser = await launch();
let failed = false;

// opened chooses what the fixture serves, and opens the page on it.
async function opened(fixture, options = {}) {
  await choose(fixture);
  return open(browser, `${base}/status${options.search ?? ""}`, options);
}

async function choose(fixture) {
  const response = await fetch(`${base}/fixture/${fixture}`, { method: "PUT" });
  if (response.status !== 204) throw new Error(`the fixture answered ${response.status}`);
}

for (const [name, check] of Object.entries(checks)) {
  if (!name.includes(only)) continue;
  try {
    console.log(JSON.stringify({ name, seen: await check(opened, choose) }));
  } catch (error) {
    failed = true;
    console.log(JSON.stringify({ name, failed: String(error.stack ?? error) }));
  }
}
await browser.close();
process.exitCode = failed ? 1 : 0;
