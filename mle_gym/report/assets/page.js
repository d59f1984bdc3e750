/* Ties everything together: where the data come from, what the address says, and the keyboard. */

const content = document.getElementById("content"), bar = document.getElementById("bar"), foot = document.getElementById("foot");
const embedded = document.getElementById("overview");
const LIVE_SECONDS = 3;
const FILTERS = ["agent", "task", "outcome", "integrity", "text", "sort", "page"];
let runs = [], data = null, episodes = [], opened = null;

/* The address after `#`: a run (when several are served), an episode and a step, or a filter. */
const stated = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const filterOf = state => Object.fromEntries(FILTERS.map(name => [name, name === "page" ? Number(state.page) || 0 : state[name] || ""]));
function addressOf(values) {
  return `#${new URLSearchParams(Object.entries(values).filter(([, value]) => value))}`;
}
/* Which run is meant, or which two. */
const runOf = ({ run = "", beside = "" }) => ({ run, beside });
const storyAddress = each => addressOf({ ...stated(), episode: each.id, step: "" });
const stepAddress = number => addressOf({ ...stated(), step: number });

async function ask(path, values = {}) {
  const answer = await fetch(`${path}?${new URLSearchParams(values)}`, { cache: "no-cache" });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `the server answered ${answer.status}`);
  return answer.json();
}

async function unpacked(element) {
  const bytes = Uint8Array.from(atob(element.textContent), each => each.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

function storyOf(each) {
  if (!embedded) return ask("/api/story", { ...runOf(stated()), episode: each.id });
  const element = document.getElementById(`story-${each.number}`);
  if (element) return unpacked(element);
  throw new Error(each.recorded ? "The steps of this episode were left out, since the file would be too large. `mle-gym view` shows them all." : "There is no record of this episode.");
}

function take(found) {
  data = found;
  episodes = episodesOf(found);
}

function problem(error) {
  show(content, make("section", { class: "card" }, make("h2", {}, "This can't be shown"), make("p", {}, error.message || String(error)), make("p", {}, make("a", { href: addressOf({ run: stated().run }) }, "← Back"))));
}

async function render({ kept = false } = {}) {
  const state = stated(), scroll = scrollY;
  try {
    if (!embedded && !state.run) return await runsPage(kept);
    if (!embedded && (!data || data.path !== addressOf(runOf(state)))) await fetchRun(state);
    drawBar(state);
    if (state.episode) await openEpisode(state, kept);
    else drawOverview(state, kept);
    if (kept) scrollTo(0, scroll);
  } catch (error) { problem(error); }
}

async function fetchRun(state) {
  if (!runs.length) runs = (await ask("/api/runs")).runs;
  take({ ...(await ask("/api/run", runOf(state))), path: addressOf(runOf(state)) });
}

/* Chooses another evaluation to be seen beside this one. */
function besideChoice(state) {
  const others = runs.filter(each => each.kind === "evaluation" && each.path !== state.run);
  if (embedded || !data.summary || !others.length) return null;
  const change = event => { location.hash = addressOf({ run: state.run, beside: event.target.value }).slice(1); };
  return make("label", { class: "choice" }, make("span", {}, "beside "), make("select", { id: "beside", on: { change } },
    make("option", { value: "" }, "no other run"), others.map(each => make("option", { value: each.path, selected: each.path === state.beside }, each.name))));
}

function drawBar(state) {
  const played = episodes.filter(each => !["missing", "running"].includes(each.outcome)).length;
  const home = embedded ? null : make("a", { href: "#", class: "home" }, "Runs");
  const counts = data.summary ? `${plural(data.agents.length, "agent")} × ${plural(data.tasks.length, "task")} × ${plural(data.variants, "variant")} × ${plural(data.seeds, "seed")}` : plural(episodes.length, "record");
  show(bar, make("div", { class: "inner" }, home, make("a", { href: addressOf(runOf(state)), class: "title" }, data.name), make("span", { class: "quiet" }, counts),
    data.summary ? make("span", { class: "quiet" }, `${count(played)} of ${count(episodes.length)} played`) : null,
    !embedded && played < episodes.length && data.summary ? chip(["live", "live"]) : null, besideChoice(state), themeButton()));
  document.title = `${data.name} · mle-gym`;
}

function drawOverview(state, kept) {
  const focused = kept ? null : document.activeElement?.id;
  opened = null;
  const filter = filterOf(state);
  const narrow = values => { location.hash = addressOf({ ...runOf(state), ...values }); document.getElementById("episodes").scrollIntoView(); };
  const summary = data.summary;
  show(content, make("section", { class: "card hero", "aria-labelledby": "hero-title" }, make("h1", { id: "hero-title" }, data.name),
      make("p", { class: "lead" }, summary ? verdict(summary) : `${plural(episodes.length, "recorded episode")}.`), summary ? tiles(summary.counts) : null,
      data.left_out ? make("p", { class: "note" }, `The steps of ${plural(data.left_out, "episode")} are left out, since this file would be too large; they are in the list. \`mle-gym view\` shows them all.`) : null),
    overview(data, narrow), make("div", { id: "list" }));
  drawList(filter);
  if (focused) document.getElementById(focused)?.focus();
}

function drawList(filter) {
  const place = document.getElementById("list"), old = document.activeElement, caret = old?.selectionStart;
  const change = values => {
    const next = values === null ? {} : { ...filter, page: 0, ...values };
    history.replaceState(null, "", addressOf({ ...runOf(stated()), ...next }) || "#");
    drawList(filterOf(stated()));
  };
  show(place, episodeList(data, episodes, filter, { change, address: storyAddress }));
  if (old?.id?.startsWith("filter-")) {
    const again = document.getElementById(old.id);
    again?.focus();
    if (again?.setSelectionRange && caret !== null) again.setSelectionRange(caret, caret);
  }
}

function tiles(counts) {
  const played = counts.planned - counts.missing;
  const values = [["episodes", `${count(played)} / ${count(counts.planned)}`], ["valid submissions", count(counts.valid)], ["agent failures", count(counts.agent_failed), counts.agent_failed], ["machinery failures", count(counts.failed), counts.failed], ["violations", count(counts.violation), counts.violation]];
  return make("dl", { class: "tiles" }, values.map(([name, value, alarm]) => make("div", { class: alarm ? "alarm" : null }, make("dt", {}, name), make("dd", {}, value))));
}

async function openEpisode(state, kept) {
  const each = episodes.find(every => every.id === state.episode);
  if (!each) throw new Error(`There is no episode ${state.episode} in this run.`);
  const order = chosen(episodes, filterOf(state)), at = order.indexOf(each);
  const around = { back: addressOf({ ...state, episode: "", step: "" }), before: at > 0 ? storyAddress(order[at - 1]) : null, after: at >= 0 && at < order.length - 1 ? storyAddress(order[at + 1]) : null };
  if (opened?.id !== each.id) show(content, make("p", { class: "loading" }, "Opening …"));
  const story = await storyOf(each);
  if (stated().episode !== state.episode) return;
  const fresh = opened?.id !== each.id;
  const told = `${each.outcome} ${story.steps.length} ${story.complete}`; // what is unfolded stays so while nothing is new
  if (fresh || opened.told !== told) show(content, storyPage(data, each, story, around));
  opened = { id: each.id, around, told };
  document.title = `${each.agent} on ${taskName(each.task)} · ${data.name}`;
  if (state.step && !kept) requestAnimationFrame(() => document.getElementById(`step-${Number(state.step)}`)?.scrollIntoView());
  else if (fresh && !kept) { scrollTo(0, 0); content.focus({ preventScroll: true }); }
}

async function runsPage(kept) {
  if (!runs.length || kept) runs = (await ask("/api/runs")).runs;
  data = opened = null;
  if (runs.length === 1 && !kept) { location.replace(addressOf({ run: runs[0].path })); return; }
  show(bar, make("div", { class: "inner" }, make("span", { class: "title" }, "mle-gym"), make("span", { class: "quiet" }, plural(runs.length, "run")), themeButton()));
  const rows = runs.map(each => make("tr", {}, make("th", { scope: "row" }, make("a", { href: addressOf({ run: each.path }) }, each.name)), make("td", {}, each.kind), make("td", {}, new Date(each.changed * 1000).toLocaleString("en-GB"))));
  show(content, make("section", { class: "card", "aria-labelledby": "runs-title" }, make("h1", { id: "runs-title" }, "Runs"), rows.length ? table("Runs", [{ name: "folder" }, { name: "kind" }, { name: "last changed" }], rows, "list") : make("p", {}, "There is nothing here yet. `mle-gym eval --out` writes runs; this page finds them while they grow.")));
  document.title = "Runs · mle-gym";
}

/* While a run grows, ask for what is new; what is being read stays where it is. */
async function follow() {
  const state = stated();
  const reading = document.activeElement?.matches("input, select") || String(getSelection()) || document.hidden;
  try {
    if (!reading && !state.run) await render({ kept: true });
    else if (!reading && data) {
      const found = await ask("/api/run", { ...runOf(state), version: data.version });
      const running = state.episode && episodes.find(each => each.id === state.episode)?.outcome === "running";
      const changed = found.version !== data.version;
      if (changed) take({ ...found, path: addressOf(runOf(state)) });
      if (changed || running) await render({ kept: true });
    }
  } catch { /* the server was stopped, or a file is being written: ask again later */ }
  setTimeout(follow, LIVE_SECONDS * 1000);
}

function themeButton() {
  const names = ["auto", "light", "dark"];
  const now = () => document.documentElement.dataset.theme || "auto";
  const button = make("button", { type: "button", class: "plain theme", on: { click: () => {
    const next = names[(names.indexOf(now()) + 1) % 3];
    if (next === "auto") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
    try { localStorage.setItem("theme", next); } catch { /* a page from a file may have no storage */ }
    button.textContent = `Theme: ${next}`;
  } } }, `Theme: ${now()}`);
  return button;
}

function moveFocus(selector, by) {
  const all = [...document.querySelectorAll(selector)];
  const now = all.findIndex(each => each === document.activeElement || each.contains(document.activeElement));
  const next = all[Math.min(all.length - 1, Math.max(0, now + by))];
  next?.focus({ preventScroll: true });
  next?.scrollIntoView({ block: selector.includes("step") ? "start" : "nearest" });
}

addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("input, select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const go = address => { if (address) location.hash = address.slice(1); };
  const keys = opened
    ? { j: () => moveFocus("article.step", 1), k: () => moveFocus("article.step", -1), n: () => go(opened.around.after), p: () => go(opened.around.before), Escape: () => go(opened.around.back) }
    : { j: () => moveFocus("#list tbody a", 1), k: () => moveFocus("#list tbody a", -1), "/": () => document.getElementById("filter-text")?.focus() };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* no storage */ }
addEventListener("hashchange", () => render());
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach(each => { each.open = true; }));
if (embedded) take(JSON.parse(embedded.textContent));
show(foot, make("p", {}, "Made by mle-gym. ", opened === null ? "Anchored scores: 0 is what needs no knowledge, 1 the reference solution." : null));
render().then(() => { if (!embedded) setTimeout(follow, LIVE_SECONDS * 1000); });
