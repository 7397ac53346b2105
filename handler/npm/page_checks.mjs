// What must be so on the status page. A check opens the page on one of the fixture's documents and gives what it saw.
import { strict as assert } from "node:assert";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const live = (page) => page.locator("#fresh[data-level=live]").waitFor();
const text = async (page, selector) => (await page.locator(selector).innerText()).replace(/\s+/g, " ").trim();
const clean = (wrong, ...allowed) => assert.deepEqual(wrong.filter((w) => !allowed.some((a) => a.test(w))), []);
const sideways = (page) => page.evaluate(() => document.scrollingElement.scrollWidth - document.documentElement.clientWidth);

// polls waits until the page has asked n times more and shown what came.
async function polls(page, n) {
  for (let i = 0; i < n; i++) await page.waitForResponse((r) => r.url().includes("status.json"));
  await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); }));
}

async function accessible(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  const brief = (list) => list.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).slice(0, 4).join(" | ")}`);
  assert.deepEqual(brief(found.violations), []);
  return { rules: found.passes.length, undecided: brief(found.incomplete) };
}

export const checks = {
  async "says that everything is ready"(opened) {
    const { page, wrong, requests, close } = await opened("ready");
    await live(page);
    assert.equal(await text(page, "#verdict"), "Everything is ready; all calls served");
    assert.equal(await page.locator("#cards tbody tr").count(), 4);
    assert.match(await text(page, "#totals"), /Calls 1,200 .*Failovers 0 .*Throttled answers 0 .*Tokens in 877/);
    assert.match(await text(page, "#cards tbody tr >> nth=0"), /^westeurope Ready .*50 % of 50 % intended .*300 .*p50 184 ms .*618K of 1M tokens/);
    for (const role of ["banner", "main", "contentinfo", "search"]) assert.equal(await page.getByRole(role).count(), 1, role);
    await polls(page, 2);
    clean(wrong);
    await close();
    return `${requests.length} requests, all to the page's own origin`;
  },

  async "counts down between answers and tells a change of state once"(opened) {
    const { page, wrong, requests, close } = await opened("cooling");
    const left = page.locator("#cards .pill[data-state=cooling] .left");
    await left.waitFor();
    const watched = await page.evaluate(() => {
      window.told = [];
      const node = document.getElementById("announce");
      new MutationObserver(() => window.told.push(node.textContent)).observe(node, { childList: true, characterData: true, subtree: true });
      const shown = document.querySelector("#cards .pill[data-state=cooling] .left");
      window.ticks = [];
      new MutationObserver(() => window.ticks.push(Number.parseFloat(shown.textContent))).observe(shown, { childList: true, characterData: true, subtree: true });
      return document.getElementById("verdict").textContent;
    });
    assert.match(watched, /^eastus is cooling for gpt-5.4-mini, \d\.\d s left; all calls served$/);
    assert.match(await page.title(), /^1 not ready/);
    const asked = requests.length;
    await page.locator("#now[data-level=good]").waitFor();
    const { told, ticks } = await page.evaluate(() => ({ told: window.told, ticks: window.ticks }));
    assert.deepEqual(told.map((t) => t.replace(/[\u2068\u2069]/g, "")), ["eastus is ready for gpt-5.4-mini."]);
    assert.ok(ticks.length > 3 * (requests.length - asked), `it ticked ${ticks.length} times with ${requests.length - asked} answers`);
    ticks.slice(1).forEach((t, i) => assert.ok(t <= ticks[i], `it went up: ${ticks}`));
    clean(wrong);
    await close();
    return { ticks: ticks.length, from: ticks[0], to: ticks.at(-1) };
  },

  async "has no accessibility violation in light, dark and at 360 pixels"(opened) {
    const seen = {};
    const phone = { width: 360 }, dark = { colorScheme: "dark" };
    for (const [name, fixture, options] of [
      ["light", "mixed", {}], ["dark", "mixed", dark], ["phone", "mixed", phone], ["dark phone", "mixed", { ...phone, ...dark }],
      ["tablet", "mixed", { width: 900 }], ["hostile", "hostile", {}], ["hostile on a phone", "hostile", phone], ["many", "many", {}],
    ]) {
      const { page, wrong, close } = await opened(fixture, { reducedMotion: "reduce", ...options });
      await live(page);
      await page.locator(".words summary").click();
      seen[name] = await accessible(page);
      clean(wrong);
      await close();
    }
    return seen;
  },

  async "never scrolls sideways"(opened) {
    const widths = [320, 360, 640, 800, 801, 1024, 1120, 1121, 1280, 1920];
    for (const fixture of ["mixed", "hostile"]) {
      const { page, close } = await opened(fixture);
      await live(page);
      await page.locator("#open-all").click();
      for (const width of widths) {
        await page.setViewportSize({ width, height: 900 });
        assert.equal(await sideways(page), 0, `${fixture} at ${width}`);
      }
      await close();
    }
    return widths;
  },

  async "is used by keyboard alone"(opened) {
    const { page, wrong, close } = await opened("many");
    await live(page);
    const path = [];
    const tab = async (until) => {
      for (let i = 0; i < 60; i++) {
        await page.keyboard.press("Tab");
        const at = await page.evaluate(focused);
        path.push(at.name);
        assert.ok(at.visible, `the focus cannot be seen at ${at.name}`);
        if (at.name.startsWith(until)) return;
      }
      assert.fail(`no way to ${until}: ${path}`);
    };
    await tab("Skip to the deployments");
    await tab("scope fleet");
    await page.keyboard.press("ArrowLeft");
    assert.ok(await page.locator("input[value=instance]").isChecked());
    await tab("query");
    await page.keyboard.type("deployment-09");
    await page.locator("#shown", { hasText: "1 to 20 of 100" }).waitFor();
    await tab("summary deployment-0900");
    await page.keyboard.press("Enter");
    await page.locator("#cards tbody tr >> nth=9").waitFor();
    await page.keyboard.press("Space");
    await page.locator("#cards tbody tr").first().waitFor({ state: "detached" });
    await tab("Next");
    await page.keyboard.press("Enter");
    await page.locator("#shown", { hasText: "21 to 40 of 100" }).waitFor();
    assert.equal((await page.evaluate(focused)).name, "Next");
    for (let i = 0; i < 6; i++) await page.keyboard.press("Enter");
    await page.locator("#shown", { hasText: "81 to 100 of 100" }).waitFor();
    assert.equal((await page.evaluate(focused)).name, "Next");
    clean(wrong);
    await close();
    return `${new Set(path).size} places`;
  },

  async "changes in place: focus, scroll and what is open stay"(opened) {
    const { page, wrong, close } = await opened("mixed", { height: 500 });
    await live(page);
    await page.locator("#cards summary").nth(1).click();
    // A card that is closed lets go of its rows, when the browser gets round to it.
    await page.locator("#cards details").nth(1).locator("tbody tr").first().waitFor({ state: "detached" });
    await page.evaluate(() => {
      window.scrollTo(0, 300);
      window.nodes = [...document.querySelectorAll("#cards tr, #totals div, #instances tr, #counter div")];
      window.changed = new MutationObserver(() => {});
      window.changed.observe(document.body, { childList: true, subtree: true });
      window.elements = () => window.changed.takeRecords()
        .flatMap((r) => [...r.addedNodes, ...r.removedNodes]).filter((n) => n.nodeType === 1).length;
    });
    const before = await page.evaluate(() => ({ at: scrollY, focus: document.activeElement.tagName }));
    await polls(page, 3);
    const after = await page.evaluate(() => ({ at: scrollY, focus: document.activeElement.tagName }));
    assert.deepEqual(after, before);
    assert.ok(await page.evaluate(() => window.nodes.every((n) => n.isConnected)), "rows were made again");
    assert.equal(await page.evaluate(() => window.elements()), 0, "elements came and went");
    assert.deepEqual(await page.locator("#cards details").evaluateAll((all) => all.map((d) => d.open)), [true, false, true]);
    clean(wrong);
    await close();
    return { scrolled: after.at, focus: after.focus };
  },

  async "shows a page of 1,000 deployments at 10 backends"(opened) {
    const { page, wrong, close } = await opened("many");
    await live(page);
    assert.match(await text(page, "#verdict"), /^region-04 is cooling for deployment-0003, (5\d s|1 min 0 s) left; all calls served$/);
    assert.equal(await page.locator("#cards details").count(), 20);
    assert.equal(await page.locator("#cards tbody tr").count(), 0);
    await page.locator("#open-all").click();
    await page.locator("#cards tbody tr >> nth=199").waitFor();
    const rows = await page.locator("#cards tbody tr").count();
    const elements = await page.evaluate(() => document.querySelectorAll("*").length);
    assert.equal(rows, 200);
    await page.locator("#next").click();
    await page.locator("#cards h3", { hasText: "deployment-0020" }).waitFor();
    assert.equal(await text(page, "#page-number"), "Page 2 of 50");
    assert.equal(await page.locator("#cards details").count(), 20);
    await page.locator("#query").fill("deployment-0777");
    await page.locator("#shown", { hasText: /^1$/ }).waitFor();
    assert.equal(await page.locator("#cards tbody tr").count(), 10);
    assert.ok(await page.locator("#pages").isHidden());
    assert.match(page.url(), /q=deployment-0777/);
    await page.reload();
    await page.locator("#cards h3", { hasText: "deployment-0777" }).waitFor();
    await page.locator("#query").fill("nothing has this");
    await page.locator("#empty", { hasText: "No deployment's name has that in it." }).waitFor();
    clean(wrong);
    await close();
    return { rows, elements };
  },

  async "goes to the last page where the one asked for is no more"(opened) {
    const { page, wrong, close } = await opened("many", { search: "?offset=5000" });
    await page.locator("#page-number", { hasText: "Page 50 of 50" }).waitFor();
    clean(wrong);
    await close();
    return "page 50 of 50";
  },

  async "shows hostile names as text"(opened) {
    const { page, wrong, close } = await opened("hostile");
    await live(page);
    await page.locator("#open-all").click();
    await polls(page, 2);
    assert.equal(await page.locator("#cards img, #cards script, #cards u, #cards b, #backends i, main img").count(), 0);
    assert.doesNotMatch(await page.title(), /owned/);
    const names = await page.locator("#cards h3 bdi").allTextContents();
    assert.equal(names.length, 9);
    assert.equal(names[0], `<img src=x onerror="document.title='owned'">`);
    assert.equal(names[8], "__proto__");
    assert.equal(await text(page, "#cards h3 >> nth=5"), "* calls that name no deployment");
    const longest = await page.locator("#cards details").nth(3).evaluate((n) => n.querySelector("summary").getBoundingClientRect().height);
    assert.ok(longest < 200, `a long name takes ${longest} pixels`);
    clean(wrong);
    await close();
    return { names: names.length, longest };
  },

  async "says that the function key is missing or wrong, and passes it on as a header"(opened) {
    const refused = /status of 401/;
    const without = await opened("locked");
    await without.page.locator("#problem", { hasText: "The function key is missing" }).waitFor();
    clean(without.wrong, refused);
    await without.close();
    const wrongKey = await opened("locked", { search: "?code=another" });
    await wrongKey.page.locator("#problem", { hasText: "The function key is wrong" }).waitFor();
    await wrongKey.close();
    const key = "a+key/for=the==fixture";
    const { page, wrong, requests, close } = await opened("locked", { search: `?code=${encodeURIComponent(key)}` });
    await live(page);
    await page.locator("input[value=instance]").check();
    await polls(page, 1);
    assert.equal(new URL(page.url()).searchParams.get("code"), key);
    const asked = requests.filter((r) => r.url().includes("status.json"));
    assert.ok(asked.length > 1 && asked.every((r) => !r.url().includes("code=") && !r.headers().referer), "the key is in an address");
    clean(wrong);
    await close();
    return `${asked.length} questions with the header, none with the key in its address`;
  },

  async "says that figures are stale while the server is gone, and recovers by itself"(opened, choose) {
    const { page, wrong, close } = await opened("mixed");
    await live(page);
    const seen = [];
    for (const [fixture, words] of [["gone", "The figures are stale: the server does not answer"], ["failing", "The figures are stale: status.json answered 503"]]) {
      await choose(fixture);
      await page.locator("#problem", { hasText: words }).waitFor();
      await page.locator("#fresh[data-level=stale]").waitFor();
      assert.equal(await page.locator("#cards tbody tr").count(), 9, "the last figures are gone");
      seen.push(await text(page, "#fresh"));
    }
    await choose("mixed");
    await live(page);
    assert.equal(await page.locator("#problem").innerText(), "");
    clean(wrong, /ERR_EMPTY_RESPONSE|status of 503/);
    await close();
    return seen;
  },

  async "is still where motion is not wanted"(opened) {
    const { page, close } = await opened("mixed", { reducedMotion: "reduce" });
    await live(page);
    await polls(page, 2);
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await close();
    return "0 animations";
  },

  async "says that there were no calls yet"(opened) {
    const { page, wrong, close } = await opened("empty");
    await live(page);
    assert.equal(await text(page, "#verdict"), "Everything is ready; no calls in the last 5 minutes");
    assert.equal(await text(page, "#empty"), "No calls yet. A deployment appears here with its first call.");
    clean(wrong);
    await close();
    return "";
  },
};

// focused names what has the focus and says whether that can be seen. It runs in the page.
function focused() {
  const node = document.activeElement;
  const shown = node.matches("input[type=radio]") ? node.nextElementSibling : node;
  const style = getComputedStyle(shown);
  const box = shown.getBoundingClientRect();
  const name = node.matches("input[type=radio]") ? `scope ${node.value}`
    : node.id === "query" ? "query"
      : node.tagName === "SUMMARY" ? `summary ${node.querySelector("h3")?.textContent ?? node.textContent}` : node.textContent;
  return { name, visible: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0 };
}
