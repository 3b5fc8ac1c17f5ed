// Shared by all pages: DOM elements, number formats, and the state in the address.
"use strict";

const callmood = {
  EMOTIONS: ["anger", "disgust", "fear", "happiness", "neutral", "sadness"],
  LABELS: ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "uncertain"], // as in payload.py
};

// --- elements: strings become text nodes, so that no name of a call can become markup -----------------------------

callmood.h = function (tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([key, text]) => element.style.setProperty(key, text));
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

callmood.fill = function (selector, ...children) {
  const element = typeof selector === "string" ? document.querySelector(selector) : selector;
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

callmood.svg = function (tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
};

// A name may have any text direction and length: <bdi> isolates it from the surrounding text. It may break after a
// separator, such as in "2026-11-03_call-1004_queue-billing.wav".
callmood.nameElement = function (text) {
  const parts = text.split(/(?<=[\s_\-./\\:@,;+])(?=[^\s_\-./\\:@,;+])/);
  const breakable = parts.slice(0, 100).flatMap((part) => [document.createElement("wbr"), part]);
  return callmood.h("bdi", { class: "name", title: text }, breakable.slice(1), parts.slice(100).join(""));
};

callmood.dot = (label) => callmood.h("i", { class: "dot", "data-emotion": label, "aria-hidden": "true" });

// A ratio as a bar and a number; `max` is the ratio of a full bar.
callmood.meter = (ratio, max = 1) =>
  callmood.h(
    "span",
    { class: "meter", style: { "--ratio": ratio === null ? 0 : Math.min(1, ratio / max) } },
    callmood.h("span", { class: "number" }, callmood.percent(ratio)),
  );

// Returns a function that computes the value of each key once.
callmood.memoize = function (compute) {
  const known = new Map();
  return (key) => {
    if (!known.has(key)) known.set(key, compute(key));
    return known.get(key);
  };
};

// --- formats ----------------------------------------------------------------------------------------------------

callmood.clock = function (seconds) {
  const s = Math.floor(seconds);
  const minutes = `${Math.floor(s / 60) % 60}`;
  const tail = `${s % 60}`.padStart(2, "0");
  return s < 3600 ? `${minutes}:${tail}` : `${Math.floor(s / 3600)}:${minutes.padStart(2, "0")}:${tail}`;
};

// Dates and numbers follow the language of the browser.
callmood.locale = navigator.language || "en-GB";

// A formatter takes longer to create than a page of numbers takes to format.
const formatOf = callmood.memoize((key) => {
  const [style, digits] = key.split(" ");
  const options = { style, minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(callmood.locale, options);
});

callmood.number = (value, digits = 0) => formatOf(`decimal ${digits}`).format(value);

callmood.percent = (ratio, digits = 0) =>
  ratio === null || ratio === undefined ? "–" : formatOf(`percent ${digits}`).format(ratio);

callmood.count = (n) => callmood.number(n);

callmood.plural = (n, singular) => `${callmood.count(n)} ${singular}${n === 1 ? "" : "s"}`;

callmood.totalTime = (seconds) =>
  seconds < 3600 ? callmood.plural(Math.round(seconds / 60), "minute") : `${callmood.number(seconds / 3600, 1)} hours`;

const DAY_MS = 86400000;
callmood.WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const DATE = { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" };

callmood.date = (day, options = {}) =>
  new Date(`${day}T00:00Z`).toLocaleDateString(callmood.locale, { ...DATE, ...options });

callmood.dateText = callmood.memoize((day) => callmood.date(day));

callmood.longDate = (day) => callmood.date(day, { weekday: "short" });

callmood.addDays = (day, n) => new Date(Date.parse(`${day}T00:00Z`) + n * DAY_MS).toISOString().slice(0, 10);

// Whether a text is a real date.
callmood.isDay = (text) =>
  /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text)) && callmood.addDays(text, 0) === text;

callmood.countDays = (first, last) => Math.round((Date.parse(last) - Date.parse(first)) / DAY_MS) + 1;

// --- state: filters and sort order are in the address after #, so that a link or a bookmark restores the view -----

const VALID = new Map([
  ["from", callmood.isDay],
  ["to", callmood.isDay],
  ["days", (text) => /^(all|[1-9]\d{0,3})$/.test(text)],
  ["t", (text) => Number(text) >= 0 && Number.isFinite(Number(text))],
]);

callmood.state = {
  // Values that no page writes are left out: people edit addresses.
  read() {
    const values = [...new URLSearchParams(location.hash.slice(1))];
    return Object.fromEntries(values.filter(([name, value]) => VALID.get(name)?.(value) ?? true));
  },
  toHash(values) {
    const set = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    return `#${new URLSearchParams(set)}`;
  },
  update(changes) {
    history.replaceState(null, "", callmood.state.toHash({ ...callmood.state.read(), ...changes }));
    window.dispatchEvent(new Event("statechange"));
  },
};

// --- scroll position: going back to the list returns to where it was ----------------------------------------------

callmood.scroll = (() => {
  const key = () => `callmood-scroll:${location.pathname}${location.hash}`;
  const listTop = () => document.querySelector("#list").getBoundingClientRect().top + scrollY;

  function save() {
    try {
      sessionStorage.setItem(key(), JSON.stringify({ y: scrollY, inList: scrollY - listTop() }));
    } catch {
      // A browser without storage starts at the top.
    }
  }

  // Restores the position once the list is rendered. Charts above it may still grow, so the list is the reference.
  function restore() {
    history.scrollRestoration = "manual";
    window.addEventListener("pagehide", save);
    try {
      const saved = JSON.parse(sessionStorage.getItem(key()));
      if (saved) scrollTo(0, saved.inList > 0 ? listTop() + saved.inList : saved.y);
    } catch {
      // As above.
    }
  }

  return { restore };
})();
