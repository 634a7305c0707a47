// What was typed and not yet saved: kept in the tab until the server says that it has it, through hints, reloads and a
// sign-in that ran out. [data-draft] is one field, [data-keep] a whole form; a form that was being sent when the sign-in
// ran out is sent once more after the next one, by the same agent at the same seat.
const { seat } = document.body.dataset;
const LATE_MS = 30 * 60_000;
const given = new WeakSet(); // forms that have got back what was kept
const keptAs = (form) => `kept ${seat} ${form.dataset.keep}`;
const sentAs = (form) => `sent ${seat} ${form.dataset.keep}`;
const draftAs = (field) => `draft ${seat} ${field.dataset.draft}`;
const fieldsOf = (form) => [...form.elements].filter((one) => one.name && one.type !== "hidden" && one.type !== "submit");

// What somebody else left in this tab is none of this agent's business.
const agentOf = (place) => place.split("/")[0];
for (const name of Object.keys(sessionStorage)) {
  const [kind, place] = name.split(" ");
  if (seat && /^(kept|sent|draft)$/.test(kind) && agentOf(place) !== agentOf(seat)) sessionStorage.removeItem(name);
}

export function keep({ target }) {
  if (target.dataset?.draft) sessionStorage.setItem(draftAs(target), target.value);
  const form = target.form;
  if (!form?.dataset.keep) return;
  const values = {};
  for (const one of fieldsOf(form)) if (one.type !== "radio" || one.checked) values[one.name] = one.value;
  sessionStorage.setItem(keptAs(form), JSON.stringify(values));
}

function giveBack(form) {
  given.add(form);
  const values = JSON.parse(sessionStorage.getItem(keptAs(form)) ?? "{}");
  for (const one of fieldsOf(form)) {
    const value = values[one.name];
    if (value === undefined) continue;
    if (one.type === "radio") one.checked = one.value === value;
    else if (!one.options || [...one.options].some((each) => each.value === value)) one.value = value;
  }
}

// What was typed here goes along to the tab that shows the card from now on.
export const typed = () => Object.fromEntries(Object.entries(sessionStorage).filter(([name]) => /^(kept|draft) /.test(name)));

export function take(values, screen) {
  for (const [name, value] of Object.entries(values)) sessionStorage.setItem(name, value);
  for (const form of screen ? screen.querySelectorAll("form[data-keep]") : []) given.delete(form);
  if (screen) restore(screen);
}

export function restore(screen) {
  for (const note of screen.querySelectorAll("[data-draft]")) {
    note.value ||= sessionStorage.getItem(draftAs(note)) ?? "";
  }
  for (const done of screen.querySelectorAll("[data-saved]")) {
    const form = { dataset: { keep: done.dataset.saved } };
    for (const name of [keptAs(form), sentAs(form)]) sessionStorage.removeItem(name);
  }
  for (const form of screen.querySelectorAll("form[data-keep]")) {
    if (given.has(form)) continue;
    giveBack(form);
    if (taken(sentAs(form)) && form.checkValidity()) form.requestSubmit();
  }
}

// What was being sent, if that is not too long ago; it is sent once more, not again and again.
function taken(name) {
  const sent = JSON.parse(sessionStorage.getItem(name) ?? "null");
  sessionStorage.removeItem(name);
  return sent && Date.now() - sent.at < LATE_MS ? sent : null;
}

// The card may be gone by now: what was said of its call is sent all the same.
export function sendLate(csrf) {
  const names = Object.keys(sessionStorage).filter((name) => name.startsWith(`sent ${seat} `));
  const late = names.map(taken).filter(Boolean);
  return Promise.allSettled(
    late.map(({ action, body }) => fetch(action, { method: "POST", body: new URLSearchParams([["csrf", csrf], ...body]) })),
  );
}

export function sending({ target: form, detail: { ctx } }) {
  if (form.elements) ctx.drafts = [...form.elements].filter((one) => one.dataset.draft).map((one) => [draftAs(one), one.value]);
  if (!form.dataset?.keep) return;
  const body = [...new FormData(form)].filter(([name]) => name !== "csrf");
  sessionStorage.setItem(sentAs(form), JSON.stringify({ at: Date.now(), action: form.getAttribute("action"), body }));
}

export function answered({ target: form, detail: { ctx } }) {
  if (form.dataset?.keep && ![401, 403].includes(ctx.response?.status)) sessionStorage.removeItem(sentAs(form));
}

// A draft that was sent and not refused has done its part; what was typed since then stays.
export function done(screen, { drafts = [], response }) {
  if (response?.status !== 200 || screen.querySelector("#notice")) return;
  for (const [name, value] of drafts) {
    if (sessionStorage.getItem(name) === value) sessionStorage.removeItem(name);
    for (const field of screen.querySelectorAll("[data-draft]")) {
      if (draftAs(field) === name && field.value === value) field.value = "";
    }
  }
}
