// The page: what was run, the tables, the plots.

const MOST_LINES = 16;  // more lines in one chart cannot be told apart
const MOST_BANDS = 6;
const MOST_POINTS = 160;  // of a line of one point a round

const METRICS = [
  {key: "accuracy", name: "accuracy", percent: true, better: 1, text: (v) => percent(v, 2)},
  {key: "loss", name: "loss", percent: false, better: -1, text: (v) => significant(v)},
];

// The runs that line charts show: all, or of too many the best.
function chartedRuns(data, metric) {
  const all = d3.range(data.runs.length);
  if (all.length <= MOST_LINES) return all;
  const rank = (i) => {
    const value = metric ? data.runs[i].summary["test_" + metric.key].mean : null;
    return known(value) ? metric.better * value : -Infinity;
  };
  return all.sort((a, b) => rank(b) - rank(a) || a - b).slice(0, MOST_LINES).sort((a, b) => a - b);
}

function evaluationLines(data, runs, metric, x, band) {
  return runs.map((index) => {
    const run = data.runs[index];
    const e = run.evaluations;
    const values = e[metric.key];
    return {
      run: index,
      band: band && runs.length <= MOST_BANDS,
      points: e.done.map((done, i) => ({
        x: e[x][i], y: values.mean[i], done, energy: e.energy_wh[i], std: values.std[i],
        low: band && known(values.std[i]) ? values.mean[i] - values.std[i] : null,
        high: band && known(values.std[i]) ? values.mean[i] + values.std[i] : null,
      })),
      describe: (p) => [run.label, metric.text(p.y) + " ± " + metric.text(p.std),
                        "after " + plural(p.done, "round") + ", " + wattHours(p.energy)],
    };
  });
}

// Of more than MOST_POINTS, neighbours become one: their mean, with a band from least to most.
function condensed(points) {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return points;
  return d3.range(0, points.length, size).map((from) => {
    const group = points.slice(from, from + size);
    const [low, high] = extent(group.map((p) => p.y)) || [null, null];
    return {x: group[group.length - 1].x, y: low === null ? null : d3.mean(group, (p) => p.y), low, high};
  });
}

function columnLines(data, runs, columns, describe) {
  return runs.map((index) => {
    const {xs, ys} = columns(data.runs[index]);
    const points = condensed(xs.map((x, i) => ({x, y: ys[i]})));
    return {run: index, band: points.length < xs.length && runs.length <= MOST_BANDS, points,
            describe: (p) => [data.runs[index].label, describe(p)]};
  });
}

function metricCharts(parent, data, runs, metric) {
  const rounds = {label: "rounds done", whole: true};
  const y = {percent: metric.percent, top: metric.percent ? 1 : undefined, log: !metric.percent};
  const capital = metric.name[0].toUpperCase() + metric.name.slice(1);
  const band = metric.percent && runs.length <= MOST_BANDS;
  const caption = "Mean over nodes" + (band ? "; the band is one standard deviation to either side." : ".");
  lineChart(parent, data, capital + " against rounds", caption,
            evaluationLines(data, runs, metric, "done", metric.percent), rounds, y);
  lineChart(parent, data, capital + " against energy",
            "Mean over nodes. Energy is spent in train rounds alone.",
            evaluationLines(data, runs, metric, "energy_wh", false),
            {label: "training energy of all nodes (Wh)"}, y);
  lineChart(parent, data, "Spread of the " + metric.name + " over nodes", "Standard deviation over nodes.",
            columnLines(data, runs, (run) => ({xs: run.evaluations.done, ys: run.evaluations[metric.key].std}),
                        (p) => "std " + metric.text(p.y) + " after " + plural(p.x, "round")),
            rounds, {percent: metric.percent, fromZero: true});
}

function distanceChart(parent, data, runs, title, caption, key) {
  const long = runs.length <= MOST_BANDS && data.runs.some((run) => run.series.done.length > MOST_POINTS);
  lineChart(parent, data, title, caption + (long ? " The band covers neighbouring rounds." : ""),
            columnLines(data, runs, (run) => ({xs: run.series.done, ys: run.series[key]}),
                        (p) => significant(p.y) + " after " + plural(p.x, "round")),
            {label: "rounds done", whole: true}, {log: true});
}

function charts(main, data) {
  const metric = METRICS.find(({key}) => data.runs.some((run) =>
      run.evaluations[key].mean.some(known) || known(run.summary["test_" + key].mean)));
  const runs = chartedRuns(data, metric);
  main.append("h2").text("Plots");
  if (runs.length < data.runs.length) {
    main.append("p").attr("class", "lead")
        .text("The line charts show the " + runs.length + " best of the " + data.runs.length + " runs.");
  }
  if (!metric) {
    main.append("p").attr("class", "empty")
        .text("Nothing was evaluated in these runs: there is no accuracy to plot.");
  }
  const grid = main.append("div").attr("class", "figures");
  if (data.sweep && metric) {
    heatMap(grid, data, metric);
    tradeOffFigure(grid, data, metric);
  }
  if (metric) metricCharts(grid, data, runs, metric);
  if (metric) spreadFigure(grid, data, metric);
  trainedFigure(grid, data);
  distanceChart(grid, data, runs, "Consensus distance", "Root mean square over nodes of the distance " +
                "to the mean model, after mixing.", "distance");
  distanceChart(grid, data, runs, "Local consensus distance", "How far mixing moves a node, mean over nodes.", "local_distance");
  profileFigure(grid, data);
  for (const graph of data.graphs) topologyFigure(grid, data, graph, metric);
}

// Rows of cells; `columns`: {title, number, cell(row, td), show}.
function table(parent, columns, rows) {
  const element = parent.append("div").attr("class", "scroll").append("table")
      .classed("wide", columns.length > 8);
  element.append("thead").append("tr").selectAll("th").data(columns).enter().append("th")
      .attr({class: (c) => c.number ? "number" : null, scope: "col"}).html((c) => c.title);
  const lines = element.append("tbody").selectAll("tr").data(rows).enter().append("tr");
  columns.forEach((column, i) => {
    lines.append(i === 0 ? "th" : "td").attr("class", column.number ? "number" : null)
        .attr("scope", i === 0 ? "row" : null)
        .each(function (row, r) { column.cell(row, d3.select(this), r); });
  });
}

function withAside(td, text, aside) {
  td.text(text);
  if (aside) td.append("span").attr("class", "aside").text(aside);
}

function summaryTable(main, data) {
  main.append("h2").text("Results");
  const dpsgd = data.runs.length > 1 ? data.runs.find((run) => run.policy === "dpsgd") : undefined;
  const base = dpsgd ? dpsgd.summary.test_accuracy.mean : null;
  const highest = extent(data.runs.map((run) => run.summary.test_accuracy.mean));
  const any = (get) => data.runs.some((run) => known(get(run)));
  const columns = [
    {title: "Run", cell: (run, th, i) => {
      th.classed("run-name", true);
      if (data.runs.length > 1) swatch(th, styleOf(data, i));
      th.append("span").text(run.label);
    }},
    {title: "Accuracy,<br>mean ± std", number: true, show: any((r) => r.summary.test_accuracy.mean),
     cell: (run, td) => {
       const a = run.summary.test_accuracy;
       td.classed("best", data.runs.length > 1 && highest && a.mean === highest[1]);
       withAside(td, known(a.mean) ? percent(a.mean, 2) + " ± " + fixed(100 * a.std, 2) : DASH,
                 known(a.mean) ? percent(a.min) + " to " + percent(a.max) : "");
     }},
    {title: "Against<br>dpsgd, points", number: true, show: known(base), cell: (run, td) => {
      const points = 100 * (run.summary.test_accuracy.mean - base);
      td.text(run === dpsgd || !known(run.summary.test_accuracy.mean) ? DASH
                            : (points >= 0 ? "+" : "") + fixed(points, 2));
    }},
    {title: "Loss", number: true, show: any((r) => r.summary.test_loss.mean),
     cell: (run, td) => td.text(significant(run.summary.test_loss.mean, 4))},
    {title: "Energy,<br>Wh", number: true, cell: (run, td) => td.text(significant(run.summary.energy_wh.total))},
    {title: "Energy<br>saved", number: true,
     cell: (run, td) => td.text(percent(run.summary.energy_wh.saved_fraction))},
    {title: "Train rounds", number: true, cell: (run, td) => withAside(
        td, count(run.summary.train_rounds.total),
        "of " + count(run.summary.rounds * run.summary.nodes))},
    {title: "Consensus<br>distance", number: true, show: any((r) => r.summary.consensus_distance),
     cell: (run, td) => td.text(significant(run.summary.consensus_distance, 3))},
    {title: "Sent", number: true, cell: (run, td) => td.text(bytes(run.summary.bytes_sent))},
    {title: "Virtual time,<br>wall time", number: true, show: any((r) => r.virtual_seconds),
     cell: (run, td) => withAside(td, duration(run.virtual_seconds), duration(run.summary.wall_seconds))},
    {title: "Time in<br>rounds", number: true, show: !any((r) => r.virtual_seconds),
     cell: (run, td) => td.text(duration(run.summary.wall_seconds))},
  ];
  table(main, columns.filter((column) => column.show !== false), data.runs);
  const evaluated = any((run) => run.summary.test_accuracy.mean);
  main.append("p").attr("class", "lead below").text(
      (evaluated ? "Accuracy and loss: " + wordsOf(data).evaluated + ", over the nodes; below the mean, " +
                   "from the worst node to the best. " : "") +
      "Energy saved: against training in every round.");
}

function notes(main, data) {
  for (const run of data.runs) {
    const lines = run.notes.slice();
    if (run.interrupted) {
      lines.unshift("Interrupted after " + run.summary.rounds + " of " + run.rounds_asked +
                    " rounds: the numbers are those of the rounds done.");
    }
    if (!lines.length) continue;
    const box = main.append("div").attr("class", "note");
    box.append("strong").text(run.label);
    box.append("ul").selectAll("li").data(lines).enter().append("li").text((line) => line);
  }
}

// Settings that all runs share stand once; the others, a column a setting.
function settingsTables(main, data) {
  main.append("h2").text("Settings");
  const names = data.runs[0].settings.map(([name]) => name);
  const value = (run, i) => run.settings[i][1];
  const differs = names.map((_, i) => data.runs.some((run) => value(run, i) !== value(data.runs[0], i)));
  const shared = names.map((_, i) => i).filter((i) => !differs[i]);
  const columns = [{title: "Run", cell: (run, th) => th.text(run.label).classed("run-name", true)}];
  names.forEach((name, i) => {
    if (differs[i]) columns.push({title: name, cell: (run, td) => td.text(value(run, i))});
  });
  if (columns.length > 1) table(main, columns, data.runs);
  const list = main.append("dl").attr("class", "settings");
  for (const i of shared) {
    const pair = list.append("div");
    pair.append("dt").text(names[i]);
    pair.append("dd").text(value(data.runs[0], i));
  }
}

// What the numbers are of: the words for it are not the same of simulated and of real nodes.
function wordsOf(data) {
  return data.origin === "fleet"
      ? {evaluated: "as each node last evaluated its model, on its own test set",
         footer: "From the nodes' own histories. Energy is that of training, by each node's model or meter; " +
             "time in rounds is that of the node which has spent most. The distance between the nodes' " +
             "models is known to no node."}
      : {evaluated: "on the test set after the last round",
         footer: "Energy is that of training, by the model of the device profiles; virtual time is the " +
             "simulated clock's, wall time this computer's."};
}

function header(main, data) {
  const nodes = d3.extent(data.runs, (run) => run.summary.nodes);
  const rounds = d3.extent(data.runs, (run) => run.rounds_asked);
  const span = ([low, high]) => low === high ? count(low) : count(low) + " to " + count(high);
  const first = data.runs[0];
  const setting = (name) => (first.settings.find(([key]) => key === name) || [name, "-"])[1];
  const seed = setting("Seed") === "-" ? "-" : "seed " + setting("Seed");
  main.append("p").attr("class", "lead").text(
      [span(nodes) + " nodes", span(rounds) + " rounds", setting("Model"), setting("Partition"),
       setting("Topology"), seed].filter((words) => words !== "-").join(", "));
  main.append("code").attr("class", "command").text(data.command);
}

function report() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const main = d3.select("#report");
  if (data.runs.length === 0) {
    main.append("code").attr("class", "command").text(data.command);
    main.append("p").attr("class", "empty").text("No run was finished.");
  } else {
    header(main, data);
    notes(main, data);
    summaryTable(main, data);
    charts(main, data);
    settingsTables(main, data);
  }
  main.append("footer").text("SkipTrain " + data.version + ". " + wordsOf(data).footer);
  const redraw = () => {
    figures.forEach((f) => f.redraw());
    showSwitches();
  };
  redraw();
  window.addEventListener("resize", redraw);
  for (const [event, starts] of [["beforeprint", true], ["afterprint", false]]) {
    window.addEventListener(event, () => {
      printing = starts;
      redraw();
    });
  }
  document.documentElement.setAttribute("data-drawn", figures.length);
}

// A page that fails says so, instead of ending in the middle.
window.addEventListener("error", (event) => {
  d3.select("#report").append("p").attr("class", "note script-error")
      .text("This report could not be drawn: " + event.message);
});
report();
