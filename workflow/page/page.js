
// Choices, and what they show. Names, class names and captions come from anywhere: text only.

const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const names = { model: Object.keys(data.models), dataset: Object.keys(data.datasets) };
const STRATEGY_NAMES = { similar: "similar captions swapped", random: "random captions swapped" };
const nameStrategy = (strategy) => STRATEGY_NAMES[strategy] ?? strategy;

// --- Numbers in words ---

const minus = (text) => text.replace("-", "−");
const MEASURES = {
  accuracy: { title: "accuracy (%)", scale: 100, number: (x) => (100 * x).toFixed(1), unit: "%" },
  silhouette: { title: "silhouette", scale: 1, number: (x) => minus(x.toFixed(3)), unit: "" },
  cosine: { title: "mean |cos|", scale: 1, number: (x) => x.toFixed(4), unit: "" },
};

/** "63.1% [61.0, 65.2]", or without brackets where there is no interval. */
function tell(measure, value, low, high) {
  const { number, unit } = MEASURES[measure];
  return `${number(value)}${unit}${tellInterval(measure, low, high)}`;
}

function tellInterval(measure, low, high) {
  if (low === null || low === undefined) return "";
  const { number } = MEASURES[measure];
  return ` [${number(low)}, ${number(high)}]`;
}

/** A cell of a table of words: the estimate, its interval below. */
function tellCell(measure, value, low, high) {
  return [tell(measure, value), tellInterval(measure, low, high).trim()];
}

const signed = (text) => (text.startsWith("−") || text.startsWith("-") ? minus(text) : `+${text}`);

// --- State: what is chosen; it stands in the address, so that a view can be passed on ---

const state = {
  model: names.model[names.model.length - 1],
  dataset: names.dataset[0],
  strategy: data.strategies[data.strategies.length - 1] ?? null,
  projection: "image",
  cs: null,
  kept: null,
  source: null, // null: that of the dataset
  sort: "cosine",
  isDescending: false,
  isWhole: false,
};

/** Numbers of neurons kept that the chosen model and dataset have, all of them last. */
function listKept() {
  if (!data.pruning) return [];
  const place = data.pruning[state.model][state.dataset];
  return [...new Set([...place.kept, place.full.kept])].sort((a, b) => a - b);
}

/** Values of Cs of the chosen strategy, the control first. */
function listCs() {
  if (!data.misalignment) return [];
  return Object.values(data.misalignment[state.model].purity)[0].strategies[state.strategy].cs;
}

/** The name of the head that is chosen: the pretrained one, the control, or one of a strategy. */
function findHead() {
  const strategy = { pretrained: "pretrained", 0: "none" }[state.cs] ?? state.strategy;
  const isChosen = ([, head]) => head.strategy === strategy && (head.cs === null || String(head.cs) === state.cs);
  return Object.entries(data.heads).find(isChosen)[0];
}

function choose(changes) {
  Object.assign(state, changes);
  if (changes.dataset) state.source = null;
  if (!listKept().includes(state.kept)) state.kept = listKept()[Math.floor(listKept().length / 3)] ?? null;
  // the strongest misalignment shows most
  if (!["pretrained", ...listCs().map(String)].includes(state.cs)) state.cs = String(listCs().at(-1) ?? "pretrained");
  show();
}

const SAVED = ["model", "dataset", "strategy", "projection", "cs", "kept"];

function saveAddress() {
  const saved = new URLSearchParams(SAVED.filter((key) => state[key] !== null).map((key) => [key, state[key]]));
  try {
    history.replaceState(null, "", `#${saved}`);
  } catch {
    // inside the report the page has no address of its own
  }
}

/** What the address says, as far as there is such a thing. */
function readAddress() {
  const saved = new URLSearchParams(location.hash.slice(1));
  const allowed = { ...names, strategy: data.strategies, projection: ["image", "text"] };
  const found = {};
  for (const [key, values] of Object.entries(allowed)) {
    if (values.includes(saved.get(key))) found[key] = saved.get(key);
  }
  if (saved.has("cs")) found.cs = saved.get("cs");
  if (saved.has("kept")) found.kept = Number(saved.get("kept"));
  return found;
}

// --- Choosers ---

function fill(select, options, chosen) {
  select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  select.value = chosen;
}

function showChoosers() {
  for (const key of ["model", "dataset"]) fill(find(key), names[key].map((name) => [name, name]), state[key]);
  fill(find("strategy"), data.strategies.map((name) => [name, nameStrategy(name)]), state.strategy);
  const cs = listCs().map((value) => [String(value), value === 0 ? "0 (control)" : String(value)]);
  fill(find("cs"), [["pretrained", "none: pretrained"], ...cs], state.cs);
  find("projection").value = state.projection;
  const values = listKept();
  find("kept").max = Math.max(values.length - 1, 0);
  find("kept").value = values.indexOf(state.kept);
  find("kept").setAttribute("aria-valuetext", `${state.kept} neurons`);
  find("kept-shown").textContent = state.kept;
  const sources = data.sources.map((source, i) => [String(i), source.name ?? "validation pairs, with captions"]);
  fill(find("source"), sources, String(findSource()));
}

function findSource() {
  return state.source ?? data.sources.findIndex((source) => source.name === state.dataset);
}

function listenToChoosers() {
  for (const key of ["model", "dataset", "strategy", "projection", "cs"]) {
    find(key).addEventListener("change", (event) => choose({ [key]: event.target.value }));
  }
  find("kept").addEventListener("input", (event) => choose({ kept: listKept()[event.target.value] }));
  find("source").addEventListener("change", (event) => choose({ source: Number(event.target.value) }));
  find("more").addEventListener("click", () => choose({ isWhole: !state.isWhole }));
  find("choosers").addEventListener("submit", (event) => event.preventDefault());
}

// --- Neurons pruned ---

const ORDERS = {
  high_purity: { name: "purest kept", colour: "var(--green)", marker: "square" },
  low_purity: { name: "least pure kept", colour: "var(--orange)", marker: "triangle", dash: "7 3" },
  random: { name: "random kept: mean, 5% to 95%", colour: "var(--muted)", dash: "2 2.5", hasBand: true },
};
const FULL = { colour: "var(--black)", dash: "8 3 2 3", width: 1.2 };
const CONTROL = { colour: "var(--sky)", dash: "2 2", width: 2 };
const CHANCE = { colour: "var(--black)", dash: "9 4", width: 1 };

function showPruning() {
  const place = data.pruning[state.model][state.dataset];
  const chance = data.datasets[state.dataset].chance;
  const levels = (measure) => [
    { ...FULL, name: `all ${place.full.kept} kept`, value: place.full[measure][0] },
    ...(place.control ? [{ ...CONTROL, name: "all kept, control", value: place.control[measure] }] : []),
    ...(measure === "accuracy" ? [{ ...CHANCE, name: "chance", value: chance }] : []),
  ];
  const toLine = (measure) => ([order, look]) => ({ ...look, x: listKept(), points: listPoints(place, order, measure) });
  const lines = (measure) => Object.entries(ORDERS).map(toLine(measure));
  for (const measure of ["accuracy", "silhouette"]) {
    drawChart(find(`pruning-${measure}`), {
      ...toChart(measure),
      xLabel: "neurons kept, k",
      ticks: listKept(),
      lines: lines(measure),
      levels: levels(measure),
      picked: state.kept,
      pick: (value) => choose({ kept: value }),
    });
  }
  showLegend("pruning", [...lines("accuracy"), ...levels("accuracy")]);
  showPruningWords(place, chance);
  showNumbers("pruning", "k", ["accuracy", "silhouette"], lines);
}

/** The points of an order's curve; it ends where all neurons are kept, whatever the order. */
function listPoints(place, order, measure) {
  const points = place[order][measure];
  if (points.length === listKept().length) return points;
  const [value] = place.full[measure];
  return [...points, order === "random" ? [value, value, value] : place.full[measure]];
}

function toChart(measure) {
  const { title, scale } = MEASURES[measure];
  return { title, scale, format: (...interval) => tell(measure, ...interval) };
}

function showPruningWords(place, chance) {
  const number = place.kept.indexOf(state.kept);
  const rows = Object.entries(ORDERS).map(([order, look]) => {
    const at = (measure) => (number < 0 ? place.full[measure] : place[order][measure][number]);
    return [look.name.split(":")[0], tellCell("accuracy", ...at("accuracy")), tellCell("silhouette", ...at("silhouette"))];
  });
  const full = [`all ${place.full.kept}`, tellCell("accuracy", ...place.full.accuracy), tellCell("silhouette", ...place.full.silhouette)];
  const control = place.control && ["all, control", tell("accuracy", place.control.accuracy), tell("silhouette", place.control.silhouette)];
  const all = number < 0 ? [full] : [...rows, full];
  if (control) all.push(control);
  all.push(["chance", tell("accuracy", chance), ""]);
  const sentences = number < 0
    ? ["All neurons are kept: there is no order to compare."]
    : ["accuracy", "silhouette"].map((measure) => comparePurest(measure, place.high_purity[measure][number][0], place.random[measure][number]));
  showWords("pruning", [
    make("h3", {}, `k = ${state.kept} of ${place.full.kept} neurons, ${state.model} on ${state.dataset}`),
    makeTable(["kept", "accuracy", "silhouette"], all),
    ...sentences.map((text) => make("p", {}, text)),
    make("p", {}, make("small", {}, "In brackets: 95% over images (Wilson); of random orders, their 5% to 95%.")),
  ]);
}

function comparePurest(measure, value, [, low, high]) {
  const { number, unit } = MEASURES[measure];
  const where = value > high ? "above" : value < low ? "below" : "inside";
  return `The purest neurons' ${measure}, ${tell(measure, value)}, lies ${where} the band of random orders (${number(low)} to ${number(high)}${unit}).`;
}

// --- Captions misaligned ---

// As in the figures, a model has its colour (and, up to three, its marker), a strategy its line and filling.
const MODEL_COLOURS = ["blue", "vermillion", "purple", "sky", "black", "green", "orange"];
const MODEL_MARKERS = ["circle", "square", "triangle"];
const STRATEGY_LOOKS = [
  { isFilled: true },
  { isFilled: false, dash: "7 3" },
  { isFilled: true, dash: "2 2.5" },
  { isFilled: false, dash: "7 3 2 3" },
];
const PRETRAINED = { colour: "var(--muted)", dash: "1.5 3", width: 1.8, name: "pretrained, before fine-tuning" };

function findModelLook() {
  const place = names.model.indexOf(state.model);
  const colour = MODEL_COLOURS[place % MODEL_COLOURS.length];
  return { colour: `var(--${colour})`, marker: MODEL_MARKERS[place % MODEL_MARKERS.length] };
}

/** The curves of a measure by strategy, its pretrained level, and what random would give. */
function findCurves(measure) {
  const place = data.misalignment[state.model];
  return measure === "cosine" ? place.purity[state.projection] : place.datasets[state.dataset][measure];
}

function showMisalignment() {
  const lines = (measure) => data.strategies.map((strategy, i) => {
    const { cs, points } = findCurves(measure).strategies[strategy];
    const look = { ...findModelLook(), ...STRATEGY_LOOKS[i % STRATEGY_LOOKS.length] };
    return { ...look, name: nameStrategy(strategy), x: cs, points, isFaint: strategy !== state.strategy, shift: 3 * i };
  });
  const levels = (measure) => {
    const found = [{ ...PRETRAINED, value: findCurves(measure).pretrained }];
    const [value, low, high] = findCurves(measure).random ?? [];
    if (value) found.push({ ...CHANCE, colour: "var(--muted)", name: "random projection, 95% band", value, low, high });
    if (measure === "accuracy") found.push({ ...CHANCE, name: "chance", value: data.datasets[state.dataset].chance });
    return found;
  };
  for (const measure of Object.keys(MEASURES)) {
    drawChart(find(`misalignment-${measure}`), {
      ...toChart(measure),
      title: measure === "cosine" ? `mean |cos|, ${state.projection} projection` : MEASURES[measure].title,
      xLabel: "Cs",
      ticks: listCs(),
      lines: lines(measure),
      levels: levels(measure),
      picked: state.cs === "pretrained" ? null : Number(state.cs),
      pick: (value) => choose({ cs: String(value) }),
    });
  }
  const random = { ...levels("cosine")[1], hasBand: true };
  showLegend("misalignment", [...lines("accuracy"), ...levels("accuracy"), random]);
  showMisalignmentWords();
  showNumbers("misalignment", "Cs", Object.keys(MEASURES), lines);
}

function showMisalignmentWords() {
  const measures = Object.keys(MEASURES);
  const at = (measure, cs) => {
    const curves = findCurves(measure);
    if (cs === "pretrained") return [curves.pretrained];
    const curve = curves.strategies[state.strategy];
    return curve.points[curve.cs.map(String).indexOf(cs)];
  };
  const row = (name, cs) => [name, ...measures.map((measure) => tellCell(measure, ...at(measure, cs)))];
  const rows = [row("control", "0"), row("pretrained", "pretrained")];
  const isSwapped = !["pretrained", "0"].includes(state.cs);
  if (isSwapped) rows.unshift(row(`Cs ${state.cs}`, state.cs));
  const [level, low, high] = findCurves("cosine").random;
  rows.push(["by chance", tell("accuracy", data.datasets[state.dataset].chance), "", tellCell("cosine", level, low, high)]);
  const title = isSwapped ? `Cs = ${state.cs}, ${nameStrategy(state.strategy)}` : state.cs === "0" ? "The control, fine-tuned at Cs 0" : "The pretrained model";
  showWords("misalignment", [
    make("h3", {}, `${title}: ${state.model} on ${state.dataset}`),
    makeTable(["", "accuracy", "silhouette", "mean |cos|"], rows),
    make("p", {}, isSwapped ? compareControl(measures.map((measure) => [at(measure, state.cs)[0], at(measure, "0")[0]])) : `Purity, 1 / mean |cos|, is ${(1 / at("cosine", state.cs)[0]).toFixed(1)} in the ${state.projection} projection. Choose a Cs, or click a curve.`),
    make("p", {}, make("small", {}, "In brackets: 95% over seeds (Student); of random projections, where 95% of them lie.")),
  ]);
}

function compareControl([[accuracy, accuracy0], [silhouette, silhouette0], [cosine, cosine0]]) {
  const points = signed((100 * (accuracy - accuracy0)).toFixed(1));
  const change = signed((silhouette - silhouette0).toFixed(3));
  const share = signed((100 * (cosine / cosine0 - 1)).toFixed(1));
  return `Against the control: accuracy ${points} points, silhouette ${change}, mean |cos| of the ${state.projection} projection ${share}% (purity ${(1 / cosine).toFixed(1)}; control ${(1 / cosine0).toFixed(1)}).`;
}

// --- What both have ---

function showLegend(id, items) {
  document.querySelector(`#${id} .legend`).replaceChildren(...items.map(drawKey));
}

/** Words are read out when they change, so only then are they replaced. */
function showWords(id, elements) {
  const words = document.querySelector(`#${id} .words`);
  const text = elements.map((element) => element.textContent).join("");
  if (words.textContent !== text) words.replaceChildren(...elements);
}

function showNumbers(id, label, measures, lines) {
  const columns = measures.flatMap((measure) => lines(measure).map((line) => [measure, line]));
  const rows = columns[0][1].x.map((x, i) => [String(x), ...columns.map(([measure, line]) => tell(measure, ...line.points[i]))]);
  const header = [label, ...columns.map(([measure, line]) => `${measure === "cosine" ? "mean |cos|" : measure}, ${line.name.split(":")[0]}`)];
  document.querySelector(`#${id} .numbers`).replaceChildren(makeTable(header, rows));
}

// --- Neurons ---

const FIRST_NEURONS = 16;
const sheets = new Map();

/** The sheet of a source's thumbnails, decoded once. */
function findSheet(number) {
  if (!sheets.has(number)) {
    const image = new Image();
    image.src = `data:image/webp;base64,${data.sources[number].sheet}`;
    sheets.set(number, image.decode().then(() => image));
  }
  return sheets.get(number);
}

function makeTile(number, tile, activation) {
  const source = data.sources[number];
  const text = source.captions[tile] ?? source.classes[source.labels[tile]];
  const canvas = make("canvas", { width: data.thumbnail, height: data.thumbnail, role: "img", "aria-label": text });
  findSheet(number).then((sheet) => {
    const size = data.thumbnail;
    canvas.getContext("2d").drawImage(sheet, (tile % data.columns) * size, Math.floor(tile / data.columns) * size, size, size, 0, 0, size, size);
  });
  const figure = make("figure", { class: "tile" }, [canvas, make("figcaption", {}, text)]);
  figure.addEventListener("pointermove", (event) => showTip(text, [[`activation ${signed((activation / 1000).toFixed(3))}`]], event.pageX, event.pageY));
  figure.addEventListener("pointerleave", hideTip);
  return figure;
}

/** What the table says of each neuron of the chosen model and head. */
function listNeurons() {
  const model = data.models[state.model];
  const cosines = model.cosines[findHead()][state.projection];
  const control = Object.keys(data.heads).find((name) => data.heads[name].strategy === "none");
  const images = data.sources[findSource()].images[state.model][findHead()];
  return model.neurons.map((neuron, i) => ({
    neuron,
    cosine: cosines[i],
    change: control ? cosines[i] / model.cosines[control][state.projection][i] - 1 : null,
    rank: model.ranks[i] + 1,
    most: images.most[i].map((tile, j) => [tile, images.most_values[i][j]]),
    least: images.least[i].map((tile, j) => [tile, images.least_values[i][j]]),
  }));
}

function showNeurons() {
  const rows = listNeurons().sort((a, b) => (a[state.sort] - b[state.sort]) * (state.isDescending ? -1 : 1));
  const shown = state.isWhole ? rows : rows.slice(0, FIRST_NEURONS);
  const model = data.models[state.model];
  const [level, low, high] = model.random[state.projection];
  const which = rows.length < model.dim ? `${rows.length} of ${model.dim} neurons, the purest and the least pure` : `All ${model.dim} neurons`;
  const head = state.cs === "pretrained" ? "the pretrained head" : state.cs === "0" ? "the control's heads" : `heads at Cs ${state.cs}, ${nameStrategy(state.strategy)}`;
  document.querySelector("#neurons .about").textContent =
    `${which} of ${state.model}, in the ${state.projection} projection of ${head} (|cos|: mean over seeds; images: first seed). ` +
    `Purity is 1 / mean |cos| to the other neurons; a random projection has ${level.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]. ` +
    "What excites a neuron is its coordinate of an image's unit embedding. Pruning rank: 1 stays longest where the purest are kept (pretrained head, both projections).";
  document.querySelector("#neurons thead").replaceChildren(makeHeader());
  const body = document.querySelector("#neurons tbody");
  body.classList.toggle("captioned", data.sources[findSource()].captions.length > 0);
  body.replaceChildren(...shown.map((row) => makeRow(row, model.dim)));
  find("more").hidden = rows.length <= FIRST_NEURONS;
  find("more").textContent = state.isWhole ? `Show the first ${FIRST_NEURONS} only` : `Show all ${rows.length}`;
}

const SORTED = { neuron: "neuron", cosine: "mean |cos|", change: "against control", rank: "pruning rank" };

function makeHeader() {
  const cells = Object.entries(SORTED).filter(([key]) => key !== "change" || data.misalignment).map(([key, text]) => {
    const button = make("button", { type: "button" }, text);
    button.addEventListener("click", () => {
      choose({ sort: key, isDescending: state.sort === key && !state.isDescending });
      document.querySelector(`#neurons th[data-key="${key}"] button`).focus();
    });
    const order = state.sort !== key ? "none" : state.isDescending ? "descending" : "ascending";
    return make("th", { scope: "col", "data-key": key, "aria-sort": order }, button);
  });
  const images = ["excite it most", "excite it least"].map((text) => make("th", { scope: "col", class: "images" }, text));
  return make("tr", {}, [...cells, ...images]);
}

function makeRow(row, dim) {
  const cosine = [row.cosine.toFixed(4), make("small", {}, `purity ${(1 / row.cosine).toFixed(1)}`)];
  const cells = [make("td", { "data-label": SORTED.neuron }, String(row.neuron)), make("td", { "data-label": SORTED.cosine }, cosine)];
  if (data.misalignment) {
    const change = row.change === null ? "" : `${signed((100 * row.change).toFixed(1))}%`;
    cells.push(make("td", { "data-label": SORTED.change }, change));
  }
  cells.push(make("td", { "data-label": SORTED.rank }, [`${row.rank} of ${dim}`, ...makeBadges(row.rank, dim)]));
  const toTiles = (ranked) => make("div", { class: "tiles" }, ranked.map(([tile, value]) => makeTile(findSource(), tile, value)));
  cells.push(make("td", { class: "images", "data-label": "excite it most" }, toTiles(row.most)));
  cells.push(make("td", { class: "images", "data-label": "excite it least" }, toTiles(row.least)));
  return make("tr", {}, cells);
}

/** Whether a neuron stays at the chosen k where the purest, or the least pure, are kept; all stay at the largest. */
function makeBadges(rank, dim) {
  if (!state.kept || state.kept >= dim) return [];
  const kinds = [["high", "purest", rank <= state.kept], ["low", "least pure", rank > dim - state.kept]];
  return kinds.filter(([, , isKept]) => isKept).map(([kind, name]) =>
    make("small", {}, make("span", { class: `badge ${kind}` }, `among ${state.kept} ${name}`)));
}

// --- All together ---

function show() {
  hideTip();
  saveAddress();
  showChoosers();
  if (data.pruning) showPruning();
  if (data.misalignment) showMisalignment();
  showNeurons();
}

function start() {
  for (const key of ["pruning", "misalignment"]) {
    if (!data[key]) document.querySelectorAll(`.needs-${key}`).forEach((element) => (element.hidden = true));
  }
  listenToChoosers();
  choose(readAddress());
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) show(); // not when a phone hides its address bar
    width = window.innerWidth;
  });
}

start();
