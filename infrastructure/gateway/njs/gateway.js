// Everything that is not the usual request: `resolve` decides what a path of a host is, keeps the
// decision for `hot.js` (which says what its fields are) and sends it; the rest are answers.
import answers from 'answers.js';
import hot from 'hot.js';
import manifest from 'manifest.js';
import negotiation from 'negotiation.js';
import routes from 'routes.js';
import tools from 'tools.js';

const STALE_AT_ONCE = 'public, max-age=0, must-revalidate';

async function resolve(r) {
    const v = r.variables;
    const method = r.method;
    if (method !== 'GET' && method !== 'HEAD') {
        return hot.leave(r, 'method');
    }
    const found = await routes.find(r, v.host);
    if (found.route.kind !== 'static') {
        return hot.leave(r, special(found.route.kind));
    }
    let decision;
    try {
        decision = await decide(r, found.route);
    } catch (error) {
        v.gw_reason = 'manifest: ' + error.message;
        return hot.leave(r, special('outage'));
    }
    if (decision.keep && found.life >= 1) {
        tools.keep(ngx.shared.hot, v.host + r.uri, decision.fields, found.life);
    }
    return hot.serve(r, v, decision.fields.split('\t'));
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

function noService(r) {
    answers.problem(r, 404, 'not_found', 'Not found',
                    'No service answers at this path. The API begins at /api/v1/.');
}

export default {
    resolve, answer, unknownHost, outage, tooLarge, unavailable, apiTooLarge, uploadTooLarge,
    uploadMethod, uploadUnsigned, uploadRefused, noService,
};
