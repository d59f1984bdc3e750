/* The tree of a search: every attempt, with the way to the best one. */

const OPERATIONS = { draft: 0, improve: 2, debug: 4 };

function treeCard(data) {
  const nodes = (data.tree.nodes || []).filter(each => each && Number.isInteger(each.number));
  const best = data.tree.best, detail = make("div", { class: "attempt", "aria-live": "polite" });
  const parents = new Map(nodes.map(each => [each.number, each.parent]));
  const way = new Set([0]);
  for (let at = best; at && parents.has(at) && !way.has(at); at = parents.get(at)) way.add(at);
  const places = treePlaces(nodes);
  const width = Math.max(320, 84 * (1 + Math.max(0, ...[...places.values()].map(([x]) => x)))), height = 76 * (1 + Math.max(0, ...[...places.values()].map(([, y]) => y))) + 20;
  const at = number => { const [x, y] = places.get(number) || [0, 0]; return [84 * x + 42, 76 * y + 26]; };
  const svg = draw("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "Tree of attempts" });
  for (const each of nodes) svg.append(line(...at(each.parent), ...at(each.number), way.has(each.number) ? "branch best" : "branch"));
  const [rootX, rootY] = at(0);
  svg.append(draw("circle", { cx: rootX, cy: rootY, r: 8, class: "root" }));
  for (const each of nodes) svg.append(attemptMark(each, at(each.number), each.number === best, () => show(detail, attemptDetail(each))));
  return section("tree", "The tree of the search", `${plural(nodes.length, "attempt")}. A filled circle is one that works, with the validation score that it measured; an empty one failed. Choose one to read it.`,
    make("ul", { class: "legend" }, Object.entries(OPERATIONS).map(([name, index]) => make("li", {}, make("span", { class: "swatch", css: { background: colour(index) } }), name)), make("li", {}, make("span", { class: "swatch best" }), "the way to the best")),
    scroller("Picture: tree of attempts", svg), detail);
}

/* Column and generation of each attempt: leaves side by side, parents above the middle of theirs. */
function treePlaces(nodes) {
  const below = new Map();
  for (const each of nodes) below.set(each.parent, [...(below.get(each.parent) || []), each.number]);
  const places = new Map();
  let columns = 0;
  const place = (number, depth) => {
    if (places.has(number) || depth > 200) return 0;
    places.set(number, [0, depth]);
    const at = (below.get(number) || []).map(each => place(each, depth + 1));
    const x = at.length ? (at[0] + at.at(-1)) / 2 : columns++;
    places.set(number, [x, depth]);
    return x;
  };
  place(0, 0);
  return places;
}

function attemptMark(each, [x, y], best, open) {
  const works = !each.problem, shade = colour(OPERATIONS[each.operation] ?? 6);
  const below = works && typeof each.validation === "number" ? score(each.validation) : "failed";
  const press = event => { if (event.type === "click" || event.key === "Enter" || event.key === " ") { event.preventDefault(); open(); } };
  return draw("g", { class: best ? "attempt best" : "attempt", tabindex: 0, role: "button", "aria-label": `Attempt ${each.number}, ${each.operation}, ${below}`, on: { click: press, keydown: press } },
    draw("circle", { cx: x, cy: y, r: 15, fill: works ? shade : "var(--card)", stroke: shade }),
    text(x, y + 4, each.number, { class: works ? "inside" : "name", "text-anchor": "middle" }), text(x, y + 30, below, { class: "tick", "text-anchor": "middle" }));
}

function attemptDetail(each) {
  return make("div", {}, make("h3", {}, `Attempt ${each.number}: ${each.operation}`), each.problem ? make("p", { class: "why" }, each.problem) : null,
    each.plan ? make("blockquote", {}, each.plan) : null, each.program ? block("Program", each.program, { language: "python", kind: "code" }) : null, each.output ? block("Output", each.output, { kind: "output" }) : null);
}
