// The tables of queues and agents of the index page.
"use strict";

callmood.groups = (() => {
  const { h, svg, fill, metrics, filters, percent, count } = callmood;
  const byName = (a, b) => a.name.localeCompare(b.name, callmood.locale, { numeric: true });
  const cell = (value) => h("td", { class: "number" }, value);
  const nameCell = (key, name) =>
    h("th", { scope: "row" }, filters.link({ [key]: name }, {}, callmood.nameElement(name)));
  const fewCalls = (columns) =>
    h("td", { class: "quiet", colspan: columns }, `fewer than ${callmood.minCallsPerGroup} calls`);
  const emptyRow = (columns, calls) => {
    const text = calls.length ? "not specified in these calls" : "no calls with these filters";
    return h("tr", {}, h("td", { colspan: columns, class: "quiet" }, text));
  };

  // --- queues -------------------------------------------------------------------------------------------------------

  const ORDERS = {
    name: byName,
    calls: (a, b) => b.calls - a.calls,
    negativity: (a, b) => (b.negativity ?? -1) - (a.negativity ?? -1),
    change: (a, b) => (b.change?.value ?? -9) - (a.change?.value ?? -9),
    review: (a, b) => (b.needsAttentionRatio ?? -1) - (a.needsAttentionRatio ?? -1),
  };
  const sortButtons = document.querySelectorAll("#queues thead button");
  for (const button of sortButtons) {
    button.addEventListener("click", () => {
      const { queueSort, queueReversed } = callmood.state.read();
      const key = button.dataset.queueSort;
      const isActive = (queueSort || "negativity") === key;
      callmood.state.update({ queueSort: key, queueReversed: isActive && !queueReversed ? 1 : "" });
    });
  }

  const signedPoints = (ratio) => `${ratio > 0 ? "+" : "−"}${callmood.number(100 * Math.abs(ratio), 1)}`;

  function changeCell(change) {
    if (!change) return h("td", { class: "number quiet" }, "–");
    const range = `95% interval: ${signedPoints(change.low)} to ${signedPoints(change.high)} points`;
    if (!change.isClear) return h("td", { class: "number quiet", title: range }, "no clear change");
    const tone = change.value > 0 ? "worse" : "better";
    return h("td", { class: "number change", "data-tone": tone, title: range }, signedPoints(change.value));
  }

  // Negativity by week as a line. Weeks with few calls are gaps.
  function weekLine(weekly, max) {
    const points = weekly.map((value, i) => [(60 * i) / Math.max(1, weekly.length - 1), value]);
    let path = "";
    let isStart = true;
    for (const [x, value] of points) {
      if (value === null) isStart = true;
      else {
        path += `${isStart ? "M" : "L"}${x.toFixed(1)} ${(18 - (16 * value) / max).toFixed(1)}`;
        isStart = false;
      }
    }
    const shown = weekly.map((value) => percent(value)).join(", ");
    const label = `Negative by week: ${shown}`;
    const line = svg("path", { d: path || "M0 0" });
    return svg("svg", { viewBox: "-2 0 64 20", class: "weeks", role: "img", "aria-label": label }, line);
  }

  function renderQueues(state, calls, previous) {
    const rows = metrics.queueRows(calls, previous);
    const order = state.queueSort || "negativity";
    rows.sort((a, b) => (ORDERS[order] ?? ORDERS.negativity)(a, b) || byName(a, b));
    if (state.queueReversed) rows.reverse();
    for (const button of sortButtons) {
      const isActive = order === button.dataset.queueSort;
      const isAscending = (button.dataset.queueSort === "name") !== Boolean(state.queueReversed);
      button.closest("th").setAttribute("aria-sort", isActive ? (isAscending ? "ascending" : "descending") : "none");
    }
    const max = Math.max(0.2, ...rows.map((row) => row.negativity ?? 0));
    const weekMax = Math.max(0.2, ...rows.flatMap((row) => row.weekly.map((value) => value ?? 0)));
    const tableRow = (row) =>
      h(
        "tr",
        {},
        nameCell("queue", row.name),
        cell(count(row.calls)),
        row.negativity === null
          ? fewCalls(4)
          : [
              h("td", {}, callmood.meter(row.negativity, max)),
              changeCell(row.change),
              h("td", {}, weekLine(row.weekly, weekMax)),
              cell(percent(row.needsAttentionRatio)),
            ],
      );
    fill("#queues tbody", rows.length ? rows.map(tableRow) : emptyRow(6, calls));
  }

  // --- agents -------------------------------------------------------------------------------------------------------

  // A dot for the difference and a whisker for its 95 % interval, around zero.
  function differencePlot({ difference: { value, low, high }, isDifferent }, max) {
    const x = (ratio) => (60 + (58 * Math.max(-max, Math.min(max, ratio))) / max).toFixed(1);
    const tone = isDifferent ? (value > 0 ? "worse" : "better") : "none";
    const text = `${signedPoints(value)} points, 95% interval ${signedPoints(low)} to ${signedPoints(high)}`;
    return svg(
      "svg",
      { viewBox: "0 0 120 16", class: "difference", "data-tone": tone, role: "img", "aria-label": text },
      svg("line", { x1: 60, x2: 60, y1: 0, y2: 16, class: "zero" }),
      svg("line", { x1: x(low), x2: x(high), y1: 8, y2: 8 }),
      svg("circle", { cx: x(value), cy: 8, r: 4 }),
    );
  }

  function renderAgents(state, calls) {
    const rows = metrics.agentRows(calls);
    const found = rows.filter((row) => row.isDifferent);
    rows.sort((a, b) => {
      if (a.isDifferent !== b.isDifferent) return a.isDifferent ? -1 : 1;
      return a.isDifferent ? b.difference.value - a.difference.value : byName(a, b);
    });
    const max = Math.max(0.05, ...rows.map(({ difference: d }) => (d ? Math.max(Math.abs(d.low), Math.abs(d.high)) : 0)));
    const tableRow = (row) =>
      h(
        "tr",
        { "data-different": row.isDifferent },
        nameCell("agent", row.name),
        cell(count(row.calls)),
        row.negativity === null
          ? fewCalls(3)
          : [
              cell(percent(row.negativity)),
              h("td", {}, row.difference ? differencePlot(row, Math.min(max, 0.3)) : null),
              cell(percent(row.needsAttentionRatio)),
            ],
      );
    const shown = rows.filter((row) => !state.agent || row.name === state.agent);
    fill("#agents tbody", shown.length ? shown.map(tableRow) : emptyRow(5, calls));
    const none = "by name: none differs clearly from calls of the same queues, hours, and directions";
    const some = `${callmood.plural(found.length, "agent")} with a clear difference from calls of the same kind first`;
    const isCompared = rows.some((row) => row.difference);
    fill("#agents-note", isCompared ? (found.length ? some : none) : "");
  }

  return { renderQueues, renderAgents };
})();
