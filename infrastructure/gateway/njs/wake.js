// Waking an app that sleeps: one request asks the API until the app is ready, all others wait for
// what it hears. The one that asks holds a lease, so that another goes on where it went away.
import tools from "tools.js";

const LEASE = 5000;
const KEPT = 10000; // of addresses that were heard: by then the route says them itself
const GIVEN_UP = 1000;

// The addresses, or null where the app did not start in time.
async function up(v, release) {
  const until = Date.now() + settings.wake_patience;
  let wait = 10;
  while (identity.gateway_key && Date.now() < until) {
    const known = ngx.shared.state.get("woken " + release);
    if (known !== undefined) {
      return known ? known.split(" ") : null;
    }
    if (alone(release)) {
      return await lead(v, release, until);
    }
    wait = Math.min(100, wait * 2);
    await tools.pause(wait);
  }
  return null;
}

function alone(release) {
  try {
    return ngx.shared.state.add("wake " + release, "1", LEASE);
  } catch (error) {
    return true; // the zone is full: rather ask twice than never
  }
}

async function lead(v, release, until) {
  try {
    while (Date.now() < until) {
      tools.keep(ngx.shared.state, "wake " + release, "1", LEASE);
      const heard = await ask(v, release);
      if (heard.done) {
        const life = heard.addresses ? KEPT : GIVEN_UP;
        tools.keep(ngx.shared.state, "woken " + release, (heard.addresses || []).join(" "), life);
        return heard.addresses;
      }
      await tools.pause(Math.min(heard.wait, Math.max(1, until - Date.now())));
    }
    tools.keep(ngx.shared.state, "woken " + release, "", GIVEN_UP);
    return null;
  } finally {
    ngx.shared.state.delete("wake " + release);
  }
}

// One call. An API that does not answer is asked again; one that says no has said it.
async function ask(v, release) {
  try {
    const reply = await tools.report("/api/gateway/wake", { release: release });
    if (reply.status === 200) {
      const told = JSON.parse(reply.text);
      return told.ready ? ready(told) : { wait: between(50, 2000, told.retry_ms) };
    }
    v.gw_reason = "wake: status " + reply.status;
    return reply.status === 404 || reply.status === 409 ? { done: true } : { wait: 1000 };
  } catch (error) {
    v.gw_reason = "wake: " + error.message;
    return { wait: 1000 };
  }
}

function ready(value) {
  if (!tools.addresses(value.addresses)) {
    throw new Error("the addresses are not right");
  }
  return { done: true, addresses: value.addresses };
}

function between(least, most, value) {
  return Math.min(most, Math.max(least, Number(value) || 250));
}

// What was heard turned out wrong: the next request asks again.
function forget(release) {
  ngx.shared.state.delete("woken " + release);
}

export default { up, forget };
