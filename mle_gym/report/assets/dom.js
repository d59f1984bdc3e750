/* Makes the page's elements. Text from a run reaches the page through `make` alone, which only
   ever makes text of it: nothing here parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/* Characters that hide, reorder or control text, except tab and line feed. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\udb40[\udc00-\udc7f]/g;

/* Shows such characters by their number, so that nothing is hidden and nothing acts. */
function visible(text) {
  return String(text).replace(UNSEEN, found => {
    const code = found.codePointAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/* An element. Children are elements, texts, or lists of them; null is left out. Properties are
   attributes, except `class`, `on` (listeners by event) and `css` (properties of its style). */
function make(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

function draw(tag, properties = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), properties, children);
}

function fill(element, { on = {}, css = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const [event, listener] of Object.entries(on)) element.addEventListener(event, listener);
  for (const [name, value] of Object.entries(css)) element.style.setProperty(name, value);
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : visible(child));
  }
  return element;
}

function show(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter(Boolean));
}

/* Numbers as people read them. */
const dash = "–";
const fixed = (value, digits = 3) => (value === null || value === undefined ? dash : value.toFixed(digits));
const chance = value => (value !== null && value < 0.0005 ? "< 0.001" : fixed(value));
const signed = value => (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(3);
const percent = value => (value === null || value === undefined ? dash : `${Math.round(value * 100)}%`);
const count = value => Number(value).toLocaleString("en");

function score(value) {
  if (value === null || value === undefined) return dash;
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return size >= 100 ? value.toFixed(2) : value.toFixed(4);
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return dash;
  if (seconds === 0) return "0 s";
  if (seconds < 0.0995) return `${(seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds) % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;
const taskName = task => task.replace(/^mle\//, "").replace(/-v0$/, "");
const interval = (estimate, format) =>
  estimate && estimate.low !== null ? `[${format(estimate.low)}, ${format(estimate.high)}]` : "";

/* What an episode came to: its word, and the class that colours it. */
const OUTCOMES = {
  valid: ["graded", "good"],
  invalid: ["no valid submission", "warn"],
  agent_failed: ["agent failed", "bad"],
  failed: ["machinery failed", "fail"],
  running: ["running", "live"],
  missing: ["not played", "none"],
};
const INTEGRITY = {
  clean: ["clean", "good"],
  suspicious: ["suspicious", "warn"],
  violation: ["violation", "bad"],
};

function chip([word, kind], title) {
  return make("span", { class: `chip ${kind}`, title }, word);
}

function section(id, title, note, ...children) {
  return make(
    "section", { id, class: "card", "aria-labelledby": `${id}-title` },
    make("h2", { id: `${id}-title` }, title),
    note ? make("p", { class: "note" }, note) : null,
    children,
  );
}

/* Wide content scrolls inside its own frame, which the keyboard reaches too. */
function scroller(label, ...children) {
  return make("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, children);
}

function table(label, heads, rows, kind = "") {
  const head = heads.map(each =>
    make("th", { scope: "col", class: each.number ? "number" : null, title: each.title, colspan: each.span }, each.name));
  return scroller(`Table: ${label}`, make("table", { class: kind },
    make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)));
}
