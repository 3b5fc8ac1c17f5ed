// Over a live store: looks every two seconds whether it has changed, and shows what came without losing the reader's place.
"use strict";

(() => {
  let known = null;

  async function look() {
    try {
      const answer = await fetch("version", { cache: "no-store" });
      const version = answer.ok ? await answer.text() : known;
      if (known !== null && version !== known) changed();
      known = version;
    } catch {
      // the server was stopped; it may come back
    }
    setTimeout(look, 2000);
  }

  function changed() {
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

  look();
})();
