// Reviews of calls and labels of segments. A static page keeps them in the browser; a served page sends them to the store.
"use strict";

callmood.reviews = (() => {
  const STORAGE_KEY = "callmood-reviews";
  const COLUMNS = ["recording_id", "call_date", "channel", "start_s", "end_s", "emotion", "sampling"];
  const OPTIONAL_COLUMNS = ["annotated_by", "verdict", "note"];
  const Z = 1.959964; // of a 95 % interval
  const { isServed } = callmood.data;

  let labels = new Map(); // by segment: { emotion, predicted, sampling, callId, line }
  let reviews = new Map(); // by call: { verdict, note, line }

  const segmentKey = (callId, channel, startMs) => `${callId}/${channel}/${startMs}`;
  const keyOf = (call, segment) => segmentKey(call.id, segment.channel, Math.round(1000 * segment.start));

  // --- storage --------------------------------------------------------------------------------------------------

  function readBrowser() {
    try {
      return JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? { labels: [], reviews: [] };
    } catch {
      return { labels: [], reviews: [] };
    }
  }

  // Those of the browser are newer than those of the report.
  async function load() {
    const stored = await callmood.data.read("reviews");
    labels = new Map(
      stored.segments.map(([callId, channel, startMs, emotion, predicted, sampling]) => [
        segmentKey(callId, channel, startMs),
        { emotion, predicted, sampling, callId },
      ]),
    );
    reviews = new Map(stored.reviews.map(([callId, verdict, note]) => [callId, { verdict, note }]));
    if (!isServed) {
      const own = readBrowser();
      for (const [key, label] of own.labels) labels.set(key, label);
      for (const [callId, review] of own.reviews) reviews.set(callId, review);
    }
    window.dispatchEvent(new Event("reviewschange"));
  }

  let sent = Promise.resolve();

  // One after the other: the newest review of a call counts.
  function send(kind, line) {
    const body = JSON.stringify({ segments: [], reviews: [], [kind]: [line] });
    const headers = { "Content-Type": "application/json" };
    const post = async () => {
      const response = await fetch("reviews", { method: "POST", headers, body, keepalive: true });
      if (!response.ok) throw new Error(await response.text());
    };
    return (sent = sent.then(post, post));
  }

  // Saves one value. Returns a promise that fails if it cannot be saved.
  async function save(kind, key, value) {
    window.dispatchEvent(new Event("reviewschange"));
    if (isServed) {
      await send(kind === "labels" ? "segments" : kind, value.line);
    } else {
      const own = readBrowser(); // another tab may have saved others
      own[kind] = [...own[kind].filter(([other]) => other !== key), [key, value]];
      localStorage.setItem(STORAGE_KEY, JSON.stringify(own));
    }
  }

  if (!isServed) window.addEventListener("storage", ({ key }) => key === STORAGE_KEY && load());

  function reviewer(name) {
    try {
      if (name !== undefined) localStorage.setItem("callmood-reviewer", name);
      return localStorage.getItem("callmood-reviewer") ?? "";
    } catch {
      return name ?? "";
    }
  }

  function setLabel(call, segment, emotion) {
    const line = {
      recording_id: call.id,
      call_date: call.day,
      channel: segment.channel,
      start_s: segment.start,
      end_s: segment.end,
      emotion,
      sampling: "report",
      annotated_by: reviewer(),
    };
    const label = { emotion, predicted: predicted(segment), sampling: "report", callId: call.id, line };
    labels.set(keyOf(call, segment), label);
    return save("labels", keyOf(call, segment), label);
  }

  function setReview(call, verdict, note) {
    const line = { recording_id: call.id, call_date: call.day, verdict, note, annotated_by: reviewer() };
    const review = { verdict, note, line };
    reviews.set(call.id, review);
    return save("reviews", call.id, review);
  }

  const predicted = ({ probabilities }) => callmood.EMOTIONS[probabilities.indexOf(Math.max(...probabilities))];

  // --- accuracy ---------------------------------------------------------------------------------------------------

  // Returns the accuracy of the labels that people checked, with its 95 % interval: Wilson's for the effective number
  // of segments, because segments of a call are similar, as in monitoring/daily_check.py.
  function accuracy(isSelected) {
    const counts = new Map();
    for (const { emotion, predicted, sampling, callId } of labels.values()) {
      if (!callmood.EMOTIONS.includes(emotion) || !isSelected(sampling)) continue;
      const [correct, total] = counts.get(callId) ?? [0, 0];
      counts.set(callId, [correct + (emotion === predicted ? 1 : 0), total + 1]);
    }
    if (!counts.size) return null;
    const sum = (value) => [...counts.values()].reduce((total, count) => total + value(count), 0);
    const segments = sum(([, total]) => total);
    const ratio = sum(([correct]) => correct) / segments;
    let n = segments;
    if (ratio > 0 && ratio < 1) {
      const variance = sum(([correct, total]) => (correct - ratio * total) ** 2) / segments ** 2;
      n = Math.min(n, (ratio * (1 - ratio)) / variance);
    }
    const center = (ratio + Z ** 2 / (2 * n)) / (1 + Z ** 2 / n);
    const half = (Z / (1 + Z ** 2 / n)) * Math.sqrt((ratio * (1 - ratio)) / n + Z ** 2 / (4 * n ** 2));
    return { segments, calls: counts.size, ratio, low: Math.max(0, center - half), high: Math.min(1, center + half) };
  }

  // --- export -----------------------------------------------------------------------------------------------------

  const own = () => [...labels.values(), ...reviews.values()].filter(({ line }) => line).map(({ line }) => line);

  function exportFile() {
    const columns = [...COLUMNS, ...OPTIONAL_COLUMNS];
    callmood.saveCsv("callmood-reviews.csv", columns, own().map((line) => columns.map((column) => line[column] ?? "")));
  }

  function deleteOwn() {
    localStorage.removeItem(STORAGE_KEY);
    return load();
  }

  return {
    load,
    label: (call, segment) => labels.get(keyOf(call, segment)),
    review: (callId) => reviews.get(callId),
    reviewed: () => [...reviews].filter(([, { verdict, note }]) => verdict || note),
    setLabel,
    setReview,
    reviewer,
    predicted,
    accuracy,
    countOwn: () => own().length,
    exportFile,
    deleteOwn,
  };
})();
