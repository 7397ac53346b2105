// Takes a picture of a status page: node page_picture.mjs URL FILE.png [light|dark] [WIDTH] [STATE] [HEIGHT]. With a STATE it
// waits up to five minutes until a backend is in it; with a HEIGHT it takes no more than that of the page.
import { launch, open } from "./browser.mjs";

const [address, file, colorScheme = "light", width = "1280", state = "", height = ""] = process.argv.slice(2);
const browser = await launch();
try {
  const { page, wrong } = await open(browser, address, { width: Number(width), colorScheme, reducedMotion: "reduce", deviceScaleFactor: 2 });
  await page.locator("#fresh[data-level=live]").waitFor();
  if (state) await page.locator(`#cards tbody .pill[data-state=${state}]`).first().waitFor({ timeout: 300_000 });
  await page.screenshot({ path: file, fullPage: height === "", ...(height && { clip: { x: 0, y: 0, width: Number(width), height: Number(height) } }) });
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
} finally {
  await browser.close();
}
