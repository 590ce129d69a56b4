// The entry of every request: `access` decides what a path of a host is, before nginx sends it.
// A decision is kept by host and path for as long as its route is fresh, so the usual request is
// one look into a dictionary; everything else is `resolve`. Decisions, fields divided by tabs:
//   o  object  digest  type  cache  robots            an object without other forms
//   f  object  digest  type  cache  robots  gzip  br  one with forms; `-` where there is none
//   m  (as f)                                         the not-found page, with status 404
//   r  status  target
//   p  page  status
import answers from 'answers.js';
import blob from 'blob.js';
import manifest from 'manifest.js';
import negotiation from 'negotiation.js';
import routes from 'routes.js';
import tools from 'tools.js';

const STALE_AT_ONCE = 'public, max-age=0, must-revalidate';

function access(r) {
    const v = r.variables;
    const decision = ngx.shared.hot.get(v.host + r.uri);
    if (decision === undefined) {
        return resolve(r);
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

async function resolve(r) {
    const v = r.variables;
    const method = r.method;
    if (method !== 'GET' && method !== 'HEAD') {
        return leave(r, 'method');
    }
    const found = await routes.find(r, v.host);
    if (found.route.kind !== 'static') {
        return leave(r, special(found.route.kind));
    }
    let decision;
    try {
        decision = await decide(r, found.route);
    } catch (error) {
        v.gw_reason = 'manifest: ' + error.message;
        return leave(r, special('outage'));
    }
    if (decision.keep && found.life >= 1) {
        tools.keep(ngx.shared.hot, v.host + r.uri, decision.fields, found.life);
    }
    return serve(r, v, decision.fields.split('\t'));
}

function special(kind) {
    const status = { unknown: 404, empty: 404, suspended: 403, outage: 503, busy: 429 };
    return ['p', kind, status[kind]].join('\t');
}

// Only paths that the release has go into the hot dictionary: a flood of others cannot fill it.
async function decide(r, route) {
    const entry = await manifest.find(route, r.uri);
    if (entry) {
        return { keep: true, fields: decision(route, entry.split('\t'), false) };
    }
    if (route.fallback && negotiation.wantsPage(r.uri, r.headersIn['Accept'])) {
        const page = await manifest.find(route, route.fallback);
        if (page.startsWith('o')) {
            return { keep: false, fields: decision(route, page.split('\t'), false) };
        }
    }
    const missing = route.not_found ? await manifest.find(route, route.not_found) : '';
    if (missing.startsWith('o')) {
        return { keep: false, fields: decision(route, missing.split('\t'), true) };
    }
    return { keep: false, fields: 'p\tnot_found\t404' };
}

function decision(route, e, missing) {
    if (e[0] === 'r') {
        return e.join('\t');
    }
    const robots = route.noindex ? 'noindex' : '';
    const kind = missing ? 'm' : e[4] === '-' && e[5] === '-' ? 'o' : 'f';
    const cache = missing ? STALE_AT_ONCE : e[3];
    return [kind, route.project + '/' + e[1], e[1], e[2], cache, robots, e[4], e[5]].join('\t');
}

function answer(r) {
    const f = r.variables.gw_answer.split('\t');
    if (f[0] === 'unmodified') {
        r.return(304);
    } else if (f[0] === 'r') {
        answers.redirect(r, Number(f[1]), f[2]);
    } else if (f[0] === 'method') {
        r.headersOut['Allow'] = 'GET, HEAD';
        answers.page(r, 'method', 405);
    } else {
        answers.page(r, f[1], Number(f[2]));
    }
}

function unknownHost(r) {
    answers.page(r, 'unknown', 404);
}

function outage(r) {
    if (!r.variables.gw_reason) {
        r.variables.gw_reason = 'object: status ' + r.variables.upstream_status;
    }
    answers.page(r, 'outage', 503);
}

function tooLarge(r) {
    answers.page(r, 'too_large', 413);
}

function unavailable(r) {
    r.variables.gw_reason = 'upstream: status ' + r.variables.upstream_status;
    answers.problem(r, 503, 'unavailable', 'Not available right now',
                    'The service behind this address does not answer. Try again in a moment.');
}

function apiTooLarge(r) {
    answers.problem(r, 413, 'too_large', 'Too large',
                    'The body is above ' + settings.api_max_bytes
                    + ' bytes. Send files by an upload address instead.');
}

function uploadTooLarge(r) {
    answers.problem(r, 413, 'too_large', 'Too large',
                    'The upload is above ' + settings.upload_max_bytes
                    + ' bytes. Leave out what the site does not need.');
}

function uploadMethod(r) {
    r.headersOut['Allow'] = 'PUT';
    answers.problem(r, 405, 'method_not_allowed', 'Method not allowed',
                    'An upload address takes one PUT and nothing else.');
}

function uploadUnsigned(r) {
    answers.problem(r, 403, 'upload_refused', 'Upload refused',
                    'The address is not a whole upload address. Use it exactly as the API gave it.');
}

function uploadRefused(r) {
    r.variables.gw_reason = 'upload: status ' + r.variables.upstream_status;
    const status = r.variables.upstream_status === '409' ? 409 : 403;
    answers.problem(r, status, 'upload_refused', 'Upload refused',
                    'The upload address has expired, was used, or was changed. Ask for a new one.');
}

function noUpload(r) {
    answers.problem(r, 404, 'not_found', 'Not found',
                    'No upload has this address. Ask the API for one.');
}

export default {
    access, answer, unknownHost, outage, tooLarge, unavailable, apiTooLarge, uploadTooLarge,
    uploadMethod, uploadUnsigned, uploadRefused, noUpload,
    blobDate: blob.proxyDate, blobAuthorization: blob.proxyAuthorization,
};
