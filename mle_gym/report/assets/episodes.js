/* The list of episodes: filtered, sorted and searched, fifty at a time. */

const PAGE = 50;
const COLUMNS = [
  ["agent", "agent"], ["task", "task"], ["variant", "variant"], ["seed", "seed"], ["outcome", "outcome"], ["score", "score"],
  ["anchored", "anchored"], ["steps", "steps"], ["seconds", "time"], ["integrity", "integrity"],
];
const NUMBERS = new Set(["variant", "seed", "score", "anchored", "steps", "seconds"]);

/* Rows as objects, with what a search looks through. */
function episodesOf(data) {
  return data.episodes.map((row, number) => {
    const each = Object.fromEntries(data.fields.map((name, at) => [name, row[at] ?? null]));
    each.number = number;
    each.text = [each.id, OUTCOMES[each.outcome][0], each.reason, each.message, each.medal, each.integrity, ...(each.findings || [])].join(" ").toLowerCase();
    return each;
  });
}

function matches(each, filter) {
  return ["agent", "task", "outcome", "integrity"].every(name => !filter[name] || each[name] === filter[name]) &&
    (filter.text || "").toLowerCase().split(/\s+/).every(word => each.text.includes(word));
}

function sorted(episodes, by) {
  if (!by) return episodes;
  const name = by.replace(/^-/, ""), sign = by.startsWith("-") ? -1 : 1;
  return [...episodes].sort((one, other) => {
    const a = one[name], b = other[name];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : a.localeCompare(b)) || one.number - other.number;
  });
}

/* What is chosen: the rows after the filter, in order. */
const chosen = (episodes, filter) => sorted(episodes.filter(each => matches(each, filter)), filter.sort);

function episodeList(data, episodes, filter, { change, address }) {
  const found = chosen(episodes, filter);
  const last = Math.max(0, Math.ceil(found.length / PAGE) - 1), at = Math.min(last, filter.page || 0);
  const select = (name, label, options) => make("label", {}, make("span", {}, label), make("select", { id: `filter-${name}`, on: { change: event => change({ [name]: event.target.value }) } },
    make("option", { value: "" }, "all"), options.map(([value, words]) => make("option", { value, selected: filter[name] === value }, words))));
  const used = (name, words) => [...new Set(episodes.map(each => each[name]))].filter(Boolean).map(each => [each, words(each)]);
  const controls = make("form", { class: "controls", role: "search", on: { submit: event => event.preventDefault() } },
    make("label", { class: "grow" }, make("span", {}, "search"), make("input", { id: "filter-text", type: "search", value: filter.text || "", placeholder: "reason, rule, seed …  ( / )", on: { input: event => change({ text: event.target.value }) } })),
    select("agent", "agent", used("agent", String)), select("task", "task", used("task", taskName)),
    select("outcome", "outcome", used("outcome", each => OUTCOMES[each][0])), select("integrity", "integrity", used("integrity", String)),
    Object.values(filter).some(Boolean) ? make("button", { type: "button", class: "plain", on: { click: () => change(null) } }, "Clear") : null);
  const heads = COLUMNS.map(([name, label]) => {
    const state = filter.sort === name ? "ascending" : filter.sort === `-${name}` ? "descending" : null;
    return make("th", { scope: "col", class: NUMBERS.has(name) ? "number" : null, "aria-sort": state },
      make("button", { type: "button", class: "sort", on: { click: () => change({ sort: state === "ascending" ? `-${name}` : state ? "" : name }) } }, label, state ? (state === "ascending" ? " ↑" : " ↓") : ""));
  });
  const rows = found.slice(at * PAGE, at * PAGE + PAGE).map(each => episodeRow(each, address, !data.summary));
  const turn = (words, to, off) => make("button", { type: "button", class: "plain", disabled: off, on: { click: () => change({ page: to }) } }, words);
  return section("episodes", "Episodes", null, controls,
    make("p", { class: "note", role: "status" }, found.length === episodes.length ? plural(found.length, "episode") : `${count(found.length)} of ${plural(episodes.length, "episode")}`,
      make("span", { class: "keys" }, "  Keys: ", make("kbd", {}, "/"), " search, ", make("kbd", {}, "j"), " ", make("kbd", {}, "k"), " move, ", make("kbd", {}, "Enter"), " open")),
    scroller("Table: Episodes", make("table", { class: "list" }, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows))),
    last ? make("nav", { class: "pages", "aria-label": "Pages of the list" }, turn("← Previous", at - 1, at === 0), make("span", {}, `${at + 1} / ${last + 1}`), turn("Next →", at + 1, at === last)) : null);
}

function episodeRow(each, address, named) {
  const outcome = make("span", {}, chip(OUTCOMES[each.outcome]), each.medal ? chip([each.medal, each.medal]) : null, each.reason && each.outcome !== "valid" ? make("small", {}, ` ${each.reason.replaceAll("_", " ")}`) : null);
  const cells = {
    agent: [make("a", { href: address(each) }, each.agent), named ? make("small", {}, ` ${each.id}`) : null], task: taskName(each.task), outcome, score: score(each.score), anchored: fixed(each.anchored),
    variant: each.variant, seed: each.seed, steps: each.steps ?? dash, seconds: duration(each.seconds), integrity: each.integrity ? chip(INTEGRITY[each.integrity]) : dash,
  };
  const row = make("tr", { "data-id": each.id, on: { click: event => { if (!event.target.closest("a") && !String(getSelection())) location.hash = address(each).slice(1); } } },
    COLUMNS.map(([name, label], at) => make(at ? "td" : "th", { scope: at ? null : "row", class: NUMBERS.has(name) ? "number" : null, "data-label": label }, cells[name])));
  return row;
}
