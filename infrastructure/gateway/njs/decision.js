// A decision: one line that is the name of an answer in the cache, and all that the server of
// objects needs to make it (`objects.conf` reads it by one expression). Fields divided by tabs:
//   <s|l|m><project>/<digest>  type  cache policy  robots  encoding  vary
// s: small, sent from memory in one piece; l: larger, sent from the file; m: a site's not-found
// page, which has no tag. Nothing about a host or path stands in it: what is the same for two
// paths of a project is cached once.
import negotiation from "negotiation.js";

const STALE_AT_ONCE = "public, max-age=0, must-revalidate";

// The classes of Accept-Encoding that nginx's map `gw_forms` tells apart. A decision is kept for
// its class, so it is made from the class alone; a header of no class ("?") decides by itself.
const CLASSES = { B: "br, gzip", b: "br", g: "gzip", "-": "" };

function accepted(r) {
  const known = CLASSES[r.variables.gw_forms];
  return known === undefined ? r.headersIn["Accept-Encoding"] : known;
}

// From an entry of the manifest, `o <form> type cache gzip|- br|-`, a form being size and digest.
function make(r, route, entry, missing) {
  const e = entry.split("\t");
  const choice = negotiation.encoding(accepted(r), e[4], e[5]);
  const form = choice === "br" ? e[5] : choice === "gzip" ? e[4] : e[1];
  const varies = e[4] !== "-" || e[5] !== "-";
  return [
    (missing ? "m" : form[0]) + route.project + "/" + form.slice(1),
    e[2],
    missing ? STALE_AT_ONCE : e[3],
    route.noindex ? "noindex" : "",
    choice,
    varies ? "Accept-Encoding" : "",
  ].join("\t");
}

function tag(decision) {
  return '"' + decision.slice(38, 102) + '"';
}

// The headers that a 304 repeats.
function headers(decision) {
  const f = decision.split("\t");
  const named = { ETag: tag(decision), "Cache-Control": f[2] };
  if (f[5]) {
    named.Vary = f[5];
  }
  return named;
}

export default { make, tag, headers };
