// Figures and states in words.

const exact = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const count = (n) => exact.format(n);
const short = (n) => (n < 10_000 ? exact.format(n) : compact.format(n));

function percent(part) {
  if (part > 0 && part < 0.001) return "<0.1 %";
  return `${(part * 100).toFixed(part > 0 && part < 0.0995 ? 1 : 0)} %`;
}

const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

function milliseconds(n) {
  return n < 999.5 ? `${n.toFixed(n < 10 ? 1 : 0)} ms` : `${(n / 1000).toFixed(n < 9995 ? 2 : 1)} s`;
}

function duration(ms) {
  const s = Math.round(Math.max(0, ms) / 1000);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} days`;
}

const ago = (ms) => (ms < 1500 ? "just now" : `${duration(ms)} ago`);

function remaining(ms) {
  if (ms <= 0) return "0.0 s";
  return ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : duration(ms);
}

function bytes(n) {
  if (n < 1024) return `${n} B`;
  return n < 1024 * 1024 ? `${(n / 1024).toFixed(0)} KiB` : `${(n / 1024 / 1024).toFixed(1)} MiB`;
}

const stateWords = { __proto__: null, ready: "Ready", cooling: "Cooling", broken: "Broken", probing: "Probing", drained: "Drained" };
const causeWords = {
  __proto__: null,
  throttled: "throttled (429)",
  failed: "failures",
  unauthorized: "credential refused",
  missing: "no such deployment there",
};

// doing is what a backend does, in the middle of a sentence.
const doing = { __proto__: null, cooling: "is cooling", broken: "is broken", probing: "is being probed" };

const isOut = (state) => state in doing;
const isTimed = (state) => state === "cooling" || state === "broken";

// calls is how many were answered.
const calls = (answers) => answers.ok + answers.rejected + answers.throttled + answers.failed;

function servedClause(answers, minutes) {
  const lost = answers.throttled + answers.failed;
  if (calls(answers) === 0) return `no calls in the last ${minutes}`;
  if (lost === 0) return answers.rejected === 0 ? "all calls served" : "no call was throttled or failed";
  return `${count(lost)} of ${plural(calls(answers), "call")} not served`;
}

// verdict says how it is: a level, a headline, and notes. A piece of a line is a text, a { name } or a { deadline }.
function verdict(status, now) {
  const out = groupsOut(status, now);
  const stopped = status.deployments.filter((d) => d.backends.some((b) => isOut(b.state)) &&
    d.backends.every((b) => isOut(b.state) || b.state === "drained"));
  const notes = troubles(status);
  const served = servedClause(status.recent_answers, minutesOf(status.window));
  const lost = status.recent_answers.throttled + status.recent_answers.failed > 0;
  if (stopped.length > 0) {
    return { level: "bad", icon: "broken", headline: stoppedLine(stopped, now, served), notes: [...out.map(groupLine), ...notes] };
  }
  if (out.length === 1) {
    return { level: "notice", icon: out[0].state, headline: [...groupLine(out[0]), `; ${served}`], notes };
  }
  if (out.length > 1) {
    const names = new Set(out.map((g) => g.backend)).size;
    const subject = names === 1 ? [{ name: out[0].backend }, " is not ready for some deployments"] : [`${count(names)} backends are not ready for some deployments`];
    return { level: "notice", icon: "cooling", headline: [...subject, `; ${served}`], notes: [...out.map(groupLine), ...notes] };
  }
  const headline = [`${readyClause(status)}; ${served}`];
  return lost || notes.length > 0
    ? { level: "notice", icon: "notice", headline, notes }
    : { level: "good", icon: "ready", headline, notes };
}

const minutesOf = (w) => (w.seconds % 60 === 0 ? plural(w.seconds / 60, "minute") : `${w.seconds} seconds`);

// Deployments with a backend that is out come first: a first page without one speaks for all.
function readyClause(status) {
  const shown = status.deployments.length;
  return status.page.offset > 0 || status.page.query ? `Everything is ready for the ${plural(shown, "deployment")} shown` : "Everything is ready";
}

// groupsOut are the backends that are not ready, each with the deployments that this is so for.
function groupsOut(status, now) {
  const groups = new Map();
  for (const d of status.deployments) {
    for (const b of d.backends) {
      if (!isOut(b.state)) continue;
      const key = JSON.stringify([b.name, b.state, b.cause]);
      const g = groups.get(key) ?? { backend: b.name, state: b.state, cause: b.cause, deployments: [], deadline: 0 };
      g.deployments.push(d.name);
      g.deadline = Math.max(g.deadline, now + (b.remaining_ms ?? 0));
      groups.set(key, g);
    }
  }
  return [...groups.values()].sort((a, b) => b.deployments.length - a.deployments.length);
}

function groupLine(g) {
  const whom = g.deployments.length === 1 ? [{ name: g.deployments[0] }] : [plural(g.deployments.length, "deployment")];
  const line = [{ name: g.backend }, ` ${doing[g.state]} for `, ...whom];
  if (g.cause && g.cause !== "throttled") line.push(` (${causeWords[g.cause] ?? g.cause})`);
  if (g.state === "cooling") line.push(", ", { deadline: g.deadline }, " left");
  if (g.state === "broken") line.push(", next probe in ", { deadline: g.deadline });
  return line;
}

function stoppedLine(stopped, now, served) {
  const soonest = stopped[0].backends.filter((b) => isTimed(b.state)).sort((a, b) => (a.remaining_ms ?? 0) - (b.remaining_ms ?? 0))[0];
  const line = ["No backend is ready for ", { name: stopped[0].name }];
  if (stopped.length > 1) line.push(` and ${count(stopped.length - 1)} more`);
  if (soonest) line.push("; ", { name: soonest.name }, " is the soonest, in ", { deadline: now + (soonest.remaining_ms ?? 0) });
  return [...line, `; ${served}`];
}

// troubles are those of the whole instance.
function troubles(status) {
  const notes = status.backends.filter((b) => !b.credential.ready)
    .map((b) => [{ name: b.name }, " has no credential that can be used", ...(b.credential.problem ? [": ", { name: b.credential.problem }] : [])]);
  if (status.counter.state === "local") notes.push(["The counter is on its fallback: storage does not answer, so instances count for themselves"]);
  if (status.fleet.state === "unreachable") notes.push(["The table does not answer: figures of other instances are missing or old"]);
  return notes;
}
