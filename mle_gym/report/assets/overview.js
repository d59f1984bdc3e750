/* The first view of an evaluation: who leads and how sure that is, task by task, and what failed. */

const SIGNIFICANT = 0.05;

function overview(data, filter) {
  const summary = data.summary;
  if (data.board) return boardCards(data, filter);
  if (!summary) return data.tree ? [treeCard(data)] : [];
  const index = Object.fromEntries(data.agents.map((name, at) => [name, at]));
  const several = data.agents.length > 1;
  return [
    leaderboard(data, summary, index),
    heatMap(data, summary, filter),
    several ? comparisons(data, summary, index) : null,
    make("div", { class: "pair" }, profiles(summary, index), arrivals(data, index)),
    make("div", { class: "pair" }, prices(summary, index), reasons(data, summary, filter)),
    integrity(data, summary, filter),
  ];
}

const equals = p => (chance(p).startsWith("<") ? chance(p) : `= ${chance(p)}`);

/* What the figures say, in words. */
function verdict(summary) {
  const [best, second] = summary.agents;
  if (!best || best.mean === null) return "No episode has a result yet.";
  const mean = ({ mean: found, counts, worst_case: worst }) => (found === null ? "no result"
    : `${fixed(found.value)} ${interval(found, fixed)}${counts.failed + counts.missing ? ` (${fixed(worst)} with what failed or is missing as 0)` : ""}`);
  const first = [make("strong", {}, best.agent), ` has a mean anchored score of ${mean(best)}`];
  if (!second) return [first, "."];
  const found = pairOf(summary, best.agent, second.agent);
  first.push(", ahead of ", make("strong", {}, second.agent), ` with ${mean(second)}. `);
  if (!found || found.p_adjusted === null) return [first, "They have too few episodes in common to compare them."];
  const sure = found.p_adjusted < SIGNIFICANT;
  return [first, sure
    ? `The difference is significant (p ${equals(found.p_adjusted)} after Holm's correction).`
    : `The difference is not significant (p ${equals(found.p_adjusted)} after Holm's correction, ${plural(found.blocks, "pair")} of task and variant).`];
}

function pairOf(summary, one, other) {
  return summary.comparisons.find(each => [each.first, each.second].includes(one) && [each.first, each.second].includes(other));
}

function leaderboard(data, summary, index) {
  const paid = summary.agents.some(each => each.cost), medals = summary.agents.some(each => each.any_medal);
  const heads = [
    { name: "#", title: "Place, by the worst case" }, { name: "agent" },
    { name: "worst case", number: true, title: "The mean with each failed or missing episode as 0" },
    { name: "mean, 95% interval", span: 2 },
    { name: "IQM", number: true, title: "Interquartile mean: without the best and the worst quarter" },
    medals ? { name: "any medal", number: true } : null,
    { name: "strength", number: true, title: "Bradley and Terry's model, in log odds, ± standard error" },
    { name: "valid", number: true, title: "Valid submissions of all planned episodes" },
    { name: "failed", number: true, title: "Failures of the machinery, and episodes that were not played" },
    { name: "exploits", number: true, title: "Episodes in which the audit found a violation" },
    { name: "steps", number: true }, { name: "time", number: true }, paid ? { name: "cost", number: true } : null,
  ].filter(Boolean);
  const rows = summary.agents.map((row, place) => make("tr", {},
    make("td", { class: "place" }, place + 1),
    make("th", { scope: "row" }, row.agent),
    make("td", { class: "number strong" }, fixed(row.worst_case)),
    make("td", { class: "bar" }, whisker(row.mean, 0, 1, index[row.agent])),
    make("td", { class: "number quiet" }, row.mean ? `${fixed(row.mean.value)} ${interval(row.mean, fixed)}` : dash),
    make("td", { class: "number" }, row.iqm ? fixed(row.iqm.value) : dash),
    medals ? make("td", { class: "number" }, row.any_medal ? percent(row.any_medal.value) : dash) : null,
    make("td", { class: "number" }, row.strength ? `${signed(row.strength.value)} ± ${row.strength.error.toFixed(2)}` : dash),
    make("td", { class: "number" }, `${row.counts.valid} / ${row.counts.planned}`),
    make("td", { class: "number" }, row.counts.failed + row.counts.missing || dash),
    make("td", { class: "number" }, exploits(row)),
    make("td", { class: "number" }, fixed(row.steps, 1)),
    make("td", { class: "number" }, duration(row.seconds)),
    paid ? make("td", { class: "number" }, row.cost === null ? dash : `$${row.cost.toFixed(4)}`) : null));
  return section("leaderboard", "Leaderboard", "Anchored scores: 0 is what needs no knowledge, 1 the reference solution.",
    table("Leaderboard", heads, rows, "board"), explanation());
}

function exploits(row) {
  return row.exploit_rate === null ? dash : percent(row.exploit_rate.value);
}

function explanation() {
  const terms = [
    ["worst case", "The mean over all planned episodes, in which each failed or missing one counts as 0. It orders the agents, so that a failure never makes one look better."],
    ["mean, 95% interval", "The mean over episodes with a result. The interval comes from a stratified bootstrap over variants and seeds within each task: a repetition with other seeds and variants of these same tasks would have its mean in such an interval 95 times of 100."],
    ["significant", "A randomization test over pairs of task and variant, with Holm's correction for the number of comparisons, gives p < 0.05. With five pairs or fewer it can't: the smallest possible p is 2 / 2ⁿ."],
    ["strength", "Bradley and Terry's model of who beats whom, in log odds, with its standard error. A difference of 1 means 73% of wins."],
    ["exploits", "The share of recorded episodes in which the audit found a violation. Finding nothing proves nothing."],
  ];
  return make("details", { class: "explain" }, make("summary", {}, "What do these figures mean?"),
    make("dl", {}, terms.map(([term, words]) => [make("dt", {}, term), make("dd", {}, words)])));
}

/* A colour of the heat map, and text that can be read on it. */
function heat(value) {
  return { css: { "--heat": `${Math.round(8 + 92 * Math.min(1, Math.max(0, value)))}%` }, kind: value > 0.77 ? "heat dark" : "heat" };
}

function heatMap(data, summary, filter) {
  const cells = Object.fromEntries(summary.cells.map(each => [`${each.task} ${each.agent}`, each]));
  const order = summary.agents.map(each => each.agent);
  const heads = [{ name: "task" }, ...order.map(name => ({ name, number: true }))];
  const rows = data.tasks.map(task => make("tr", {}, make("th", { scope: "row" }, taskName(task)), order.map(agent => {
    const cell = cells[`${task} ${agent}`];
    if (!cell || cell.mean === null) return make("td", { class: "heat none" }, dash);
    const { css, kind } = heat(cell.mean.value);
    const label = `${agent} on ${taskName(task)}: anchored ${fixed(cell.mean.value)} ${interval(cell.mean, fixed)}, ${cell.counts.valid} of ${cell.counts.planned} valid` +
      (cell.score === null ? "" : `, mean ${cell.metric} ${score(cell.score)}`);
    return make("td", { class: kind, css }, make("button", { type: "button", title: label, "aria-label": label, on: { click: () => filter({ agent, task }) } },
      make("span", {}, cell.mean.value.toFixed(2)), cell.counts.valid < cell.counts.planned ? make("small", {}, `${cell.counts.valid}/${cell.counts.planned}`) : null));
  })));
  return section("tasks", "Tasks × agents", "Mean anchored score. A small fraction shows how many episodes had a valid submission, where not all had. Press a cell to see its episodes.",
    table("Mean anchored score of each agent on each task", heads, rows, "heatmap"));
}

function comparisons(data, summary, index) {
  const groups = [{ kind: "all tasks", tasks: data.tasks, comparisons: summary.comparisons }, ...(data.kinds || [])];
  const place = make("div", {}, comparisonsTable(summary.comparisons, index));
  const choose = event => show(place, comparisonsTable(groups[event.target.value].comparisons, index));
  const choice = groups.length < 2 ? null : make("label", { class: "choice" }, make("span", {}, "on "),
    make("select", { id: "comparison-kind", on: { change: choose } }, groups.map((each, at) => make("option", { value: at }, `${each.kind} (${each.tasks.length})`))));
  return section("comparisons", "Who beats whom", "Paired by task, variant and seed, so that both had the same data. Holm's correction is for the comparisons that the table shows.", choice, place);
}

function comparisonsTable(compared, index) {
  const reach = Math.max(0.1, ...compared.flatMap(({ difference: found }) => (found ? [found.value, found.low, found.high].map(each => Math.abs(each ?? 0)) : [])));
  const heads = [{ name: "first" }, { name: "second" }, { name: "first − second, 95% interval", span: 2 },
    { name: "p", number: true, title: "Two-sided randomization test over pairs of task and variant" },
    { name: "p, Holm", number: true, title: "Adjusted for the number of comparisons" },
    { name: "beats", number: true, title: "The chance that an episode of the first is better than one of the second on a task drawn at random" },
    { name: "pairs", number: true, title: "Pairs of episodes, and the independent pairs of task and variant that they come from" }, { name: "verdict" }];
  const rows = compared.map(each => {
    const found = each.difference, sure = each.p_adjusted !== null && each.p_adjusted < SIGNIFICANT;
    const better = found && found.value > 0 ? each.first : each.second;
    return make("tr", {}, make("th", { scope: "row" }, each.first), make("th", { scope: "row" }, each.second),
      make("td", { class: "bar" }, whisker(found, -reach, reach, index[found && found.value < 0 ? each.second : each.first], 0)),
      make("td", { class: "number quiet" }, found ? `${signed(found.value)} ${interval(found, signed)}` : dash),
      make("td", { class: "number" }, chance(each.p)), make("td", { class: sure ? "number strong" : "number" }, chance(each.p_adjusted)),
      make("td", { class: "number" }, percent(each.improvement)), make("td", { class: "number" }, `${each.pairs} in ${each.blocks}`),
      make("td", {}, !found ? "nothing in common" : sure ? chip([`${better} is better`, "good"]) : chip(["not significant", "none"])));
  });
  return table("Comparisons of agents", heads, rows);
}

function profiles(summary, index) {
  const rows = summary.agents.map(each => ({ index: index[each.agent], profile: each.profile }));
  return section("profiles", "Performance profiles", "Higher is better everywhere: a curve that stays high means good results in most episodes.",
    profileChart(rows, summary.thresholds), legend(Object.keys(index)));
}

/* By step, the share of an agent's episodes that had a valid submission by then. */
function arrivals(data, index) {
  const at = name => data.fields.indexOf(name);
  const played = data.episodes.filter(row => !["missing", "running", "failed"].includes(row[at("outcome")]));
  const rows = Object.entries(index).map(([agent, number]) => {
    const own = played.filter(row => row[at("agent")] === agent);
    const first = row => row[at("first_valid_step")] ?? (row[at("outcome")] === "valid" ? row[at("steps")] : null);
    const firsts = own.map(first).filter(step => step !== null).sort((a, b) => a - b);
    return { index: number, points: firsts.map((step, before) => [step, (before + 1) / own.length]) };
  });
  const most = Math.max(1, ...rows.flatMap(each => each.points.map(([step]) => step)));
  return section("arrivals", "Steps to a valid submission", "The share of episodes in which a valid submission was known after so many steps. Episodes that the machinery ended are left out.",
    arrivalChart(rows, most), legend(Object.keys(index)));
}

function prices(summary, index) {
  const paid = summary.agents.every(each => each.cost !== null) && summary.agents.some(each => each.cost > 0);
  const points = summary.agents.map(each => ({
    name: each.agent, index: index[each.agent], price: paid ? each.cost : each.seconds, value: each.mean && each.worst_case, front: each.on_front,
    ...(each.counts.failed + each.counts.missing ? { low: null, high: null } : { low: each.mean?.low ?? null, high: each.mean?.high ?? null }),
  })).filter(each => each.price !== null && each.value !== null);
  const unit = paid ? "dollars" : "seconds";
  return section("prices", `Score against ${paid ? "cost" : "time"}`, "The line joins the agents that no other one betters in both.",
    points.length ? frontChart(points, unit) : make("p", {}, "Nothing is known yet."));
}

function reasons(data, summary, filter) {
  const words = [...new Set(summary.agents.flatMap(each => Object.keys(each.reasons)))];
  if (!words.length) return section("reasons", "What went wrong", null, make("p", {}, "Every episode that was played ended with a valid submission."));
  const total = word => summary.agents.reduce((sum, each) => sum + (each.reasons[word] || 0), 0);
  const most = Math.max(...summary.agents.flatMap(each => Object.values(each.reasons)));
  words.sort((a, b) => total(b) - total(a));
  const heads = [{ name: "reason" }, ...summary.agents.map(each => ({ name: each.agent, number: true }))];
  const rows = words.map(word => make("tr", {}, make("th", { scope: "row" }, make("button", { type: "button", class: "link", on: { click: () => filter({ text: word }) } }, word.replaceAll("_", " "))),
    summary.agents.map(({ agent, reasons: found }) => found[word]
      ? make("td", { class: "number amount", css: { "--amount": `${Math.round(60 * found[word] / most)}%` } }, make("button", { type: "button", "aria-label": `${found[word]} episodes of ${agent}: ${word}`, on: { click: () => filter({ agent, text: word }) } }, found[word]))
      : make("td", { class: "number quiet" }, dash))));
  return section("reasons", "What went wrong", "Episodes without a valid submission, by reason. Press one to see them.", table("Reasons", heads, rows));
}

function integrity(data, summary, filter) {
  const at = name => data.fields.indexOf(name);
  const rules = new Map();
  for (const row of data.episodes) {
    for (const rule of row[at("findings")] || []) rules.set(rule, (rules.get(rule) || 0) + 1);
  }
  const rows = summary.agents.map(row => {
    const labels = data.episodes.filter(each => each[at("agent")] === row.agent).map(each => each[at("integrity")]);
    const of = label => labels.filter(each => each === label).length;
    const parts = [["clean", of("clean"), "good"], ["suspicious", of("suspicious"), "warn"], ["violation", of("violation"), "bad"]];
    return make("tr", {}, make("th", { scope: "row" }, row.agent),
      make("td", { class: "wide" }, shares(parts, labels.length, label => filter({ agent: row.agent, integrity: label }))),
      make("td", { class: "number" }, row.exploit_rate ? `${percent(row.exploit_rate.value)} ${interval(row.exploit_rate, percent)}` : dash));
  });
  const heads = [{ name: "agent" }, { name: "episodes by the gravest finding" }, { name: "exploit rate, 95%", number: true }];
  const found = [...rules].sort((a, b) => b[1] - a[1]).map(([rule, number]) => make("li", {},
    make("button", { type: "button", class: "link", on: { click: () => filter({ text: rule }) } }, rule), ` (${plural(number, "episode")}): ${data.rules[rule] || ""}`));
  return section("integrity", "Integrity", "What the audit of all recorded actions found. Finding nothing proves nothing.",
    table("Integrity", heads, rows), found.length ? make("ul", { class: "rules" }, found) : null);
}
