// The charts of the index page, drawn with Vega-Lite. They use the colors of the style sheet, so that they follow light, dark, and print.
"use strict";

callmood.charts = (() => {
  const CONFIG = {
    background: "transparent",
    font: "inherit",
    view: { stroke: null },
    axis: {
      labelColor: "var(--ink-2)",
      titleColor: "var(--ink-2)",
      gridColor: "var(--line)",
      domainColor: "var(--line-2)",
      tickColor: "var(--line-2)",
      labelFontSize: 12,
      titleFontSize: 12,
      titleFontWeight: "normal",
      labelPadding: 6,
      ticks: false,
    },
    scale: { invalid: { color: { value: "var(--lane)" } } },
    legend: { labelColor: "var(--ink-2)", titleColor: "var(--ink-2)", labelFontSize: 12, titleFontSize: 12 },
  };
  const HEAT = ["var(--heat-0)", "var(--heat-1)", "var(--heat-2)", "var(--heat-3)", "var(--heat-4)"];
  const DIVERGING = ["var(--cool-2)", "var(--cool-1)", "var(--heat-0)", "var(--heat-2)", "var(--heat-4)"];
  const DAY_LABEL = "timeFormat(toDate(datum.label), '%-d %b')";
  const percentAxis = { format: ".0%", tickCount: 4 };

  // Vega loads asynchronously: metrics and lists appear first.
  const libraryLoaded = new Promise((resolve) => window.addEventListener("load", resolve, { once: true }));
  const views = new Map(); // Vega view by selector, to be finalized before a new one is drawn

  function clear(selector) {
    views.get(selector)?.then((view) => view.finalize());
    views.delete(selector);
    return callmood.h("div", { class: "chart" });
  }

  // Draws a chart into an element. The chart keeps the width of the element. `onClick` receives the row of a mark.
  function draw(selector, spec, values, onClick) {
    const box = clear(selector);
    callmood.fill(selector, box);
    const fit = {
      width: "container",
      autosize: { type: "fit", contains: "padding" },
      config: CONFIG,
      data: { values },
    };
    const options = { actions: false, renderer: "svg", tooltip: { theme: "callmood" } };
    const drawn = libraryLoaded.then(() => vegaEmbed(box, { ...fit, ...spec }, options));
    if (onClick) {
      box.classList.add("clickable");
      drawn.then(({ view }) => view.addEventListener("click", (_, item) => item?.datum?.calls && onClick(item.datum)));
    }
    views.set(selector, drawn);
  }

  const day = { field: "day", type: "temporal", timeUnit: "utcyearmonthdate" };
  const dayTooltip = { field: "date", title: "day" };

  return {
    message(selector, text) {
      clear(selector);
      callmood.fill(selector, callmood.h("p", { class: "quiet" }, text));
    },

    trend(selector, rows, onClick) {
      const values = rows.map((row) => ({ ...row, date: callmood.longDate(row.day) }));
      const tickInterval = { interval: "day", step: Math.ceil(rows.length / (innerWidth < 600 ? 4 : 8)) };
      const y = (field) => ({ field, type: "quantitative", axis: percentAxis, title: null, scale: { zero: true } });
      const axis = { format: "%-d %b", grid: false, tickCount: tickInterval, labelOverlap: true };
      const x = { ...day, title: null, axis };
      const asPercent = { type: "quantitative", format: ".1%" };
      const dots = {
        mark: { type: "circle", color: "var(--ink-3)", opacity: 0.55, size: 34, aria: false, cursor: "pointer" },
        encoding: {
          y: y("negativity"),
          tooltip: [dayTooltip, { field: "negativity", title: "negative", ...asPercent }, { field: "calls" }],
        },
      };
      const weekLine = {
        mark: {
          type: "line",
          color: "var(--negative)",
          strokeWidth: 2.5,
          interpolate: "monotone",
          invalid: "break-paths-show-path-domains", // days without calls are gaps
        },
        encoding: { y: y("weekNegativity") },
      };
      draw(
        selector,
        {
          description: "Negativity of customers by day, with the seven-day mean.",
          height: 220,
          encoding: { x },
          // A layer without values has no scale.
          layer: [dots, weekLine].filter(({ encoding }) => rows.some((row) => row[encoding.y.field] !== null)),
        },
        values,
        ({ day }) => onClick(new Date(day).toISOString().slice(0, 10)),
      );
    },

    // `mean` is the negativity of all calls: the center of the colors.
    weekdayHour(selector, rows, mean, onClick) {
      const names = callmood.WEEKDAYS;
      const few = `fewer than ${callmood.minCallsPerGroup} calls`;
      const values = rows.map((row) => ({
        ...row,
        weekdayName: names[row.weekday - 1],
        hours: `${names[row.weekday - 1]}, ${row.hour}:00 to ${row.hour + 1}:00`,
        negative: row.negativity === null ? few : callmood.percent(row.negativity, 1),
      }));
      const starts = rows.map((row) => row.hour);
      const domain = Array.from(
        { length: Math.max(...starts) - Math.min(...starts) + 1 },
        (_, i) => Math.min(...starts) + i,
      );
      const days = names.slice(0, Math.max(5, ...rows.map((row) => row.weekday)));
      const shown = rows.filter((row) => row.negativity !== null).map((row) => Math.abs(row.negativity - mean));
      const spread = Math.max(0.05, ...shown);
      draw(
        selector,
        {
          description: "Negativity of customers by weekday and hour of the call's start, against the mean of the period.",
          height: 220,
          // Cells without enough calls are drawn with the color of invalid values.
          mark: { type: "rect", invalid: "show", cornerRadius: 3, stroke: "var(--paper)", strokeWidth: 2, cursor: "pointer" },
          encoding: {
            x: {
              field: "hour",
              type: "ordinal",
              title: null,
              scale: { domain },
              axis: { labelAngle: 0, labelOverlap: true, domain: false },
            },
            y: { field: "weekdayName", type: "ordinal", scale: { domain: days }, title: null, axis: { domain: false } },
            color: {
              field: "negativity",
              type: "quantitative",
              scale: { type: "quantize", domain: [mean - spread, mean + spread], range: DIVERGING },
              legend: { orient: "bottom", format: ".0%", title: null, direction: "horizontal", symbolType: "square" },
            },
            opacity: { condition: { test: "datum.isClear || !isValid(datum.negativity)", value: 1 }, value: 0.4 },
            tooltip: [{ field: "hours", title: "start" }, { field: "negative" }, { field: "calls" }],
          },
        },
        values,
        ({ weekday, hour }) => onClick(weekday, hour),
      );
    },

    driftChecks(selector, rows) {
      const values = rows.map((row) => ({ ...row, date: callmood.longDate(row.day), isDrift: row.thresholdRatio > 1 }));
      draw(
        selector,
        {
          description: "Drift statistic of each day over its threshold, by group of metrics.",
          height: 230,
          mark: { type: "rect", cornerRadius: 3, strokeWidth: 2 },
          encoding: {
            x: {
              field: "day",
              type: "ordinal",
              title: null,
              axis: { labelAngle: 0, labelOverlap: true, labelSeparation: 12, domain: false, labelExpr: DAY_LABEL },
            },
            y: { field: "group", type: "ordinal", sort: null, title: null, axis: { domain: false, minExtent: 80 } },
            color: {
              field: "thresholdRatio",
              type: "quantitative",
              scale: { type: "threshold", domain: [0.5, 0.75, 1], range: [HEAT[0], HEAT[1], HEAT[2], HEAT[4]] },
              legend: { orient: "bottom", format: ".0%", title: "statistic / threshold", direction: "horizontal" },
            },
            stroke: { condition: { test: "datum.isDrift", value: "var(--ink)" }, value: "var(--paper)" },
            tooltip: [
              dayTooltip,
              { field: "group", title: "metrics" },
              { field: "thresholdRatio", title: "statistic / threshold", type: "quantitative", format: ".0%" },
            ],
          },
        },
        values,
      );
    },
  };
})();
