/* One episode as a story: how it ended, where the time went, and every step. */

const TIMES = [
  ["model", "model", "the model's replies"],
  ["retries", "retries", "replies that failed, and waiting for the next try"],
  ["queue", "queue", "waiting for a free processor"],
  ["commands", "commands", "actions performed in the sandbox"],
  ["other", "rest", "the agent's own program, grading, and the machinery"],
];

function storyPage(data, each, story, around) {
  const steps = story.steps.map(step => ({ ...step, times: { ...step.times, other: rest(step) } }));
  const jump = number => {
    const target = document.getElementById(`step-${number}`);
    if (target) { target.scrollIntoView({ block: "start" }); target.focus({ preventScroll: true }); }
  };
  return [
    make("nav", { class: "trail", "aria-label": "Episodes" }, make("a", { href: around.back }, "← All episodes"),
      make("span", { class: "turns" }, around.before ? make("a", { href: around.before, rel: "prev" }, "← Previous") : null, around.after ? make("a", { href: around.after, rel: "next" }, "Next →") : null)),
    ending(data, each, story),
    steps.length ? section("time", "Where the time went", null, timeLine(steps, jump), timeTotals(steps)) : null,
    scoreCourse(steps, story, jump),
    findingsCard(story, jump),
    section("steps", `${plural(steps.length, "step")}`, null, steps.map(step => stepArticle(step, story.findings.filter(found => found.step === step.n))),
      story.left_out ? make("p", { class: "note" }, `${plural(story.left_out, "further step")} of the record are not shown.`) : null,
      story.complete ? null : make("p", { class: "note" }, each.outcome === "running" ? "The episode goes on." : "The record ends here: the episode was not played to its end.")),
    section("more", "About this episode", null, facts(each, story), folded("The brief, its first observation", story.brief), folded("What the agent printed on the host", story.log),
      folded("Settings and versions", JSON.stringify({ settings: story.header.settings, versions: story.header.versions, platform: story.header.platform }, null, 2))),
  ];
}

function rest(step) {
  const known = Object.values(step.times).reduce((sum, each) => sum + (each || 0), 0);
  return Math.max(0, (step.end || 0) - (step.begin || 0) - known);
}

/* How it ended, in words, with the score between the marks that matter. */
function ending(data, each, story) {
  const grade = story.grade || {};
  const chips = [chip(OUTCOMES[each.outcome]), each.medal ? chip([each.medal, each.medal]) : null, each.integrity ? chip(INTEGRITY[each.integrity], "By the audit of its actions") : null];
  return make("section", { class: "card ending", "aria-labelledby": "ending-title" },
    make("h1", { id: "ending-title" }, each.agent, make("span", { class: "on" }, " on "), taskName(each.task)),
    make("p", { class: "chips" }, chips, make("span", { class: "quiet" }, `variant ${each.variant}, seed ${each.seed}`)),
    make("p", { class: "lead" }, endingWords(each, story, grade)),
    grade.valid && grade.score !== null ? scaleChart(grade) : null);
}

function endingWords(each, story, grade) {
  const took = `${plural(story.steps.length + story.left_out, "step")} and ${duration(each.seconds ?? story.steps.at(-1)?.end ?? 0)}`;
  if (each.outcome === "valid") {
    const place = grade.percentile !== null && grade.board ? `, better than ${percent(grade.percentile)} of ${grade.board}` : "";
    const first = each.first_valid_step ? ` A valid submission was first known after step ${each.first_valid_step}.` : "";
    return `After ${took}, its submission scored ${score(grade.score)} (${grade.metric}, ${grade.higher_is_better ? "higher" : "lower"} is better)${place}.${first}`;
  }
  if (each.outcome === "running") return `It has taken ${took} so far.`;
  const why = each.message || grade.error_message || story.failure?.message || story.left || each.reason;
  const head = { invalid: "It ended without a valid submission", agent_failed: "The agent itself failed, which counts as 0", failed: "The machinery failed, so nothing is known of the agent" }[each.outcome] || "It has no result";
  const kind = each.reason ? ` (${each.reason.replaceAll("_", " ")})` : "";
  return [`${head}${kind} after ${took}`, why ? [": ", make("q", { class: "why" }, why)] : "."];
}

function scaleChart(grade) {
  const marks = [["floor", grade.floor], ...["median", "bronze", "silver", "gold"].map(name => [name, grade.thresholds?.[name]]), ["ceiling", grade.ceiling]].filter(([, value]) => typeof value === "number");
  const values = [...marks.map(([, value]) => value), grade.score, ...(grade.score_ci || [])];
  if (!marks.length) return null;
  const low = Math.min(...values), high = Math.max(...values), sign = grade.higher_is_better ? 1 : -1;
  return chart(`Score ${score(grade.score)} beside ${marks.map(([name, value]) => `${name} ${score(value)}`).join(", ")}`, 104, (svg, width) => {
    const share = value => (high === low ? 0.5 : (value - low) / (high - low));
    const x = value => 40 + (width - 80) * (sign > 0 ? share(value) : 1 - share(value));
    svg.append(line(40, 50, width - 40, 50, "track wide"));
    if (grade.score_ci) svg.append(draw("line", { x1: x(grade.score_ci[0]), x2: x(grade.score_ci[1]), y1: 50, y2: 50, class: "range wide", stroke: "var(--accent)" }));
    let lastX = -1e9, row = 0;
    for (const [name, value] of [...marks].sort((a, b) => x(a[1]) - x(b[1]))) {
      row = x(value) - lastX < 64 ? row + 1 : 0;
      lastX = x(value);
      const y = 72 + 14 * Math.min(row, 2);
      svg.append(line(x(value), 42, x(value), y - 11, "mark"), text(x(value), y, `${name} ${score(value)}`, { class: "tick", "text-anchor": x(value) < 90 ? "start" : x(value) > width - 90 ? "end" : "middle" }));
    }
    const end = x(grade.score);
    svg.append(draw("circle", { cx: end, cy: 50, r: 7, fill: "var(--accent)", class: "point" }),
      text(end, 28, score(grade.score), { class: "name strong", "text-anchor": end < 60 ? "start" : end > width - 60 ? "end" : "middle" }));
  });
}

function timeLine(steps, jump) {
  const total = steps.at(-1).end || 1;
  return chart("Time line of the steps", 74, (svg, width) => {
    const x = seconds => 1 + (width - 2) * Math.min(1, (seconds || 0) / total);
    svg.append(draw("rect", { x: 0, y: 16, width, height: 26, rx: 4, class: "ground" }));
    for (const step of steps) {
      let at = step.begin || 0;
      const group = draw("g", { class: "step", on: { click: () => jump(step.n) } }, draw("title", {}, `Step ${step.n}, ${step.tool}: ${duration((step.end || 0) - (step.begin || 0))}`));
      for (const [name] of TIMES) {
        const took = step.times[name] || 0;
        if (took > 0) group.append(draw("rect", { x: x(at), y: 16, width: Math.max(0.75, x(at + took) - x(at)), height: 26, class: `t-${name}` }));
        at += took;
      }
      const bad = step.exit_code > 0 || step.timed_out;
      group.append(line(x(step.end), 13, x(step.end), 45, bad ? "edge bad" : "edge"));
      if (x(step.end) - x(step.begin) > 18) group.append(text((x(step.begin) + x(step.end)) / 2, 10, step.n, { class: bad ? "tick bad" : "tick", "text-anchor": "middle" }));
      svg.append(group);
    }
    for (const value of ticks(0, total, width < 460 ? 3 : 7)) {
      svg.append(text(x(value), 62, duration(value), { class: "tick", "text-anchor": value === 0 ? "start" : x(value) > width - 24 ? "end" : "middle" }));
    }
  });
}

function timeTotals(steps) {
  const total = steps.at(-1).end || 1;
  return make("ul", { class: "legend" }, TIMES.map(([name, word, title]) => {
    const sum = steps.reduce((before, each) => before + (each.times[name] || 0), 0);
    return sum > 0 ? make("li", { title }, make("span", { class: `swatch t-${name}` }), `${word} ${duration(sum)} (${percent(Math.min(1, sum / total))})`) : null;
  }));
}

/* Public scores and validations by step, with the private score at the end. */
function scoreCourse(steps, story, jump) {
  const points = steps.filter(each => each.public_score !== null), checks = steps.filter(each => each.validation);
  const final = story.grade && story.grade.valid ? story.grade.score : null;
  if (points.length < 2 && !(points.length && final !== null)) return null;
  const values = [...points.map(each => each.public_score), ...(final === null ? [] : [final])];
  const spread = Math.max(...values) - Math.min(...values) || Math.abs(values[0]) * 0.1 || 0.1;
  const low = Math.min(...values) - spread * 0.15, high = Math.max(...values) + spread * 0.15;
  return section("course", "Score over steps", "Public scores that the agent was shown, and the private score of what it handed in.",
    chart("Score over steps", 220, (svg, width, height) => {
      const box = { left: 56, right: width - 20, top: 24, bottom: height - 40 };
      const most = Math.max(2, steps.length);
      const x = number => box.left + (box.right - box.left) * (number - 1) / (most - 1);
      const y = value => box.bottom - (box.bottom - box.top) * (value - low) / (high - low);
      axes(svg, box, ticks(1, most, width < 460 ? 4 : 10).filter(Number.isInteger).map(each => [x(each), each]), ticks(low, high, 4).map(each => [y(each), each]), "step", story.grade?.metric || "score", String, score);
      svg.append(draw("polyline", { points: points.map(each => `${x(each.n)},${y(each.public_score)}`).join(" "), class: "series", stroke: "var(--accent)" }));
      for (const each of points) svg.append(draw("circle", { cx: x(each.n), cy: y(each.public_score), r: 5, fill: "var(--accent)", class: "point", on: { click: () => jump(each.n) } }, draw("title", {}, `Step ${each.n}: public ${score(each.public_score)}`)));
      for (const each of checks) svg.append(text(x(each.n), box.bottom - 5, each.validation.valid ? "✓" : "✗", { class: each.validation.valid ? "tick" : "tick bad", "text-anchor": "middle" }));
      if (final !== null) svg.append(mark(2, x(steps.length), y(final), 6, { fill: "var(--good)", class: "point" }), text(x(steps.length) - 10, y(final) - 9, `private ${score(final)}`, { class: "name", "text-anchor": "end" }));
    }));
}

function findingsCard(story, jump) {
  if (!story.findings.length) return null;
  return section("findings", "What the audit found", null, make("ul", { class: "rules" }, story.findings.map(found => make("li", {},
    chip(INTEGRITY[found.severity] ? [found.severity, INTEGRITY[found.severity][1]] : [found.severity, "none"]), " ", make("strong", {}, found.rule),
    found.step ? [" in ", make("button", { type: "button", class: "link", on: { click: () => jump(found.step) } }, `step ${found.step}`)] : null,
    `: ${found.meaning}. `, make("code", {}, found.detail)))));
}

function stepArticle(step, findings) {
  const bad = step.exit_code > 0 || step.timed_out || step.killed_by;
  const took = (step.end || 0) - (step.begin || 0);
  const head = make("header", {}, make("a", { class: "number", href: stepAddress(step.n), "aria-label": `Link to step ${step.n}` }, step.n),
    make("strong", {}, step.tool), step.what ? make("code", {}, step.what) : null,
    make("span", { class: "meta" },
      step.timed_out ? chip(["timed out", "bad"]) : step.killed_by ? chip([step.killed_by, "bad"]) : bad ? chip([`exit ${step.exit_code}`, "bad"]) : null,
      step.validation ? chip(step.validation.valid ? ["valid file", "good"] : ["invalid file", "warn"], step.validation.message) : null,
      step.public_score !== null ? chip([`public ${score(step.public_score)}`, "live"]) : null,
      step.reward ? chip([`reward ${score(step.reward)}`, "good"]) : null,
      findings.map(found => chip([found.rule, (INTEGRITY[found.severity] || ["", "none"])[1]], found.meaning)),
      step.tokens ? make("span", {}, `${count(step.tokens)} tokens`) : null,
      step.memory_mb > 1 ? make("span", { title: "Peak memory" }, `${Math.round(step.memory_mb)} MB`) : null,
      make("span", { title: timesTitle(step) }, duration(took))));
  return make("article", { class: bad ? "step bad" : "step", id: `step-${step.n}`, tabindex: -1, "aria-label": `Step ${step.n}` }, head,
    step.thought ? make("blockquote", {}, step.thought) : null,
    step.code ? block(`Step ${step.n}, ${step.tool}`, step.code, { language: step.language, kind: "code" }) : null,
    step.files.map(fileChange),
    step.output ? block(`Output of step ${step.n}`, step.output.replace(/\n$/, ""), { kind: "output" }) : make("p", { class: "quiet none" }, "no output"));
}

function timesTitle(step) {
  return TIMES.filter(([name]) => step.times[name]).map(([name, word]) => `${word} ${duration(step.times[name])}`).join(", ");
}

function facts(each, story) {
  const grade = story.grade || {}, header = story.header;
  const values = [
    ["recorded", (header.created || "").replace("T", " ").replace(/\.\d+.*/, " UTC")], ["backend", header.backend], ["return", score(story.return)], ["anchored", fixed(grade.anchored)], ["normalized", fixed(grade.normalized)],
    ["public score", score(grade.public_score)], ["rank", grade.rank ? `${grade.rank} on a board of ${grade.board}` : null], ["rows", grade.rows ? count(grade.rows) : null], ["95% interval", grade.score_ci ? `${score(grade.score_ci[0])} to ${score(grade.score_ci[1])}` : null],
    ["tokens", each.tokens ? count(each.tokens) : null], ["cost", each.cost ? `$${each.cost.toFixed(4)}` : null], ["tries", each.tries > 1 ? each.tries : null], ["id", each.id],
  ];
  return make("dl", { class: "facts" }, values.filter(([, value]) => value && value !== dash).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

function folded(title, words) {
  return words ? make("details", {}, make("summary", {}, title), block(title, words, { kind: "output" })) : null;
}
