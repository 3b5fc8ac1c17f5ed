// Reads data by name: from scripts beside the page, because pages on a disk cannot fetch, or as JSON from the server.
"use strict";

callmood.data = (() => {
  const KEY_DIGITS = 10; // as in data_files.py
  const isServed = document.body.dataset.served !== undefined;
  const provided = new Map(); // values of scripts by name
  const loading = new Map(); // promises of scripts by file

  // Data scripts call it. A string is JSON, compressed with gzip, in base64.
  callmood.provide = (name, value) => provided.set(name, value);

  async function inflate(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i); // faster than Uint8Array.from
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function loadScript(file) {
    if (!loading.has(file)) {
      const script = callmood.h("script", { src: `data/${file}.js` });
      const done = new Promise((resolve, reject) => {
        script.onload = resolve;
        script.onerror = () => reject(new Error(`${file} is missing`));
      });
      loading.set(
        file,
        done.finally(() => script.remove()),
      );
      document.head.append(script);
    }
    return loading.get(file);
  }

  async function read(name, file = name) {
    if (isServed) {
      if (!responses.has(name)) request(name);
      const promise = responses.get(name);
      responses.delete(name); // the next request reads the data again
      const response = await promise;
      if (!response.ok) throw new Error(`${name}: status ${response.status}`);
      return response.json();
    }
    if (!provided.has(name)) await loadScript(file);
    const value = provided.get(name);
    if (value === undefined) throw new Error(`${name} is missing`);
    return typeof value === "string" ? inflate(value) : value;
  }

  function detailFile(id) {
    let value = 0;
    for (const character of id.slice(0, KEY_DIGITS)) value = (Math.imul(value, 31) + character.charCodeAt(0)) >>> 0;
    return `details-${value % Number(document.body.dataset.detailFiles)}`;
  }

  // Returns the payload of a call. The id may be shortened.
  async function readCall(id) {
    if (isServed) return read(`call-${id}`);
    await loadScript(detailFile(id));
    const names = [...provided.keys()].filter((name) => name.startsWith(`call-${id}`));
    if (!id || names.length !== 1) throw new Error(`${id} is missing`);
    return provided.get(names[0]);
  }

  // --- the list of calls ----------------------------------------------------------------------------------------

  const batches = new Map(); // decoded batches by name: { version, calls }
  let listed = []; // all batches: { name, last, version, calls }
  let wanted = new Set(); // names of the batches that are loaded or being loaded

  function neededBatches() {
    const from = callmood.firstNeededDay(callmood.state.read());
    return listed.filter(({ name, last }) => last >= from || batches.has(name));
  }

  // Whether the calls that the page needs are loaded or being loaded.
  const hasNeededCalls = () => neededBatches().every(({ name }) => wanted.has(name));

  // Loads the batches that the page needs and that are new or have changed, the newest first. Updates `callmood.calls`.
  async function update() {
    const manifest = await read("manifest");
    listed = manifest.batches;
    callmood.minCallsPerGroup = manifest.minCallsPerGroup;
    callmood.days = [listed[0]?.name ?? "", listed.at(-1)?.last ?? ""];
    const names = new Set(listed.map((batch) => batch.name));
    for (const name of batches.keys()) if (!names.has(name)) batches.delete(name);
    const needed = neededBatches();
    wanted = new Set(needed.map(({ name }) => name));
    const total = needed.reduce((sum, batch) => sum + batch.calls, 0);
    const changed = needed.filter(({ name, version }) => batches.get(name)?.version !== version).reverse();
    try {
      await (isServed ? loadOneByOne(changed, total) : Promise.all(changed.map(loadBatch)));
    } catch (error) {
      wanted = new Set(batches.keys());
      throw error;
    }
    publish(total, true);
  }

  // A server needs up to a second per batch. Each view has twice the batches of the one before it.
  async function loadOneByOne(changed, total) {
    for (const [i, batch] of changed.entries()) {
      await loadBatch(batch);
      if (Number.isInteger(Math.log2(i + 1)) && i + 1 < changed.length) publish(total, false);
    }
  }

  let updated = Promise.resolve();
  const loadCalls = () => (updated = updated.then(update, update));

  async function loadBatch({ name, version }) {
    batches.set(name, { version, calls: callmood.decodeCalls(await read(`calls-${name}`), name) });
  }

  // Replaces `callmood.calls`, in the default order: calls that need review first, then by descending negativity.
  function publish(total, isComplete) {
    const calls = [...batches.values()].flatMap((batch) => batch.calls);
    const progress = `Loading: ${callmood.count(calls.length)} of ${callmood.count(total)} calls`;
    callmood.fill("#loading", isComplete ? "" : progress);
    calls.sort(
      (a, b) =>
        (b.needsAttention ?? 0) - (a.needsAttention ?? 0) ||
        (b.negativity ?? -1) - (a.negativity ?? -1) ||
        (a.day < b.day ? 1 : a.day > b.day ? -1 : 0) ||
        (a.time < b.time ? 1 : a.time > b.time ? -1 : 0) ||
        (a.id < b.id ? -1 : 1),
    );
    calls.forEach((call, rank) => (call.rank = rank));
    Object.assign(callmood, { calls, isComplete });
    window.dispatchEvent(new Event("callschange"));
  }

  // Returns the sparkline of a call.
  async function readSparkline({ batch, index }) {
    const key = `sparklines-${batch}`;
    const version = batches.get(batch)?.version;
    const cached = sparklines.get(key);
    if (cached?.version !== version) sparklines.set(key, { version, values: read(key) });
    return (await sparklines.get(key).values)[index] ?? "";
  }

  const sparklines = new Map(); // promises of the sparklines of a batch

  return { isServed, read, readCall, loadCalls, hasNeededCalls, readSparkline };
})();
