/* Colours Python and shell by a few rules, without parsing either. */

const WORDS = {
  python: "and as assert async await break class continue def del elif else except finally for from global if import in is lambda None nonlocal not or pass raise return True False try while with yield match case",
  bash: "if then else elif fi for in do done while until case esac function return export local set cd echo exit source",
};
const RULES = Object.fromEntries(Object.entries(WORDS).map(([name, words]) => [name, new RegExp(
  [
    name === "python" ? `(?<text>[rbfRBF]{0,2}(?:"""[^]{0,5000}?"""|'''[^]{0,5000}?'''|"(?:\\\\.|[^"\\\\\\n]){0,500}"|'(?:\\\\.|[^'\\\\\\n]){0,500}'))`
      : `(?<text>"(?:\\\\.|[^"\\\\]){0,2000}"|'[^']{0,2000}')`,
    `(?<note>(?<![\\w$\\\\])#[^\\n]*)`,
    name === "bash" ? `(?<flag>(?<=\\s)--?[A-Za-z][\\w-]*|\\$\\{?[\\w@#?*!]+\\}?)` : `(?<flag>@[\\w.]+)`,
    `(?<word>\\b(?:${words.split(" ").join("|")})\\b)`,
    `(?<figure>\\b\\d[\\d_]*(?:\\.\\d+)?(?:e[+-]?\\d+)?\\b)`,
  ].join("|"), "g")]));
const LONGEST_COLOURED = 60000;

function coloured(source, language) {
  const rules = RULES[language];
  if (!rules || source.length > LONGEST_COLOURED) return [source];
  const found = [];
  let last = 0;
  for (const match of source.matchAll(rules)) {
    const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    if (match.index > last) found.push(source.slice(last, match.index));
    found.push(make("span", { class: `c-${kind}` }, match[0]));
    last = match.index + match[0].length;
  }
  found.push(source.slice(last));
  return found;
}

/* A block of code or output, folded if it is long. */
const FOLD = 24;
function block(label, source, { language = "", kind = "", open = false } = {}) {
  const lines = source.split("\n");
  const pre = make("pre", { class: kind, tabindex: 0, role: "region", "aria-label": label }, make("code", {}, coloured(source, language)));
  if (lines.length <= FOLD + 6 || open) return pre;
  const first = make("pre", { class: kind, tabindex: 0, role: "region", "aria-label": label },
    make("code", {}, coloured(lines.slice(0, FOLD).join("\n"), language)));
  const more = make("button", { type: "button", class: "more", on: { click: () => { first.replaceWith(pre); more.remove(); } } },
    `Show ${count(lines.length - FOLD)} more lines`);
  return make("div", {}, first, more);
}

/* A file as a step changed it. */
function fileChange(change) {
  const language = change.path.endsWith(".py") ? "python" : change.path.endsWith(".sh") ? "bash" : "";
  const title = make("div", { class: "file" }, make("code", {}, change.path),
    change.new ? chip(["new", "live"]) : null,
    make("span", { class: "plus" }, `+${change.added}`), change.new ? null : make("span", { class: "minus" }, `−${change.removed}`));
  if (change.new) {
    const body = change.diff.split("\n").filter(each => !each.startsWith("@@")).map(each => each.replace(/^\+/, "")).join("\n");
    return make("div", { class: "change" }, title, block(`New file ${change.path}`, body, { language, kind: "code" }));
  }
  const lines = change.diff.split("\n").map(each => {
    const kind = each.startsWith("@@") ? "at" : each.startsWith("+") ? "plus" : each.startsWith("-") ? "minus" : "";
    return make("span", { class: `line ${kind}` }, each || " ");
  });
  return make("div", { class: "change" }, title,
    make("pre", { class: "diff", tabindex: 0, role: "region", "aria-label": `Changes of ${change.path}` }, make("code", {}, lines)));
}
