// A button in the page of another site, and behind it a dialog with our form in a frame. That page loads this file by
// <script src="https://kefu.example/call-me/widget.js" data-queue="support" data-language="zh" async></script>
// Where the script stands the button appears; from the head of the page, in its lower corner.
const script = document.currentScript;
const home = new URL(".", script.src);
const asked = new URLSearchParams({
  queue: script.dataset.queue ?? "",
  language: script.dataset.language || document.documentElement.lang || navigator.language,
});

const LOOK = `
  :host { all: initial; display: inline-block; font: 16px/1.5 system-ui, sans-serif; color-scheme: light dark; }
  :host(.corner) { position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483000; }
  button { font: inherit; cursor: pointer; min-height: 2.75rem; border-radius: 9px; }
  button:focus-visible { outline: 3px solid #1d6fd8; outline-offset: 2px; }
  .ask { padding: .5rem 1.1rem; border: 0; background: #0b6e6e; color: #fff; font-weight: 600; }
  dialog { width: min(26rem, calc(100vw - 2rem)); padding: 0; border: 1px solid #8a97a3; border-radius: 12px; overflow: hidden; }
  dialog::backdrop { background: rgb(0 0 0 / .45); }
  .close { position: absolute; inset: .3rem .3rem auto auto; width: 2.75rem; border: 0; background: none; color: inherit; font-size: 1.4rem; line-height: 1; }
  iframe { display: block; width: 100%; height: 24rem; max-height: calc(100vh - 4rem); border: 0; }
`;

const complain = (why) => console.error(`Kefu: no button for callbacks here: ${why}`);

function made(name, attributes) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function place(offer) {
  const host = made("kefu-call-me", { lang: offer.language });
  const root = host.attachShadow({ mode: "open" });
  const look = new CSSStyleSheet();
  look.replaceSync(LOOK);
  root.adoptedStyleSheets = [look];

  const button = made("button", { type: "button", class: "ask", part: "button", "aria-haspopup": "dialog" });
  button.textContent = offer.button;
  const dialog = made("dialog", { "aria-label": offer.button });
  const close = made("button", { type: "button", class: "close", "aria-label": offer.close });
  close.textContent = "×";
  let frame;
  button.onclick = () => {
    frame?.remove();
    frame = made("iframe", { title: offer.button, src: new URL(`frame?${asked}`, home), referrerpolicy: "origin" });
    frame.onload = () => frame.focus();
    dialog.append(frame);
    dialog.showModal();
  };
  close.onclick = () => dialog.close();
  // The word of a closing comes late: whoever is quick has opened it again by then.
  dialog.onclose = () => dialog.open || frame.remove();
  addEventListener("message", ({ source, origin, data }) => {
    if (!frame || source !== frame.contentWindow || origin !== home.origin) return;
    if (data?.kefu === "close") dialog.close();
    if (data?.kefu === "height") frame.style.height = `${Number(data.height)}px`;
  });
  dialog.append(close);
  root.append(button, dialog);
  if (document.body.contains(script)) script.after(host);
  else {
    host.className = "corner";
    document.body.append(host);
  }
}

async function begin() {
  let answer;
  try {
    answer = await fetch(new URL(`offer?${asked}`, home), { credentials: "omit" });
  } catch {
    return complain(`${home.origin} does not name ${location.origin} in callback_widget_origins, or cannot be reached`);
  }
  const offer = await answer.json();
  answer.ok ? place(offer) : complain(offer.error);
}

if (document.body) begin();
else addEventListener("DOMContentLoaded", begin);
