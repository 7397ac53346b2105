// The page polls the document and shows it.

const interval = 2000, shortest = 500, hiddenInterval = 30_000, slowest = 30_000, patience = 10_000;
const staleAfter = 7000;

// The host's key may be in the address: it goes along as the header that the host reads, and nowhere else.
const parameters = new URLSearchParams(location.search);
const functionKey = parameters.get("code");
const view = {
  scope: parameters.get("scope") === "instance" ? "instance" : "fleet",
  query: parameters.get("q") ?? "",
  offset: Math.max(0, Number.parseInt(parameters.get("offset"), 10) || 0),
  limit: 20,
};
const poll = { timer: 0, abort: null, failures: 0, good: -Infinity, reorder: -Infinity };
const seen = { instance: "", states: new Map() };
// Whether a deployment's card is open, by what the operator did last; otherwise few are open and many are not.
const openWhenNew = { all: null };

const toDeployments = () => byID("deployments").focus({ preventScroll: true });
const lists = {};

function start() {
  lists.totals = keyed(byID("totals"), makeFact);
  lists.cards = keyed(byID("cards"), (item) => makeCard(item.open), toDeployments);
  lists.backends = inTable("backend-table", backendColumns, "Backends over all deployments", makeTotalsRow);
  lists.instances = inTable("instance-table", instanceColumns, "Instances", makeInstanceRow);
  lists.counter = keyed(byID("counter"), makeFact);
  lists.process = keyed(byID("process"), makeFact);
  controls();
  tickCountdowns();
  tickFreshness();
  ask();
}

function inTable(id, columns, caption, create) {
  const t = table(columns, caption);
  byID(id).append(t.node);
  return keyed(t.body, create);
}

function controls() {
  for (const input of document.getElementsByName("scope")) {
    input.checked = input.value === view.scope;
    input.addEventListener("change", () => go({ scope: input.value, offset: 0 }));
  }
  let typing = 0;
  const query = byID("query");
  query.value = view.query;
  query.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => go({ query: query.value.trim(), offset: 0 }), 200);
  });
  onPress("previous", () => go({ offset: Math.max(0, view.offset - view.limit) }));
  onPress("next", () => go({ offset: view.offset + view.limit }));
  onPress("open-all", () => openAll(true));
  onPress("close-all", () => openAll(false));
  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  addEventListener("online", ask);
}

function onPress(id, act) {
  const button = byID(id);
  button.addEventListener("click", () => { if (button.getAttribute("aria-disabled") !== "true") act(); });
}

function openAll(open) {
  openWhenNew.all = open;
  for (const card of byID("cards").children) card.open = open;
}

// go changes what is asked for, and keeps it in the address, so that a reload shows the same.
function go(change) {
  Object.assign(view, change);
  const address = new URL(location.href);
  const put = (name, value, usual) => (value === usual ? address.searchParams.delete(name) : address.searchParams.set(name, value));
  put("scope", view.scope, "fleet");
  put("q", view.query, "");
  put("offset", view.offset, 0);
  history.replaceState(null, "", address);
  poll.reorder = -Infinity;
  ask();
}

// ask gets the document now, instead of any other question under way.
async function ask() {
  clearTimeout(poll.timer);
  poll.abort?.abort();
  const abort = (poll.abort = new AbortController());
  const limit = setTimeout(() => abort.abort("late"), patience);
  try {
    const status = await get(abort.signal);
    if (poll.abort !== abort) return;
    poll.failures = 0;
    poll.good = performance.now();
    put(status);
    problem("");
  } catch (error) {
    if (poll.abort !== abort) return;
    poll.failures++;
    problem(reason(error));
  } finally {
    clearTimeout(limit);
    putFreshness();
    if (poll.abort === abort) poll.timer = setTimeout(ask, pause());
  }
}

// pause is the time to the next question: longer while nobody looks, and after each failure; shorter where a countdown
// ends before.
function pause() {
  const backedOff = Math.min(slowest, interval * 2 ** Math.max(0, poll.failures - 1));
  if (document.hidden) return Math.max(hiddenInterval, backedOff);
  if (poll.failures > 0) return backedOff;
  return Math.min(interval, Math.max(shortest, untilFirstDeadline() + 50));
}

async function get(signal) {
  const address = new URL("status.json", location.href);
  for (const [name, value] of Object.entries({ scope: view.scope, offset: view.offset, limit: view.limit, q: view.query })) {
    if (value !== "") address.searchParams.set(name, value);
  }
  const headers = functionKey ? { "x-functions-key": functionKey } : {};
  const response = await fetch(address, { headers, signal, cache: "no-store", redirect: "error" });
  if (!response.ok) throw Object.assign(new Error(`status.json answered ${response.status}`), { status: response.status });
  const status = await response.json();
  if (status.schema !== 1) throw Object.assign(new Error("this page is of another version than the server; load it again"), { status: 1 });
  return filled(status);
}

// filled has lists where the document has null.
function filled(status) {
  status.backends ??= [];
  status.deployments ??= [];
  for (const d of status.deployments) d.backends ??= [];
  status.fleet.instances ??= [];
  return status;
}

function reason(error) {
  if (error.status === 401 || error.status === 403) {
    return functionKey
      ? `The function key is wrong: the host refused it (${error.status}).`
      : `The function key is missing: the host refused to answer (${error.status}). Open this page with ?code= and the key.`;
  }
  if (error.status === 1) return `The figures cannot be shown: ${error.message}.`;
  if (error.status) return `The figures are stale: ${error.message}. Trying again.`;
  return "The figures are stale: the server does not answer. Trying again.";
}

// problem is read out at once, so its words change only when the problem does.
function problem(text) {
  const node = byID("problem");
  if (node.textContent !== text) node.replaceChildren(...(text ? [make("p", { class: "problem" }, icon("notice"), make("span", {}, text))] : []));
}

// put shows the document.
function put(status) {
  const now = performance.now();
  if (status.deployments.length === 0 && status.page.offset > 0 && status.page.count > 0) {
    go({ offset: Math.floor((status.page.count - 1) / view.limit) * view.limit });
    return;
  }
  for (const id of ["recent", "deployments", "backends", "instances", "inside"]) show(byID(id), true);
  putVerdict(status, now);
  setText(byID("recent-title"), `Last ${minutesOf(status.window)}`);
  lists.totals(totalsOf(status), factName);
  putDeployments(status, now);
  putPage(status.page, status.deployments.length);
  lists.backends(status.backends, (b) => b.name);
  setText(byID("fleet-text"), fleetWords(status.fleet));
  lists.instances(status.fleet.instances, (i) => i.id);
  setText(byID("counter-text"), counterWords[status.counter.state] ?? status.counter.state);
  lists.counter(counterFacts(status.counter), factName);
  setText(byID("process-text"), `${status.instance.id}, started ${startOf(status.instance)}`);
  lists.process(processFacts(status.process), factName);
  announce(status);
}

const fewCards = 6;
const calmTime = 30_000;

// putDeployments brings the busiest to the top only now and then, and never while somebody is at one of them.
function putDeployments(status, now) {
  const cards = byID("cards");
  const busy = cards.matches(":hover") || cards.contains(document.activeElement);
  const mayMove = poll.reorder === -Infinity || (!busy && now - poll.reorder > calmTime);
  if (mayMove) poll.reorder = now;
  const open = openWhenNew.all ?? status.deployments.length <= fewCards;
  const places = placesOf(status.backends);
  const items = status.deployments.map((d) => ({ d, open, places, step: status.window.step_seconds, now }));
  lists.cards(items, (i) => i.d.name, mayMove);
}

function putPage(page, shown) {
  const first = page.offset + 1, last = page.offset + shown;
  setText(byID("shown"), page.count === 0 ? "" : shown === page.count ? count(page.count) : `${count(first)} to ${count(last)} of ${count(page.count)}`);
  show(byID("empty"), shown === 0);
  setText(byID("empty"), view.query ? "No deployment's name has that in it." : "No calls yet. A deployment appears here with its first call.");
  show(byID("pages"), page.count > page.limit);
  setText(byID("page-number"), `Page ${count(Math.floor(page.offset / page.limit) + 1)} of ${count(Math.ceil(page.count / page.limit))}`);
  enable(byID("previous"), page.offset > 0);
  enable(byID("next"), last < page.count);
}

// enable leaves a button reachable: one that is disabled while it has the focus would lose it.
function enable(button, on) {
  setAttribute(button, "aria-disabled", String(!on));
}

// announce tells a screen reader of changes of state. Another instance may answer each time: its states are compared
// with its own only.
function announce(status) {
  const states = new Map();
  for (const d of status.deployments) {
    for (const b of d.backends) states.set(JSON.stringify([d.name, b.name]), { d: d.name, b: b.name, state: b.state });
  }
  const changes = [];
  if (seen.instance === status.instance.id) {
    for (const [key, s] of states) {
      const before = seen.states.get(key);
      if (before && before.state !== s.state) changes.push(`${isolated(cut(s.b))} ${doing[s.state] ?? `is ${s.state}`} for ${isolated(cut(s.d))}.`);
    }
  }
  seen.instance = status.instance.id;
  seen.states = states;
  if (changes.length === 0) return;
  const more = changes.length > 3 ? [`${count(changes.length - 3)} more changed.`] : [];
  setText(byID("announce"), [...changes.slice(0, 3), ...more].join(" "));
}

function tickFreshness() {
  putFreshness();
  setTimeout(tickFreshness, 1000);
}

// putFreshness says how old the figures are.
function putFreshness() {
  const age = performance.now() - poll.good;
  const level = poll.good === -Infinity ? "none" : age > staleAfter || poll.failures > 0 ? "stale" : "live";
  setAttribute(byID("fresh"), "data-level", level);
  const words = { none: poll.failures > 0 ? "No figures" : "Loading …", stale: `Stale, ${ago(age)}`, live: "Live" };
  setText(byID("fresh-text"), words[level]);
}

start();
