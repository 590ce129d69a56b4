// Which form of an object a client takes, and whether it has it already. RFC 9110, no more state.

// 'br', 'gzip' or '' (as it is); the better form where the client is indifferent.
function encoding(accept, gzip, br) {
  if (!accept) {
    return "";
  }
  const wishes = weights(accept);
  const brotli = br === "-" ? 0 : weight(wishes, "br");
  const deflated = gzip === "-" ? 0 : Math.max(weight(wishes, "gzip"), weight(wishes, "x-gzip"));
  const plain = wishes.identity === undefined ? 0.0001 : wishes.identity;
  if (brotli > 0 && brotli >= deflated && brotli >= plain) {
    return "br";
  }
  return deflated > 0 && deflated >= plain ? "gzip" : "";
}

function weight(wishes, name) {
  if (wishes[name] !== undefined) {
    return wishes[name];
  }
  return name !== "x-gzip" && wishes["*"] !== undefined ? wishes["*"] : 0;
}

function weights(accept) {
  const wishes = {};
  accept
    .toLowerCase()
    .split(",")
    .forEach(function (part) {
      const pieces = part.split(";");
      const match = /(?:^|;)\s*q\s*=\s*([^;\s]*)/.exec(pieces.slice(1).join(";"));
      const value = match ? Number(match[1] || "none") : 1;
      wishes[pieces[0].trim()] = value >= 0 && value <= 1 ? value : 0;
    });
  return wishes;
}

// Whether If-None-Match names this tag: weak comparison, a list, or any.
function matches(header, tag) {
  return header.trim() === "*" || header.indexOf(tag) >= 0;
}

// Whether a page may stand for an unknown path: it looks like a page, and a page is wanted.
function wantsPage(path, accept) {
  const last = path.slice(path.lastIndexOf("/") + 1);
  return last.indexOf(".") < 0 && accept !== undefined && accept.indexOf("text/html") >= 0;
}

export default { encoding, matches, wantsPage };
