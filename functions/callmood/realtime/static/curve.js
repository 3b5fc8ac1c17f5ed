// The picture: a curve of negative feeling over a lane of segments, the last minute of the call.

export const NEGATIVE = ["anger", "disgust", "fear", "sadness"];
const SECONDS = 60;
const HEIGHT = 240;
const LEFT = 40;
const TOP = 10;
const BOTTOM = 160; // of the curve; below it lie the lane and the times
const LANE = 180;
const LANE_HEIGHT = 26;

export const negativity = (segment) => NEGATIVE.reduce((sum, emotion) => sum + segment[`p_${emotion}`], 0);
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Draws `{ heard, offset, segments, unfinished }` into an element.
export function draw(place, call) {
  const width = Math.max(280, place.clientWidth);
  const end = Math.max(call.heard, call.offset + SECONDS);
  const begin = end - SECONDS;
  const x = (seconds) => LEFT + ((Math.max(seconds, begin) - begin) / SECONDS) * (width - LEFT - 14);
  const y = (share) => BOTTOM - share * (BOTTOM - TOP);
  const judged = (segments) => segments.filter((one) => one.end_s > begin && one.emotion !== null);
  const finished = judged(call.segments);
  const unfinished = judged(call.unfinished);

  const parts = [0, 0.5, 1].flatMap((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - 14, y1: y(share), y2: y(share) }),
    svg("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}%`),
  ]);
  parts.push(svg("rect", { class: "track", x: LEFT, y: LANE, width: width - 14 - LEFT, height: LANE_HEIGHT, rx: 4 }));
  for (let second = Math.ceil(begin / 10) * 10; second <= end; second += 10) {
    parts.push(svg("text", { x: x(second), y: HEIGHT - 8, "text-anchor": "middle" }, clock(second)));
  }

  const line = (segments) =>
    segments.map((one) => `${x(one.start_s)},${y(negativity(one))} ${x(one.end_s)},${y(negativity(one))}`).join(" ");
  for (const one of [...finished, ...unfinished]) {
    const still = unfinished.includes(one) ? " unfinished" : "";
    const size = { x: x(one.start_s), width: Math.max(2, x(one.end_s) - x(one.start_s)) };
    const top = y(negativity(one));
    parts.push(svg("rect", { class: `area${still}`, ...size, y: top, height: BOTTOM - top }));
    const told = svg("title", {}, `${clock(one.start_s)} ${one.emotion}`);
    parts.push(svg("rect", { class: `${one.emotion}${still}`, ...size, y: LANE, height: LANE_HEIGHT, rx: 3 }, told));
  }
  parts.push(svg("polyline", { class: "line", points: line(finished) }));
  parts.push(svg("polyline", { class: "line unfinished", points: line([...finished.slice(-1), ...unfinished]) }));

  const last = [...finished, ...unfinished].at(-1);
  const label = last
    ? `At ${clock(last.end_s)} the voice sounds ${Math.round(100 * negativity(last))} percent negative.`
    : "Nothing was heard in the last minute.";
  place.replaceChildren(
    svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label }, ...parts),
  );
}
