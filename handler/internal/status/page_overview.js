// What a document says of the whole: the verdict, the totals, backends, instances, the counter and the process.

// putPieces shows a line of the verdict. As long as only times differ, nothing but the countdowns changes.
function putPieces(node, pieces) {
  const signature = JSON.stringify(pieces.map((p) => (p.deadline === undefined ? p : "time")));
  if (node.dataset.signature !== signature) {
    node.dataset.signature = signature;
    node.replaceChildren(...pieces.map((p) => {
      if (typeof p === "string") return p;
      return p.deadline === undefined ? bdi(p.name === "" ? "(no name)" : cut(p.name)) : make("span", { class: "left" });
    }));
  }
  const spans = node.querySelectorAll(":scope > .left");
  pieces.filter((p) => p.deadline !== undefined).forEach((p, i) => countDown(spans[i], p.deadline));
}

const mostNotes = 5;

function putVerdict(status, now) {
  const v = verdict(status, now);
  setAttribute(byID("now"), "data-level", v.level);
  setAttribute(byID("verdict-icon"), "href", `#i-${v.icon}`);
  putPieces(byID("verdict"), v.headline);
  const lines = v.notes.slice(0, mostNotes);
  if (v.notes.length > mostNotes) lines.push([`and ${count(v.notes.length - mostNotes)} more`]);
  const list = byID("notes");
  while (list.children.length > lines.length) list.lastElementChild.remove();
  lines.forEach((pieces, i) => putPieces(list.children[i] ?? list.appendChild(make("li")), pieces));
  show(list, lines.length > 0);
  const out = status.deployments.flatMap((d) => d.backends).filter((b) => isOut(b.state)).length;
  document.title = `${out > 0 ? `${count(out)} not ready` : "Status"} · Azure OpenAI load balancer`;
}

// makeFact is a figure with its name and a remark.
function makeFact() {
  const term = make("dt");
  const value = make("dd");
  const text = twoLines(value);
  const update = ([name, first, second = "", kind = ""]) => {
    setText(term, name);
    text(first, second);
    setAttribute(value, "data-kind", kind);
  };
  return { node: make("div", {}, term, value), update };
}

const factName = (fact) => fact[0];

function totalsOf(status) {
  const a = status.recent_answers;
  const all = calls(a);
  const part = (n) => (all > 0 ? `${percent(n / all)} of calls` : "");
  const used = (pick) => short(sum(status.backends.map((b) => pick(b.recent))));
  return [
    ["Calls", short(all), a.caller_left > 0 ? `${count(a.caller_left)} more left early` : ""],
    ["Failovers", short(a.failovers), a.failovers > 0 ? "served all the same" : "none needed"],
    ["Throttled answers", short(a.throttled), part(a.throttled), a.throttled > 0 ? "notice" : ""],
    ["Failed answers", short(a.failed), part(a.failed), a.failed > 0 ? "bad" : ""],
    ["Tokens in", used((f) => f.input_tokens)],
    ["Tokens out", used((f) => f.output_tokens)],
  ];
}

const backendColumns = [
  { name: "Backend", kind: "name" },
  { name: "Priority", kind: "number half" },
  { name: "Weight", kind: "number half" },
  { name: "Credential", kind: "credential" },
  { name: "Requests", kind: "number" },
  { name: "429s", kind: "number" },
  { name: "Failed", kind: "number" },
  { name: "Moved on", kind: "number" },
  { name: "Tokens", kind: "number wide" },
  { name: "First byte", kind: "number wide" },
];

const credentialWords = { __proto__: null, key: "Key from the settings", secret: "Key Vault secret", entra: "Entra token" };

function makeCredential(cell) {
  const use = makeSVG("use");
  const word = make("span");
  const more = make("span", { class: "second" }, bdi(""));
  const pill = make("span", { class: "pill" }, makeSVG("svg", { class: "icon", "aria-hidden": "true" }, use), word);
  cell.append(pill, more);
  return (c) => {
    setAttribute(pill, "data-state", c.ready ? "ready" : "broken");
    setAttribute(use, "href", c.ready ? "#i-ready" : "#i-broken");
    setText(word, c.ready ? "At hand" : "Not at hand");
    const parts = [credentialWords[c.kind] ?? c.kind];
    if (c.age_ms !== undefined) parts.push(`read ${ago(c.age_ms)}`);
    if (c.problem) parts.push(c.problem);
    setText(more.firstChild, parts.join(", "));
  };
}

function makeTotalsRow() {
  const { node, cells } = tableRow(backendColumns);
  const [name, priority, weight, credential, requests, throttled, failed, moved, used, first] = cells;
  const label = name.appendChild(bdi(""));
  const put = { credential: makeCredential(credential), failed: twoLines(failed), used: twoLines(used), first: twoLines(first) };
  const update = (b) => {
    setName(label, b.name);
    setText(priority, count(b.priority));
    setText(weight, b.weight === 0 ? "0, drained" : count(b.weight));
    put.credential(b.credential);
    setText(requests, count(b.recent.attempts));
    setText(throttled, count(b.recent.throttled));
    put.failed(...failures(b.recent));
    setText(moved, count(b.recent.moved_on));
    put.used(...tokens(b.recent));
    put.first(...firstByte(b.recent));
  };
  return { node, update };
}

const instanceColumns = [
  { name: "Instance", kind: "name" },
  { name: "Figures", kind: "number half" },
  { name: "Started", kind: "number half date" },
  { name: "Answered", kind: "number" },
  { name: "Failovers", kind: "number" },
  { name: "Throttled", kind: "number" },
  { name: "Failed", kind: "number" },
];

const dateTime = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

function startOf(instance) {
  const at = new Date(instance.started_at);
  return Number.isNaN(at.getTime()) ? "–" : dateTime.format(at);
}

function makeInstanceRow() {
  const { node, cells } = tableRow(instanceColumns);
  const [name, age, started, answered, failovers, throttled, failed] = cells;
  const label = name.appendChild(bdi(""));
  const self = name.appendChild(make("span", { class: "second", hidden: "" }, "answered this page"));
  const update = (i) => {
    setName(label, i.id);
    show(self, i.self);
    setText(age, i.self ? "now" : ago(i.age_ms));
    setText(started, startOf(i));
    setText(answered, count(calls(i.answers)));
    setText(failovers, count(i.answers.failovers));
    setText(throttled, count(i.answers.throttled));
    setText(failed, count(i.answers.failed));
  };
  return { node, update };
}

function fleetWords(fleet) {
  const seen = `${plural(fleet.instances.length + fleet.more, "instance")} with traffic in the last minutes`;
  const hidden = fleet.more > 0 ? `; ${count(fleet.more)} of them counted in and not listed` : "";
  switch (fleet.state) {
    case "alone": return "This instance knows of no others: without a table, each one shows itself alone.";
    case "unreachable": return `The table does not answer. What is known of others is ${duration(fleet.age_ms)} old.`;
    default: return `${seen}${hidden}. Answers are those since each one's start.`;
  }
}

const counterWords = {
  __proto__: null,
  shared: "Shared: instances take their turns from one table.",
  local: "On its fallback: storage does not answer, so each instance counts for itself.",
  memory: "In memory: instances do not share it.",
};

function counterFacts(c) {
  return [
    ["Claims", count(c.claims), "updates of a row"],
    ["Conflicts", count(c.conflicts), "another was first"],
    ["Failures", count(c.failures), "", c.failures > 0 ? "notice" : ""],
    ["Turns of the table", short(c.table_turns)],
    ["Local turns", short(c.local_turns), "", c.local_turns > 0 && c.kind === "table" ? "notice" : ""],
    ["Deployments", count(c.deployments), "with a count"],
  ];
}

function processFacts(p) {
  return [
    ["Heap", bytes(p.heap_bytes)],
    ["Memory", bytes(p.memory_bytes), "held of the system"],
    ["Goroutines", count(p.goroutines)],
    ["Bodies in memory", bytes(p.bodies_memory_bytes)],
    ["Bodies on disk", bytes(p.bodies_disk_bytes)],
  ];
}
