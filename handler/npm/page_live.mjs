// Watches the status page of a handler that is called all the time, while one of its two backends is throttled:
// node page_live.mjs STATUS_URL DEPLOYMENT BACKEND BACKEND_URL. BACKEND_URL answers the simulator's remote control.
// Prints what it saw as JSON; ends with code 1 where that is not as it should be.
import { strict as assert } from "node:assert";
import { launch, open } from "./browser.mjs";

const [address, deployment, backend, control] = process.argv.slice(2);
const asked = 6000;
const browser = await launch();
try {
  const { page, wrong } = await open(browser, address, { height: 1200 });
  const card = page.locator("#cards details", { has: page.locator("h3", { hasText: deployment }) });
  const row = card.locator("tbody tr", { has: page.locator("th", { hasText: backend }) });
  const share = async () => Number.parseFloat(await row.locator(".share .first").innerText());

  // Both take turns: one half is this backend's.
  await row.locator(".share .first", { hasText: /^(49|50|51) %$/ }).waitFor();
  await row.locator(".pill[data-state=ready]").waitFor();
  const before = { share: await share(), verdict: await page.locator("#verdict").innerText() };
  assert.equal(before.verdict, "Everything is ready; all calls served");

  await throttle();
  await row.locator(".pill[data-state=cooling]").waitFor();
  await row.evaluate((r) => {
    const left = r.querySelector(".left");
    window.ticks = [];
    new MutationObserver(() => window.ticks.push(Number.parseFloat(left.textContent)))
      .observe(left, { childList: true, characterData: true, subtree: true });
  });
  const verdict = await page.locator("#verdict").innerText();
  assert.match(verdict, new RegExp(`^${backend} is cooling for ${deployment}, \\d\\.\\d s left; all calls served$`));
  await row.locator(".pill[data-state=ready]").waitFor();

  const ticks = await page.evaluate(() => window.ticks);
  const during = await share();
  assert.ok(ticks.length > 10 && ticks[0] <= asked / 1000 && ticks.at(-1) < 1, `it counted down as ${ticks}`);
  ticks.slice(1).forEach((t, i) => assert.ok(t <= ticks[i] + 0.1, `it went up: ${ticks}`));
  assert.ok(during < before.share - 3, `its share was ${before.share} % and became ${during} %`);
  const facts = await page.locator("#totals dd .first").allInnerTexts();
  assert.deepEqual(facts.slice(1, 4), ["1", "0", "0"], "failovers, throttled and failed answers");
  assert.equal(await row.locator("td[data-label='429s']").innerText(), "1");
  // It takes its turns again.
  await page.waitForFunction(([r, low]) => Number.parseFloat(r.querySelector(".share .first").textContent) > low,
    [await row.elementHandle(), during]);
  assert.equal(await page.locator("#verdict").innerText(), before.verdict);
  assert.deepEqual(wrong, []);
  console.log(JSON.stringify({ verdict, ticks: ticks.length, from: ticks[0], to: ticks.at(-1), share: [before.share, during, await share()] }));
} finally {
  await browser.close();
}

async function throttle() {
  const step = [{ status: 429, header: { "retry-after-ms": String(asked) } }];
  const response = await fetch(`${control}/simulator/script`, { method: "POST", body: JSON.stringify(step) });
  assert.equal(response.status, 204, await response.text());
}
