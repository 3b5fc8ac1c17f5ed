// The filters of the index page: their form, and the state in the address.
"use strict";

callmood.filters = (() => {
  const { h, fill, metrics } = callmood;

  const form = document.querySelector("#filters");
  const fields = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e]));

  function fillFilters() {
    const sorted = (names) => [...names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = (all, names) => [
      h("option", { value: "" }, all),
      ...sorted(names).map((name) => h("option", { value: name }, name)),
    ];
    fill(fields.queue, options("All queues", callmood.queues));
    fill(fields.agent, options("All agents", callmood.agents));
  }

  function showFilters(state) {
    const [from, to] = metrics.period(state);
    fields.days.value = state.from || state.to ? "custom" : state.days || "28";
    fields.from.value = from;
    fields.to.value = to;
    for (const name of ["queue", "agent"]) fields[name].value = state[name] ?? "";
    const filters = ["days", "from", "to", "queue", "agent", "q", "review"];
    document.querySelector("#clear").hidden = !filters.some((key) => state[key]);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target: { name, value } }) => {
    const period = { days: "", from: "", to: "" };
    if (name === "days" && value === "custom") return fields.from.focus();
    if (name === "days") return callmood.state.update({ ...period, days: value === "28" ? "" : value, page: "" });
    if (name === "from" || name === "to") {
      return callmood.state.update({ ...period, from: fields.from.value, to: fields.to.value, page: "" });
    }
    return callmood.state.update({ [name]: value, page: "" });
  });
  document.querySelector("#clear").addEventListener("click", () => {
    callmood.state.update({ days: "", from: "", to: "", queue: "", agent: "", q: "", review: "", page: "" });
  });

  return { fill: fillFilters, show: showFilters };
})();
