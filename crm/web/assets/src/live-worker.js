// One of these serves all tabs of a seat: it holds the one stream and tells the tabs when to look again.
// Its name is the stream's path, then who it is for. It carries no data: what a tab shows, it fetches itself.
const [path] = self.name.split(" ");
const tabs = new BroadcastChannel(self.name);
const now = () => performance.timeOrigin + performance.now();

let stream;
let silenceMs = 25_000; // a stream silent for two beats is dead, whatever its socket says
let live = null; // null: not known yet
let since = Date.now();
let heardAt = 0;
let retryMs = 500;

function become(state) {
  if (state === live) return;
  [live, since] = [state, Date.now()];
  tabs.postMessage({ live, since, look: null });
}

function heard() {
  heardAt = now();
  retryMs = 500;
  become(true);
}

function connect() {
  stream?.close();
  heardAt = now();
  stream = new EventSource(path);
  stream.addEventListener("look", () => {
    const at = now();
    heard();
    tabs.postMessage({ live, since, look: at });
  });
  stream.addEventListener("beat", ({ data }) => {
    silenceMs = 2500 * JSON.parse(data).beat_s;
    heard();
  });
  stream.addEventListener("again", connect); // the server's own end of a long stream: not a loss of sight
  stream.onerror = () => become(false);
}

function watch() {
  if (stream.readyState === EventSource.CLOSED || now() - heardAt > silenceMs) {
    become(false);
    connect();
    retryMs = Math.min(retryMs * 2, 5_000);
  }
  setTimeout(watch, retryMs);
}

self.onconnect = ({ ports: [tab] }) => tab.postMessage({ live, since, look: live ? now() : null });
connect();
setTimeout(watch, retryMs);
