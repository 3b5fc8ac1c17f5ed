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

  function renderAll() {
    renderedFilters = "";
    filters.fill();
    render();
  }

  for (const event of ["statechange", "hashchange"]) {
    window.addEventListener(event, () => callmood.calls && render());
  }
  window.addEventListener("callschange", renderAll);
  callmood.data.loadCalls();
})();
