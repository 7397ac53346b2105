// A real Chromium for the programs about the status page. CHROMIUM is the path of its executable.
import { chromium } from "playwright-core";

// launch starts it without a sandbox, which root cannot have, and without what it would ask the network for by itself.
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--disable-dev-shm-usage",
    ],
  });
}

// open gives a page at an address, and what it did that it should not: errors on the console, and requests to others.
export async function open(browser, address, { width = 1280, height = 900, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (m) => { if (["error", "warning"].includes(m.type())) wrong.push(`console: ${m.text()}`); });
  page.on("pageerror", (e) => wrong.push(`error: ${e.message}`));
  page.on("dialog", (d) => { wrong.push(`dialog: ${d.message()}`); d.dismiss(); });
  const requests = [];
  context.on("request", (r) => {
    const url = new URL(r.url());
    requests.push(r);
    if (url.protocol !== "data:" && url.origin !== new URL(address).origin) wrong.push(`request: ${r.url()}`);
  });
  await page.goto(address);
  return { page, wrong, requests, close: () => context.close() };
}
