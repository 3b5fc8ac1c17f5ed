// The charts, as Vega-Lite. Colors are the style sheet's own, so charts follow light, dark and print by themselves.
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
    legend: { labelColor: "var(--ink-2)", titleColor: "var(--ink-2)", labelFontSize: 12, titleFontSize: 12 },
  };
  const HEAT = ["var(--heat-0)", "var(--heat-1)", "var(--heat-2)", "var(--heat-3)", "var(--heat-4)"];
  const DAY_LABEL = "timeFormat(toDate(datum.label), '%-d %b')";
  const percentAxis = { format: ".0%", tickCount: 4 };

  // Figures and lists need not wait for the library.
  const loaded = new Promise((resolve) => window.addEventListener("load", resolve, { once: true }));
  const shown = new Map(); // what stands in each box, to be taken down before the next

  function clear(selector) {
    shown.get(selector)?.then((chart) => chart.finalize());
    shown.delete(selector);
    return callmood.h("div", { class: "chart" });
  }

  // Draws into a box; the drawing stays as wide as the box.
  function draw(selector, spec, values) {
    const box = clear(selector);
    callmood.fill(selector, box);
    const fit = {
      width: "container",
      autosize: { type: "fit", contains: "padding" },
      config: CONFIG,
      data: { values },
    };
    const looks = { actions: false, renderer: "svg", tooltip: { theme: "callmood" } };
    shown.set(selector, loaded.then(() => vegaEmbed(box, { ...fit, ...spec }, looks)));
  }

  const day = { field: "day", type: "temporal", timeUnit: "utcyearmonthdate" };
  const dayTip = { field: "date", title: "day" };

  return {
    none(selector, why) {
      clear(selector);
      callmood.fill(selector, callmood.h("p", { class: "quiet" }, why));
    },

    trend(selector, rows) {
      const values = rows.map((row) => ({ ...row, date: callmood.longDay(row.day) }));
      const every = { interval: "day", step: Math.ceil(rows.length / (innerWidth < 600 ? 4 : 8)) };
      const y = (field) => ({ field, type: "quantitative", axis: percentAxis, title: null, scale: { zero: true } });
      const x = { ...day, title: null, axis: { format: "%-d %b", grid: false, tickCount: every, labelOverlap: true } };
      const asPercent = { type: "quantitative", format: ".1%" };
      draw(
        selector,
        {
          description: "Negative share of customers' speech by day, with the mean of seven days.",
          height: 220,
          encoding: { x },
          layer: [
            {
              mark: { type: "circle", color: "var(--ink-3)", opacity: 0.55, size: 34, aria: false },
              encoding: {
                y: y("negativity"),
                tooltip: [dayTip, { field: "negativity", title: "negative", ...asPercent }, { field: "calls" }],
              },
            },
            {
              mark: { type: "line", color: "var(--negative)", strokeWidth: 2.5, interpolate: "monotone" },
              encoding: { y: y("week") },
            },
          ],
        },
        values,
      );
    },

    week(selector, rows) {
      const order = callmood.WEEKDAYS;
      const values = rows.map((row) => ({
        ...row,
        weekdayName: order[row.weekday - 1],
        when: `${order[row.weekday - 1]}, ${row.hour}:00 to ${row.hour + 1}:00`,
      }));
      const hours = rows.map((row) => row.hour);
      const span = Array.from(
        { length: Math.max(...hours) - Math.min(...hours) + 1 },
        (_, i) => Math.min(...hours) + i,
      );
      const days = order.slice(0, Math.max(5, ...rows.map((row) => row.weekday)));
      const most = Math.max(0.1, ...rows.map((row) => row.negativity ?? 0));
      draw(
        selector,
        {
          description: "Negative share of customers' speech by weekday and hour of the call's start.",
          height: 220,
          mark: { type: "rect", cornerRadius: 3, stroke: "var(--paper)", strokeWidth: 2 },
          encoding: {
            x: {
              field: "hour",
              type: "ordinal",
              title: null,
              scale: { domain: span },
              axis: { labelAngle: 0, labelOverlap: true, domain: false },
            },
            y: { field: "weekdayName", type: "ordinal", scale: { domain: days }, title: null, axis: { domain: false } },
            color: {
              field: "negativity",
              type: "quantitative",
              scale: { type: "quantize", domain: [0, most], range: HEAT },
              legend: { orient: "bottom", format: ".0%", title: null, direction: "horizontal", symbolType: "square" },
            },
            opacity: { condition: { test: "datum.calls < 3", value: 0.5 }, value: 1 },
            tooltip: [
              { field: "when", title: "start" },
              { field: "negativity", title: "negative", type: "quantitative", format: ".1%" },
              { field: "calls" },
            ],
          },
        },
        values,
      );
    },

    health(selector, rows) {
      const values = rows.map((row) => ({ ...row, date: callmood.longDay(row.day), drift: row.share > 1 }));
      draw(
        selector,
        {
          description: "How far each day's calls are from what the model knows, over the distance that counts as drift.",
          height: 230,
          mark: { type: "rect", cornerRadius: 3, strokeWidth: 2 },
          encoding: {
            x: {
              field: "day",
              type: "ordinal",
              title: null,
              axis: { labelAngle: 0, labelOverlap: true, labelSeparation: 12, domain: false, labelExpr: DAY_LABEL },
            },
            y: { field: "aspect", type: "ordinal", sort: null, title: null, axis: { domain: false, minExtent: 80 } },
            color: {
              field: "share",
              type: "quantitative",
              scale: { type: "threshold", domain: [0.5, 0.75, 1], range: [HEAT[0], HEAT[1], HEAT[2], HEAT[4]] },
              legend: { orient: "bottom", format: ".0%", title: "of what counts as drift", direction: "horizontal" },
            },
            stroke: { condition: { test: "datum.drift", value: "var(--ink)" }, value: "var(--paper)" },
            tooltip: [
              dayTip,
              { field: "aspect", title: "what" },
              { field: "share", title: "of what counts as drift", type: "quantitative", format: ".0%" },
            ],
          },
        },
        values,
      );
    },

    quarters(selector, shares) {
      const values = shares.map((share, i) => ({ quarter: ["first", "second", "third", "last"][i], share }));
      const encoding = {
        x: { field: "quarter", type: "ordinal", sort: null, title: "quarter of the call", axis: { labelAngle: 0 } },
        y: {
          field: "share",
          type: "quantitative",
          title: null,
          axis: percentAxis,
          scale: { domain: [0, Math.max(0.5, ...shares.map((share) => share ?? 0))] },
        },
      };
      draw(
        selector,
        {
          description: "Negative share of the customer's speech in each quarter of the call.",
          height: 180,
          encoding,
          layer: [
            { mark: { type: "bar", color: "var(--negative)", cornerRadiusEnd: 3, width: { band: 0.6 } } },
            {
              mark: { type: "text", dy: -8, color: "var(--ink)", fontSize: 12, aria: false },
              encoding: { text: { field: "share", type: "quantitative", format: ".0%" } },
            },
          ],
        },
        values,
      );
    },

    curve(selector, shares, length) {
      const values = shares.map((share, i) => {
        const [start, end] = [10 * i, Math.min(10 * i + 10, length)];
        return { start, end, share, time: `${callmood.clock(start)} to ${callmood.clock(end)}` };
      });
      draw(
        selector,
        {
          description: "Negative share of the customer's speech, ten seconds at a time.",
          height: 70,
          padding: 0,
          mark: { type: "bar", color: "var(--negative)", opacity: 0.75, binSpacing: 1, cornerRadiusEnd: 2 },
          encoding: {
            x: { field: "start", type: "quantitative", axis: null, scale: { domain: [0, length], nice: false } },
            x2: { field: "end" },
            y: { field: "share", type: "quantitative", axis: null, scale: { domain: [0, 1] } },
            y2: { datum: 0 },
            tooltip: [{ field: "time" }, { field: "share", title: "negative", type: "quantitative", format: ".0%" }],
          },
        },
        values,
      );
    },
  };
})();
