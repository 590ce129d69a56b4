// Reading Blob with the gateway's own identity, by Shared Key. A managed identity would put its
// bearer token into `authorization` here, and nothing else would change: both modes are headers.
// No signature ever stands in an address, because nginx logs addresses.
import crypto from 'crypto';

// What is signed, line by line: verb, content encoding, language, length, MD5, type, date,
// If-Modified-Since, If-Match, If-None-Match, If-Unmodified-Since, range; then ours.
function authorization(path, date, etag) {
    const text = ['GET', '', '', '', '', '', '', '', '', etag, '', '',
                  'x-ms-date:' + date,
                  'x-ms-version:' + settings.blob_version,
                  '/' + settings.blob_account + path].join('\n');
    const key = Buffer.from(identity.key, 'base64');
    const signature = crypto.createHmac('sha256', key).update(text).digest('base64');
    return 'SharedKey ' + settings.blob_account + ':' + signature;
}

// A path within the account; `etag` asks only for what differs from it. Throws when Blob is out
// of reach or slower than the bound: headers and body together.
async function get(path, etag) {
    const full = settings.blob_prefix + path;
    const date = new Date().toUTCString();
    const headers = {
        'x-ms-date': date,
        'x-ms-version': settings.blob_version,
        'Authorization': authorization(full, date, etag || ''),
    };
    if (etag) {
        headers['If-None-Match'] = etag;
    }
    let timer;
    const bound = new Promise(function (resolve, reject) {
        timer = setTimeout(function () { reject(new Error('no answer in time')); },
                           settings.blob_timeout);
    });
    try {
        return await Promise.race([read(settings.blob_origin + full, headers), bound]);
    } finally {
        clearTimeout(timer);    // a request ends only when nothing of it is pending
    }
}

async function read(address, headers) {
    const reply = await ngx.fetch(address, { headers: headers });
    const text = await reply.text();
    return { status: reply.status, etag: reply.headers.get('ETag') || '', text: text };
}

// The two headers of a proxied object; nginx asks for them only when it really asks Blob.
function proxyDate(r) {
    return new Date().toUTCString();
}

function proxyAuthorization(r) {
    const path = settings.blob_prefix + '/objects/' + r.variables.gw_object;
    return authorization(path, r.variables.blob_date, '');
}

export default { get, proxyDate, proxyAuthorization };
