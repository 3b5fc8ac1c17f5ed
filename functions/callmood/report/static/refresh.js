// Polls the version of a served store every two seconds. After a change, updates the calls and keeps filters and focus.
"use strict";

(() => {
  let loadedVersion = null;

  async function poll() {
    try {
      const response = await fetch("version", { cache: "no-store" });
      const version = response.ok ? await response.text() : loadedVersion;
      if (loadedVersion !== null && version !== loadedVersion) await reloadCalls();
      loadedVersion = version;
    } catch {
      // The server does not respond. It may restart.
    }
    setTimeout(poll, 2000);
  }

  function reloadCalls() {
    if (!callmood.calls) return location.reload(); // the page of an empty store
    return callmood.data.loadCalls();
  }

  if (document.body.dataset.served !== undefined) poll();
})();
