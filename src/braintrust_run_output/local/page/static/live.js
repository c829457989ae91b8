// Keeps a page up to date: asks for the store's version and, when it changes, fetches the page again and shows its
// part #live. The server renders and escapes all of it; without this script a reload does the same.
"use strict";

(() => {
  const INTERVAL = 1000;
  const parser = new DOMParser();
  const status = document.getElementById("live-status");
  let version = document.getElementById("live").dataset.version;

  const say = (text, isLive) => {
    if (status.textContent !== text) status.textContent = text;
    status.classList.toggle("on", isLive);
  };

  const show = (html) => {
    const fresh = parser.parseFromString(html, "text/html");
    const region = document.getElementById("live");
    const next = fresh.getElementById("live");
    if (!next) return;
    const arrived = Number(next.dataset.traces || 0) - Number(region.dataset.traces || 0);
    document.querySelector("header.top nav").replaceWith(fresh.querySelector("header.top nav"));
    if (region.innerHTML !== next.innerHTML) {
      const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
      region.replaceWith(next);
      if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    } else {
      region.dataset.traces = next.dataset.traces || "";
    }
    if (arrived > 0) say(`Live · ${arrived} new ${arrived === 1 ? "trace" : "traces"}`, true);
  };

  const look = async () => {
    if (!document.hidden) {
      try {
        const now = (await (await fetch("/ui/live")).json()).version;
        if (now !== version) {
          show(await (await fetch(location.href)).text());
          version = now;
        } else if (!status.textContent.startsWith("Live")) {
          say("Live", true);
        }
      } catch {
        say("The server does not answer. Trying again.", false);
      }
    }
    setTimeout(look, INTERVAL);
  };

  look();
})();
