// Decodes the payloads of payload.py: calls.js calls loadCalls, and calls/ID.js calls showCall, which uses decodeCall.
"use strict";

callmood.scale = (value, factor) => (value === null ? null : value / factor);

callmood.loadCalls = function ({ columns, queues, agents, minCallsPerGroup }) {
  const seconds = (centiseconds) => callmood.scale(centiseconds, 100);
  const ratio = (permille) => callmood.scale(permille, 1000);
  const lookUp = (strings, index) => (index === null ? null : strings[index]);
  Object.assign(callmood, { queues, agents, minCallsPerGroup });
  callmood.calls = columns.id.map((id, i) => ({
    id,
    rank: i, // position in the default order
    name: columns.name[i],
    day: columns.day[i],
    time: columns.time[i],
    weekday: columns.weekday[i],
    hour: columns.hour[i],
    queue: lookUp(queues, columns.queue[i]),
    agent: lookUp(agents, columns.agent[i]),
    duration: seconds(columns.duration[i]),
    emotionDuration: seconds(columns.emotionDuration[i]) ?? 0,
    labelDurations: callmood.LABELS.map((label) => seconds(columns[label][i]) ?? 0),
    negativeDuration: seconds(columns.negativeDuration[i]) ?? 0,
    negativity: ratio(columns.negativity[i]),
    peakStart: seconds(columns.peakStart[i]),
    peakEmotion: lookUp(callmood.LABELS, columns.peakEmotion[i]),
    peakProbability: ratio(columns.peakProbability[i]),
    isNegativeCall: columns.isNegativeCall[i],
    escalated: columns.escalated[i],
    recovered: columns.recovered[i],
    needsAttention: columns.needsAttention[i],
    attentionReason: columns.attentionReason[i],
    sparkline: columns.sparkline[i],
  }));
};

callmood.decodeCall = (payload) => ({
  ...payload,
  timeline: payload.timeline.map((negativity) => callmood.scale(negativity, 1000)),
  worstMoments: payload.worstMoments.map(([start, end, label, probability]) => ({
    start: start / 1000,
    end: end / 1000,
    emotion: callmood.LABELS[label],
    probability: probability / 1000,
  })),
  segments: payload.segments.map(([role, start, end, label, level, probabilities, interrupts], index) => ({
    index,
    role,
    start: start / 1000,
    end: end / 1000,
    emotion: label === null ? null : callmood.LABELS[label],
    level,
    probabilities: probabilities && probabilities.map((value) => value / 1000),
    interrupts: Boolean(interrupts),
  })),
});
