// Line charts: one line a run, the same legend below every title.

const LINE_HEIGHT = 300;
const PRINTED_LINE_HEIGHT = 222;  // three charts to a page
const MARGIN = {top: 10, right: 14, bottom: 40, left: 58};
const MARKERS_PER_LINE = 8;

// Runs that the reader switched off in a legend; the same in all charts.
const switchedOff = new Set();

function showSwitches() {
  d3.selectAll("[data-run]").each(function () {
    const off = switchedOff.has(+this.getAttribute("data-run"));
    d3.select(this).classed(this.tagName === "LI" ? "hidden" : "off", off);
    if (this.tagName === "LI") d3.select(this).select("button").attr("aria-pressed", String(!off));
  });
}

// While the pointer is on a run's name, the other runs are faint.
function emphasize(run) {
  d3.selectAll("g[data-run]").classed("faint", function () {
    return run !== null && +this.getAttribute("data-run") !== run;
  });
}

function legend(target, data, runs) {
  if (data.runs.length === 1) return;
  const items = target.before.append("ul").attr("class", "legend").selectAll("li").data(runs)
      .enter().append("li").attr("data-run", (run) => run);
  const buttons = items.append("button").attr({type: "button", "aria-pressed": "true"})
      .attr("title", "Show or hide this run")
      .on("click", (run) => {
        if (!switchedOff.delete(run)) switchedOff.add(run);
        showSwitches();
      })
      .on("mouseenter", emphasize).on("focus", emphasize)
      .on("mouseleave", () => emphasize(null)).on("blur", () => emphasize(null));
  buttons.each(function (run) {
    swatch(d3.select(this), styleOf(data, run));
    d3.select(this).append("span").text(data.runs[run].label);
  });
}

// `kind`: {count, whole, percent}: about how many ticks, and whether only at whole numbers.
function axis(group, scale, orient, kind, size) {
  let ticks = scale.ticks(kind.count);
  if (kind.whole) ticks = ticks.filter(Number.isInteger);
  group.call(d3.svg.axis().scale(scale).orient(orient).tickValues(ticks)
      .tickFormat(tickFormat(ticks, kind.percent)).outerTickSize(0).innerTickSize(size).tickPadding(7));
}

// Powers of ten; of a range below two decades also what lies between; of a narrow one, even steps.
function logTicks([low, high]) {
  if (high / low < 8) return d3.scale.linear().domain([low, high]).ticks(5);
  const steps = Math.log10(high / low) < 2 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); ++e) {
    for (const step of steps) {
      const tick = step * Math.pow(10, e);
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

function yScale(lines, y, height) {
  const values = [];
  for (const line of lines) {
    for (const p of line.points) values.push(p.y, p.low, p.high);
  }
  let [low, high] = extent(y.log ? values.filter((v) => v > 0) : values);
  if (y.log) {
    if (high / low < 1.5) [low, high] = [low / 1.5, high * 1.5];
    return d3.scale.log().domain([low / 1.08, high * 1.08]).range([height, 0]).clamp(true);
  }
  if (y.fromZero) low = 0;
  const room = (high - low || Math.abs(high) || 1) * 0.05;
  const floor = low >= 0 ? Math.max(0, low - room) : low - room;
  const top = y.top !== undefined ? Math.min(y.top, high + room) : high + room;
  return d3.scale.linear().domain([floor, Math.max(top, floor + room)]).range([height, 0]);
}

function drawAxes(plot, scales, width, height, x, y) {
  const left = plot.append("g").attr("class", "axis grid");
  if (y.log) {
    left.call(d3.svg.axis().scale(scales.y).orient("left").tickValues(logTicks(scales.y.domain()))
        .tickFormat(plainNumber).outerTickSize(0).innerTickSize(-width).tickPadding(7));
  } else {
    axis(left, scales.y, "left", {count: 5, percent: y.percent}, -width);
  }
  const bottom = plot.append("g").attr("class", "axis").attr("transform", "translate(0," + height + ")");
  axis(bottom, scales.x, "bottom", {count: Math.max(3, Math.floor(width / 90)), whole: x.whole}, 5);
  plot.append("text").attr({class: "quiet", x: width / 2, y: height + 35, "text-anchor": "middle"})
      .text(x.label);
}

// A line has gaps where nothing was measured, and, on a logarithmic axis, at zero.
function drawLine(plot, line, scales, y, style, offset) {
  const group = plot.append("g").attr("data-run", line.run).style("--c", style.colour);
  const visible = (p) => known(p.y) && known(p.x) && (!y.log || p.y > 0);
  if (line.band) {
    group.append("path").attr("class", "band").attr("d", d3.svg.area()
        .defined((p) => visible(p) && known(p.low) && known(p.high))
        .x((p) => scales.x(p.x)).y0((p) => scales.y(p.low)).y1((p) => scales.y(p.high))(line.points));
  }
  group.append("path").attr("class", "line").attr("stroke-dasharray", style.dash)
      .attr("d", d3.svg.line().defined(visible)
          .x((p) => scales.x(p.x)).y((p) => scales.y(p.y))(line.points));
  const points = line.points.filter(visible);
  const stride = Math.max(1, Math.round(points.length / MARKERS_PER_LINE));
  // Runs mark different points, lest markers hide each other; the last one is always marked.
  const marked = points.filter((p, i) =>
      i === points.length - 1 || (i % stride === offset % stride && points.length - i > stride / 2));
  group.selectAll("path.marker").data(marked).enter().append("path").attr("class", "marker")
      .attr("d", d3.svg.symbol().type(style.marker).size(34)())
      .attr("transform", (p) => "translate(" + scales.x(p.x) + "," + scales.y(p.y) + ")");
}

function followPointer(target, plot, lines, scales, width, height, y) {
  const focus = plot.append("circle").attr({class: "focus", r: 6}).style("display", "none");
  plot.append("rect").attr({width, height, fill: "none", "pointer-events": "all"})
      .on("mousemove", function () {
        const [mx, my] = d3.mouse(this);
        let best = null;
        for (const line of lines) {
          if (switchedOff.has(line.run)) continue;
          for (const p of line.points) {
            if (!known(p.y) || (y.log && p.y <= 0)) continue;
            const at = [scales.x(p.x), scales.y(p.y)];
            const distance = Math.hypot(at[0] - mx, at[1] - my);
            if (!best || distance < best.distance) best = {distance, at, lines: line.describe(p)};
          }
        }
        if (!best) return;
        focus.style("display", null).attr({cx: best.at[0], cy: best.at[1]});
        showTip(target, best.at[0] + MARGIN.left, best.at[1] + MARGIN.top, best.lines);
      })
      .on("mouseleave", () => {
        focus.style("display", "none");
        hideTip(target);
      });
}

// `lines`: {run, points: [{x, y, low, high}], band, describe(point): lines of text}. `x`: {label,
// whole}. `y`: {log, percent, fromZero, top}. Draws nothing if nothing was measured.
function lineChart(parent, data, title, caption, lines, x, y) {
  lines = lines.map((line) => Object.assign({}, line, {
    points: line.points.filter((p) => known(p.x)),
  })).filter((line) => line.points.some((p) => known(p.y) && (!y.log || p.y > 0)));
  if (!lines.length) return null;
  const target = figure(parent, title, caption, (svg, fullWidth) => {
    const width = fullWidth - MARGIN.left - MARGIN.right;
    const fullHeight = printing ? PRINTED_LINE_HEIGHT : LINE_HEIGHT;
    const height = fullHeight - MARGIN.top - MARGIN.bottom;
    const xs = extent([].concat(...lines.map((line) => line.points.map((p) => p.x))));
    const scales = {
      x: d3.scale.linear().domain([0, xs[1] || 1]).range([0, width]),
      y: yScale(lines, y, height),
    };
    const plot = svg.append("g").attr("transform", "translate(" + MARGIN.left + "," + MARGIN.top + ")");
    drawAxes(plot, scales, width, height, x, y);
    lines.forEach((line, i) => drawLine(plot, line, scales, y, styleOf(data, line.run), 2 * i));
    followPointer(target, plot, lines, scales, width, height, y);
    return fullHeight;
  });
  legend(target, data, lines.map((line) => line.run));
  return target;
}
