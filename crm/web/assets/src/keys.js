// Keys. Alt and a letter is the browser's own (accesskey). Without Alt, outside of fields, the same letter goes to its
// field and a digit chooses its outcome; what sends anything needs Alt, so that nothing is sent by a slip. `?` shows all.
const TYPED = "input:not([type=radio], [type=checkbox]), textarea, select";
const SWITCH = "kefu single keys";
const help = document.getElementById("keys");
const { platform } = navigator;
const alt = /Mac|iPhone|iPad/.test(platform) ? "Ctrl ⌥" : navigator.userAgent.includes("Firefox") ? "Alt Shift" : "Alt";
const reach = (one) => one.checkVisibility() && !one.disabled && !one.closest("[hidden], [inert]");
const keyed = () => [...document.querySelectorAll("[accesskey], [data-key]")].filter(reach);
const keyOf = (one) => one.dataset.key ?? one.accessKey;
const isChoice = (one) => one.matches("[data-key]");
const isField = (one) => one.matches(TYPED) || one.type === "radio";

function nameOf(one) {
  const said = (one.labels?.[0] ?? one).cloneNode(true);
  for (const part of said.querySelectorAll("kbd, textarea, select, .badge")) part.remove();
  return (one.dataset.says ?? one.getAttribute("aria-label") ?? said.textContent).trim().replace(/\s+/g, " ");
}

function press(one) {
  one.focus();
  if (isChoice(one)) one.click();
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.repeat || event.ctrlKey || event.metaKey || help.open) return;
  const typing = event.target.closest?.(TYPED);
  if (!event.altKey && (typing || localStorage.getItem(SWITCH) === "off")) return;
  const key = event.altKey && event.code.startsWith("Digit") ? event.code.at(-1) : event.key.toLowerCase();
  const found = keyed().find((one) => keyOf(one) === key && (isChoice(one) || (!event.altKey && isField(one))));
  if (!found) return;
  event.preventDefault();
  press(found);
}

function row(keys, name) {
  const line = document.createElement("tr");
  const [first, second] = [document.createElement("th"), document.createElement("td")];
  first.scope = "row";
  for (const key of keys) {
    const cap = document.createElement("kbd");
    cap.textContent = key.length === 1 ? key.toUpperCase() : key;
    first.append(cap, " ");
  }
  second.textContent = name;
  line.append(first, second);
  return line;
}

function show() {
  const rows = new Map();
  for (const one of keyed()) {
    const key = keyOf(one);
    if (!rows.has(key)) rows.set(key, row(isChoice(one) ? [key] : [alt, key], nameOf(one)));
  }
  help.querySelector("tbody").replaceChildren(...rows.values());
  help.querySelector("input").checked = localStorage.getItem(SWITCH) !== "off";
  help.showModal();
}

export function listen() {
  if (!help) return;
  const opener = document.getElementById("show-keys");
  opener.hidden = false;
  opener.addEventListener("click", show);
  help.querySelector("input").addEventListener("change", ({ target }) =>
    target.checked ? localStorage.removeItem(SWITCH) : localStorage.setItem(SWITCH, "off"),
  );
  document.addEventListener("keydown", pressed);
}
