// The filters of the index page: their form, the chips of the active filters, and links that set filters.
"use strict";

callmood.filters = (() => {
  const { h, fill, metrics } = callmood;
  const FULL_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
  const PERIOD = ["days", "from", "to"];
  const GROUP = ["queue", "agent", "customer", "label", "direction", "language", "weekday", "hour"];
  const LIST = ["review", "flag", "emotion", "q"]; // these select calls in the list only

  const form = document.querySelector("#filters");
  const fields = Object.fromEntries([...form.elements].filter((e) => e.name).map((e) => [e.name, e]));

  // --- links --------------------------------------------------------------------------------------------------------

  // Returns the state with filters changed. The list starts at its first page.
  const withFilters = (changes) => ({ ...callmood.state.read(), page: "", ...changes });

  const href = (changes) => callmood.state.toHash(withFilters(changes));

  // Returns a link that sets filters; `target` is the section to scroll to.
  function link(changes, attributes, ...children) {
    const { target, ...others } = attributes;
    const follow = (event) => {
      event.preventDefault();
      history.pushState(null, "", href(changes));
      window.dispatchEvent(new Event("statechange"));
      if (target) document.querySelector(target).scrollIntoView({ block: "start" });
    };
    return h("a", { href: href(changes), onclick: follow, ...others }, ...children);
  }

  // --- names --------------------------------------------------------------------------------------------------------

  function hourText(hour) {
    const [first, last = first] = hour.split("-").map(Number);
    return `${first}:00 to ${last + 1}:00`;
  }

  const NAMES = {
    weekday: (value) => FULL_WEEKDAYS[Number(value) - 1] ?? value,
    hour: hourText,
    flag: (value) => (Object.hasOwn(metrics.FLAGS, value) ? metrics.FLAGS[value].title : value),
    review: () => "needs review",
    q: (value) => `“${value}”`,
  };
  const TITLES = { q: "search", review: "", flag: "", days: "period", from: "from", to: "to" };

  const nameOf = (key, value) => (NAMES[key] ? NAMES[key](value) : value);

  // --- form ---------------------------------------------------------------------------------------------------------

  function fillFilters() {
    const sorted = (names) => [...names].sort((a, b) => a.localeCompare(b, callmood.locale, { numeric: true }));
    const options = (all, values, name = (value) => value) => [
      h("option", { value: "" }, all),
      ...values.map((value) => h("option", { value }, name(value))),
    ];
    const valuesOf = (key) => sorted(new Set(callmood.calls.map((call) => call[key]).filter((value) => value !== null)));
    const numbersOf = (key) => [...new Set(callmood.calls.map((call) => call[key]))].sort((a, b) => a - b).map(String);
    for (const field of [fields.from, fields.to]) [field.min, field.max] = callmood.days;
    fill(fields.queue, options("All queues", valuesOf("queue")));
    fill(fields.agent, options("All agents", valuesOf("agent")));
    fill(fields.direction, options("Both directions", valuesOf("direction")));
    fill(fields.language, options("All languages", valuesOf("language")));
    // A label with another value in each call would make a list of thousands.
    const counts = new Map();
    for (const label of callmood.calls.flatMap((call) => call.labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
    const labels = [...counts.keys()].filter((label) => counts.get(label) >= callmood.minCallsPerGroup);
    fill(fields.label, options("All labels", sorted(labels)));
    fill(fields.weekday, options("All weekdays", numbersOf("weekday"), NAMES.weekday));
    fill(fields.hour, options("All hours", numbersOf("hour"), hourText));
    const flags = Object.keys(metrics.FLAGS).filter((flag) => callmood.calls.some(metrics.FLAGS[flag].test));
    fill(fields.flag, options("All calls", flags, NAMES.flag));
    fill(fields.emotion, options("All emotions", callmood.EMOTIONS));
    for (const key of ["direction", "language", "label"]) {
      fields[key].closest("label").hidden = fields[key].options.length < 2;
    }
  }

  function show(field, value) {
    // A range of hours from a link, or a value without calls, is not in the list.
    if (value && field.options && ![...field.options].some((option) => option.value === value)) {
      field.append(h("option", { value }, nameOf(field.name, value)));
    }
    if (document.activeElement !== field || field.options) field.value = value ?? "";
  }

  function showFilters(state) {
    const [from, to] = metrics.period(state);
    fields.days.value = state.from || state.to ? "custom" : state.days || "28";
    for (const [field, day] of [[fields.from, from], [fields.to, to]]) {
      if (document.activeElement !== field) field.value = day; // a year is typed digit by digit
    }
    for (const name of [...GROUP, "flag", "emotion"]) show(fields[name], state[name]);
    const isActive = [...PERIOD, ...GROUP, ...LIST].some((key) => state[key]);
    document.querySelector("#clear").hidden = !isActive;
    showChips(state);
  }

  function showChips(state) {
    const chip = (key) => {
      const name = nameOf(key, state[key]);
      const title = TITLES[key] ?? key;
      const text = title ? `${title}: ${name}` : name;
      return link({ [key]: "" }, { class: "chip", "aria-label": `Remove the filter ${text}` }, text, h("span", {}, "×"));
    };
    const period = () => {
      const [from, to] = metrics.period(state).map((day) => callmood.date(day));
      const clear = { days: "", from: "", to: "" };
      const text = from === to ? from : `${from} to ${to}`;
      return link(clear, { class: "chip", "aria-label": `Remove the filter ${text}` }, text, h("span", {}, "×"));
    };
    const chips = [...GROUP, ...LIST].filter((key) => state[key]).map(chip);
    fill("#chips", state.from || state.to ? period() : null, chips);
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", ({ target: { name, value, validity } }) => {
    if (!validity.valid) return; // a day before the first call, such as in the year 2 while 2026 is being typed
    const period = { days: "", from: "", to: "" };
    if (name === "days" && value === "custom") return fields.from.focus();
    if (name === "days") return callmood.state.update({ ...period, days: value === "28" ? "" : value, page: "" });
    if (name === "from" || name === "to") {
      return callmood.state.update({ ...period, from: fields.from.value, to: fields.to.value, page: "" });
    }
    return callmood.state.update({ [name]: name === "q" ? value.trim() : value, page: "" });
  });
  document.querySelector("#clear").addEventListener("click", () => {
    callmood.state.update(Object.fromEntries([...PERIOD, ...GROUP, ...LIST, "page"].map((key) => [key, ""])));
  });

  return { fill: fillFilters, show: showFilters, link, GROUP, PERIOD };
})();
