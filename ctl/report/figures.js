// What is drawn once a run: the final spread over nodes, energy per device profile, who trained
// when, and the grid of a sweep.

const LABEL_MARGIN = 12;

// Room for the longest of the labels at the left of rows, within reason.
function labelWidth(labels, width) {
  const longest = Math.max(...labels.map((label) => label.length));
  return Math.min(Math.ceil(longest * 6.6) + LABEL_MARGIN, Math.floor(width * 0.42));
}

// Text cut to `room` pixels, the whole as its title.
function fittedText(selection, text, room) {
  const most = Math.max(4, Math.floor(room / 6.4));
  selection.text(text.length > most ? text.slice(0, most - 1) + "…" : text);
  selection.append("title").text(text);
}

// One row a run: the histogram of the nodes' values, each node as a tick below it, their mean.
function spreadFigure(parent, data, metric) {
  const runs = data.runs.map((run, index) => ({index, run, values: run.nodes[metric.key].filter(known)}))
      .filter((row) => row.values.length > 0);
  if (!runs.length) return;
  const caption = "Each tick is a node" + (data.origin === "fleet" ? ", as it was last evaluated" : " after the last round") +
      ", above them the histogram; the bar " +
      "marks the mean.";
  const target = figure(parent, "Final " + metric.name + " of the nodes", caption, (svg, width) => {
    const rowHeight = runs.length > 8 ? 40 : 56;
    const left = labelWidth(runs.map((row) => row.run.label), width);
    const height = runs.length * rowHeight;
    const [low, high] = d3.extent([].concat(...runs.map((row) => row.values)));
    const room = (high - low) * 0.03 || Math.abs(high) * 0.05 || 0.05;
    const x = d3.scale.linear().domain([low - room, high + room]).range([left, width - 12]);
    const axisGroup = svg.append("g").attr("class", "axis grid")
        .attr("transform", "translate(0," + (height + 4) + ")");
    axis(axisGroup, x, "bottom",
         {count: Math.max(2, Math.floor((width - left) / 90)), percent: metric.percent}, -height);
    const bins = d3.layout.histogram().bins(d3.range(0, 31).map((i) => {
      return x.domain()[0] + i * (x.domain()[1] - x.domain()[0]) / 30;
    }));
    runs.forEach((row, i) => drawSpread(svg, row, data, {x, left, rowHeight, top: i * rowHeight, bins}));
    return height + 28;
  });
  return target;
}

function drawSpread(svg, row, data, {x, left, rowHeight, top, bins}) {
  const group = svg.append("g").attr({"data-run": row.index, transform: "translate(0," + top + ")"})
      .style("--c", styleOf(data, row.index).colour);
  const base = rowHeight - 10;
  const histogram = bins(row.values);
  const y = d3.scale.linear().domain([0, d3.max(histogram, (bin) => bin.y)]).range([base, 6]);
  group.append("path").attr("class", "area").attr("d", d3.svg.area().interpolate("step-after")
      .x((p) => x(p[0])).y0(base).y1((p) => y(p[1]))(
          histogram.map((bin) => [bin.x, bin.y]).concat([[x.domain()[1], 0]])));
  group.selectAll(".rug").data(row.values).enter().append("line").attr("class", "rug")
      .attr({x1: x, x2: x, y1: base + 1, y2: base + 7});
  const mean = x(d3.mean(row.values));
  group.append("line").attr({class: "mean", x1: mean, x2: mean, y1: 4, y2: base + 8});
  fittedText(group.append("text").attr({x: left - LABEL_MARGIN, y: base - 4, "text-anchor": "end"}),
             row.run.label, left - LABEL_MARGIN);
}

// A panel a device profile, a bar a run, all to one scale.
function profileFigure(parent, data) {
  const names = [];
  for (const run of data.runs) {
    for (const totals of run.profiles) if (!names.includes(totals.profile)) names.push(totals.profile);
  }
  const panels = names.map((name) => ({name, rows: data.runs.map((run, index) => ({
    index, run, totals: run.profiles.find((totals) => totals.profile === name)}))
      .filter((row) => row.totals)}));
  const most = d3.max(panels, (panel) => d3.max(panel.rows, (row) =>
      Math.max(row.totals.energy_wh || 0, row.totals.dpsgd_equivalent_wh || 0)));
  if (!(most > 0)) return;
  figure(parent, "Energy per device profile",
         "Training energy of all nodes of a profile. Dashed: had they trained in every round.",
         (svg, width) => {
           const many = data.runs.length > 8;
           const columns = many && width >= 500 ? 2 : 1;
           const panelWidth = width / columns;
           const bar = many ? 13 : 17;
           const left = data.runs.length === 1 ? 0 : labelWidth(data.runs.map((r) => r.label), panelWidth);
           const x = d3.scale.linear().domain([0, most]).range([0, panelWidth - left - 82]);
           const tops = d3.range(columns).map(() => 0);
           panels.forEach((panel, i) => {
             const group = svg.append("g").attr("transform", "translate(" + (i % columns) * panelWidth + "," +
                                                                 tops[i % columns] + ")");
             tops[i % columns] += drawProfile(group, panel, data, {x, left, bar}) + 12;
           });
           return Math.max(...tops) - 8;
         });
}

function drawProfile(group, panel, data, {x, left, bar}) {
  group.append("text").attr({class: "strong", x: left, y: 12})
      .text((panel.name || "no profile") + ", " + plural(panel.rows[0].totals.nodes, "node"));
  let top = 19;
  for (const row of panel.rows) {
    drawProfileBar(group, row, data, {x, left, top, bar});
    top += bar + 3;
  }
  return top;
}

function drawProfileBar(svg, row, data, {x, left, top, bar}) {
  const {totals} = row;
  const group = svg.append("g").attr("data-run", row.index)
      .attr("transform", "translate(" + left + "," + top + ")")
      .style("--c", styleOf(data, row.index).colour);
  const outline = totals.dpsgd_equivalent_wh;
  if (outline > totals.energy_wh * 1.001) {
    group.append("rect").attr({class: "bar-outline", x: 0.5, y: 0.5, width: x(outline), height: bar - 1});
  }
  group.append("rect").attr({class: "bar", width: x(totals.energy_wh || 0), height: bar});
  group.append("text").attr({class: "small", x: Math.max(x(totals.energy_wh || 0), x(outline || 0)) + 6,
                             y: bar - 4}).text(wattHours(totals.energy_wh));
  if (left > 0) {
    fittedText(group.append("text").attr({class: "small", x: -LABEL_MARGIN + 4, y: bar - 4,
                                          "text-anchor": "end"}), row.run.label, left - LABEL_MARGIN);
  }
}

// A row a run, a column a round, the darker the more nodes trained.
function trainedFigure(parent, data) {
  const rows = data.runs.map((run, index) => ({index, run}))
      .filter((row) => row.run.series.done.length > 0);
  if (!rows.length) return;
  const caption = "A column is a round; the stronger its colour, the more of the nodes trained in it.";
  const target = figure(parent, "Who trained when", caption, (svg, width) => {
    const rowHeight = rows.length > 8 ? 16 : 24;
    const left = rows.length === 1 ? 0 : labelWidth(rows.map((row) => row.run.label), width);
    const last = d3.max(rows, (row) => d3.max(row.run.series.done));
    const x = d3.scale.linear().domain([0, last]).range([left, width - 8]);
    rows.forEach((row, i) => drawTrained(svg, row, {x, left, rowHeight, top: i * (rowHeight + 4)}));
    const bottom = rows.length * (rowHeight + 4);
    const group = svg.append("g").attr({class: "axis", transform: "translate(0," + bottom + ")"});
    axis(group, x, "bottom", {count: Math.max(3, Math.floor(width / 90)), whole: true}, 5);
    svg.append("text").attr({class: "quiet", x: (left + width - 8) / 2, y: bottom + 35,
                             "text-anchor": "middle"}).text("rounds done");
    return bottom + 40;
  });
  target.element.classed("wide-figure", true);
}

function drawTrained(svg, row, {x, left, rowHeight, top}) {
  const {done, trained_nodes: trained} = row.run.series;
  const nodes = row.run.summary.nodes || d3.max(trained) || 1;
  const group = svg.append("g").attr({"data-run": row.index, transform: "translate(0," + top + ")"});
  // Neighbouring rounds of one shade are one rectangle: no seams, and fewer elements.
  for (let i = 0; i < done.length;) {
    const from = i === 0 ? done[0] - 1 : done[i - 1];
    const shade = stepOf(trained[i] / nodes, 0, 1);
    while (i < done.length && stepOf(trained[i] / nodes, 0, 1) === shade) ++i;
    group.append("rect").attr({class: "bar " + shade, x: x(from), width: x(done[i - 1]) - x(from),
                               height: rowHeight});
  }
  group.append("rect").attr({x: x(0), width: x(done[done.length - 1]) - x(0),
                             height: rowHeight, fill: "none", stroke: "var(--rule)"});
  if (left > 0) {
    fittedText(group.append("text").attr({x: left - LABEL_MARGIN + 4, y: rowHeight / 2 + 4,
                                          "text-anchor": "end"}), row.run.label, left - LABEL_MARGIN);
  }
}

// Rows: lengths of the runs of train rounds; columns: of sync rounds. `metric.better` is 1 where
// more is better, -1 where less is.
function heatMap(parent, data, metric) {
  const {gamma_train: rows, gamma_sync: columns} = data.sweep;
  const cells = [];
  data.runs.forEach((run, index) => {
    const row = rows.indexOf(run.gamma_train);
    const column = columns.indexOf(run.gamma_sync);
    const value = run.summary["test_" + metric.key].mean;
    if (row >= 0 && column >= 0) cells.push({row, column, run, index, value});
  });
  const range = extent(cells.map((cell) => cell.value));
  const best = range && (metric.better > 0 ? range[1] : range[0]);
  figure(parent, "Mean " + metric.name + " over the Γ grid",
         "Below each " + metric.name + ": training energy of all nodes. Framed: the best. Dashed: no result.",
         (svg, width) => {
           const left = 60;
           const top = 42;
           const size = Math.min(128, (width - left - 4) / columns.length);
           const height = Math.max(42, size * 0.56);
           const at = (cell) => ({x: left + cell.column * size, y: top + cell.row * height,
                                  width: size - 2, height: height - 2, rx: 2});
           const middle = left + columns.length * size / 2;
           svg.append("text").attr({class: "quiet", x: middle, y: 14, "text-anchor": "middle"})
               .text("Γ_sync, rounds of mixing only");
           svg.append("text").attr({class: "quiet", "text-anchor": "middle",
               transform: "translate(14," + (top + rows.length * height / 2) + ") rotate(-90)"})
               .text("Γ_train, rounds of training");
           columns.forEach((gamma, i) => svg.append("text")
               .attr({x: left + (i + 0.5) * size, y: top - 8, "text-anchor": "middle"}).text(gamma));
           rows.forEach((gamma, i) => svg.append("text")
               .attr({x: left - 10, y: top + (i + 0.5) * height + 4, "text-anchor": "end"}).text(gamma));
           rows.forEach((_, row) => columns.forEach((_, column) => {
             if (!cells.some((cell) => cell.row === row && cell.column === column && known(cell.value))) {
               svg.append("rect").attr("class", "cell-empty").attr(at({row, column}));
             }
           }));
           for (const cell of cells) drawCell(svg, cell, at(cell), range, best, metric);
           return Math.max(top + rows.length * height, drawScale(svg, range, metric, {
             top: top + rows.length * height + 14, left, width: Math.min(columns.length * size - 2, 320)}));
         });
}

function drawCell(svg, cell, box, range, best, metric) {
  if (!known(cell.value)) return;
  const group = svg.append("g").attr("class", stepOf(cell.value, range[0], range[1]));
  group.append("rect").attr("class", "bar").attr(box);
  const text = (dy, words, kind) => group.append("text").text(words)
      .attr({class: "on-step " + kind, x: box.x + box.width / 2, y: box.y + box.height / 2 + dy,
             "text-anchor": "middle"});
  text(-3, metric.percent ? percent(cell.value) : significant(cell.value), "strong");
  text(13, wattHours(cell.run.summary.energy_wh.total), "small");
  if (cell.value === best) {
    group.append("rect").attr("class", "cell-best")
        .attr({x: box.x + 3, y: box.y + 3, width: box.width - 6, height: box.height - 6});
  }
  group.append("title").text(cell.run.label + ": " + (metric.percent ? percent(cell.value, 2) : cell.value) +
      " ± " + (metric.percent ? percent(cell.run.summary["test_" + metric.key].std, 2)
                              : significant(cell.run.summary["test_" + metric.key].std)));
}

// Where each run of a sweep ended: what its accuracy cost.
function tradeOffFigure(parent, data, metric) {
  const key = "test_" + metric.key;
  const points = data.runs.map((run, index) => ({index, run, x: run.summary.energy_wh.total,
      y: run.summary[key].mean, std: run.summary[key].std || 0})).filter((p) => known(p.x) && known(p.y));
  if (!points.length) return;
  const capital = metric.name[0].toUpperCase() + metric.name.slice(1);
  const target = figure(parent, capital + " and energy of each cell",
         "At the end, mean over nodes. Labels: Γ_train/Γ_sync. Upright: one standard deviation to either side.",
         (svg, fullWidth) => {
           const width = fullWidth - MARGIN.left - MARGIN.right - 14;
           const height = 270;
           const x = d3.scale.linear().domain([0, 1.02 * d3.max(points, (p) => p.x) || 1]).range([0, width]);
           const y = d3.scale.linear().range([height, 0]).nice()
               .domain(padded([d3.min(points, (p) => p.y - p.std), d3.max(points, (p) => p.y + p.std)]));
           const plot = svg.append("g")
               .attr("transform", "translate(" + MARGIN.left + "," + MARGIN.top + ")");
           drawAxes(plot, {x, y}, width, height, {label: "training energy of all nodes (Wh)"},
                    {percent: metric.percent});
           const labels = [];
           for (const p of points) drawTradeOff(plot, p, data, x(p.x), y, labels);
           return MARGIN.top + height + MARGIN.bottom;
         });
  return target;
}

function padded([low, high]) {
  const room = 0.05 * (high - low || Math.abs(high) || 1);
  return [low - room, high + room];
}

// `labels`: where those drawn before stand. One that would cover another goes to the left.
function drawTradeOff(plot, p, data, x, y, labels) {
  const style = styleOf(data, p.index);
  const group = plot.append("g").attr("data-run", p.index).style("--c", style.colour);
  group.append("line").attr({class: "rug", x1: x, x2: x, y1: y(p.y - p.std), y2: y(p.y + p.std)});
  group.append("path").attr({class: "marker", transform: "translate(" + x + "," + y(p.y) + ")",
                             d: d3.svg.symbol().type(style.marker).size(64)()});
  const covers = labels.some((at) => Math.abs(at.x - x) < 24 && Math.abs(at.y - y(p.y)) < 12);
  if (!covers) labels.push({x, y: y(p.y)});
  group.append("text").text(p.run.gamma_train + "/" + p.run.gamma_sync)
      .attr({class: "small", x: x + (covers ? -8 : 8), y: y(p.y) - 5, "text-anchor": covers ? "end" : "start"});
  group.append("title").text(p.run.label);
}

// The scale of colours from the least to the most; returns the lower edge.
function drawScale(svg, range, metric, {top, left, width}) {
  if (!range) return top;
  for (let i = 0; i < STEPS; ++i) {
    svg.append("rect").attr({class: "bar step-" + i, x: left + i * width / STEPS, y: top,
                             width: width / STEPS + 0.5, height: 10});
  }
  const words = (value) => metric.percent ? percent(value) : significant(value);
  svg.append("text").attr({class: "small quiet", x: left, y: top + 24}).text(words(range[0]));
  svg.append("text").attr({class: "small quiet", x: left + width, y: top + 24, "text-anchor": "end"})
      .text(words(range[1]));
  return top + 30;
}
