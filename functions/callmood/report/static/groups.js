// The tables of queues and agents of the index page.
"use strict";

callmood.groups = (() => {
  const { h, fill, metrics, percent, count } = callmood;

  function renderRanking(selector, filter, calls, key, minCalls) {
    const rows = metrics.ranking(calls, key, minCalls);
    const max = Math.max(0.2, ...rows.map((row) => (row.isSuppressed ? 0 : row.negativity)));
    const cell = (value) => h("td", { class: "number" }, value);
    const tableRow = (row) => {
      const href = callmood.state.toHash({ ...callmood.state.read(), [filter]: row.name, page: "" });
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, h("a", { href }, callmood.nameElement(row.name))),
        cell(count(row.calls)),
        row.isSuppressed
          ? h("td", { class: "quiet", colspan: 3 }, `fewer than ${minCalls} calls`)
          : [
              h("td", {}, callmood.meter(row.negativity, max)),
              cell(percent(row.needsAttentionRatio)),
              cell(percent(row.recoveredRatio)),
            ],
      );
    };
    const empty = h("tr", {}, h("td", { colspan: 5, class: "quiet" }, "not specified in these calls"));
    fill(`${selector} tbody`, rows.length ? rows.map(tableRow) : empty);
  }

  return { render: renderRanking };
})();
