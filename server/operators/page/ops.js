/** The operator's page: reads counts from /v1/operators and draws them. Everything is set as text, never as HTML. */

const REFRESH_MS = 15_000;
const HOURS = 48;
const STORED = "pocketrec.operator-key";
const REASONS = {
  not_offered: "of a release that is not on offer",
  malformed: "not of the expected form",
  too_large: "too large",
  limited: "too many at once",
  other: "other",
};
const MEANINGS = {
  400: "malformed request", 401: "no valid operator's key", 404: "not found", 405: "method not allowed",
  409: "round is closed", 410: "update is too late", 422: "not an update of the round",
  413: "request too large", 416: "range outside of the file", 429: "too many requests", 500: "internal error",
  503: "not available for now",
};

const at = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en-GB");
const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

let timer;

/* Elements */

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawing(attributes, ...shapes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries({ preserveAspectRatio: "none", ...attributes })) made.setAttribute(key, value);
  made.append(...shapes);
  return made;
}

function shape(name, attributes, title) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (title !== undefined) {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "title");
    text.textContent = title;
    made.append(text);
  }
  return made;
}

/* Words */

const percent = (share) => `${number.format(Math.round(share * 1000) / 10)} %`;

function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let power = 0;
  while (count >= 1000 && power < units.length - 1) {
    count /= 1000;
    power += 1;
  }
  return `${number.format(count < 10 && power > 0 ? Math.round(count * 10) / 10 : Math.round(count))} ${units[power]}`;
}

function duration(seconds) {
  if (seconds <= 0) return "expired";
  if (seconds < 7200) return `${Math.round(seconds / 60)} minutes`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} hours`;
  return `${Math.round(seconds / 86_400)} days`;
}

const clock = (hour) =>
  new Date(hour * 3_600_000).toLocaleString("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit" });

/** Returns the pieces of a sentence; what is between backticks is a command. */
function withCode(words) {
  return words.split("`").map((piece, index) => (index % 2 === 1 ? element("code", {}, piece) : piece));
}

/* Plots */

/** Draws columns for the last hours; `series` is a list of [class, word, value by hour]. */
function columns(hour, series, format = (value) => number.format(value)) {
  const start = hour - HOURS + 1;
  const sum = (index) => series.reduce((total, [, , values]) => total + (values.get(start + index) ?? 0), 0);
  const highest = Math.max(1, ...Array.from({ length: HOURS }, (_, index) => sum(index)));
  const shapes = [shape("line", { class: "base", x1: 0, x2: HOURS, y1: 100, y2: 100 })];
  for (let index = 0; index < HOURS; index += 1) {
    let bottom = 100;
    for (const [kind, word, values] of series) {
      const value = values.get(start + index) ?? 0;
      if (value === 0) continue;
      const height = Math.max((value / highest) * 100, 1.5);
      const title = `${clock(start + index)}: ${format(value)} ${word}`;
      bottom -= height;
      shapes.push(shape("rect", { class: kind, x: index + 0.12, width: 0.76, y: bottom, height }, title));
    }
  }
  const label = `${series.map(([, word]) => word).join(", ")} by hour; at most ${format(highest)} in an hour`;
  const plot = drawing({ class: "plot", viewBox: `0 0 ${HOURS} 100`, role: "img", "aria-label": label }, ...shapes);
  const axis = element("div", { class: "axis" }, element("span", {}, "48 h ago"), element("span", {}, "now"));
  return [plot, axis];
}

/** Draws a bar from 0 to 1 of [class, word, share] pieces, with ticks and a limit. */
function bar(label, pieces, ticks = [], limit = null) {
  let x = 0;
  const shapes = [shape("rect", { class: "ground", width: 1, height: 1 })];
  for (const [kind, word, share] of pieces) {
    if (share <= 0) continue;
    shapes.push(shape("rect", { class: kind, x, width: Math.min(share, 1 - x), height: 1 }, word));
    x += share;
  }
  for (const tick of ticks) shapes.push(shape("line", { class: "tick", x1: tick, x2: tick, y1: 0, y2: 1 }));
  if (limit !== null) shapes.push(shape("line", { class: "limit", x1: limit, x2: limit, y1: -0.35, y2: 1.35 }));
  return drawing({ class: "bar", viewBox: "0 0 1 1", role: "img", "aria-label": label }, ...shapes);
}

function heading(words, value) {
  return element("div", { class: "head" }, element("span", {}, words), element("b", {}, value));
}

function legend(entries) {
  const key = (kind) => drawing({ viewBox: "0 0 1 1", "aria-hidden": "true" }, shape("circle", { class: kind, cx: 0.5, cy: 0.5, r: 0.5 }));
  const rows = entries.map(([kind, words]) => element("li", {}, key(kind), element("span", { class: "num" }, words)));
  return element("ul", { class: "legend" }, ...rows);
}

/* Sections */

function showGlance(status, rollouts, traffic) {
  const recent = traffic.hours.filter(({ hour }) => hour > traffic.hour - 24);
  const total = (test) =>
    recent.reduce((sum, { counts }) => sum + Object.entries(counts).reduce((n, [what, count]) => n + (test(what) ? count : 0), 0), 0);
  const failures = total((what) => /^status 5/.test(what));
  const expires = status.timestamp_expires_s;
  const rows = [
    ["Releases on offer", number.format(rollouts.rollouts.length), false],
    ["Timestamp expires in", expires === null ? "not signed" : duration(expires), expires !== null && expires < 43_200],
    ["Update checks, 24 h", short.format(total((what) => what === "checks")), false],
    ["Bytes served, 24 h", bytes(total((what) => what === "bytes")), false],
    ["Server errors, 24 h", number.format(failures), failures > 0],
  ];
  at("glance").replaceChildren(
    ...rows.map(([name, value, bad]) => element("div", {}, element("dt", {}, name), element("dd", bad ? { class: "bad" } : {}, value))),
  );
}

function showProblems(problems) {
  const found = Object.values(problems);
  at("problems").hidden = found.length === 0;
  at("problems").replaceChildren(...found.map((why) => element("p", {}, ...withCode(why))));
}

function openColumn(rollout) {
  const { schedule, open } = rollout;
  if (schedule === null) {
    return element("div", {}, heading("Open to", percent(open)), bar(`open to ${percent(open)}`, [["fill", percent(open), open]]),
      element("p", { class: "soft" }, "Everyone at once: nothing halts it by itself."));
  }
  const words = `Rings of ${schedule.rings.map(percent).join(", ")}, each ${number.format(schedule.hours)} hours after the one before, since ${schedule.start.replace("T", " ").replace("Z", " UTC")}.`;
  return element("div", {}, heading("Open to", percent(open)),
    bar(`open to ${percent(open)}`, [["fill", percent(open), open]], schedule.rings.slice(0, -1)),
    element("p", { class: "soft" }, words));
}

function refusalColumn(rollout, rules) {
  const { devices, schedule } = rollout;
  const told = devices.taken + devices.refused;
  const share = told === 0 ? 0 : devices.refused / told;
  const limit = schedule === null ? null : schedule.max_refused;
  const scale = Math.min(1, Math.max(0.05, (limit ?? 0) * 3, share * 1.2));
  const kind = limit !== null && share > limit ? "refused" : "fill";
  const missing = told < rules.min_receipts;
  const rule = limit === null
    ? "No threshold is signed."
    : missing
      ? `Threshold ${percent(limit)}; judged from ${rules.min_receipts} receipts on.`
      : `Halts above ${percent(limit)}, beyond chance (${percent(rules.confidence)} confidence).`;
  return element("div", {}, heading("Refused", told === 0 ? "no receipt yet" : percent(share)),
    bar(`refused ${percent(share)}`, [[kind, percent(share), share / scale]], [], limit === null ? null : limit / scale),
    element("p", { class: "soft" }, rule));
}

function deviceColumn({ devices }, rules) {
  const total = Math.max(1, devices.taken + devices.refused + devices.waiting + devices.unknown);
  const parts = [
    ["taken", `${number.format(devices.taken)} taken`, devices.taken / total],
    ["refused", `${number.format(devices.refused)} refused`, devices.refused / total],
    ["waiting", `${number.format(devices.waiting)} waiting`, devices.waiting / total],
    ["unknown", `${number.format(devices.unknown)} unknown`, devices.unknown / total],
  ];
  const words = `Waiting and unknown are estimates: downloads without a receipt, unknown after ${rules.unknown_after_hours} hours.`;
  return element("div", {}, heading("Devices", `${number.format(devices.taken + devices.refused)} receipts`),
    bar(parts.map(([, word]) => word).join(", "), parts),
    legend(parts.map(([kind, word]) => [kind, word])),
    element("p", { class: "soft" }, words));
}

function hourColumn(rollout, hour) {
  if (rollout.hours.every(({ taken, refused }) => taken + refused === 0)) {
    const none = element("p", { class: "soft" }, "None in the last 48 hours.");
    return element("div", {}, heading("Receipts by hour", ""), none);
  }
  const by = (name) => new Map(rollout.hours.map((one) => [one.hour, one[name]]));
  return element("div", {}, heading("Receipts by hour", ""),
    ...columns(hour, [["taken", "taken", by("taken")], ["refused", "refused", by("refused")]]));
}

function card(rollout, rules) {
  const stages = { open: "open", halted: "halted", "halted: needs keys": "halted: needs keys" };
  const pill = element("span", { class: rollout.stage === "open" ? "pill" : "pill halted" }, stages[rollout.stage] ?? rollout.stage);
  const facts = `${rollout.target} · ${bytes(rollout.bytes)} · ${rollout.deltas} ${rollout.deltas === 1 ? "delta" : "deltas"} · manifest ${rollout.manifest.slice(0, 12)}…`;
  const top = element("div", { class: "top" }, element("h3", {}, `${rollout.name}, release ${rollout.release}`),
    element("span", { class: "soft" }, facts), pill);
  return element("article", { class: "card" }, top,
    element("div", { class: "columns" }, openColumn(rollout), refusalColumn(rollout, rules)),
    element("div", { class: "columns" }, deviceColumn(rollout, rules), hourColumn(rollout, rules.hour)));
}

function showRollouts(rules) {
  const cards = rules.rollouts.map((rollout) => card(rollout, rules));
  const none = element("p", { class: "empty" }, "No release is on offer. Publish one with `pocketrec release publish`.");
  at("rollouts").replaceChildren(...(cards.length > 0 ? cards : [none]));
}

const epsilon = (value) => (value === null ? "not bounded" : number.format(Math.round(value * 100) / 100));

function updateColumn(round) {
  const { updates, needed, max_updates: most } = round;
  const scale = Math.min(most, Math.max(needed * 1.5, updates));
  const words = `${number.format(needed)} needed, ${number.format(most)} at most. ${number.format(round.carried_over)} carried over from rounds before, ${number.format(round.clipped)} scaled down.`;
  return element("div", {}, heading("Updates in the sum", number.format(updates)),
    bar(`${number.format(updates)} of ${number.format(needed)} needed`, [["fill", number.format(updates), updates / scale]], [needed / scale]),
    element("p", { class: "soft" }, words));
}

function lateColumn({ late, mean_weight: mean }) {
  const total = late.reduce((sum, { updates }) => sum + updates, 0);
  const rows = late.map(({ staleness, updates, weight }) => element("tr", {},
    element("td", {}, staleness === 0 ? "in time" : `${staleness} late`), element("td", {}, number.format(updates)), element("td", {}, `weight ${weight.toFixed(2)}`)));
  const table = element("table", {}, element("tbody", {}, ...rows));
  return element("div", {}, heading("Weights", mean === null ? "" : `mean ${mean.toFixed(2)}`),
    total === 0 ? element("p", { class: "soft" }, "No update yet.") : table);
}

function privacyColumn({ privacy }) {
  const rows = [["against the operator", privacy.operator], ["against readers of adapters", privacy.readers]].map(([who, value]) =>
    element("tr", {}, element("td", {}, who), element("td", {}, `epsilon ${epsilon(value)}`)));
  const words = `For ${number.format(privacy.participations)} times in ${number.format(privacy.period_days)} days, delta ${privacy.delta}.`;
  return element("div", {}, heading("Privacy of a device", ""), element("table", {}, element("tbody", {}, ...rows)), element("p", { class: "soft" }, words));
}

function roundCard(round) {
  const pill = element("span", { class: ["open", "published", "closed"].includes(round.state) ? "pill" : "pill halted" }, round.state);
  const when = round.closed === null ? `open until ${round.deadline}` : `closed ${round.closed}`;
  const top = element("div", { class: "top" }, element("h3", {}, round.target),
    element("span", { class: "soft" }, `round ${round.round.slice(0, 8)}… · ${when.replace("T", " ").replace("Z", " UTC")}`), pill);
  const note = round.note === "" ? [] : [element("p", { class: "soft" }, round.note)];
  return element("article", { class: "card" }, top,
    element("div", { class: "columns" }, updateColumn(round), lateColumn(round), privacyColumn(round)), ...note);
}

function showRounds({ rounds }) {
  const none = element("p", { class: "empty" }, ...withCode("No round yet. Plan one with `pocketrec rounds plan`."));
  at("rounds").replaceChildren(...(rounds.length > 0 ? rounds.map(roundCard) : [none]));
}

function showTraffic(traffic) {
  const by = (test) =>
    new Map(traffic.hours.map(({ hour, counts }) => [hour, Object.entries(counts).reduce((n, [what, count]) => n + (test(what) ? count : 0), 0)]));
  const sum = (values) => [...values.values()].reduce((total, value) => total + value, 0);
  const checks = by((what) => what === "checks");
  const sent = by((what) => what === "bytes");
  const errors = by((what) => /^status [45]/.test(what));
  at("plots").replaceChildren(
    element("div", {}, heading("Update checks", number.format(sum(checks))), ...columns(traffic.hour, [["fill", "checks", checks]])),
    element("div", {}, heading("Bytes served", bytes(sum(sent))), ...columns(traffic.hour, [["fill", "", sent]], bytes)),
    element("div", {}, heading("Errors", number.format(sum(errors))), ...columns(traffic.hour, [["refused", "errors", errors]])),
  );
}

/** Shows the sums of the counters that begin with a word, without those that `skip` names. */
function showSums(id, traffic, prefix, words, nothing, skip = []) {
  const sums = new Map();
  for (const { counts } of traffic.hours) {
    for (const [what, count] of Object.entries(counts)) {
      const rest = what.slice(prefix.length);
      if (what.startsWith(prefix) && !skip.includes(rest)) sums.set(rest, (sums.get(rest) ?? 0) + count);
    }
  }
  const rows = [...sums].sort((one, other) => other[1] - one[1]).map(([what, count]) =>
    element("tr", {}, element("td", {}, words(what)), element("td", {}, number.format(count))));
  const table = element("table", {}, element("tbody", {}, ...rows));
  at(id).replaceChildren(rows.length > 0 ? table : element("p", { class: "empty" }, nothing));
}

/* Reading */

class Refused extends Error {}

async function read(what, key) {
  const answer = await fetch(`/v1/operators/${what}`, { headers: { Authorization: `Bearer ${key}` }, cache: "no-store" });
  if (answer.status === 401) throw new Refused("The server does not accept this key. Check that it is complete and not revoked.");
  if (!answer.ok) throw new Error(`The server answered with ${answer.status}.`);
  return answer.json();
}

async function show(key) {
  const [status, rollouts, rounds, traffic] = await Promise.all(["status", "rollouts", "rounds", "counters"].map((what) => read(what, key)));
  showProblems(status.problems);
  showGlance(status, rollouts, traffic);
  showRollouts(rollouts);
  showRounds(rounds);
  showTraffic(traffic);
  showSums("refusals", traffic, "receipts ", (what) => REASONS[what] ?? what, "None in the last 48 hours.", ["counted"]);
  showSums("errors", traffic, "status ", (what) => `${what} ${MEANINGS[what] ?? ""}`, "None in the last 48 hours.");
  at("version").textContent = `PocketRec ${status.version}`;
  say(`Read at ${new Date().toLocaleTimeString("en-GB")}`, false);
}

function say(words, bad) {
  at("state").textContent = words;
  at("state").className = bad ? "bad" : "";
  at("state").hidden = false;
}

function open(inside) {
  at("room").hidden = !inside;
  at("leave").hidden = !inside;
  at("door").hidden = inside;
}

async function enter(key) {
  clearTimeout(timer);
  try {
    await show(key);
    sessionStorage.setItem(STORED, key);
    open(true);
  } catch (error) {
    if (error instanceof Refused) return leave(error.message);
    say(`Could not read the figures: ${error.message} Trying again.`, true);
    if (at("room").hidden) at("door").hidden = false;
  }
  timer = setTimeout(() => enter(key), REFRESH_MS);
}

function leave(why = "") {
  clearTimeout(timer);
  sessionStorage.removeItem(STORED);
  open(false);
  at("state").hidden = true;
  at("refused").textContent = why;
  at("refused").hidden = why === "";
  at("key").focus();
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = at("key").value.trim();
  at("key").value = "";
  enter(key);
});
at("leave").addEventListener("click", () => leave());
document.addEventListener("visibilitychange", () => {
  const key = sessionStorage.getItem(STORED);
  if (document.hidden) clearTimeout(timer);
  else if (key !== null) enter(key);
});

const known = sessionStorage.getItem(STORED);
if (known === null) open(false);
else enter(known);
