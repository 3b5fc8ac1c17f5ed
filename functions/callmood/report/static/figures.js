// Figures over any set of calls. What a figure means is defined in the views; here their rows are only summed, weighted
// by the seconds in which the customer was heard, exactly as the views by day, queue and agent sum them.
"use strict";

callmood.figures = {
  // The calls that the filters in the address leave.
  filtered(state, calls = callmood.calls) {
    const [from, to] = callmood.figures.period(state, calls);
    return callmood.figures.among(state, calls).filter((call) => call.day >= from && call.day <= to);
  },

  // The same, of any day.
  among: ({ queue, agent }, calls) =>
    calls.filter((call) => (!queue || call.queue === queue) && (!agent || call.agent === agent)),

  // First and last day of the period asked for. Where none is: the last four weeks that have calls.
  period({ from, to, days }, calls = callmood.calls) {
    const last = calls.reduce((latest, call) => (call.day > latest ? call.day : latest), "");
    const first = calls.reduce((earliest, call) => (call.day < earliest ? call.day : earliest), last);
    if (from || to) return [from || first, to || last];
    if (days === "all" || !last) return [first, last];
    const start = callmood.addDays(last, 1 - Number(days || 28));
    return [start > first ? start : first, last];
  },

  // The calls of the equally long stretch of days before the period, and its first and last day.
  before(state, calls = callmood.calls) {
    const [from, to] = callmood.figures.period(state, calls);
    const length = from ? callmood.daysBetween(from, to) : 0;
    const [first, last] = [callmood.addDays(from, -length), callmood.addDays(from, -1)];
    const inside = callmood.figures.among(state, calls).filter((call) => call.day >= first && call.day <= last);
    return { first, last, length, calls: inside };
  },

  sums(calls) {
    const total = { calls: calls.length, length: 0, heard: 0, negative: 0, seconds: callmood.LABELS.map(() => 0) };
    Object.assign(total, { hard: 0, attention: 0, escalated: 0, recovered: 0 });
    for (const call of calls) {
      total.length += call.length;
      total.heard += call.heard;
      total.negative += call.negative;
      total.hard += call.hard ?? 0;
      total.attention += call.attention ?? 0;
      total.escalated += call.escalated ?? 0;
      total.recovered += call.recovered ?? 0;
      call.seconds.forEach((seconds, i) => (total.seconds[i] += seconds));
    }
    const share = (part, whole) => (whole > 0 ? part / whole : null);
    return {
      ...total,
      negativity: share(total.negative, total.heard),
      attentionShare: share(total.attention, total.heard && total.calls),
      escalatedShare: share(total.escalated, total.heard && total.calls),
      recoveredShare: share(total.recovered, total.hard),
      mix: total.seconds.map((seconds) => share(seconds, total.heard)),
    };
  },

  groups(calls, key) {
    const groups = new Map();
    for (const call of calls) {
      const value = key(call);
      if (value === null) continue;
      if (groups.has(value)) groups.get(value).push(call);
      else groups.set(value, [call]);
    }
    return groups;
  },

  // The calls that the list shows, in its order.
  listed({ q, only, sort, turned }, calls) {
    const asked = (q ?? "").trim().toLowerCase();
    const text = (call) => [call.name, call.queue, call.agent, call.reason].join("\n").toLowerCase();
    const found = calls.filter(
      (call) => (!asked || text(call).includes(asked)) && (only !== "attention" || call.attention),
    );
    found.sort(callmood.figures.orders[sort] ?? callmood.figures.orders.worst);
    return turned ? found.reverse() : found;
  },

  orders: (() => {
    const byName = (key) => (a, b) =>
      Number(a[key] === null) - Number(b[key] === null) ||
      (a[key] ?? "").localeCompare(b[key] ?? "", "en", { numeric: true }) ||
      a.place - b.place;
    return {
      worst: (a, b) => a.place - b.place,
      when: (a, b) => `${b.day}${b.time}`.localeCompare(`${a.day}${a.time}`) || a.place - b.place,
      length: (a, b) => b.length - a.length,
      negativity: (a, b) => (b.negativity ?? -1) - (a.negativity ?? -1) || a.place - b.place,
      queue: byName("queue"),
      agent: byName("agent"),
    };
  })(),

  // One row a day of the period, with the mean of the seven days that end on it, be they before the period or in it.
  trend(calls, [from, to]) {
    const days = callmood.figures.groups(calls, (call) => call.day);
    const sums = [];
    for (let day = callmood.addDays(from, -6); day <= to; day = callmood.addDays(day, 1)) {
      sums.push({ day, ...callmood.figures.sums(days.get(day) ?? []) });
    }
    return sums.slice(6).map((sum, i) => {
      const week = sums.slice(i, i + 7);
      const heard = week.reduce((total, one) => total + one.heard, 0);
      const negative = week.reduce((total, one) => total + one.negative, 0);
      return { day: sum.day, calls: sum.calls, negativity: sum.negativity, week: heard > 0 ? negative / heard : null };
    });
  },

  // One row a weekday and hour that has calls.
  week(calls) {
    const cells = callmood.figures.groups(calls, (call) => call.weekday * 24 + call.hour);
    return [...cells].map(([cell, inside]) => {
      const sum = callmood.figures.sums(inside);
      return { weekday: Math.floor(cell / 24), hour: cell % 24, calls: sum.calls, negativity: sum.negativity };
    });
  },

  // One row a queue or agent, the most negative first; those with too few calls to show a figure last, by name alone.
  ranking(calls, key, least) {
    const rows = [...callmood.figures.groups(calls, key)].map(([name, inside]) => ({
      name,
      few: inside.length < least,
      ...callmood.figures.sums(inside),
    }));
    const shown = (row) => (row.few ? -2 : (row.negativity ?? -1));
    return rows.sort((a, b) => shown(b) - shown(a) || a.name.localeCompare(b.name, "en", { numeric: true }));
  },
};
