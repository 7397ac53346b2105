// Elements, lists that are changed in place, and countdowns. Text goes in as text, never as markup.

const byID = (id) => document.getElementById(id);

// make gives an element with attributes and children; a child that is text stays text.
function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const svgSpace = "http://www.w3.org/2000/svg";

function makeSVG(tag, attributes = {}, ...children) {
  const node = document.createElementNS(svgSpace, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function icon(name) {
  return makeSVG("svg", { class: "icon", "aria-hidden": "true" }, makeSVG("use", { href: `#i-${name}` }));
}

// bdi shows a name that others chose without letting its direction turn what stands around it.
function bdi(name) {
  return make("bdi", {}, name);
}

// setName shows a name that may be empty or without an end: a long one is cut by its looks only.
function setName(node, name) {
  setText(node, name === "" ? "(no name)" : name);
  setAttribute(node, "title", name.length > longestName ? name : "");
}

const longestName = 64;
const cut = (name) => (name.length > longestName ? `${name.slice(0, longestName)}…` : name);

// isolated is the same for an attribute: the characters are FIRST STRONG ISOLATE and POP DIRECTIONAL ISOLATE.
const isolated = (name) => `\u2068${name}\u2069`;

// The setters leave alone what is right already, so that nothing is laid out again or read out twice.
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

// keyed keeps the children of a parent equal to a list: create(item) gives { node, update } for each new key. Nodes stay
// where they are unless mayMove, because a node that moves loses the focus.
function keyed(parent, create, onFocusLost = () => {}) {
  const entries = new Map();
  const drop = (wanted) => {
    for (const [key, entry] of entries) {
      if (wanted.has(key)) continue;
      const focused = entry.node.contains(document.activeElement);
      entry.node.remove();
      entries.delete(key);
      if (focused) onFocusLost();
    }
  };
  return (items, keyOf, mayMove = true) => {
    drop(new Set(items.map(keyOf)));
    let cursor = mayMove ? parent.firstElementChild : null;
    for (const item of items) {
      const key = keyOf(item);
      let entry = entries.get(key);
      const isNew = !entry;
      if (isNew) entries.set(key, (entry = create(item)));
      if (entry.node === cursor) cursor = cursor.nextElementSibling;
      else if (isNew || mayMove) parent.insertBefore(entry.node, cursor);
      entry.update(item);
    }
  };
}

// table gives a table with its semantics said twice: the stacked rows of a narrow screen are laid out as blocks, which
// would otherwise take them away.
function table(columns, caption) {
  const heads = columns.map((c) => make("th", { role: "columnheader", scope: "col", class: c.kind ?? "" }, c.name));
  const body = make("tbody", { role: "rowgroup" });
  const node = make("table", { role: "table" },
    make("caption", { class: "hidden" }, caption),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)), body);
  return { node, body, heads };
}

// tableRow gives a row whose first cell is its heading.
function tableRow(columns) {
  const cells = columns.map((c, i) => (i === 0
    ? make("th", { role: "rowheader", scope: "row", class: c.kind ?? "" })
    : make("td", { role: "cell", class: c.kind ?? "", "data-label": c.name })));
  return { node: make("tr", { role: "row" }, ...cells), cells };
}

// twoLines gives a cell a line and a smaller one below it, and the function that sets them.
function twoLines(cell) {
  const first = make("span", { class: "first" });
  const second = make("span", { class: "second", hidden: "" });
  cell.append(first, second);
  return (a, b = "") => {
    setText(first, a);
    setText(second, b);
    show(second, b !== "");
  };
}

// countdowns runs down to deadlines, which are on the clock of performance.now().
const countdowns = new Map();
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

// countDown shows in the node what is left; null ends it. Two readings of one deadline differ by what the answer took on
// its way: a small difference would only make the figure jump.
function countDown(node, deadline) {
  if (deadline === null) {
    countdowns.delete(node);
    return;
  }
  const known = countdowns.get(node);
  if (known === undefined || Math.abs(known - deadline) > 400) countdowns.set(node, deadline);
  setText(node, remaining(countdowns.get(node) - performance.now()));
}

// untilFirstDeadline is the time until a countdown ends. Those that are over do not count: it is for the server to say
// what is now.
function untilFirstDeadline() {
  const now = performance.now();
  return Math.min(Infinity, ...[...countdowns.values()].filter((d) => d > now)) - now;
}

function tickCountdowns() {
  const now = performance.now();
  for (const [node, deadline] of countdowns) {
    if (node.isConnected) setText(node, remaining(deadline - now));
    else countdowns.delete(node);
  }
  setTimeout(tickCountdowns, reducedMotion.matches ? 1000 : 100);
}
