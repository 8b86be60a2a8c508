// Before anything is drawn: the theme that was chosen here, or what the system prefers.
"use strict";
(() => {
  let chosen = null;
  try { chosen = localStorage.getItem("affekt.theme"); } catch { /* storage may be closed: the system's choice holds */ }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
