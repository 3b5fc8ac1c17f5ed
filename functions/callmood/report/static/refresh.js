// Polls the version of a served store every two seconds. After a change, updates the calls and keeps filters and focus.
"use strict";

(() => {
  let loadedVersion = null;

  async function poll() {
    try {
      const response = await fetch("version", { cache: "no-store" });
      const version = response.ok ? await response.text() : loadedVersion;
      if (loadedVersion !== null && version !== loadedVersion) reloadCalls();
      loadedVersion = version;
    } catch {
      // The server does not respond. It may restart.
    }
    setTimeout(poll, 2000);
  }

  function reloadCalls() {
    if (!callmood.calls) return location.reload(); // the page of an empty store
    const script = callmood.h("script", {
      src: `calls.js?${Date.now()}`,
      onload: () => {
        script.remove();
        window.dispatchEvent(new Event("callschange"));
      },
    });
    return document.head.append(script);
  }

  poll();
})();
