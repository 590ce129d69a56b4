// EventSource comes back by itself when a release is replaced.
const clock = document.querySelector("#clock");
const requests = document.querySelector("#requests");

new EventSource("/clock").onmessage = (event) => {
  const facts = JSON.parse(event.data);
  clock.dateTime = facts.time;
  clock.textContent = facts.time.slice(11, 19);
  requests.textContent = facts.requests.toLocaleString("en");
};
