// Who mixes with whom, as a drawing, or the degrees of a graph that is too large for one.

const LAYOUT_STEPS = 300;
const CIRCLE_DENSITY = 12;  // above this mean degree a force layout shows nothing but a ball

// Places in a square of side 1, the same for the same graph: nothing is drawn by lot.
function layoutOf(graph) {
  const places = d3.range(graph.nodes).map((i) => {
    const angle = 2 * Math.PI * i / graph.nodes - Math.PI / 2;
    return {x: Math.cos(angle), y: Math.sin(angle)};
  });
  const degrees = graph.degrees.map(([degree]) => degree);
  const ring = Math.max(...degrees) <= 2;
  if (!ring && 2 * graph.edges.length / graph.nodes <= CIRCLE_DENSITY) {
    for (const place of places) {
      place.x *= 100;
      place.y *= 100;
    }
    const force = d3.layout.force().nodes(places).size([0, 0]).gravity(0.08).charge(-60)
        .linkDistance(18).links(graph.edges.map(([source, target]) => ({source, target})));
    force.start();
    for (let i = 0; i < LAYOUT_STEPS && force.alpha() > 0; ++i) force.tick();
    force.stop();
  }
  const [left, right] = d3.extent(places, (p) => p.x);
  const [top, bottom] = d3.extent(places, (p) => p.y);
  const size = Math.max(right - left, bottom - top) || 1;
  return places.map((p) => ({x: 0.5 + (p.x - (left + right) / 2) / size,
                             y: 0.5 + (p.y - (top + bottom) / 2) / size}));
}

function graphTitle(data, graph) {
  const all = data.graphs.length === 1;
  return "Topology: " + graph.spec + (all ? "" : ", " + graph.runs.map((r) => data.runs[r].label).join(", "));
}

function graphFacts(graph) {
  const degrees = graph.degrees.map(([degree]) => degree);
  const [least, most] = d3.extent(degrees);
  return plural(graph.nodes, "node") + ", " + plural(graph.edge_count, "edge") + ", degree " +
      (least === most ? least : least + " to " + most) +
      (known(graph.spectral_gap) ? ", spectral gap " + significant(graph.spectral_gap, 3) : "") + ". ";
}

function topologyFigure(parent, data, graph, metric) {
  if (!graph.edges) {
    degreeFigure(parent, data, graph);
    return;
  }
  const places = layoutOf(graph);
  let shown = graph.runs.find((run) => metric && data.runs[run].nodes[metric.key].some(known));
  const coloured = shown !== undefined;
  if (!coloured) shown = graph.runs[0];
  const caption = () => graphFacts(graph) + (coloured
      ? "Colour: the final " + metric.name + " of each node" +
        (data.runs.length > 1 ? " in " + data.runs[shown].label : "") + "."
      : "");
  const target = figure(parent, graphTitle(data, graph), caption(), (svg, width) => {
    const size = Math.min(width, printing ? 430 : 520);
    const radius = Math.max(2.5, Math.min(9, 70 / Math.sqrt(graph.nodes)));
    const room = radius + 2;
    const x = (i) => (width - size) / 2 + room + places[i].x * (size - 2 * room);
    const y = (i) => room + places[i].y * (size - 2 * room);
    svg.append("g").attr("opacity", Math.max(0.12, Math.min(0.7, 260 / graph.edges.length)))
        .selectAll("line").data(graph.edges).enter().append("line").attr("class", "edge")
        .attr({x1: (e) => x(e[0]), y1: (e) => y(e[0]), x2: (e) => x(e[1]), y2: (e) => y(e[1])});
    const run = data.runs[shown];
    const range = coloured ? extent(run.nodes[metric.key]) : undefined;
    const value = (i) => coloured && known(nodeAt(graph, i)) ? run.nodes[metric.key][nodeAt(graph, i)] : null;
    svg.append("g").selectAll("circle").data(d3.range(graph.nodes)).enter().append("circle")
        .attr("class", (i) => "node bar " + (known(value(i)) ? stepOf(value(i), range[0], range[1]) : "unknown"))
        .attr({cx: x, cy: y, r: radius})
        .on("mouseenter", (i) => showTip(target, x(i), y(i), describeNode(run, graph, i, metric)))
        .on("mouseleave", () => hideTip(target));
    return coloured ? drawScale(svg, range, metric, {top: size + 12, left: (width - 240) / 2, width: 240})
                    : size;
  });
  if (coloured && graph.runs.length > 1) {
    const label = target.before.append("label").attr("class", "choice").text("Colours of ");
    label.append("select").on("change", function () {
      shown = +this.value;
      target.element.select("figcaption").text(caption());
      target.drawnWidth = 0;
      target.redraw();
    }).selectAll("option").data(graph.runs).enter().append("option")
        .attr("value", (run) => run).property("selected", (run) => run === shown)
        .text((run) => data.runs[run].label);
  }
}

// Where the node at a position of the graph stands among the run's nodes; null if it is not there.
function nodeAt(graph, position) {
  return graph.positions ? graph.positions[position] : position;
}

function describeNode(run, graph, position, metric) {
  const {nodes, profiles} = run;
  const i = nodeAt(graph, position);
  if (!known(i) || i >= nodes.name.length) {
    return graph.names[position] ? [graph.names[position], "not in this report"] : ["node at position " + position];
  }
  const lines = [nodes.name[i], profiles[nodes.profile[i]].profile];
  if (metric) lines.push(metric.name + " " + metric.text(nodes[metric.key][i]));
  lines.push(wattHours(nodes.energy_wh[i]));
  return lines;
}

function degreeFigure(parent, data, graph) {
  figure(parent, graphTitle(data, graph), graphFacts(graph) +
         "Too large to be drawn: how many nodes have which degree.", (svg, width) => {
    const height = 220;
    const left = 56;
    const bars = graph.degrees;
    const [least, most] = d3.extent(bars, (bar) => bar[0]);
    const x = d3.scale.linear().domain([least - 1, most + 1]).range([left, width - 10]);
    const y = d3.scale.linear().domain([0, d3.max(bars, (bar) => bar[1])]).range([height, 10]);
    const one = Math.max(1, Math.min(60, 0.8 * (x(1) - x(0))));
    axis(svg.append("g").attr({class: "axis grid", transform: "translate(" + left + ",0)"}), y, "left",
         {count: 4, whole: true}, -(width - left - 10));
    svg.selectAll("rect").data(bars).enter().append("rect").attr("class", "bar")
        .style("--c", "var(--run-0)")
        .attr({x: (bar) => x(bar[0]) - one / 2, y: (bar) => y(bar[1]), width: one,
               height: (bar) => height - y(bar[1])});
    axis(svg.append("g").attr({class: "axis", transform: "translate(0," + height + ")"}), x, "bottom",
         {count: Math.min(most - least + 2, Math.floor(width / 70)), whole: true}, 5);
    svg.append("text").attr({class: "quiet", x: (left + width) / 2, y: height + 35, "text-anchor": "middle"})
        .text("degree");
    return height + 42;
  });
}
