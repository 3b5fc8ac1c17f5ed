// The live page: microphone to server, updates to the picture, the words and the table.
import { clock, draw } from "./curve.js";

const find = (id) => document.getElementById(id);
const [button, key, state, mood] = ["listen", "key", "status", "mood"].map(find);
const BACKLOG = 1_000_000; // bytes that wait to be sent before frames are dropped: some 10 s

const empty = (offset = 0) => ({ heard: offset, offset, segments: [], unfinished: [] });
let emotions = [];
let call = empty();
let session = null;
let live = null;

function say(text, bad = false) {
  state.textContent = text;
  state.dataset.mood = bad ? "worse" : "";
}

function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [name_, value] of Object.entries(attributes)) made.setAttribute(name_, value);
  made.append(...children);
  return made;
}

const dot = (emotion) => make("i", { class: "dot", "data-emotion": emotion });
const percent = (share) => `${Math.round(100 * share)}%`;

function show() {
  draw(find("curve"), call);
  find("clock").textContent = clock(call.heard);
  const told = [...call.segments, ...call.unfinished].filter((one) => one.emotion !== null);
  find("segments").replaceChildren(
    ...[...told].reverse().map((one) =>
      make(
        "tr",
        {},
        make("td", {}, clock(one.start_s)),
        make("td", {}, call.unfinished.includes(one) ? "…" : clock(one.end_s)),
        make("td", {}, dot(one.emotion), one.emotion),
        make("td", { class: "number" }, percent(one.confidence)),
      ),
    ),
  );
  const last = told.at(-1);
  if (!last) {
    mood.replaceChildren("Nobody has spoken yet.");
    find("chances").replaceChildren();
    return;
  }
  const speaking = call.unfinished.length > 0;
  mood.replaceChildren(make("b", {}, last.emotion), speaking ? "being said" : `until ${clock(last.end_s)}`);
  find("chances").replaceChildren(
    ...emotions.map((emotion) => {
      const part = make("span", { class: "part" });
      part.style.setProperty("--part", last[`p_${emotion}`]);
      const share = make("span", { class: "number" }, percent(last[`p_${emotion}`]));
      return make("div", { class: "chance" }, dot(emotion), make("span", {}, emotion), part, share);
    }),
  );
}

function hear(message) {
  if (message.type === "ready") {
    emotions = message.emotions;
    find("legend").replaceChildren(...[...emotions, "uncertain"].map((one) => make("li", {}, dot(one), one)));
    call = empty(message.offset_s);
    say("Listening.");
  } else if (message.type === "update") {
    call.segments.push(...message.segments);
    call.unfinished = message.unfinished;
    call.heard = call.offset + message.heard_s;
    // Only what is over is read out: what is being said still changes.
    const said = message.segments.filter((one) => one.emotion !== null).at(-1);
    if (said) say(`Listening. ${clock(said.start_s)}: ${said.emotion}.`);
  } else if (message.type === "result") {
    Object.assign(call, { segments: message.segments, unfinished: [], heard: call.offset + message.duration_s });
    session = message.session;
    say("Ended. Every segment is judged relative to the whole call now.");
  } else if (message.type === "problem") {
    say(`${message.problem.title} ${message.problem.detail}`, true);
  }
  show();
}

// Opens the microphone; what the browser says where it does not is no sentence for people.
async function open() {
  if (!navigator.mediaDevices) throw new Error("A browser gives the microphone to https:// pages and to localhost only.");
  try {
    const audio = { channelCount: 1, noiseSuppression: false, autoGainControl: false };
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const told = {
      NotAllowedError: "The microphone was not allowed. Allow it in the browser's address bar, then start again.",
      NotFoundError: "There is no microphone.",
    };
    throw new Error(told[error.name] ?? `The microphone cannot be opened: ${error.message}`);
  }
}

async function start() {
  say("Waiting for the microphone …");
  const media = await open();
  const context = new AudioContext();
  await context.audioWorklet.addModule("microphone.js");
  const socket = new WebSocket(new URL("stream", location.href.replace(/^http/, "ws")));
  socket.binaryType = "arraybuffer";
  const microphone = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  const stop = () => {
    media.getTracks().forEach((track) => track.stop());
    context.close();
    live = null;
    button.textContent = "Start the microphone";
    delete button.dataset.on;
  };
  live = () => {
    microphone.port.onmessage = null;
    socket.send('{"type": "end"}');
    say("Ending …");
  };
  microphone.port.onmessage = ({ data }) => {
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < BACKLOG) socket.send(data);
  };
  socket.onopen = () => {
    const access = key.querySelector("input").value || new URLSearchParams(location.hash.slice(1)).get("token");
    const asked = { type: "start", sample_rate: context.sampleRate, role: "customer" };
    socket.send(JSON.stringify({ ...asked, ...(access && { access }), ...(session && { session }) }));
    context.createMediaStreamSource(media).connect(microphone);
  };
  let said = null;
  socket.onmessage = ({ data }) => {
    said = JSON.parse(data);
    hear(said);
  };
  socket.onclose = () => {
    if (!["result", "problem"].includes(said?.type)) say("The connection broke off. Start again to go on.", true);
    if (said?.problem?.code.includes("session")) session = null;
    stop();
  };
  button.textContent = "Stop";
  button.dataset.on = "";
}

find("controls").addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  try {
    await (live ? live() : start());
  } catch (error) {
    say(error.message, true);
  }
  button.disabled = false;
});

const health = await (await fetch("health")).json();
key.hidden = !health.key_needed || location.hash.includes("token=");
show();
