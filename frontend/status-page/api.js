// The API as this page uses it. Who is signed in is known by cookies that no script can read.

const SECONDS = 8;

/** An answer that is not what was asked for: what, why, and the request's id. */
export class ApiError extends Error {
  constructor(status, code, detail, requestId) {
    super(detail);
    Object.assign(this, { status, code, requestId });
  }
}

/** No answer at all: the network, the machine or the API is away. */
export class Unreachable extends Error {}

let renewal = null;

/** Ask the API; a stale sign-in is renewed once. */
export async function call(method, path, body) {
  try {
    return await send(method, path, body);
  } catch (error) {
    if (error.status !== 401 || path.startsWith("auth/")) throw error;
    // Several requests may find out at once; one renewal serves all of them.
    renewal ??= send("POST", "auth/refresh", {}).finally(() => (renewal = null));
    try {
      await renewal;
    } catch (failed) {
      throw failed instanceof Unreachable ? failed : error;
    }
    return send(method, path, body);
  }
}

async function send(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
  } catch {
    throw new Unreachable("no answer from the API");
  }
  const text = await answer.text().catch(() => {
    throw new Unreachable("the answer of the API ended early");
  });
  if (answer.status === 204) return null;
  let value = null;
  try {
    value = JSON.parse(text);
  } catch {
    // A gateway in front of a stopped API answers with a page of its own.
    if (answer.ok || answer.status >= 500) throw new Unreachable("no answer from the API");
  }
  if (answer.ok) return value;
  const detail = value?.detail ?? `the API answered ${answer.status}`;
  const requestId = answer.headers.get("X-Request-Id");
  throw new ApiError(answer.status, value?.code ?? "unknown", detail, requestId);
}
