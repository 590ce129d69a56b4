// The usual request: a decision that is still fresh is one look into a dictionary. It is kept by
// host and path, for as long as its route is, and its fields are divided by tabs:
//   o  object  digest  type  cache  robots            an object without other forms
//   f  object  digest  type  cache  robots  gzip  br  one with forms; `-` where there is none
//   m  (as f)                                         the not-found page, with status 404
//   r  status  target
//   p  page  status
// Each request has a JavaScript world of its own, made of all that its location imports: so this
// module imports next to nothing, and everything rarer is in `gateway.js`, behind 418 and 419.
import negotiation from 'negotiation.js';

function access(r) {
    const v = r.variables;
    const decision = ngx.shared.hot.get(v.host + r.uri);
    if (decision === undefined) {
        r.return(418);
        return;
    }
    const method = r.method;
    if (method !== 'GET' && method !== 'HEAD') {
        return leave(r, 'method');
    }
    return serve(r, v, decision.split('\t'));
}

function serve(r, v, f) {
    if (f[0] === 'o') {
        v.gw_object = f[1];
        v.gw_etag = '"' + f[2] + '"';
        v.gw_type = f[3];
        v.gw_cache = f[4];
        if (f[5]) {
            v.gw_robots = f[5];
        }
        const tags = r.headersIn['If-None-Match'];
        return tags === undefined ? undefined : unmodified(r, tags, f[2]);
    }
    if (f[0] === 'f' || f[0] === 'm') {
        return formed(r, v, f);
    }
    return leave(r, f.join('\t'));
}

// An object with forms: the client's header chooses, and whoever caches is told so.
function formed(r, v, f) {
    const choice = negotiation.encoding(r.headersIn['Accept-Encoding'], f[6], f[7]);
    const digest = choice === 'br' ? f[7] : choice === 'gzip' ? f[6] : f[2];
    const missing = f[0] === 'm';
    v.gw_object = f[1].slice(0, 37) + digest;
    v.gw_type = f[3];
    v.gw_cache = f[4];
    v.gw_encoding = choice;
    v.gw_robots = f[5];
    if (f[6] !== '-' || f[7] !== '-') {
        v.gw_vary = 'Accept-Encoding';
    }
    if (missing) {
        r.return(420);
        return;
    }
    v.gw_etag = '"' + digest + '"';
    const tags = r.headersIn['If-None-Match'];
    return tags === undefined ? undefined : unmodified(r, tags, digest);
}

function unmodified(r, tags, digest) {
    if (negotiation.matches(tags, digest)) {
        leave(r, 'unmodified');
    }
}

// What nginx cannot send from here is said in `answer`, which reads and drops a request's body.
function leave(r, what) {
    r.variables.gw_answer = what;
    r.return(419);
}

export default { access, serve, leave };
