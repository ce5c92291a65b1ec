import { chunked, requestHead } from '../../support/raw-http.js';

const megabyte = 1024 * 1024;

/** A request and the answer it is to get. */
export interface Refusal {
  request: string | Buffer;
  status: number;
  code: string;
  type?: string;
  limit?: number;
}

export const get = (target: string, headers = '', method = 'GET') =>
  `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;

const post = (body: string, type = 'application/json', target = '/graphql') =>
  `${requestHead(target, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })}${body}`;

export const query = (document: string) => post(JSON.stringify({ query: document }));

const invalid = { status: 400, code: 'BAD_USER_INPUT' };
const notFound = { status: 404, code: 'NOT_FOUND' };
const wrongMethod = { status: 405, code: 'BAD_USER_INPUT', type: 'method_not_allowed' };
const anonymous = { status: 401, code: 'UNAUTHENTICATED' };
const tooLarge = { status: 413, code: 'REQUEST_TOO_LARGE', type: 'too_large', limit: megabyte };
const id = '01980000-0000-7000-8000-000000000000';

/** Headers of a WebSocket's handshake. */
const handshake =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

export const refusals: Record<string, Refusal> = {
  'an unknown route': { request: get('/nothing'), ...notFound },
  'a route below a known one': { request: get('/graphql/x'), ...notFound },
  'a route with a slash too many': { request: get('//health/live'), ...notFound },
  'a path that climbs': { request: get('/attachments/../../../etc/passwd'), ...anonymous },
  'a path that climbs in disguise': {
    request: get(`/attachments/${id}/..%2f..%2fetc%2fpasswd`),
    ...anonymous,
  },
  'a path that is not valid percent-encoding': { request: get('/%zz'), ...notFound },
  'a file name that is not valid UTF-8': { request: get(`/attachments/${id}/%ff`), ...notFound },
  'a path with a NUL': { request: get(`/attachments/${id}/a%00b`), ...anonymous },
  'an over-long id': { request: get(`/attachments/${'a'.repeat(5_000)}/x`), ...anonymous },
  'no id': { request: get('/attachments//x'), ...anonymous },
  'a whole address without a host': { request: get('http:///health/live'), ...notFound },
  'a whole address with a fragment': { request: get('http://localhost/health/live#x'), ...notFound },
  'a target of one star': { request: get('*'), ...notFound },
  'headers beyond number': {
    request: get('/health/live', 'X: y\r\n'.repeat(1_001)),
    status: 431,
    code: 'REQUEST_TOO_LARGE',
    limit: 1_000,
  },
  'a host that is none': {
    request: query('{ __typename }').replace('Host: localhost', 'Host: ['),
    ...invalid,
    type: 'bad_request',
  },
  'a host that is none, outside of GraphQL': {
    request: get('/health/live').replace('Host: localhost', 'Host: a/b'),
    ...invalid,
    type: 'bad_request',
  },
  'two hosts': {
    request: get('/health/live', 'hOst: localhost\r\n'),
    ...invalid,
    type: 'bad_request',
  },
  'a handshake without a host': {
    request: get('/graphql', handshake).replace('Host: localhost\r\n', ''),
    ...invalid,
    type: 'bad_request',
  },
  'a handshake with two hosts': {
    request: get('/graphql/', `${handshake}Host: other\r\n`),
    ...invalid,
    type: 'bad_request',
  },
  'an expectation': {
    request: get('/health/live', 'Expect: tea\r\n'),
    status: 417,
    code: 'BAD_USER_INPUT',
    type: 'expectation',
  },
  'no host': {
    request: get('/health/live').replace('Host: localhost\r\n', ''),
    ...invalid,
    type: 'bad_request',
  },
  'a body, and no host': {
    request: query('{ __typename }').replace('Host: localhost\r\n', ''),
    ...invalid,
    type: 'bad_request',
  },
  'DELETE on GraphQL': { request: get('/graphql', '', 'DELETE'), ...wrongMethod },
  'POST on a file': { request: post('{}', 'application/json', `/attachments/${id}/x`), ...wrongMethod },
  'POST of a type unknown to a route unknown': { request: post('<x/>', 'a/b', '/nothing'), ...notFound },
  'PUT on GraphQL': { request: get('/graphql', 'Content-Length: 0\r\n', 'PUT'), ...wrongMethod },
  'QUERY on GraphQL': { request: get('/graphql', '', 'QUERY'), ...wrongMethod },
  'PROPFIND on a file': { request: get(`/attachments/${id}/x`, '', 'PROPFIND'), ...wrongMethod },
  'a file without a credential': { request: get(`/attachments/${id}/x`), ...anonymous },
  'a file with a bad signature': {
    request: get(`/attachments/${id}/x?signature=bad`),
    status: 403,
    code: 'FORBIDDEN',
    type: 'signature_invalid',
  },
  'a bad key': { request: get(`/attachments/${id}/x`, 'Authorization: Bearer cck_bad\r\n'), ...anonymous },
  'a bad key for GraphQL': {
    request: `${requestHead('/graphql', { Authorization: 'Basic x', 'Content-Type': 'application/json', 'Content-Length': 2 })}{}`,
    ...anonymous,
  },
  'an anonymous query': { request: query('{ viewer { organizationId } }'), ...anonymous },
  'an anonymous query of something nullable': {
    request: query(`{ attachment(id: "${id}") { id } }`),
    ...anonymous,
  },
  'an anonymous multipart request': {
    request: requestHead('/graphql', {
      'Content-Type': 'multipart/form-data; boundary=b',
      'Apollo-Require-Preflight': 'true',
      'Content-Length': 0,
    }),
    ...anonymous,
  },
  'JSON cut off': { request: post('{"query": "{ viewer'), ...invalid, type: 'json_invalid' },
  'JSON that pollutes': { request: post('{"__proto__": { "query": "{ __typename }" }}'), ...invalid },
  'an empty body': { request: post(''), ...invalid, type: 'json_invalid' },
  null: { request: post('null'), ...invalid, type: 'bad_request' },
  'a number': { request: post('1'), ...invalid, type: 'bad_request' },
  'a list': { request: post('[{"query": "{ __typename }"}]'), ...invalid, type: 'bad_request' },
  'variables that are no object': {
    request: post('{"query": "{ __typename }", "variables": 1}'),
    ...invalid,
  },
  'an object without a query': { request: post('{"variables": {}}'), ...invalid },
  'a persisted query': {
    request: post(`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"${'a'.repeat(64)}"}}}`),
    status: 200,
    code: 'BAD_USER_INPUT',
    type: 'persisted_query_not_supported',
  },
  'bytes that are no UTF-8': {
    request: Buffer.concat([
      Buffer.from(requestHead('/graphql', { 'Content-Type': 'application/json', 'Content-Length': 2 })),
      Buffer.from([0xff, 0xfe]),
    ]),
    ...invalid,
    type: 'json_invalid',
  },
  'a query that does not parse': { request: query('{ viewer'), ...invalid, type: 'graphql_parse_failed' },
  'a query of what is not there': {
    request: query('{ passwords }'),
    ...invalid,
    type: 'graphql_validation_failed',
  },
  'two operations and no name': {
    request: query('query A { __typename } query B { __typename }'),
    ...invalid,
  },
  'a variable of the wrong type': {
    request: post('{"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": { "id": {} }}'),
    ...invalid,
  },
  XML: { request: post('<query/>', 'application/xml'), ...invalid, type: 'media_type' },
  'a content type that is none': { request: post('{}', 'json'), ...invalid, type: 'media_type' },
  'an answer in XML': {
    request: `${requestHead('/graphql', { Accept: 'application/xml', 'Content-Type': 'application/json', 'Content-Length': 27 })}{"query": "{ __typename }"}`,
    status: 406,
    code: 'BAD_USER_INPUT',
  },
  'JSON declared over 1 MiB': { request: post(' '.repeat(megabyte + 1)), ...tooLarge },
  'JSON sent over 1 MiB': {
    request: Buffer.concat([
      Buffer.from(
        requestHead('/graphql', { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' }),
      ),
      chunked(Buffer.alloc(megabyte + 1, ' '), 64 * 1024),
    ]),
    ...tooLarge,
  },
};

/** Bytes that Node cannot read as a request: they get an answer of the same form, and their connection ends. */
export const unreadable: Record<string, Refusal> = {
  'a handshake of another version': {
    request: get('/graphql', handshake.replace('Version: 13', 'Version: 99')),
    ...invalid,
    type: 'bad_request',
  },
  'no HTTP at all': { request: 'hello?\r\n\r\n', ...invalid, type: 'http_invalid' },
  'an unknown method': { request: get('/graphql', '', 'FETCH'), ...invalid, type: 'http_invalid' },
  'a target that is no path': { request: get('graphql'), ...invalid, type: 'http_invalid' },
  'a header that is none': {
    request: get('/health/live', 'No header\r\n'),
    ...invalid,
    type: 'http_invalid',
  },
  'two lengths': {
    request: get('/graphql', 'Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', 'POST'),
    ...invalid,
    type: 'http_invalid',
  },
  'a body in bad chunks': {
    request: `${requestHead('/graphql', { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' })}zz\r\n`,
    ...invalid,
    type: 'http_invalid',
  },
  'headers over 16 KiB': {
    request: get(`/attachments/${id}/${'a'.repeat(16 * 1024)}`),
    status: 431,
    code: 'REQUEST_TOO_LARGE',
    type: 'headers_too_large',
    limit: 16 * 1024,
  },
};
