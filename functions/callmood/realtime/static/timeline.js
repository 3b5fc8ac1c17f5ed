// Timeline of the last minute: the share of negative emotion, above the segments and their emotions.

export const NEGATIVE = ["anger", "disgust", "fear", "sadness"];
const SECONDS = 60;
const HEIGHT = 240;
const LEFT = 40;
const RIGHT = 14;
const TOP = 10;
const BOTTOM = 160; // of the chart; the segments and the time axis are below
const LANE = 180;
const LANE_HEIGHT = 26;

export const negativity = (segment) => NEGATIVE.reduce((sum, emotion) => sum + segment[`p_${emotion}`], 0);
export const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function svg(name, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

// Draws `{ processed, offset, segments, partial }` into an element.
export function drawTimeline(container, stream) {
  const width = Math.max(280, container.clientWidth);
  const end = Math.max(stream.processed, stream.offset + SECONDS);
  const begin = end - SECONDS;
  const x = (seconds) => LEFT + ((Math.max(seconds, begin) - begin) / SECONDS) * (width - LEFT - RIGHT);
  const y = (share) => BOTTOM - share * (BOTTOM - TOP);
  const visible = (segments) => segments.filter((one) => one.end_s > begin && one.emotion !== null);
  const finished = visible(stream.segments);
  const partial = visible(stream.partial);

  const shapes = [0, 0.5, 1].flatMap((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share) }),
    svg("text", { x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, `${100 * share}%`),
  ]);
  shapes.push(
    svg("rect", { class: "track", x: LEFT, y: LANE, width: width - RIGHT - LEFT, height: LANE_HEIGHT, rx: 4 }),
  );
  for (let second = Math.ceil(begin / 10) * 10; second <= end; second += 10) {
    shapes.push(svg("text", { x: x(second), y: HEIGHT - 8, "text-anchor": "middle" }, clock(second)));
  }

  const points = (segments) =>
    segments.map((one) => `${x(one.start_s)},${y(negativity(one))} ${x(one.end_s)},${y(negativity(one))}`).join(" ");
  for (const segment of [...finished, ...partial]) {
    const suffix = partial.includes(segment) ? " partial" : "";
    const span = { x: x(segment.start_s), width: Math.max(2, x(segment.end_s) - x(segment.start_s)) };
    const top = y(negativity(segment));
    shapes.push(svg("rect", { class: `area${suffix}`, ...span, y: top, height: BOTTOM - top }));
    const title = svg("title", {}, `${clock(segment.start_s)} ${segment.emotion}`);
    const bar = { class: `${segment.emotion}${suffix}`, ...span, y: LANE, height: LANE_HEIGHT, rx: 3 };
    shapes.push(svg("rect", bar, title));
  }
  shapes.push(svg("polyline", { class: "line", points: points(finished) }));
  shapes.push(svg("polyline", { class: "line partial", points: points([...finished.slice(-1), ...partial]) }));

  const last = [...finished, ...partial].at(-1);
  const label = last
    ? `Emotion at ${clock(last.end_s)}: ${Math.round(100 * negativity(last))} percent negative.`
    : "No speech in the last minute.";
  container.replaceChildren(
    svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": label }, ...shapes),
  );
}
