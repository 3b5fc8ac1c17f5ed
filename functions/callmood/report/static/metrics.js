// Metrics over any set of calls. The views define the metrics of a call. This file only sums their rows, weighted by
// the seconds of customer speech with an inferred emotion, exactly as the views by day, queue, and agent do.
"use strict";

callmood.metrics = {
  // Returns the calls that match the filters in the address.
  filterCalls(state, calls = callmood.calls) {
    const [from, to] = callmood.metrics.period(state, calls);
    return callmood.metrics.filterByGroup(state, calls).filter((call) => call.day >= from && call.day <= to);
  },

  // Returns the calls of the selected queue and agent, on any day.
  filterByGroup: ({ queue, agent }, calls) =>
    calls.filter((call) => (!queue || call.queue === queue) && (!agent || call.agent === agent)),

  // Returns the first and last day of the selected period. Default: the last four weeks that have calls.
  period({ from, to, days }, calls = callmood.calls) {
    const last = calls.reduce((latest, call) => (call.day > latest ? call.day : latest), "");
    const first = calls.reduce((earliest, call) => (call.day < earliest ? call.day : earliest), last);
    if (from || to) return [from || first, to || last];
    if (days === "all" || !last) return [first, last];
    const start = callmood.addDays(last, 1 - Number(days || 28));
    return [start > first ? start : first, last];
  },

  // Returns the number of days of the period, and the calls of the period of the same length before it.
  previousPeriod(state, calls = callmood.calls) {
    const [from, to] = callmood.metrics.period(state, calls);
    const days = from ? callmood.countDays(from, to) : 0;
    const [first, last] = [callmood.addDays(from, -days), callmood.addDays(from, -1)];
    const matching = callmood.metrics
      .filterByGroup(state, calls)
      .filter((call) => call.day >= first && call.day <= last);
    return { days, calls: matching };
  },

  summarize(calls) {
    const total = { calls: calls.length, duration: 0, emotionDuration: 0, negativeDuration: 0 };
    Object.assign(total, { negativeCalls: 0, needsAttention: 0, escalated: 0, recovered: 0 });
    const labelDurations = callmood.LABELS.map(() => 0);
    for (const call of calls) {
      total.duration += call.duration;
      total.emotionDuration += call.emotionDuration;
      total.negativeDuration += call.negativeDuration;
      total.negativeCalls += call.isNegativeCall ?? 0;
      total.needsAttention += call.needsAttention ?? 0;
      total.escalated += call.escalated ?? 0;
      total.recovered += call.recovered ?? 0;
      call.labelDurations.forEach((seconds, i) => (labelDurations[i] += seconds));
    }
    const ratio = (part, whole) => (whole > 0 ? part / whole : null);
    const callCount = total.emotionDuration > 0 ? total.calls : 0; // without emotion, the ratios are undefined
    return {
      ...total,
      negativity: ratio(total.negativeDuration, total.emotionDuration),
      needsAttentionRatio: ratio(total.needsAttention, callCount),
      escalatedRatio: ratio(total.escalated, callCount),
      recoveredRatio: ratio(total.recovered, total.negativeCalls),
      labelRatios: labelDurations.map((seconds) => ratio(seconds, total.emotionDuration)),
    };
  },

  // Metrics of one agent need a minimum number of calls.
  isSuppressed: (state, calls) => Boolean(state.agent) && calls < callmood.minCallsPerGroup,

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

  // Returns the calls that match the search, sorted as in the list.
  search({ q, review, sort, reversed }, calls) {
    const query = (q ?? "").trim().toLowerCase();
    const text = (call) => [call.name, call.queue, call.agent, call.attentionReason].join("\n").toLowerCase();
    const found = calls.filter((call) => (!query || text(call).includes(query)) && (!review || call.needsAttention));
    found.sort(callmood.metrics.orders[sort] ?? callmood.metrics.orders.priority);
    return reversed ? found.reverse() : found;
  },

  // Whether the call has a customer segment that is more negative than not, as in the view `worst_moments`.
  hasMoment: (call) => call.peakStart !== null && call.peakNegativity >= 0.5,

  // Returns the next call in the list (step 1) or the previous one (step -1) that has a worst moment.
  nextMoment(state, callId, step) {
    const calls = callmood.metrics.search(state, callmood.metrics.filterCalls(state));
    const current = callId === null ? -1 : calls.findIndex((call) => callId.startsWith(call.id));
    for (let index = current + step; index >= 0 && index < calls.length; index += step) {
      if (callmood.metrics.hasMoment(calls[index])) return calls[index];
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

  // Returns one row per day of the period. `weekNegativity` covers the seven days that end on the day.
  trend(calls, [from, to]) {
    const callsByDay = callmood.metrics.groupBy(calls, (call) => call.day);
    const days = [];
    for (let day = callmood.addDays(from, -6); day <= to; day = callmood.addDays(day, 1)) {
      days.push({ day, ...callmood.metrics.summarize(callsByDay.get(day) ?? []) });
    }
    return days.slice(6).map(({ day, calls: count, negativity }, i) => {
      const week = days.slice(i, i + 7);
      const emotionDuration = week.reduce((total, one) => total + one.emotionDuration, 0);
      const negativeDuration = week.reduce((total, one) => total + one.negativeDuration, 0);
      const weekNegativity = emotionDuration > 0 ? negativeDuration / emotionDuration : null;
      return { day, calls: count, negativity, weekNegativity };
    });
  },

  // Returns one row per weekday and hour that has calls.
  weekdayHour(calls) {
    const cells = callmood.metrics.groupBy(calls, (call) => call.weekday * 24 + call.hour);
    return [...cells].map(([cell, inCell]) => {
      const { calls: count, negativity } = callmood.metrics.summarize(inCell);
      return { weekday: Math.floor(cell / 24), hour: cell % 24, calls: count, negativity };
    });
  },

  // Returns one row per group, by descending negativity. Groups with fewer than `minCalls` calls are last, by name.
  ranking(calls, key, minCalls) {
    const rows = [...callmood.metrics.groupBy(calls, key)].map(([name, inGroup]) => ({
      name,
      isSuppressed: inGroup.length < minCalls,
      ...callmood.metrics.summarize(inGroup),
    }));
    const sortKey = (row) => (row.isSuppressed ? -2 : (row.negativity ?? -1));
    return rows.sort((a, b) => sortKey(b) - sortKey(a) || a.name.localeCompare(b.name, "en", { numeric: true }));
  },
};
