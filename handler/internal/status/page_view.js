// What a document says, put into the page.

const columns = [
  { name: "Backend", kind: "name" },
  { name: "State", kind: "state" },
  { name: "Share", kind: "share" },
  { name: "Requests", kind: "number requests" },
  { name: "429s", kind: "number" },
  { name: "Failed", kind: "number" },
  { name: "Moved on", kind: "number" },
  { name: "Tokens", kind: "number wide" },
  { name: "First byte", kind: "number wide" },
  { name: "Last 5 min", kind: "chart" },
  { name: "Headroom", kind: "room" },
];

const chartColumn = columns.findIndex((c) => c.kind === "chart");

// makeState gives a state by shape and words; its time runs down by itself.
function makeState(cell) {
  const use = makeSVG("use");
  const word = make("span");
  const left = make("span", { class: "left" });
  const cause = make("span", { class: "second", hidden: "" });
  const pill = make("span", { class: "pill" }, makeSVG("svg", { class: "icon", "aria-hidden": "true" }, use), make("span", {}, word, left));
  cell.append(pill, cause);
  return (b, now) => {
    const known = b.state in stateWords;
    setAttribute(pill, "data-state", known ? b.state : "unknown");
    setAttribute(use, "href", `#i-${known ? b.state : "notice"}`);
    setText(word, `${stateWords[b.state] ?? b.state} `);
    countDown(left, isTimed(b.state) ? now + (b.remaining_ms ?? 0) : null);
    show(left, isTimed(b.state));
    setText(cause, [b.cause ? (causeWords[b.cause] ?? b.cause) : "", b.state === "broken" ? "next probe then" : ""].filter(Boolean).join(", "));
    show(cause, isOut(b.state) && cause.textContent !== "");
  };
}

function makeShare(cell) {
  const text = twoLines(cell);
  const fill = make("span", { class: "fill" });
  const mark = make("span", { class: "intended" });
  cell.append(make("span", { class: "meter", "aria-hidden": "true" }, fill, mark));
  return (b) => {
    text(b.share === undefined ? "no answers" : percent(b.share), `of ${percent(b.intended_share)} intended`);
    fill.style.width = `${Math.min(1, b.share ?? 0) * 100}%`;
    mark.style.left = `${Math.min(1, b.intended_share) * 100}%`;
  };
}

const chartWidth = 120, chartHeight = 32;

// makeChart gives stacked bars: served below, throttled, failed on top. All charts of a deployment share one scale.
function makeChart(cell) {
  const layers = ["served", "throttled", "failed"].map((kind) => [kind, makeSVG("path", { class: kind })]);
  const base = makeSVG("path", { class: "base", d: `M0 ${chartHeight - 0.5}H${chartWidth}` });
  const svg = makeSVG("svg", { class: "history", viewBox: `0 0 ${chartWidth} ${chartHeight}`, preserveAspectRatio: "none", role: "img" },
    ...layers.map(([, path]) => path), base);
  cell.append(svg);
  return (history, peak, step) => {
    setAttribute(cell, "data-none", String(!history));
    const steps = history?.served?.length ?? 0;
    const below = new Array(steps).fill(0);
    for (const [kind, path] of layers) setAttribute(path, "d", bars(history?.[kind] ?? [], below, peak));
    setAttribute(svg, "aria-label", chartWords(history, step));
  };
}

// bars draws one layer on those below it. What is not nothing can be seen.
function bars(values, below, peak) {
  const pitch = chartWidth / Math.max(1, below.length);
  const width = (pitch * 0.8).toFixed(2);
  let path = "";
  values.forEach((n, i) => {
    if (n === 0 || i >= below.length) return;
    const height = Math.max(1.5, (n / peak) * (chartHeight - 2));
    const top = Math.max(0, chartHeight - 1 - below[i] - height);
    path += `M${(i * pitch).toFixed(2)} ${top.toFixed(2)}h${width}v${height.toFixed(2)}h-${width}z`;
    below[i] += height;
  });
  return path;
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

function chartWords(history, step) {
  if (!history) return "No history";
  const highest = Math.max(0, ...stacked(history));
  return `Chart: ${count(sum(history.served))} served, ${count(sum(history.throttled))} throttled, ` +
    `${count(sum(history.failed))} failed; at most ${count(highest)} in ${step} seconds`;
}

const stacked = (h) => h.served.map((n, i) => n + (h.throttled[i] ?? 0) + (h.failed[i] ?? 0));

const peakOf = (backends) => Math.max(1, ...backends.flatMap((b) => (b.history ? stacked(b.history) : [])));

function makeRoom(cell) {
  const text = twoLines(cell);
  const fill = make("span", { class: "fill" });
  const meter = make("span", { class: "meter", "aria-hidden": "true", hidden: "" }, fill);
  cell.append(meter);
  return (h) => {
    const lines = h ? roomLines(h) : { first: "–", second: "not told" };
    setAttribute(cell, "data-none", String(!h));
    text(lines.first, lines.second);
    show(meter, lines.part !== undefined);
    if (lines.part !== undefined) fill.style.width = `${Math.min(1, Math.max(0, lines.part)) * 100}%`;
    setAttribute(meter, "data-low", String(lines.low ?? false));
  };
}

// roomLines prefers what is left of a provisioned deployment, then tokens.
function roomLines(h) {
  if (h.utilization_percent !== undefined) {
    const part = Math.max(0, 1 - h.utilization_percent / 100);
    return { first: `${percent(part)} left`, second: [`${Math.round(h.utilization_percent)} % in use`, ...toldWhen(h)].join(", "), part, low: part < 0.1 };
  }
  const left = [of(h.remaining_tokens, h.limit_tokens, "tokens"), of(h.remaining_requests, h.limit_requests, "requests")].filter(Boolean);
  if (left.length === 0) return { first: "–", second: "not told" };
  const parts = left.map((l) => l.part).filter((p) => p !== undefined);
  const part = parts.length > 0 ? Math.min(...parts) : undefined;
  return { first: left[0].text, second: [...left.slice(1).map((l) => l.text), ...toldWhen(h)].join(", "), part, low: part < 0.1 };
}

// toldWhen is nothing where the backend has said so just now.
const toldWhen = (h) => (h.age_ms < 10_000 ? [] : [ago(h.age_ms)]);

function of(remaining, limit, what) {
  if (remaining === undefined) return null;
  if (!limit) return { text: `${short(remaining)} ${what}` };
  return { text: `${short(remaining)} of ${short(limit)} ${what}`, part: remaining / limit };
}

const firstByte = (f) => (f.first_byte_ms ? [`p50 ${milliseconds(f.first_byte_ms.p50)}`, `p95 ${milliseconds(f.first_byte_ms.p95)}`] : ["–"]);
const tokens = (f) => [`${short(f.input_tokens)} in`, `${short(f.output_tokens)} out`];

function failures(f) {
  const more = [];
  if (f.refused > 0) more.push(`${count(f.refused)} refused`);
  if (f.missing > 0) more.push(`${count(f.missing)} missing`);
  return [count(f.failed), more.join(", ")];
}

// makeBackendRow is a backend's row within a deployment.
function makeBackendRow() {
  const { node, cells } = tableRow(columns);
  const [name, state, share, requests, throttled, failed, moved, used, first, chart, room] = cells;
  const label = bdi("");
  const place = make("span", { class: "second", hidden: "" });
  name.append(label, place);
  const put = {
    state: makeState(state), share: makeShare(share), failed: twoLines(failed), used: twoLines(used),
    first: twoLines(first), chart: makeChart(chart), room: makeRoom(room),
  };
  const update = ({ b, place: where, peak, step, now }) => {
    setName(label, b.name);
    setText(place, where);
    show(place, where !== "");
    put.state(b, now);
    put.share(b);
    setText(requests, count(b.recent.attempts));
    setText(throttled, count(b.recent.throttled));
    setAttribute(throttled, "data-some", String(b.recent.throttled > 0));
    put.failed(...failures(b.recent));
    setAttribute(failed, "data-some", String(b.recent.failed + b.recent.refused + b.recent.missing > 0));
    setText(moved, count(b.recent.moved_on));
    put.used(...tokens(b.recent));
    put.first(...firstByte(b.recent));
    put.chart(b.history, peak, step);
    put.room(b.headroom);
  };
  return { node, update };
}

// nameWords says what stands for no one deployment.
const nameWords = {
  __proto__: null,
  "*": "calls that name no deployment",
  "…": "all names that are not counted on their own",
};

// makeCard is a deployment. What is closed has no rows.
function makeCard(open) {
  const meaning = make("span", { class: "second", hidden: "" });
  const title = make("h3", {}, bdi(""), meaning);
  const states = make("span", { class: "states" });
  const figures = make("span", { class: "figures" });
  const body = make("div", { class: "rows" });
  const node = make("details", { class: "card deployment" }, make("summary", {}, icon("open"), title, states, figures), body);
  node.open = open;
  let rows = null;
  let heads = null;
  let latest = null;
  const fill = () => {
    if (!node.open) {
      body.replaceChildren();
      rows = null;
    }
    if (!node.open || !latest) return;
    if (!rows) {
      const t = table(columns, "Backends of the deployment");
      body.append(t.node);
      heads = t.heads;
      rows = keyed(t.body, makeBackendRow);
    }
    const peak = peakOf(latest.d.backends);
    setText(heads[chartColumn], `Last 5 min, peak ${short(peak)}`);
    rows(latest.d.backends.map((b) => ({ b, place: latest.places.get(b.name) ?? "", peak, step: latest.step, now: latest.now })), (i) => i.b.name);
  };
  node.addEventListener("toggle", fill);
  const update = (item) => {
    latest = item;
    setName(title.firstChild, item.d.name);
    setText(meaning, nameWords[item.d.name] ?? "");
    show(meaning, item.d.name in nameWords);
    putStates(states, item.d.backends);
    setText(figures, cardFigures(item.d.recent_answers));
    fill();
  };
  return { node, update };
}

const stateOrder = ["broken", "cooling", "probing", "drained", "ready"];

function putStates(parent, backends) {
  const counts = stateOrder.map((s) => [s, backends.filter((b) => b.state === s).length]).filter(([, n]) => n > 0);
  const signature = JSON.stringify(counts);
  if (parent.dataset.signature === signature) return;
  parent.dataset.signature = signature;
  parent.replaceChildren(...counts.map(([s, n]) =>
    make("span", { class: "pill", "data-state": s }, icon(s), `${count(n)} ${stateWords[s].toLowerCase()}`)));
}

function cardFigures(a) {
  const parts = [plural(calls(a), "call")];
  if (a.failovers > 0) parts.push(plural(a.failovers, "failover"));
  if (a.throttled > 0) parts.push(`${count(a.throttled)} answered 429`);
  if (a.failed > 0) parts.push(`${count(a.failed)} failed`);
  return parts.join(" · ");
}

// placesOf says a backend's priority and weight where these differ between backends.
function placesOf(backends) {
  const differ = (pick) => new Set(backends.map(pick)).size > 1;
  const priorities = differ((b) => b.priority);
  const weights = differ((b) => b.weight);
  return new Map(backends.map((b) => [b.name, [
    ...(priorities ? [`priority ${b.priority}`] : []), ...(weights ? [`weight ${b.weight}`] : []),
  ].join(", ")]));
}
