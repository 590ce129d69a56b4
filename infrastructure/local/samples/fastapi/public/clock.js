// A WebSocket does not come back by itself: a release that is replaced closes it.
const PAUSE_MS = 500;
const clock = document.querySelector("#clock");
const requests = document.querySelector("#requests");

function watch() {
  const socket = new WebSocket(new URL("/clock", location.href.replace(/^http/, "ws")));
  socket.onmessage = (event) => {
    const facts = JSON.parse(event.data);
    clock.dateTime = facts.time;
    clock.textContent = facts.time.slice(11, 19);
    requests.textContent = facts.requests.toLocaleString("en");
  };
  socket.onclose = () => setTimeout(watch, PAUSE_MS);
}

watch();
