// What changed, and where: at most three sentences of the view `insights`. Each sets the filters that select its calls.
"use strict";

callmood.insights = (() => {
  const { h, fill, filters } = callmood;
  let rows = null;

  // A sentence replaces all filters, so that the figures of the page are about its calls.
  function item({ sentence, detail, isWorse, filters: changes }) {
    const cleared = Object.fromEntries([...filters.PERIOD, ...filters.GROUP].map((key) => [key, ""]));
    const link = filters.link({ ...cleared, ...changes }, { "data-tone": isWorse ? "worse" : "better" }, sentence);
    return h("li", {}, link, h("p", { class: "quiet" }, detail));
  }

  function render() {
    if (rows === null) return;
    const none = h("p", { class: "quiet" }, "Nothing changed clearly in the last eight weeks, after a correction for chance.");
    fill("#insights", rows.length ? h("ol", {}, rows.map(item)) : none);
  }

  // A report of less than two weeks has no insights.
  async function load() {
    rows = await callmood.data.read("insights");
    document.querySelector("#insights").closest("section").hidden = rows === null;
    render();
  }

  return { load, render };
})();
