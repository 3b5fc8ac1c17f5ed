// Metrics over any set of calls. The views define the metrics of a call. This file only sums their rows, weighted by
// the seconds of customer speech with an inferred emotion, exactly as the views by day, queue, and agent do.
"use strict";

callmood.metrics = {
  // Returns the calls that match the filters in the address.
  filterCalls(state, calls = callmood.calls) {
    const [from, to] = callmood.metrics.period(state);
    return callmood.metrics.filterByGroup(state, calls).filter((call) => call.day >= from && call.day <= to);
  },

  // Returns the calls that match all filters except the period.
  filterByGroup(state, calls) {
    const [firstHour, lastHour = firstHour] = (state.hour ?? "").split("-").map(Number);
    const tests = ["queue", "agent", "customer", "direction", "language"]
      .filter((key) => state[key])
      .map((key) => (call) => call[key] === state[key]);
    if (state.label) tests.push((call) => call.labels.includes(state.label));
    if (state.weekday) tests.push((call) => call.weekday === Number(state.weekday));
    if (state.hour) tests.push((call) => call.hour >= firstHour && call.hour <= lastHour);
    return calls.filter((call) => tests.every((test) => test(call)));
  },

  // Returns the first and last day of the selected period. Default: the last four weeks that have calls.
  period({ from, to, days }) {
    const [first, last] = callmood.days;
    if (from || to) return [from || first, to || last].sort();
    if (days === "all" || !last) return [first, last];
    const start = callmood.addDays(last, 1 - Number(days || 28));
    return [start > first ? start : first, last];
  },

  // Returns the first day that the figures of the period need: those of the period before it, and the usual range.
  firstComparedDay(state) {
    const [from, to] = callmood.metrics.period(state);
    return from && callmood.addDays(to, 1 - Math.max(2 * callmood.countDays(from, to), 7 * callmood.metrics.USUAL_WEEKS));
  },

  // Returns the number of days of the period, and the calls of the period of the same length before it.
  previousPeriod(state, calls = callmood.calls) {
    const [from, to] = callmood.metrics.period(state);
    const days = from ? callmood.countDays(from, to) : 0;
    const [first, last] = [callmood.addDays(from, -days), callmood.addDays(from, -1)];
    const matching = callmood.metrics
      .filterByGroup(state, calls)
      .filter((call) => call.day >= first && call.day <= last);
    return { days, calls: matching };
  },

  // Sums calls. With fewer than MIN_CALLS_PER_GROUP calls, all ratios are null: every figure of the page about a group
  // of calls comes from here.
  summarize(calls) {
    const total = { calls: calls.length, duration: 0, emotionDuration: 0, negativeDuration: 0 };
    Object.assign(total, { emotionCalls: 0, negativeCalls: 0, needsAttention: 0, escalated: 0, recovered: 0 });
    Object.assign(total, { emotionSquares: 0, products: 0, negativeSquares: 0 });
    const probabilityDurations = callmood.EMOTIONS.map(() => 0);
    for (const call of calls) {
      total.duration += call.duration;
      if (call.emotionDuration > 0) {
        total.emotionCalls += 1;
        total.emotionDuration += call.emotionDuration;
        total.negativeDuration += call.negativeDuration;
        total.emotionSquares += call.emotionDuration ** 2;
        total.products += call.emotionDuration * call.negativeDuration;
        total.negativeSquares += call.negativeDuration ** 2;
        call.probabilities.forEach((ratio, i) => (probabilityDurations[i] += ratio * call.emotionDuration));
      }
      total.negativeCalls += call.isNegativeCall ?? 0;
      total.needsAttention += call.needsAttention ?? 0;
      total.escalated += call.escalated ?? 0;
      total.recovered += call.recovered ?? 0;
    }
    const isSuppressed = calls.length < callmood.minCallsPerGroup;
    const ratio = (part, whole) => (whole > 0 && !isSuppressed ? part / whole : null);
    const callCount = total.emotionDuration > 0 ? total.calls : 0; // without emotion, the ratios are undefined
    return {
      ...total,
      isSuppressed,
      negativity: ratio(total.negativeDuration, total.emotionDuration),
      needsAttentionRatio: ratio(total.needsAttention, callCount),
      escalatedRatio: ratio(total.escalated, callCount),
      recoveredRatio: ratio(total.recovered, total.negativeCalls),
      probabilities: probabilityDurations.map((seconds) => ratio(seconds, total.emotionDuration)),
    };
  },

  // The sums for `statistics.ratioVariance` of a summary.
  sums: (summary) => ({
    n: summary.emotionCalls,
    weight: summary.emotionDuration,
    value: summary.negativeDuration,
    weightSquares: summary.emotionSquares,
    products: summary.products,
    valueSquares: summary.negativeSquares,
  }),

  // The change of a ratio between two summaries, with its interval; null if either is suppressed.
  change(key, now, before) {
    const { statistics, metrics } = callmood;
    if (now[key] === null || before[key] === null) return null;
    if (key === "negativity") return statistics.ratioDifference(metrics.sums(now), metrics.sums(before));
    const [count, whole] = metrics.SHARES[key];
    return statistics.shareDifference(now[count], now[whole], before[count], before[whole]);
  },

  // The count and the whole of each share of calls.
  SHARES: {
    needsAttentionRatio: ["needsAttention", "calls"],
    escalatedRatio: ["escalated", "calls"],
    recoveredRatio: ["recovered", "negativeCalls"],
  },

  groupBy(calls, key) {
    const groups = new Map();
    for (const call of calls) {
      const value = key(call);
      if (value === null) continue;
      if (groups.has(value)) groups.get(value).push(call);
      else groups.set(value, [call]);
    }
    return groups;
  },

  // Conditions of single calls. They select calls in the list, and do not change the figures.
  FLAGS: {
    review: { title: "needs review", test: (call) => call.needsAttention === 1 },
    negative: { title: "negative call", test: (call) => call.isNegativeCall === 1 },
    escalated: { title: "escalated", test: (call) => call.escalated === 1 },
    recovered: { title: "recovered", test: (call) => call.recovered === 1 },
    shared: { title: "shared channel", test: (call) => call.hasSharedChannel },
    estimated: { title: "estimated start", test: (call) => call.hasEstimatedStart },
    agent: { title: "classified agent", test: (call) => call.hasAgentEmotion },
  },

  // Whether the customer's speech has 5 seconds or more of an emotion, as in the view `emotion_by_outcome`.
  hasEmotion: (call, emotion) => call.labelDurations[callmood.LABELS.indexOf(emotion)] >= 5,

  // Returns the calls that match the search and the conditions of the list, in its order.
  search({ q, review, flag, emotion, sort, reversed }, calls) {
    const { FLAGS, hasEmotion, orders } = callmood.metrics;
    const words = (q ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const found = calls.filter((call) => {
      if (review && !call.needsAttention) return false;
      if (Object.hasOwn(FLAGS, flag) && !FLAGS[flag].test(call)) return false;
      if (emotion && !hasEmotion(call, emotion)) return false;
      if (!words.length) return true;
      const text = callmood.metrics.searchText(call);
      return words.every((word) => text.includes(word));
    });
    found.sort(Object.hasOwn(orders, sort) ? orders[sort] : orders.priority);
    return reversed ? found.reverse() : found;
  },

  // Returns the text of a call that the search covers. It is kept with the call, because there can be 100,000 calls.
  searchText(call) {
    if (call.searchText === undefined) {
      const { name, day, time, queue, agent, customer, direction, language, labels, attentionReason } = call;
      const all = [name, day, callmood.dateText(day), time, queue, agent, customer, direction, language, ...labels];
      call.searchText = [...all, call.peakEmotion, attentionReason].join("\n").toLowerCase();
    }
    return call.searchText;
  },

  // Returns the next call in the list (step 1) or the previous one (step -1) that has a worst moment.
  nextMoment(state, callId, step) {
    const calls = callmood.metrics.search(state, callmood.metrics.filterCalls(state));
    const current = callId === null ? -1 : calls.findIndex((call) => callId.startsWith(call.id));
    for (let index = current + step; index >= 0 && index < calls.length; index += step) {
      if (calls[index].hasMoment) return calls[index];
    }
    return null;
  },

  orders: (() => {
    const byName = (key) => (a, b) =>
      Number(a[key] === null) - Number(b[key] === null) ||
      (a[key] ?? "").localeCompare(b[key] ?? "", "en", { numeric: true }) ||
      a.rank - b.rank;
    return {
      priority: (a, b) => a.rank - b.rank,
      start: (a, b) => `${b.day}${b.time}`.localeCompare(`${a.day}${a.time}`) || a.rank - b.rank,
      duration: (a, b) => b.duration - a.duration,
      negativity: (a, b) => (b.negativity ?? -1) - (a.negativity ?? -1) || a.rank - b.rank,
      queue: byName("queue"),
      agent: byName("agent"),
    };
  })(),

  // Returns one row per day of the period. `weekNegativity` covers the seven days that end on the day. It is null on days
  // without calls, and where fewer than three of the seven days have calls.
  trend(calls, [from, to]) {
    const callsByDay = callmood.metrics.groupBy(calls, (call) => call.day);
    const days = [];
    for (let day = callmood.addDays(from, -6); day <= to; day = callmood.addDays(day, 1)) {
      days.push({ day, calls: callsByDay.get(day) ?? [] });
    }
    return days.slice(6).map(({ day, calls: inDay }, i) => {
      const week = days.slice(i, i + 7);
      const hasWeek = inDay.length > 0 && week.filter((one) => one.calls.length > 0).length >= 3;
      const summary = callmood.metrics.summarize(inDay);
      const inWeek = hasWeek ? callmood.metrics.summarize(week.flatMap((one) => one.calls)) : null;
      return {
        day,
        calls: summary.calls,
        negativity: summary.negativity,
        weekNegativity: inWeek?.negativity ?? null,
      };
    });
  },

  // Returns one row per weekday and hour that has calls. `negativity` is null with few calls. A cell is clear if its 95 %
  // interval excludes the negativity of all calls.
  weekdayHour(calls) {
    const { groupBy, summarize, sums } = callmood.metrics;
    const { statistics } = callmood;
    const mean = summarize(calls).negativity;
    return [...groupBy(calls, (call) => call.weekday * 24 + call.hour)].map(([cell, inCell]) => {
      const summary = summarize(inCell);
      const variance = summary.negativity === null ? null : statistics.ratioVariance(sums(summary));
      const interval = variance ? statistics.interval(summary.negativity, variance, summary.emotionCalls - 1) : null;
      return {
        weekday: Math.floor(cell / 24),
        hour: cell % 24,
        calls: summary.calls,
        negativity: summary.negativity,
        isClear: interval !== null && (interval.low > mean || interval.high < mean),
      };
    });
  },

  // Returns a function of a day: the number of whole weeks between the day and the last day; negative after it.
  weeksBefore: (last) => callmood.memoize((day) => Math.floor((callmood.countDays(day, last) - 1) / 7)),

  USUAL_WEEKS: 13,

  // Returns the range of weekly negativity over the 13 weeks that end on a day, without the lowest and the highest week
  // if there are eight or more; null with fewer than four weeks.
  usualRange(calls, last) {
    const weekOf = callmood.metrics.weeksBefore(last);
    const first = callmood.addDays(last, 1 - 7 * callmood.metrics.USUAL_WEEKS);
    const recent = calls.filter(({ day }) => day >= first && day <= last);
    const weeks = callmood.metrics.groupBy(recent, (call) => weekOf(call.day));
    const values = [...weeks.values()]
      .map((inWeek) => callmood.metrics.summarize(inWeek).negativity)
      .filter((negativity) => negativity !== null)
      .sort((a, b) => a - b);
    if (values.length < 4) return null;
    const usual = values.length >= 8 ? values.slice(1, -1) : values;
    return { low: usual[0], high: usual.at(-1), weeks: values.length };
  },

  // Returns one row per queue: its metrics, their change from the period before, and negativity by week, oldest first.
  queueRows(calls, callsBefore) {
    const { groupBy, summarize, change } = callmood.metrics;
    const before = groupBy(callsBefore, (call) => call.queue);
    const last = calls.reduce((latest, call) => (call.day > latest ? call.day : latest), "");
    const weekOf = callmood.metrics.weeksBefore(last);
    return [...groupBy(calls, (call) => call.queue)].map(([name, inQueue]) => {
      const summary = summarize(inQueue);
      const previous = before.get(name) ?? [];
      const weeks = groupBy([...previous, ...inQueue], (call) => weekOf(call.day));
      const count = Math.max(...weeks.keys()) + 1;
      const weekly = Array.from({ length: count }, (_, i) => summarize(weeks.get(count - 1 - i) ?? []).negativity);
      return { name, ...summary, change: change("negativity", summary, summarize(previous)), weekly };
    });
  },

  // Returns one row per agent. `difference` compares the agent with the negativity that is expected for the agent's own
  // mix of queue, direction, and hour, as in the view `agents_compared`. `isDifferent` allows for the number of agents.
  agentRows(calls) {
    const { groupBy, summarize } = callmood.metrics;
    const { statistics } = callmood;
    const withEmotion = calls.filter((call) => call.emotionDuration > 0);
    const queueOf = (call) => call.queue ?? "";
    const cellOf = (call) => JSON.stringify([queueOf(call), call.direction, call.hour]);
    const sum = (group) =>
      group.reduce(
        (total, call) => ({
          weight: total.weight + call.emotionDuration,
          value: total.value + call.negativeDuration,
        }),
        { weight: 0, value: 0 },
      );
    const queues = new Map();
    for (const [queue, inQueue] of groupBy(withEmotion, queueOf)) {
      const { weight, value } = sum(inQueue);
      queues.set(queue, { ratio: value / weight, prior: (20 * weight) / inQueue.length });
    }
    const expected = new Map();
    for (const [cell, inCell] of groupBy(withEmotion, cellOf)) {
      const { weight, value } = sum(inCell);
      const { ratio, prior } = queues.get(queueOf(inCell[0]));
      expected.set(cell, (value + ratio * prior) / (weight + prior));
    }
    const excess = (call) => call.negativeDuration - call.emotionDuration * expected.get(cellOf(call));
    const squares = (group, value) => group.reduce((total, call) => total + value(call) ** 2, 0);
    const deviation = squares(withEmotion, excess) / squares(withEmotion, (call) => call.emotionDuration);
    const rows = [...groupBy(calls, (call) => call.agent)].map(([name, own]) => {
      const summary = summarize(own);
      const inferred = own.filter((call) => call.emotionDuration > 0);
      if (summary.isSuppressed || inferred.length < 2) return { name, ...summary, difference: null, deviate: null };
      const value = inferred.reduce((total, call) => total + excess(call), 0);
      const sums = {
        n: inferred.length,
        weight: summary.emotionDuration,
        value,
        weightSquares: summary.emotionSquares,
        products: inferred.reduce((total, call) => total + excess(call) * call.emotionDuration, 0),
        valueSquares: squares(inferred, excess),
      };
      const pooled = (deviation * sums.weightSquares) / sums.weight ** 2;
      const variance = Math.max(statistics.ratioVariance(sums), pooled);
      const df = inferred.length - 1;
      const ratio = value / sums.weight;
      return {
        name,
        ...summary,
        expected: summary.negativity - ratio,
        difference: variance > 0 ? statistics.interval(ratio, variance, df) : null,
        deviate: inferred.length >= 20 && variance > 0 ? statistics.deviateFromT(ratio / Math.sqrt(variance), df) : null,
      };
    });
    const deviates = rows.map((row) => row.deviate).filter((deviate) => deviate !== null);
    const limit = statistics.correctedLimit(deviates, 0.02);
    return rows.map((row) => ({ ...row, isDifferent: row.deviate !== null && row.deviate >= limit }));
  },
};
