// One tab of a seat shows the cards: the one that holds the lock. A tab in front takes it from one that is hidden or
// frozen by itself, from one that is in front as well (two windows) only when the agent says so. What was typed in the
// tab that had it goes along.
const PATIENCE_MS = 150; // a tab that is awake answers within a few
const { seat } = document.body.dataset;
const name = `kefu lead ${seat}`;

let lead = null; // null: not known yet
let turn = 0; // of the waiting for the lock: an older one that is granted late gives it back
let leaving; // the request for the lock that still waits
let answered = false;
let talk;
let told; // {became(lead), typed(), take(typed)}: the page's own

export const leads = () => lead === true;
export const follows = () => lead === false;

function become(now) {
  if (lead === now) return;
  if (lead && !now) talk.postMessage({ typed: told.typed() });
  lead = now;
  told.became(lead);
}

async function stand(steal) {
  leaving?.abort();
  leaving = new AbortController();
  const mine = ++turn;
  let held = false;
  const hold = (lock) => {
    if (!lock || mine !== turn) return null;
    held = true;
    become(true);
    return new Promise(() => {}); // until this tab is closed or another takes it
  };
  const ask = (options) => navigator.locks.request(name, options, hold).catch(() => null);
  await ask(steal ? { steal } : { ifAvailable: true });
  if (!held && mine === turn) {
    become(false);
    await ask({ signal: leaving.signal });
  }
  if (held) {
    become(false);
    stand(false);
  }
}

// This tab is in front: it shows the cards unless one shows them that is in front, too.
export function inFront() {
  if (lead !== false || document.hidden) return;
  answered = false;
  talk.postMessage({ who: "leads" });
  setTimeout(() => !answered && takeOver(), PATIENCE_MS);
}

export function inBack() {
  if (lead) talk.postMessage({ front: false });
}

export function takeOver() {
  if (lead === false && !document.hidden) stand(true);
}

function heard({ data }) {
  if (data.who && lead) talk.postMessage({ front: !document.hidden });
  if (data.front !== undefined) answered = true;
  if (data.front === false) takeOver();
  if (data.typed) told.take(data.typed);
}

// A browser without locks has one lead a tab.
export function contend(page) {
  told = page;
  talk = new BroadcastChannel(name);
  talk.onmessage = heard;
  if (navigator.locks) stand(false);
  else become(true);
}
