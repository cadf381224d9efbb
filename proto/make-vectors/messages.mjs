// sealpost.Message: the envelope of a payload in a lane.

import { base64url, canonicalize, flipped, keyPair, linkOf, none, ok, refused, sha256, signed } from './native.mjs'

const alice = keyPair('alice sign')
const name32 = text => sha256(`sealpost vectors: ${text}`).toString('hex')
const author = name32('alice')
const recipient = name32('bob')
const payload = { _t: 'example.Text', text: 'hello' }

const first = {
  _t: 'sealpost.Message', _author: author, _d: 'phone-1', _recipient: recipient, _n: 1, _time: 1767225600000,
  _z: base64url(sha256('sealpost vectors: salt').subarray(0, 16)), object: payload
}
const second = { ...first, _n: 2, _q: linkOf(first), _time: first._time + 1 }
const without = key => { const { [key]: _, ...rest } = second; return rest }

const good = {
  'the first of a lane': first,
  'the second of a lane': second,
  'with context and reply': { ...second, context: 'a chat', inReplyTo: linkOf(first) },
  'with an empty context': { ...second, context: '' },
  'a device label of 32 characters': { ...second, _d: 'A-_z0'.padEnd(32, 'x') },
  'the largest number': { ...second, _n: Number.MAX_SAFE_INTEGER },
  'the earliest time there is': { ...second, _time: 1 },
  'a payload with a type of 256 bytes': { ...second, object: { _t: 'x'.repeat(256) } },
  'a payload with a type of 128 characters in 256 bytes': { ...second, object: { _t: 'é'.repeat(128) } },
  'a payload with text beyond ASCII': { ...second, object: { ...payload, text: 'Grüße 😀 "\\\n' } },
  'a signed payload': { ...second, object: signed({ _t: 'example.Order', count: 2, price: 9.5 }, keyPair('carol sign')) },
  'a message relayed inside a message': { ...second, object: signed(first, keyPair('carol sign')) },
  'members that the protocol does not know': { ...second, extra: { a: 1 }, _x: 2 }
}

const malformed = {
  'another type': [{ ...second, _t: 'sealpost.Mesage' }, 'bad_field'],
  'no author': [without('_author'), 'bad_field'],
  'no device': [without('_d'), 'bad_field'],
  'no recipient': [without('_recipient'), 'bad_field'],
  'no number': [without('_n'), 'bad_field'],
  'no link of the previous': [without('_q'), 'bad_field'],
  'no time': [without('_time'), 'bad_field'],
  'time 0': [{ ...second, _time: 0 }, 'bad_field'],
  'no salt': [without('_z'), 'bad_field'],
  'no payload': [without('object'), 'bad_field'],
  'an empty device label': [{ ...second, _d: '' }, 'bad_field'],
  'a device label of 33 characters': [{ ...second, _d: 'x'.repeat(33) }, 'bad_field'],
  'a device label with a slash': [{ ...second, _d: 'a/b' }, 'bad_field'],
  'a device label with a dot': [{ ...second, _d: 'a.b' }, 'bad_field'],
  'a device that is a number': [{ ...second, _d: 1 }, 'bad_field'],
  'number 0': [{ ...second, _n: 0 }, 'bad_field'],
  'number -1': [{ ...second, _n: -1 }, 'bad_field'],
  'a number with a fraction': [{ ...second, _n: 2.5 }, 'bad_field'],
  'a number in text': [{ ...second, _n: '2' }, 'bad_field'],
  'number 1 with a link of the previous': [{ ...second, _n: 1 }, 'bad_field'],
  'a link of the previous that is null': [{ ...first, _q: null }, 'bad_field'],
  'a link of the previous in capitals': [{ ...second, _q: second._q.toUpperCase() }, 'bad_field'],
  'a link of the previous that is none': [{ ...second, _q: none }, 'bad_field'],
  'a first message after none': [{ ...first, _q: none }, 'bad_field'],
  'an author that is none': [{ ...second, _author: none }, 'bad_field'],
  'a recipient that is none': [{ ...second, _recipient: none }, 'bad_field'],
  'a reply to none': [{ ...second, inReplyTo: none }, 'bad_field'],
  'a recipient that is no permalink': [{ ...second, _recipient: 'bob' }, 'bad_field'],
  'a salt of 15 bytes': [{ ...second, _z: base64url(Buffer.alloc(15)) }, 'bad_field'],
  'a salt of 17 bytes': [{ ...second, _z: base64url(Buffer.alloc(17)) }, 'bad_field'],
  'a padded salt': [{ ...second, _z: second._z + '==' }, 'bad_field'],
  'a salt with left-over bits': [{ ...second, _z: second._z.slice(0, -1) + 'B' }, 'bad_field'],
  'a context that is no text': [{ ...second, context: 1 }, 'bad_field'],
  'a context that is null': [{ ...second, context: null }, 'bad_field'],
  'a reply to what is no link': [{ ...second, inReplyTo: 'yesterday' }, 'bad_field'],
  'a payload that is a text': [{ ...second, object: 'hello' }, 'not_object'],
  'a payload that is an array': [{ ...second, object: [payload] }, 'not_object'],
  'a payload that is null': [{ ...second, object: null }, 'not_object'],
  'a payload without a type': [{ ...second, object: { text: 'hello' } }, 'bad_field'],
  'a payload with an empty type': [{ ...second, object: { _t: '' } }, 'bad_field'],
  'a payload with a type of 257 bytes': [{ ...second, object: { _t: 'x'.repeat(257) } }, 'bad_field'],
  'a payload with a type that is no text': [{ ...second, object: { _t: 1 } }, 'bad_field'],
  'a versioned message': [{ ...second, _v: 1, _r: author, _p: author }, 'bad_field']
}

function row (name, fields) {
  const { _author, _d, _recipient, _n, _q, _time, _z, context, inReplyTo, object } = fields
  return {
    name, text: canonicalize(signed(fields, alice)), link: linkOf(fields), ...ok,
    fields: {
      author: _author, device: _d, recipient: _recipient, n: _n, previous: _q ?? '', time: _time, salt: _z,
      context: context ?? null, inReplyTo: inReplyTo ?? null, payload: canonicalize(object), payloadType: object._t
    },
    buildable: !('extra' in fields)
  }
}

export function messages () {
  const cases = Object.entries(good).map(([name, fields]) => row(name, fields))
  cases.push({ ...row('backwards and with white space', second), text: JSON.stringify(
    Object.fromEntries(Object.entries(signed(second, alice)).reverse()), null, '\t') })
  for (const [name, [fields, why]] of Object.entries(malformed)) {
    cases.push({ name, text: canonicalize(signed(fields, alice)), ...refused(why) })
  }
  cases.push({ name: 'no signature', text: canonicalize(second), ...refused('not_signed') })
  const stored = signed(second, alice)
  for (const [key, value] of Object.entries({
    _author: name32('mallory'), _d: 'phone-2', _recipient: name32('mallory'), _n: 3, _q: name32('another'),
    _time: second._time + 1, _z: flipped(second._z), context: 'new', inReplyTo: linkOf(first),
    object: { ...payload, text: 'hullo' }
  })) {
    cases.push({ name: `${key} changed under the signature`, text: canonicalize({ ...stored, [key]: value }),
      ...refused('bad_signature', 'bad_signature') })
  }
  return {
    about: 'Messages, and whether they are well formed and signed by the key that they name. `buildable`: made of ' +
      'the known fields only, so that a builder given `fields` comes to the same text. The seed of the key is `seed`.',
    seed: alice.seed.toString('hex'), cases
  }
}
