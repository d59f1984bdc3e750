/* Charts as SVG, drawn to the width that there is and again when that changes. */

/* Categories differ in colour and in shape or dash, so that nothing depends on colour alone. */
const DASHES = ["", "7 4", "2 3", "9 3 2 3"];
const MARKS = ["circle", "square", "diamond", "triangle"];
const colour = index => `var(--agent-${index % 8})`;

function chart(label, height, paint) {
  const frame = make("div", { class: "chart" });
  let last = 0;
  const again = width => {
    if (width < 50 || Math.abs(width - last) < 2) return;
    last = width;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label });
    paint(svg, width, height);
    show(frame, svg);
  };
  new ResizeObserver(entries => again(Math.floor(entries[0].contentRect.width))).observe(frame);
  return frame;
}

function text(x, y, words, properties = {}) {
  return draw("text", { x, y, ...properties }, words);
}

function line(x1, y1, x2, y2, kind) {
  return draw("line", { x1, y1, x2, y2, class: kind });
}

/* Round numbers over a range, for an axis. */
function ticks(low, high, most) {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(each => each * power).find(each => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-6; at += step) {
    found.push(Math.abs(at) < step * 1e-6 ? 0 : Number(at.toPrecision(12)));
  }
  return found;
}

function axes(svg, box, xs, ys, xLabel, yLabel, xFormat = String, yFormat = String) {
  for (const [at, value] of xs) {
    svg.append(line(at, box.top, at, box.bottom, "grid"),
      text(at, box.bottom + 16, xFormat(value), { class: "tick", "text-anchor": "middle" }));
  }
  for (const [at, value] of ys) {
    svg.append(line(box.left, at, box.right, at, "grid"),
      text(box.left - 7, at + 4, yFormat(value), { class: "tick", "text-anchor": "end" }));
  }
  svg.append(
    text(box.right, box.bottom + 33, xLabel, { class: "axis", "text-anchor": "end" }),
    text(box.left - 34, 12, yLabel, { class: "axis" }),
  );
}

function mark(index, x, y, size, properties) {
  const kind = MARKS[index % MARKS.length];
  if (kind === "circle") return draw("circle", { cx: x, cy: y, r: size, ...properties });
  const corners = {
    square: [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(each => each.map(side => side * 0.88)),
    diamond: [[0, -1.3], [1.3, 0], [0, 1.3], [-1.3, 0]],
    triangle: [[0, -1.25], [1.15, 0.85], [-1.15, 0.85]],
  }[kind];
  return draw("polygon", { points: corners.map(([a, b]) => `${x + a * size},${y + b * size}`).join(" "), ...properties });
}

function legend(names) {
  return make("ul", { class: "legend" }, names.map((name, index) => make("li", {},
    draw("svg", { width: 30, height: 12, "aria-hidden": "true" },
      draw("line", { x1: 0, y1: 6, x2: 30, y2: 6, class: "series", stroke: colour(index), "stroke-dasharray": DASHES[index % 4] }),
      mark(index, 15, 6, 4.5, { fill: colour(index) })),
    name)));
}

/* A value on a short scale with its interval, for a cell of a table. */
function whisker(estimate, low, high, index, zero = null) {
  const width = 132, at = value => 4 + (width - 8) * (Math.min(high, Math.max(low, value)) - low) / (high - low || 1);
  const svg = draw("svg", { width, height: 18, class: "whisker", "aria-hidden": "true" }, line(4, 9, width - 4, 9, "track"));
  if (zero !== null) svg.append(line(at(zero), 1, at(zero), 17, "zero"));
  if (!estimate) return svg;
  if (estimate.low !== null) {
    svg.append(draw("line", { x1: at(estimate.low), y1: 9, x2: at(estimate.high), y2: 9, class: "range", stroke: colour(index) }));
  }
  svg.append(mark(index, at(estimate.value), 9, 4.5, { fill: colour(index) }));
  return svg;
}

/* For each threshold the share of episodes above it. */
function profileChart(rows, thresholds) {
  return chart("Performance profiles: the share of episodes above each anchored score", 290, (svg, width, height) => {
    const box = { left: 44, right: width - 10, top: 24, bottom: height - 40 };
    const x = value => box.left + (box.right - box.left) * value;
    const y = value => box.bottom - (box.bottom - box.top) * value;
    const few = width < 460 ? 5 : 10;
    axes(svg, box, ticks(0, 1, few).map(each => [x(each), each]), ticks(0, 1, 5).map(each => [y(each), each]),
      "anchored score τ", "share of episodes with more than τ", String, percent);
    rows.forEach(({ index, profile }) => {
      if (!profile.length) return;
      const points = profile.map((each, at) => `${x(thresholds[at]).toFixed(1)},${y(each).toFixed(1)}`);
      const steps = points.map((each, at) => (at ? `${each.split(",")[0]},${points[at - 1].split(",")[1]} ${each}` : each));
      svg.append(draw("polyline", { points: steps.join(" "), class: "series", stroke: colour(index), "stroke-dasharray": DASHES[index % 4] }));
    });
  });
}

/* For each step the share of episodes that have arrived by then; rows have points [step, share]. */
function arrivalChart(rows, most) {
  return chart("Steps to a valid submission: the share of episodes that have one after so many steps", 290, (svg, width, height) => {
    const box = { left: 44, right: width - 10, top: 24, bottom: height - 40 };
    const x = value => box.left + (box.right - box.left) * value / most;
    const y = value => box.bottom - (box.bottom - box.top) * value;
    const whole = ticks(0, most, width < 460 ? 5 : 10).filter(Number.isInteger);
    axes(svg, box, whole.map(each => [x(each), each]), ticks(0, 1, 5).map(each => [y(each), each]), "steps", "share of episodes", String, percent);
    for (const { index, points } of rows) {
      const way = points.map(([step, share]) => `H${x(step).toFixed(1)}V${y(share).toFixed(1)}`);
      svg.append(draw("path", { d: `M${box.left} ${box.bottom}${way.join("")}H${box.right}`, class: "series", stroke: colour(index), "stroke-dasharray": DASHES[index % 4] }));
    }
  });
}

/* Score against price, with the agents that none betters in both joined. */
function frontChart(points, unit) {
  const known = points.filter(each => each.price !== null && each.value !== null);
  return chart(`Score against ${unit} for an episode`, 290, (svg, width, height) => {
    const box = { left: 44, right: width - 14, top: 24, bottom: height - 40 };
    const prices = known.map(each => each.price), least = Math.min(...prices), most = Math.max(...prices);
    const wide = least > 0 && most / least > 8;
    const scale = wide ? value => Math.log10(value) : value => value;
    const low = wide ? scale(least / 1.6) : 0, high = wide ? scale(most * 1.6) : most * 1.15 || 1;
    const x = value => box.left + (box.right - box.left) * (scale(value) - low) / (high - low || 1);
    const y = value => box.bottom - (box.bottom - box.top) * value;
    const marks = wide ? decades(10 ** low, 10 ** high) : ticks(0, high, width < 460 ? 4 : 7);
    const format = unit === "dollars" ? value => `$${value}` : duration;
    axes(svg, box, marks.map(each => [x(each), each]), ticks(0, 1, 5).map(each => [y(each), each]),
      `${unit} for an episode${wide ? " (logarithmic)" : ""}`, "anchored score, worst case", format, value => value.toFixed(1));
    const front = known.filter(each => each.front).sort((a, b) => a.price - b.price);
    if (front.length > 1) {
      const way = front.map((each, at) => (at ? `H${x(each.price)}V${y(each.value)}` : `M${x(each.price)} ${y(each.value)}`));
      svg.append(draw("path", { d: way.join(""), class: "front" }));
    }
    for (const each of known) {
      const left = x(each.price) > width * 0.7;
      if (each.low !== null) svg.append(draw("line", { x1: x(each.price), x2: x(each.price), y1: y(each.low), y2: y(each.high), class: "range", stroke: colour(each.index), opacity: 0.5 }));
      svg.append(mark(each.index, x(each.price), y(each.value), 6, { fill: colour(each.index), class: "point" }),
        text(x(each.price) + (left ? -11 : 11), y(each.value) + (y(each.value) > box.bottom - 12 ? -8 : 4), each.name, { class: "name", "text-anchor": left ? "end" : "start" }));
    }
  });
}

function decades(low, high) {
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const each of [1, 3]) {
      const value = Number((each * 10 ** power).toPrecision(3));
      if (value >= low && value <= high) found.push(value);
    }
  }
  return found;
}

/* Parts of a whole as one bar: [word, number, class], with a listener for each. */
function shares(parts, total, chosen) {
  return make("div", { class: "shares" }, parts.filter(([, number]) => number > 0).map(([word, number, kind]) =>
    make("button", { type: "button", class: kind, css: { "flex-grow": number }, title: `${word}: ${number} of ${total}`, on: { click: () => chosen(word) } },
      make("span", {}, `${number} ${word}`))));
}
