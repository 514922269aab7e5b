// Numbers as text, the look of a run, and a few words about building elements.

// A number that was measured: null stands for one that was not.
function known(value) {
  return typeof value === "number" && isFinite(value);
}

const DASH = "–";

function fixed(value, decimals) {
  return known(value) ? value.toFixed(decimals).replace(/^-(?=0\.?0*$)/, "").replace("-", "−") : DASH;
}

function percent(fraction, decimals = 1) {
  return known(fraction) ? fixed(100 * fraction, decimals) + " %" : DASH;
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

// 2.5·10⁻⁷, 10⁵; of a whole number of tens the power alone.
function power(value, decimals) {
  const [digits, exponent] = value.toExponential(decimals).replace("-", "−").split("e");
  const tens = "10" + exponent.replace("+", "").replace(/[-−]/, "⁻").replace(/\d/g, (d) => SUPERSCRIPTS[d]);
  return digits === "1" ? tens : digits + "·" + tens;
}

// 0.01, 250, 10⁻⁶, 2·10⁵.
function plainNumber(value) {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e6 || size < 0.9e-3)) return power(value, 0);
  return Number.isInteger(value) ? count(value) : String(+value.toPrecision(3)).replace("-", "−");
}

// Texts for ticks, with as many digits as tell them apart.
function tickFormat(ticks, isPercent) {
  const factor = isPercent ? 100 : 1;
  const most = factor * Math.max(...ticks.map(Math.abs));
  const step = factor * (ticks.length > 1 ? ticks[1] - ticks[0] : ticks[0] || 1);
  const places = (unit) => Math.max(0, -Math.floor(Math.log10(Math.abs(step) / unit) + 1e-9));
  if (isPercent) return (value) => value === 0 ? "0 %" : fixed(100 * value, places(1)) + " %";
  if (most >= 1e6 || most < 1e-3) {
    const unit = Math.pow(10, Math.floor(Math.log10(most)));
    return (value) => value === 0 ? "0" : power(value, places(unit));
  }
  if (places(1) === 0) return (value) => count(Math.round(value));
  return (value) => value === 0 ? "0" : fixed(value, places(1));
}

// At least `digits` significant digits, and no fewer than the integer part needs.
function significant(value, digits = 4) {
  if (!known(value)) return DASH;
  if (value === 0) return "0";
  const magnitude = Math.floor(Math.log10(Math.abs(value)));
  if (magnitude < -4) return power(value, Math.max(0, digits - 2));
  return fixed(value, Math.max(0, digits - 1 - magnitude));
}

function wattHours(value) {
  return known(value) ? significant(value) + " Wh" : DASH;
}

function bytes(value) {
  if (!known(value)) return DASH;
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    ++unit;
  }
  return (unit === 0 ? value.toFixed(0) : value.toFixed(value < 9.95 ? 1 : 0)) + " " + units[unit];
}

function duration(seconds) {
  if (!known(seconds)) return DASH;
  if (seconds < 1) return (seconds * 1000).toFixed(0) + " ms";
  if (seconds < 59.95) return seconds.toFixed(1) + " s";
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes + " min " + (whole % 60) + " s";
  return Math.floor(minutes / 60) + " h " + (minutes % 60) + " min";
}

// With thin spaces between thousands, where no line breaks.
function count(value) {
  return known(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f") : DASH;
}

function plural(n, word) {
  return count(n) + " " + word + (n === 1 ? "" : "s");
}

const COLOURS = 7;
const DASHES = ["none", "7 3", "2 3", "9 3 2 3", "14 4", "5 2 2 2 2 2"];
const MARKERS = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"];
const STEPS = 9;

// Colour, dashes and marker of run `index`. In a sweep the colour tells the row of the grid and the
// dashes its column. 7 colours and 6 dashes: 42 runs look different.
function styleOf(data, index) {
  let colour = index;
  let dash = index;
  if (data.sweep) {
    colour = Math.max(0, data.sweep.gamma_train.indexOf(data.runs[index].gamma_train));
    dash = Math.max(0, data.sweep.gamma_sync.indexOf(data.runs[index].gamma_sync));
  }
  return {
    colour: "var(--run-" + (colour % COLOURS) + ")",
    dash: DASHES[dash % DASHES.length],
    marker: MARKERS[dash % MARKERS.length],
  };
}

// The class of a value between low and high on the scale from little to much.
function stepOf(value, low, high) {
  const part = high > low ? (value - low) / (high - low) : 1;
  return "step-" + Math.max(0, Math.min(STEPS - 1, Math.floor(part * STEPS)));
}

// [min, max] of the known numbers; undefined if there are none.
function extent(values) {
  const all = values.filter(known);
  return all.length ? d3.extent(all) : undefined;
}

// What a legend shows of a run: a piece of its line with its marker.
function swatch(parent, style) {
  const svg = parent.append("svg").attr({class: "swatch", width: 34, height: 14})
      .style("--c", style.colour).attr("aria-hidden", "true");
  svg.append("path").attr({class: "line", d: "M1,7H33", "stroke-dasharray": style.dash});
  svg.append("path").attr({class: "marker", transform: "translate(17,7)",
                           d: d3.svg.symbol().type(style.marker).size(36)()});
}

// A figure of the report with a title and what is to be known for reading it. `draw(svg, width)`
// fills the SVG and returns its height; it is called again when the width has changed.
function figure(parent, title, caption, draw) {
  const element = parent.append("figure");
  element.append("h3").text(title);
  if (caption) element.append("figcaption").text(caption);
  const tip = element.append("div").attr("class", "tip").style("display", "none");
  const result = {element, tip, draw, before: element.append("div"), drawnWidth: 0};
  result.svg = element.append("svg").attr("role", "img").attr("aria-label", title);
  result.redraw = function () {
    const style = getComputedStyle(element.node());
    const width = printing ? PRINTED_WIDTH : Math.max(240, Math.floor(element.node().clientWidth -
        parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)));
    if (width === result.drawnWidth) return;
    result.drawnWidth = width;
    result.svg.selectAll("*").remove();
    const height = draw(result.svg, width);
    result.svg.attr({viewBox: "0 0 " + width + " " + height, width, height});
  };
  figures.push(result);
  return result;
}

const figures = [];
const PRINTED_WIDTH = 688;  // CSS pixels between the margins of an A4 page: text keeps its size
let printing = false;

// Shows `lines` beside (x, y) of the figure's drawing.
function showTip(target, x, y, lines) {
  const box = target.svg.node().getBoundingClientRect();
  const outer = target.element.node().getBoundingClientRect();
  const scale = box.width / target.drawnWidth;
  target.tip.style("display", null).text("");
  lines.forEach((line, i) => {
    target.tip.append(i === 0 ? "strong" : "div").text(line);
  });
  const left = box.left - outer.left + x * scale;
  const width = target.tip.node().offsetWidth;
  target.tip.style({
    left: (left + width + 16 > outer.width ? Math.max(4, left - width - 12) : left + 12) + "px",
    top: (box.top - outer.top + y * scale + 10) + "px",
  });
}

function hideTip(target) {
  target.tip.style("display", "none");
}
