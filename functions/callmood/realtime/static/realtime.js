// Real-time page: sends the microphone's audio to the server, and shows the updates.
import { clock, drawTimeline } from "./timeline.js";

const find = (id) => document.getElementById(id);
const [button, credential, status, current] = ["toggle", "credential", "status", "current"].map(find);
const MAX_UNSENT = 1_000_000; // bytes (about 10 s) in the socket's buffer; the page drops frames above this limit

const emptyStream = (offset = 0) => ({ processed: offset, offset, segments: [], partial: [] });
let emotions = [];
let stream = emptyStream();
let session = null;
let finish = null; // ends the active stream

function showStatus(text, failed = false) {
  status.textContent = text;
  status.dataset.tone = failed ? "worse" : "";
}

function element(name, attributes, ...children) {
  const created = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) created.setAttribute(key, value);
  created.append(...children);
  return created;
}

const dot = (emotion) => element("i", { class: "dot", "data-emotion": emotion });
const percent = (share) => `${Math.round(100 * share)}%`;

function render() {
  drawTimeline(find("timeline"), stream);
  find("clock").textContent = clock(stream.processed);
  const segments = [...stream.segments, ...stream.partial].filter((one) => one.emotion !== null);
  find("segments").replaceChildren(
    ...[...segments].reverse().map((one) =>
      element(
        "tr",
        {},
        element("td", {}, clock(one.start_s)),
        element("td", {}, stream.partial.includes(one) ? "…" : clock(one.end_s)),
        element("td", {}, dot(one.emotion), one.emotion),
        element("td", { class: "number" }, percent(one.confidence)),
      ),
    ),
  );
  const last = segments.at(-1);
  if (!last) {
    current.replaceChildren("No speech yet.");
    find("probabilities").replaceChildren();
    return;
  }
  const speaking = stream.partial.length > 0;
  current.replaceChildren(element("b", {}, last.emotion), speaking ? "speaking" : `until ${clock(last.end_s)}`);
  find("probabilities").replaceChildren(
    ...emotions.map((emotion) => {
      const bar = element("span", { class: "ratio" });
      bar.style.setProperty("--ratio", last[`p_${emotion}`]);
      const share = element("span", { class: "number" }, percent(last[`p_${emotion}`]));
      return element("div", { class: "probability" }, dot(emotion), element("span", {}, emotion), bar, share);
    }),
  );
}

function handleMessage(message) {
  if (message.type === "ready") {
    emotions = message.emotions;
    find("legend").replaceChildren(...[...emotions, "uncertain"].map((one) => element("li", {}, dot(one), one)));
    stream = emptyStream(message.offset_s);
    showStatus("Streaming.");
  } else if (message.type === "update") {
    stream.segments.push(...message.segments);
    stream.partial = message.partial;
    stream.processed = stream.offset + message.processed_s;
    // Screen readers announce the status: partial segments still change, so only finished ones are announced.
    const finished = message.segments.filter((one) => one.emotion !== null).at(-1);
    if (finished) showStatus(`Streaming. ${clock(finished.start_s)}: ${finished.emotion}.`);
  } else if (message.type === "result") {
    const processed = stream.offset + message.duration_s;
    Object.assign(stream, { segments: message.segments, partial: [], processed });
    session = message.session;
    showStatus("Finished. All segments are now relative to the whole stream.");
  } else if (message.type === "problem") {
    showStatus(`${message.problem.title} ${message.problem.detail}`, true);
  }
  render();
}

// Opens the microphone. The browser's own error messages are not meant for users.
async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers allow microphone access on https:// pages and on localhost only.");
  }
  try {
    const audio = { channelCount: 1, noiseSuppression: false, autoGainControl: false };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const messages = {
      NotAllowedError: "Microphone access was denied. Allow it in the browser's address bar, then start again.",
      NotFoundError: "No microphone found.",
    };
    throw new Error(messages[error.name] ?? `Cannot open the microphone: ${error.message}`);
  }
}

async function start() {
  showStatus("Waiting for the microphone …");
  const media = await openMicrophone();
  const context = new AudioContext();
  await context.audioWorklet.addModule("microphone.js");
  const socket = new WebSocket(new URL("stream", location.href.replace(/^http/, "ws")));
  socket.binaryType = "arraybuffer";
  const microphone = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  const release = () => {
    media.getTracks().forEach((track) => track.stop());
    context.close();
    finish = null;
    button.textContent = "Start the microphone";
    delete button.dataset.on;
  };
  finish = () => {
    microphone.port.onmessage = null;
    socket.send('{"type": "end"}');
    showStatus("Finishing …");
  };
  microphone.port.onmessage = ({ data }) => {
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MAX_UNSENT) socket.send(data);
  };
  socket.onopen = () => {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    const entered = credential.querySelector("input").value || token;
    const message = { type: "start", sample_rate: context.sampleRate, role: "customer" };
    socket.send(JSON.stringify({ ...message, ...(entered && { credential: entered }), ...(session && { session }) }));
    context.createMediaStreamSource(media).connect(microphone);
  };
  let last = null;
  socket.onmessage = ({ data }) => {
    last = JSON.parse(data);
    handleMessage(last);
  };
  socket.onclose = () => {
    if (!["result", "problem"].includes(last?.type)) showStatus("Connection lost. Start again to continue.", true);
    if (last?.problem?.code.includes("session")) session = null;
    release();
  };
  button.textContent = "Stop";
  button.dataset.on = "";
}

find("controls").addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await (finish ? finish() : start());
  } catch (error) {
    showStatus(error.message, true);
  }
  button.disabled = false;
});

const health = await (await fetch("health")).json();
credential.hidden = !health.auth_required || location.hash.includes("token=");
render();
