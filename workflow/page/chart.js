
"use strict";
// Drawing: elements made of text only, scales, and one kind of chart. Knows nothing of the study.

const SVG = "http://www.w3.org/2000/svg"; // a name of a namespace: nothing is fetched from there

/** An element with attributes and children; strings become text, never markup. */
function make(tag, attributes = {}, children = [], namespace = null) {
  const element = namespace ? document.createElementNS(namespace, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...[children].flat());
  return element;
}

const draw = (tag, attributes, children = []) => make(tag, attributes, children, SVG);

/** Round numbers that cover a range, as [number, text]. */
function listTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999);
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) ticks.push(n * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return ticks.map((tick) => [tick, tick.toFixed(digits).replace("-", "−")]);
}

/** The ticks that have a label: all, or every second, third ... so that none touches the next; the last always. */
function chooseLabels(ticks, toX) {
  const reach = (tick) => 5 + 3.4 * String(tick).length;
  for (let step = 1; ; step += 1) {
    const chosen = ticks.filter((_, i) => (ticks.length - 1 - i) % step === 0);
    const isFree = (tick, i) => i === 0 || toX(tick) - reach(tick) >= toX(chosen[i - 1]) + reach(chosen[i - 1]);
    if (chosen.every(isFree)) return chosen;
  }
}

/** The range of all that a chart shows, with some room. */
function findRange(chart) {
  const values = chart.lines.flatMap((line) => line.points.flat());
  for (const level of chart.levels) values.push(level.value, level.low, level.high);
  const known = values.filter((value) => value !== null && value !== undefined);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return [low - room, high + room];
}

const FAINT = 0.45; // opacity of a line, and of its key, that is not chosen

/** Marks that tell lines apart without colour. */
function drawMarker(kind, x, y, colour, isFilled = true) {
  const look = { fill: isFilled ? colour : "#FFFFFF", stroke: colour, "stroke-width": 1.4 };
  if (kind === "square") return draw("rect", { x: x - 3.2, y: y - 3.2, width: 6.4, height: 6.4, ...look });
  if (kind === "triangle") return draw("path", { d: `M${x},${y - 4.2}l4.2,7.4h-8.4z`, ...look });
  if (kind === "circle") return draw("circle", { cx: x, cy: y, r: 3.6, ...look });
  return draw("g", {});
}

/** A key of the legend, for a line or a level. */
function drawKey(item) {
  const svg = draw("svg", { width: 34, height: 14, "aria-hidden": "true", opacity: item.isFaint ? FAINT : null });
  if (item.hasBand) svg.append(draw("rect", { x: 0, y: 1, width: 34, height: 12, fill: item.colour, opacity: 0.28 }));
  svg.append(draw("line", { x1: 0, x2: 34, y1: 7, y2: 7, stroke: item.colour, "stroke-width": item.width ?? 2, "stroke-dasharray": item.dash }));
  svg.append(drawMarker(item.marker, 17, 7, item.colour, item.isFilled));
  return make("span", {}, [svg, item.name]);
}

/** One line of a chart: band or bars first, then the line, then its marks. */
function drawLine(line, toX, toY) {
  const group = draw("g", { opacity: line.isFaint ? FAINT : null });
  const places = line.x.map((x, i) => [toX(x) + (line.shift ?? 0), ...line.points[i]]);
  const known = places.filter(([, , low]) => low !== null);
  if (line.hasBand && known.length) {
    const upper = known.map(([x, , , high]) => `${x},${toY(high)}`);
    const lower = known.map(([x, , low]) => `${x},${toY(low)}`).reverse();
    group.append(draw("polygon", { points: [...upper, ...lower].join(" "), fill: line.colour, opacity: 0.25 }));
  } else {
    for (const [x, , low, high] of known) {
      const d = `M${x},${toY(low)}V${toY(high)}M${x - 3},${toY(low)}h6M${x - 3},${toY(high)}h6`;
      group.append(draw("path", { d, stroke: line.colour, fill: "none" }));
    }
  }
  const d = places.map(([x, y], i) => `${i ? "L" : "M"}${x},${toY(y)}`).join("");
  group.append(draw("path", { d, fill: "none", stroke: line.colour, "stroke-width": 2, "stroke-dasharray": line.dash }));
  group.append(...places.map(([x, y]) => drawMarker(line.marker, x, toY(y), line.colour, line.isFilled)));
  return group;
}

/** A horizontal level through a chart, with its band where it has one. */
function drawLevel(level, left, right, toY) {
  const group = draw("g", {});
  if (level.low !== undefined) {
    group.append(draw("rect", { x: left, width: right - left, y: toY(level.high), height: toY(level.low) - toY(level.high), fill: level.colour, opacity: 0.28 }));
  }
  const y = toY(level.value);
  group.append(draw("line", { x1: left, x2: right, y1: y, y2: y, stroke: level.colour, "stroke-width": level.width ?? 1.3, "stroke-dasharray": level.dash }));
  return group;
}

/**
 * Draw a chart into a figure, as wide as the figure is.
 *
 * chart: {title, xLabel, scale (of the numbers beside the axis), format, ticks, lines, levels, picked,
 * pick}; a line has {name, x, points of [estimate, low, high], colour, dash, marker, hasBand, isFaint},
 * a level {name, value, low, high}.
 */
function drawChart(figure, chart) {
  const caption = make("figcaption", {}, chart.title);
  const svg = draw("svg", { role: "img", "aria-label": `${chart.title} by ${chart.xLabel}: numbers beside` });
  figure.replaceChildren(caption, svg);
  const width = svg.clientWidth || 300;
  const height = svg.clientHeight || 330;
  const [low, high] = findRange(chart);
  const ticks = listTicks(low * chart.scale, high * chart.scale, 5);
  const left = 12 + 6.6 * Math.max(...ticks.map(([, text]) => text.length));
  const [right, top, bottom] = [width - 10, 8, height - 38];
  const [first, last] = [Math.min(...chart.ticks), Math.max(...chart.ticks)];
  const toX = (x) => left + 8 + ((x - first) / (last - first || 1)) * (right - left - 16);
  const toY = (y) => bottom - ((y - low) / (high - low)) * (bottom - top);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const [tick, text] of ticks) {
    const y = toY(tick / chart.scale);
    svg.append(draw("line", { x1: left, x2: right, y1: y, y2: y, stroke: "var(--grid)" }));
    svg.append(draw("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, text));
  }
  for (const tick of chart.ticks) {
    svg.append(draw("line", { x1: toX(tick), x2: toX(tick), y1: bottom, y2: bottom + 4, stroke: "var(--muted)" }));
  }
  for (const tick of chooseLabels(chart.ticks, toX)) {
    svg.append(draw("text", { x: toX(tick), y: bottom + 17, "text-anchor": "middle" }, String(tick)));
  }
  svg.append(draw("text", { x: (left + right) / 2, y: bottom + 33, "text-anchor": "middle" }, chart.xLabel));
  if (chart.picked !== null) {
    svg.append(draw("rect", { class: "picked", x: toX(chart.picked) - 6, width: 12, y: top, height: bottom - top, fill: "var(--sky)", opacity: 0.22 }));
  }
  svg.append(...chart.levels.map((level) => drawLevel(level, left, right, toY)));
  svg.append(draw("path", { d: `M${left},${top}V${bottom}H${right}`, fill: "none", stroke: "var(--muted)" }));
  svg.append(...[...chart.lines].reverse().map((line) => drawLine(line, toX, toY)));
  listen(svg, chart, toX, top, bottom);
}

/** Hover shows the numbers of the nearest place, a click chooses it. */
function listen(svg, chart, toX, top, bottom) {
  const cross = draw("line", { y1: top, y2: bottom, stroke: "var(--ink)", "stroke-dasharray": "2 3", visibility: "hidden" });
  svg.append(cross);
  const find = (event) => {
    const x = event.clientX - svg.getBoundingClientRect().left;
    return chart.ticks.reduce((best, tick) => (Math.abs(toX(tick) - x) < Math.abs(toX(best) - x) ? tick : best));
  };
  svg.addEventListener("pointermove", (event) => {
    const x = find(event);
    cross.setAttribute("x1", toX(x));
    cross.setAttribute("x2", toX(x));
    cross.setAttribute("visibility", "visible");
    const lines = chart.lines.filter((line) => line.x.includes(x));
    const rows = lines.map((line) => [line.name, chart.format(...line.points[line.x.indexOf(x)])]);
    rows.push(...chart.levels.map((level) => [level.name, chart.format(level.value, level.low, level.high)]));
    showTip(`${chart.xLabel} = ${x}`, rows, event.pageX, event.pageY);
  });
  svg.addEventListener("pointerleave", () => {
    cross.setAttribute("visibility", "hidden");
    hideTip();
  });
  svg.addEventListener("click", (event) => chart.pick(find(event)));
}

/** Rows of name and value beside the pointer, inside the window. */
function showTip(title, rows, pageX, pageY) {
  const tip = document.getElementById("tip");
  const lines = rows.map(([name, value]) =>
    value === undefined ? make("div", { class: "wrapped" }, name) : make("div", {}, [make("span", {}, name), make("span", {}, value)]));
  tip.replaceChildren(make("b", {}, title), ...lines);
  tip.hidden = false;
  const [width, limit] = [tip.offsetWidth, document.documentElement.clientWidth];
  tip.style.left = `${Math.max(4, pageX + 16 + width > limit ? Math.min(pageX - width - 12, limit - width - 4) : pageX + 16)}px`;
  tip.style.top = `${pageY + 18}px`;
}

function hideTip() {
  document.getElementById("tip").hidden = true;
}

/** A table of rows of cells, the first of each a header; a cell may be [text, small text]. */
function makeTable(header, rows) {
  const fill = (cell) => (Array.isArray(cell) ? [cell[0], make("small", {}, cell[1])] : cell);
  const head = make("tr", {}, header.map((cell) => make("th", { scope: "col" }, cell)));
  const body = rows.map(([name, ...cells]) =>
    make("tr", {}, [make("th", { scope: "row" }, name), ...cells.map((cell) => make("td", {}, fill(cell)))]));
  return make("table", {}, [make("thead", {}, head), make("tbody", {}, body)]);
}
