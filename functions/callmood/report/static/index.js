// The index page: render each section when the filters or the calls change.
"use strict";

(() => {
  const { fill, metrics, filters, headline, groups, list } = callmood;

  // --- charts -----------------------------------------------------------------------------------------------------

  function drawCharts(state, calls) {
    const suppressed = metrics.isSuppressed(state, calls.length);
    const days = new Set(calls.map((call) => call.day)).size;
    const withEmotion = calls.filter((call) => call.emotionDuration > 0);
    const canDraw = !suppressed && withEmotion.length > 0;
    if (canDraw && days > 1) {
      const matching = metrics.filterByGroup(state, callmood.calls);
      callmood.charts.trend("#trend", metrics.trend(matching, metrics.period(state)));
    } else {
      callmood.charts.message("#trend", "A trend needs calls on at least two days.");
    }
    if (canDraw) {
      callmood.charts.weekdayHour("#weekday-hour", metrics.weekdayHour(withEmotion));
    } else {
      const reason = suppressed
        ? `Fewer than ${callmood.minCallsPerGroup} calls.`
        : "No emotion was inferred in these calls.";
      callmood.charts.message("#weekday-hour", reason);
    }
  }

  // --- reviews ----------------------------------------------------------------------------------------------------

  function renderReviews() {
    const { reviews, percent, plural } = callmood;
    const verdicts = reviews.reviewed().map(([, { verdict }]) => verdict);
    const count = (verdict) => verdicts.filter((other) => other === verdict).length;
    const accuracyText = (isSelected, selection, consequence) => {
      const found = reviews.accuracy(isSelected);
      if (!found) return null;
      const { ratio, low, high, segments } = found;
      const interval = `95% interval ${percent(low)} to ${percent(high)}`;
      const text = `${percent(ratio)} of ${plural(segments, "checked label")} ${selection} correct (${interval}).`;
      return callmood.h("p", {}, text, " ", callmood.h("span", { class: "quiet" }, consequence));
    };
    const selected = accuracyText(
      (sampling) => sampling === "report",
      "that people selected in this report were",
      "The report shows conspicuous segments, so this is not the accuracy of the model.",
    );
    const sampled = accuracyText((sampling) => sampling === "random", "in random samples were", "This is the accuracy of the model.");
    document.querySelector("#reviews").hidden = !verdicts.length && !selected && !sampled;
    const kinds = [
      [count("agree"), "agree"],
      [count("not_worth_it"), "not worth it"],
    ].map(([n, kind]) => `${callmood.count(n)} ${kind}`);
    fill("#review-summary", verdicts.length ? `${plural(verdicts.length, "reviewed call")}: ${kinds.join(", ")}.` : "");
    fill("#label-accuracy", sampled, selected);
    document.querySelector("#own-reviews").hidden = !reviews.countOwn();
  }

  document.querySelector("#export-reviews").addEventListener("click", callmood.reviews.exportFile);
  document.querySelector("#delete-reviews").addEventListener("click", () => {
    if (confirm("Delete your reviews and labels from this browser? Export them first to keep them.")) {
      callmood.reviews.deleteOwn();
    }
  });

  // --- page -------------------------------------------------------------------------------------------------------

  let renderedFilters = ""; // search, sort order, and list page change only the list

  function render() {
    const state = callmood.state.read();
    const calls = metrics.filterCalls(state);
    const { days, from, to, queue, agent } = state;
    const key = JSON.stringify([days, from, to, queue, agent]);
    if (key !== renderedFilters) {
      renderedFilters = key;
      const [first, last] = metrics.period(state).map(callmood.longDate);
      fill("#period", first === last ? first : `${first} to ${last}`);
      filters.show(state);
      headline.render(state, calls);
      drawCharts(state, calls);
      groups.render("#queues", "queue", calls, (call) => call.queue, 1);
      groups.render("#agents", "agent", calls, (call) => call.agent, callmood.minCallsPerGroup);
    }
    list.render(state, calls);
  }

  let isScrolled = false;

  function renderAll() {
    renderedFilters = "";
    filters.fill();
    render();
    if (!isScrolled) callmood.scroll.restore();
    isScrolled = true;
  }

  for (const event of ["statechange", "hashchange"]) {
    window.addEventListener(event, () => callmood.calls && render());
  }
  window.addEventListener("callschange", renderAll);
  window.addEventListener("reviewschange", () => {
    renderReviews();
    if (callmood.calls) list.render(callmood.state.read(), metrics.filterCalls(callmood.state.read()));
  });
  callmood.data.loadCalls().then(callmood.reviews.load);
})();
