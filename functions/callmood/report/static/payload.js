// Decodes the payloads of payload.py and details.py.
"use strict";

callmood.scale = (value, factor) => (value === null ? null : value / factor);

// Decodes one batch of calls.
callmood.decodeCalls = function ({ columns, ...tables }, batch) {
  const seconds = (deciseconds) => callmood.scale(deciseconds, 10);
  const ratio = (permille) => callmood.scale(permille, 1000);
  const lookUp = (strings, index) => (index === null ? null : strings[index]);
  return columns.id.map((id, i) => {
    const labelDurations = callmood.LABELS.map((label) => (columns[label][i] ?? 0) / 10);
    const emotionDuration = labelDurations.reduce((sum, duration) => sum + duration, 0);
    const negativeDuration = (columns.negativeDuration[i] ?? 0) / 100;
    const day = columns.day[i];
    return {
      id,
      batch,
      index: i, // position in the batch
      name: columns.name[i],
      day,
      time: columns.time[i],
      weekday: ((new Date(day).getUTCDay() + 6) % 7) + 1, // Monday is 1
      hour: Number(columns.time[i].slice(0, 2)),
      queue: lookUp(tables.queues, columns.queue[i]),
      agent: lookUp(tables.agents, columns.agent[i]),
      customer: lookUp(tables.customers, columns.customer[i]),
      direction: lookUp(tables.directions, columns.direction[i]),
      language: lookUp(tables.languages, columns.language[i]),
      labels: lookUp(tables.labelSets, columns.labels[i]) ?? [],
      duration: seconds(columns.duration[i]),
      emotionDuration,
      labelDurations,
      probabilities: callmood.EMOTIONS.map((emotion) => (columns[`p_${emotion}`][i] ?? 0) / 1000),
      negativeDuration,
      negativity: emotionDuration > 0 ? negativeDuration / emotionDuration : null,
      peakStart: seconds(columns.peakStart[i]),
      peakEmotion: lookUp(callmood.LABELS, columns.peakEmotion[i]),
      peakProbability: ratio(columns.peakProbability[i]),
      hasMoment: columns.hasMoment[i] === 1,
      peakIsUncertain: Boolean(columns.peakIsUncertain[i]),
      isNegativeCall: columns.isNegativeCall[i],
      escalated: columns.escalated[i],
      recovered: columns.recovered[i],
      needsAttention: columns.needsAttention[i],
      attentionReason: columns.attentionReason[i],
      hasSharedChannel: columns.hasSharedChannel[i] === 1,
      hasEstimatedStart: columns.hasEstimatedStart[i] === 1,
      hasAgentEmotion: columns.hasAgentEmotion[i] === 1,
    };
  });
};

callmood.ROLES = ["agent", "customer", "mixed", "unknown"]; // as in details.py

callmood.decodeCall = function (payload) {
  const { role, channel, start, end, label, level, interrupts, pitch, loudness, rate, probabilities } = payload.segments;
  const tenth = (value) => (value === null ? null : value / 10);
  const inferred = (value, factor) => (value < 0 ? null : value / factor);
  const count = callmood.EMOTIONS.length;
  return {
    ...payload,
    timeline: payload.timeline.map((negativity) => inferred(negativity, 1000)),
    worstMoments: payload.worstMoments.map(([from, to, emotion, probability]) => ({
      start: from / 1000,
      end: to / 1000,
      emotion: callmood.LABELS[emotion],
      probability: probability / 1000,
    })),
    clips: payload.clips.map(([from, to, url]) => ({ start: from / 1000, end: to / 1000, url })),
    segments: start.map((_, index) => ({
      index,
      role: callmood.ROLES[role[index]],
      channel: channel[index],
      start: start[index] / 1000,
      end: end[index] / 1000,
      emotion: callmood.LABELS[label[index]] ?? null,
      level: level[index] / 10,
      pitch: tenth(pitch[index]),
      loudness: tenth(loudness[index]),
      rate: tenth(tenth(rate[index])),
      probabilities:
        probabilities[count * index] < 0
          ? null
          : probabilities.slice(count * index, count * (index + 1)).map((value) => value / 1000),
      interrupts: Boolean(interrupts[index]),
    })),
  };
};
