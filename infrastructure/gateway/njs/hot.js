// The usual request: what a host and path are was decided before and is still fresh, so one look
// into a dictionary says which answer in the cache it is. All else is in `gateway.js`.
// Each request has a JavaScript world of its own, made of all that its location imports: hence
// nothing is imported here. How a decision is written stands in `decision.js`.
const decisions = ngx.shared.hot;

function find(r) {
  return decisions.get(r.variables.gw_look) || "";
}

export default { find };
