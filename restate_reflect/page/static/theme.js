// Runs at once, as it stands in the head and is no module: the first paint has the right colours.
"use strict";
(() => {
  const stored = { // a browser may forbid storage
    get() { try { return localStorage.getItem("restate-reflect-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("restate-reflect-theme", value); } catch { /* for this visit only */ } },
  };

  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosenTheme = () => stored.get() ?? (system.matches ? "dark" : "light");
  document.documentElement.dataset.theme = chosenTheme();

  function switchable() {
    const button = document.getElementById("theme");
    const apply = (name) => {
      document.documentElement.dataset.theme = name;
      button.textContent = name === "dark" ? "Light theme" : "Dark theme";
    };
    button.addEventListener("click", () => {
      const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
      stored.set(next);
      apply(next);
    });
    system.addEventListener("change", () => apply(chosenTheme()));
    apply(chosenTheme());
  }

  addEventListener("DOMContentLoaded", switchable);
})();
