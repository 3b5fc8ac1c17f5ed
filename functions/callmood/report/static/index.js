// The index page: render each section when the filters or the calls change.
"use strict";

(() => {
  const { fill, metrics, filters, headline, groups, insights, list } = callmood;

  // --- charts -----------------------------------------------------------------------------------------------------

  function drawCharts(state, calls) {
    const summary = metrics.summarize(calls);
    const days = new Set(calls.map((call) => call.day)).size;
    const withEmotion = calls.filter((call) => call.emotionDuration > 0);
    const few = `Fewer than ${callmood.minCallsPerGroup} calls.`;
    const none = calls.length ? "No emotion was inferred in these calls." : "No calls with these filters.";
    const reason = withEmotion.length === 0 ? none : summary.isSuppressed ? few : null;
    const select = (changes) => callmood.state.update({ ...changes, page: "" });
    const [from, to] = metrics.period(state);
    const [first, last] = callmood.days; // the period of a link can begin centuries before
    const drawn = [from > first ? from : first, to < last ? to : last];
    const rows = metrics.trend(metrics.filterByGroup(state, callmood.calls), drawn);
    const isShown = rows.some((row) => row.negativity !== null || row.weekNegativity !== null);
    if (reason || days < 2 || !isShown) {
      const needed = `${callmood.minCallsPerGroup} calls on a day, or in seven days`;
      callmood.charts.message("#trend", reason ?? `A trend needs two days with calls, and ${needed}.`);
    } else {
      callmood.charts.trend("#trend", rows, (day) => select({ days: "", from: day, to: day }));
    }
    const cells = metrics.weekdayHour(withEmotion);
    if (reason || cells.every((cell) => cell.negativity === null)) {
      callmood.charts.message("#weekday-hour", reason ?? `Fewer than ${callmood.minCallsPerGroup} calls in each hour.`);
    } else {
      callmood.charts.weekdayHour("#weekday-hour", cells, summary.negativity, (weekday, hour) => select({ weekday, hour }));
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

  let renderedQueues = "";
  let renderedFilters = ""; // search, sort order, and list page change only the list

  function render() {
    const state = callmood.state.read();
    const calls = metrics.filterCalls(state);
    const key = JSON.stringify([...filters.PERIOD, ...filters.GROUP].map((name) => state[name]));
    filters.show(state);
    if (key !== renderedFilters) {
      renderedFilters = key;
      const [first, last] = metrics.period(state).map(callmood.longDate);
      fill("#period", first === last ? first : `${first} to ${last}`);
      headline.render(state, calls);
      drawCharts(state, calls);
      const ofAllAgents = { ...state, agent: "" };
      groups.renderAgents(state, state.agent ? metrics.filterCalls(ofAllAgents) : calls);
    }
    const order = JSON.stringify([key, state.queueSort, state.queueReversed]);
    if (order !== renderedQueues) {
      renderedQueues = order;
      groups.renderQueues(state, calls, callmood.isComplete ? metrics.previousPeriod(state).calls : []);
    }
    list.render(state, calls);
  }

  let isScrolled = false;

  function renderAll() {
    renderedFilters = renderedQueues = "";
    filters.fill();
    render();
    if (!isScrolled) callmood.scroll.restore();
    isScrolled = true;
    if (callmood.isComplete) insights.load();
  }

  // A longer period can need calls that are not loaded.
  function show() {
    if (callmood.data.hasNeededCalls()) return render();
    filters.show(callmood.state.read());
    fill("#loading", "Loading the calls");
    return callmood.data.loadCalls();
  }

  callmood.firstNeededDay = metrics.firstComparedDay;
  for (const event of ["statechange", "hashchange"]) {
    window.addEventListener(event, () => callmood.calls && show());
  }
  window.addEventListener("callschange", renderAll);
  window.addEventListener("reviewschange", () => {
    renderReviews();
    if (callmood.calls) list.render(callmood.state.read(), metrics.filterCalls(callmood.state.read()));
  });
  callmood.data.loadCalls().then(callmood.reviews.load);
})();
