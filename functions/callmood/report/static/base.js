// What every page needs: elements, words for figures, and the state that lives in the address.
"use strict";

const callmood = {
  EMOTIONS: ["anger", "disgust", "fear", "happiness", "neutral", "sadness"],
  LABELS: ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "uncertain"],
  NEGATIVE: ["anger", "disgust", "fear", "sadness"],
};

// --- elements: text is always set as text, so no name of a call can become markup -------------------------------

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

// A name of unknown direction and length, kept from disturbing what stands around it.
callmood.name = (text) => callmood.h("bdi", { class: "name", title: text }, text);

callmood.dot = (label) => callmood.h("i", { class: "dot", "data-emotion": label, "aria-hidden": "true" });

// --- words ------------------------------------------------------------------------------------------------------

callmood.clock = function (seconds) {
  const s = Math.floor(seconds);
  const minutes = `${Math.floor(s / 60) % 60}`;
  const tail = `${s % 60}`.padStart(2, "0");
  return s < 3600 ? `${minutes}:${tail}` : `${Math.floor(s / 3600)}:${minutes.padStart(2, "0")}:${tail}`;
};

callmood.percent = (share, digits = 0) =>
  share === null || share === undefined ? "–" : `${(100 * share).toFixed(digits)}%`;

callmood.count = (n) => n.toLocaleString("en-GB");

callmood.plural = (n, one, many = `${one}s`) => `${callmood.count(n)} ${n === 1 ? one : many}`;

callmood.hours = (seconds) =>
  seconds < 3600 ? callmood.plural(Math.round(seconds / 60), "minute") : `${(seconds / 3600).toFixed(1)} hours`;

const DAY_MS = 86400000;
callmood.WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

callmood.date = (day, parts = {}) =>
  new Date(`${day}T00:00Z`).toLocaleDateString("en-GB", {
    day: "numeric",
    month: "short",
    year: "numeric",
    timeZone: "UTC",
    ...parts,
  });

callmood.longDay = (day) => callmood.date(day, { weekday: "short" });

callmood.addDays = (day, n) => new Date(Date.parse(`${day}T00:00Z`) + n * DAY_MS).toISOString().slice(0, 10);

callmood.daysBetween = (first, last) => Math.round((Date.parse(last) - Date.parse(first)) / DAY_MS) + 1;

// --- state: what is filtered and sorted stands in the address after #, so that it can be kept, sent and gone back to -

callmood.state = {
  read: () => Object.fromEntries(new URLSearchParams(location.hash.slice(1))),
  hash(values) {
    const kept = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
    return `#${new URLSearchParams(kept)}`;
  },
  change(changes) {
    history.replaceState(null, "", callmood.state.hash({ ...callmood.state.read(), ...changes }));
    window.dispatchEvent(new Event("statechange"));
  },
};

// --- data: calls.js hands the list of calls over, a column each; here it becomes a row each --------------------------

callmood.load = function (packed) {
  const { columns, queues, agents } = packed;
  const seconds = (hundredths) => (hundredths === null ? null : hundredths / 100);
  const share = (permille) => (permille === null ? null : permille / 1000);
  callmood.data = { ...packed, columns: undefined };
  callmood.calls = columns.id.map((id, i) => ({
    id,
    place: i,
    name: columns.name[i],
    day: columns.day[i],
    time: columns.time[i],
    weekday: columns.weekday[i],
    hour: columns.hour[i],
    queue: columns.queue[i] === null ? null : queues[columns.queue[i]],
    agent: columns.agent[i] === null ? null : agents[columns.agent[i]],
    length: seconds(columns.length[i]),
    heard: seconds(columns.heard[i]) ?? 0,
    seconds: callmood.LABELS.map((label) => seconds(columns[label][i]) ?? 0),
    negative: seconds(columns.negative[i]) ?? 0,
    negativity: share(columns.negativity[i]),
    change: share(columns.change[i]),
    peak: seconds(columns.peak[i]),
    peakEmotion: columns.peakEmotion[i] === null ? null : callmood.LABELS[columns.peakEmotion[i]],
    peakProbability: share(columns.peakProbability[i]),
    hard: columns.hard[i],
    escalated: columns.escalated[i],
    recovered: columns.recovered[i],
    attention: columns.attention[i],
    reason: columns.reason[i],
    strip: columns.strip[i],
  }));
};
