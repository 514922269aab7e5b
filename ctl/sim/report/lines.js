// Line charts: one line a run, the same legend below every title.

const LINE_HEIGHT = 300;
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

function axis(group, scale, orient, ticks, format, size) {
  const drawn = d3.svg.axis().scale(scale).orient(orient).ticks(ticks).outerTickSize(0)
      .innerTickSize(size).tickPadding(6);
  if (format) drawn.tickFormat(format);
  group.call(drawn);
}

// Powers of ten; of a range below two decades also what lies between.
function logTicks([low, high]) {
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

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

// As on an axis: 0.01, 250, 10⁻⁶, 2·10⁵.
function plainNumber(value) {
  const size = Math.abs(value);
  if (value === 0 || (size < 1e5 && size > 0.9e-3)) return String(+value.toPrecision(3)).replace("-", "−");
  const [digits, exponent] = value.toExponential(0).split("e");
  const power = "10" + exponent.replace("+", "").replace("-", "⁻").replace(/\d/g, (d) => SUPERSCRIPTS[d]);
  return digits === "1" ? power : digits + "·" + power;
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
  const ticks = y.log ? logTicks(scales.y.domain()) : null;
  const yAxis = d3.svg.axis().scale(scales.y).orient("left").outerTickSize(0).innerTickSize(-width)
      .tickPadding(8);
  if (ticks) yAxis.tickValues(ticks).tickFormat(plainNumber);
  else yAxis.ticks(5).tickFormat(y.percent ? (v) => +(100 * v).toFixed(2) + " %" : plainNumber);
  plot.append("g").attr("class", "axis grid").call(yAxis);
  const bottom = plot.append("g").attr("class", "axis").attr("transform", "translate(0," + height + ")");
  axis(bottom, scales.x, "bottom", Math.max(3, Math.floor(width / 90)), x.whole ? wholeOnly : null, 5);
  plot.append("text").attr({class: "quiet", x: width / 2, y: height + 35, "text-anchor": "middle"})
      .text(x.label);
}

function wholeOnly(value) {
  return Number.isInteger(value) ? value : "";
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
// whole}. `y`: {log, percent, fromZero, top}. Says `x.missing` instead if there is nothing to draw.
function lineChart(parent, data, title, caption, lines, x, y) {
  lines = lines.map((line) => Object.assign({}, line, {
    points: line.points.filter((p) => known(p.x)),
  })).filter((line) => line.points.some((p) => known(p.y) && (!y.log || p.y > 0)));
  if (!lines.length) return null;
  const target = figure(parent, title, caption, (svg, fullWidth) => {
    const width = fullWidth - MARGIN.left - MARGIN.right;
    const height = LINE_HEIGHT - MARGIN.top - MARGIN.bottom;
    const xs = extent([].concat(...lines.map((line) => line.points.map((p) => p.x))));
    const scales = {
      x: d3.scale.linear().domain([0, xs[1] || 1]).range([0, width]),
      y: yScale(lines, y, height),
    };
    const plot = svg.append("g").attr("transform", "translate(" + MARGIN.left + "," + MARGIN.top + ")");
    drawAxes(plot, scales, width, height, x, y);
    lines.forEach((line, i) => drawLine(plot, line, scales, y, styleOf(data, line.run), 2 * i));
    followPointer(target, plot, lines, scales, width, height, y);
    return LINE_HEIGHT;
  });
  legend(target, data, lines.map((line) => line.run));
  return target;
}
