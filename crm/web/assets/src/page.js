// What a live page does by itself: look again when told, count the seconds, say what it painted, keep what is typed.
// The server owns every state; this file holds none that a refresh would lose.
import htmx from "htmx.org";
import { takeFiles } from "./drop.js";
import { answered, done, keep, restore, sendLate, sending, take, typed } from "./kept.js";
import { listen } from "./keys.js";
import { contend, follows, inBack, inFront, leads, takeOver } from "./lead.js";

const STALE_MS = 20_000; // a stream that lives brings a look more often than this
const { stream, worker, picture, seat } = document.body.dataset;
const screen = document.getElementById("live");
const banner = document.getElementById("lost");
// The picture's is of the sign-in that painted it; the page may be of an earlier one.
const csrf = () => (screen.firstElementChild ?? document.body).dataset.csrf ?? document.body.dataset.csrf;
const now = () => performance.timeOrigin + performance.now();
const shown = new Set(); // pops this tab has already acknowledged
const TWICE_MS = 3000;
let hintAt = null; // when the oldest hint not yet followed by a fetch arrived
let refused = null; // the sentence of a request that was not carried out, to be shown with the next picture
let ahead = 0; // server's clock minus this machine's, in ms
let last = { live: null, since: 0 }; // the stream's own word on itself
let paintedAt = Date.now();
let aside = false; // another tab shows the cards, and this page has none
let dayAt = Date.now();
let tickedAt = Date.now();

const look = () => htmx.ajax("GET", picture, { target: screen, source: screen, swap: "innerMorph" });

function sight(live, since) {
  banner.hidden = live !== false;
  if (banner.hidden) return; // to write a time in words costs more than all else here
  banner.querySelector("time").textContent = new Date(since).toLocaleTimeString(document.documentElement.lang, {
    hour: "2-digit",
    minute: "2-digit",
  });
}

function told({ data }) {
  last = data;
  sight(data.live, data.since);
  if (data.look) hintAt ??= data.look;
  if (data.look || data.live === false) look(); // a stream refused because of a sign-out shows at the next fetch
}

function failed({ ctx }) {
  const acted = ctx?.response && ctx.request.action !== picture && ctx.response.status !== 503;
  refused = acted ? sentence(ctx.text) : null;
  if (refused) return look(); // it says whether anybody is still signed in here
  if (banner.hidden) sight(false, Date.now());
  setTimeout(look, 2000);
}

function sentence(answer) {
  try {
    return JSON.parse(answer).error;
  } catch {
    return null;
  }
}

// What was sent could not be done: the page is live all the same, and says why where it says refusals.
function sayRefused() {
  const line = document.getElementById("notice") ?? document.createElement("p");
  Object.assign(line, { className: "notice mild", id: "notice", role: "alert", textContent: refused });
  if (!line.isConnected) screen.firstElementChild.prepend(line);
  refused = null;
}

function tick() {
  // A machine that slept hears of nothing that went by meanwhile: its clock tells.
  if (Date.now() - tickedAt > 5_000 && !document.hidden) wake();
  tickedAt = Date.now();
  for (const clock of document.querySelectorAll("time[data-since]")) {
    const s = Math.max(0, Math.floor((Date.now() + ahead - clock.dataset.since) / 1000));
    const parts = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
    if (!parts[0]) parts.shift();
    const text = parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
    if (clock.textContent !== text) clock.textContent = text;
  }
}

function acknowledge(hint) {
  const fresh = [...screen.querySelectorAll("[data-pop]")].filter((card) => !shown.has(card.dataset.pop));
  if (!fresh.length) return;
  // A task queued before a frame is painted runs after it.
  const seen = (card) => leads() && !document.hidden && card.isConnected;
  requestAnimationFrame(() => afterPaint(() => fresh.filter(seen).forEach((card) => say(card.dataset.pop, hint))));
}

function afterPaint(then) {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = then;
  port2.postMessage(null);
}

async function say(pop, hint) {
  if (shown.has(pop)) return;
  shown.add(pop);
  const answer = await fetch(`/desk/pops/${pop}/shown`, {
    method: "POST",
    keepalive: true, // a page being left has painted the card all the same
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf() },
    body: JSON.stringify({ hint_ms: hint && now() - hint }),
  }).catch(() => null);
  if (!answer?.ok) shown.delete(pop);
}

function painted(hint) {
  const facts = screen.firstElementChild.dataset;
  paintedAt = Date.now();
  ahead = facts.now - paintedAt;
  aside = false;
  if (facts.title) document.title = facts.title;
  restore(screen);
  if (refused) sayRefused();
  if (follows()) stepAside();
  sight(last.live, last.since);
  tick();
  acknowledge(hint);
  followDay();
}

// Another tab of this seat shows the cards; here stands where they are.
function stepAside() {
  aside = true;
  const { calm } = screen.firstElementChild.dataset;
  if (calm) document.title = calm;
  for (const part of screen.querySelectorAll("article.card, #said")) part.remove();
  const elsewhere = document.getElementById("elsewhere");
  if (!elsewhere) return;
  elsewhere.hidden = false;
  elsewhere.querySelector("button").accessKey = "e"; // while it is hidden, this key is the card's
}

// What rang when this page was last told anything may have ended long ago.
function dropGhosts() {
  if (Date.now() - paintedAt < STALE_MS) return;
  for (const card of screen.querySelectorAll("article.card.ringing")) card.remove();
}

// The own day of an idle desk follows the hints, too, at its leisure; it begins by itself.
function followDay() {
  const day = document.getElementById("day");
  if (!day?.firstElementChild || Date.now() - dayAt < 5_000) return;
  dayAt = Date.now();
  htmx.trigger(day, "look");
}

function wake() {
  if (document.hidden) return inBack();
  dropGhosts();
  inFront();
  look();
}

function became(lead) {
  if (!lead) stepAside();
  else if (aside) look();
  else acknowledge(null);
}

if (screen) {
  screen.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
    if (ctx.request.action !== picture) return;
    ctx.hintAt = hintAt;
    hintAt = null;
  });
  // A part that fetches for itself ([data-part]) says nothing of the whole: neither its time nor whether it is live.
  const whole = ({ target }) => !target.closest?.("[data-part]");
  screen.addEventListener("htmx:after:swap", (event) => {
    if (!whole(event)) return;
    done(screen, event.detail.ctx);
    painted(event.detail.ctx.hintAt ?? null);
  });
  for (const event of ["htmx:error", "htmx:response:error"]) screen.addEventListener(event, (at) => whole(at) && failed(at.detail));
  screen.addEventListener("input", keep);
  screen.addEventListener("htmx:before:request", sending);
  screen.addEventListener("htmx:finally:request", answered);
  for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, wake);
  for (const event of ["pageshow", "online"]) window.addEventListener(event, wake);
  setInterval(tick, 1000);
  screen.addEventListener("click", ({ target }) => target.closest("#take-over") && takeOver());
  painted(null);
  if (seat.includes("/")) contend({ became, typed, take: (what) => take(what, leads() ? screen : null) });
  sendLate(csrf()).then((sent) => sent.length && look());
  if (window.SharedWorker) {
    const name = `${stream} ${seat}`;
    new BroadcastChannel(name).onmessage = told;
    new SharedWorker(worker, { name }).port.onmessage = told;
  } else setInterval(look, 5000);
}
// Of a form sent twice by a double click only the second answer would be seen: "there is one already".
let sent = null;
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (sent?.form === event.target && Date.now() - sent.at < TWICE_MS) event.preventDefault();
  else sent = { form: event.target, at: Date.now() };
});
listen();
takeFiles();
