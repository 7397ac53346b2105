// Opens a status page and waits until it is live and shows texts: node page_shows.mjs URL TEXT… Prints its verdict; ends
// with code 1 where a text does not come, or where the page did what it should not.
import { strict as assert } from "node:assert";
import { launch, open } from "./browser.mjs";

const [address, ...texts] = process.argv.slice(2);
const browser = await launch();
try {
  const { page, wrong } = await open(browser, address);
  await page.locator("#fresh[data-level=live]").waitFor();
  for (const text of texts) await page.getByText(text).first().waitFor();
  assert.deepEqual(wrong, []);
  console.log(await page.locator("#verdict").innerText());
} finally {
  await browser.close();
}
