// Objects of any type: canonical form, link, signature, and the form of the fields that all share.

import { base64url, canonicalOf, canonicalize, flipped, keyPair, linkOf, none, ok, refused, sha256, signed } from './native.mjs'

const alice = keyPair('alice sign')
const permalink = sha256('sealpost vectors: some identity').toString('hex')
const previous = sha256('sealpost vectors: some version').toString('hex')
const base = { _t: 'example.Note', _author: permalink, _time: 1767225600000, text: 'Guten Tag' }

const good = {
  'the least there is': { _t: 'x' },
  'a note': base,
  'a type of 256 bytes': { ...base, _t: 'x'.repeat(256) },
  'members on both sides of the signature': { ...base, 'A before _': 1, _: 2, __: 3, _q: 4, _sa: 5, z: 6, '': 7 },
  'text beyond ASCII': { ...base, text: 'Grüße 😀 \u0001"\\/', '€': [1.5, -0.5, 1e-7], '\ufb33': {}, '😂': null },
  'a later version': { ...base, _v: 2, _r: permalink, _p: previous },
  'a signed object inside': { ...base, inner: signed({ _t: 'example.Inner', n: 1 }, keyPair('bob sign')) },
  'time zero': { ...base, _time: 0 },
  'numbers': { ...base, list: [0, 1, -1, 0.1, 1e21, 5e-324, 9007199254740991] }
}

const s = (part) => ({ ...base, _s: { ...signed(base, alice)._s, ...part } })
const unpadded = signed(base, alice)._s

const malformed = {
  'an array': [[], 'not_object'],
  'a text': ['text', 'not_object'],
  'no type': [{ _author: permalink }, 'bad_field'],
  'an empty type': [{ _t: '' }, 'bad_field'],
  'a type of 257 bytes': [{ ...base, _t: 'x'.repeat(257) }, 'bad_field'],
  'a type of 129 characters in 258 bytes': [{ ...base, _t: 'é'.repeat(129) }, 'bad_field'],
  'a type that is no text': [{ _t: 1 }, 'bad_field'],
  'an author in capitals': [{ ...base, _author: permalink.toUpperCase() }, 'bad_field'],
  'an author that is too short': [{ ...base, _author: permalink.slice(2) }, 'bad_field'],
  'an author that is null': [{ ...base, _author: null }, 'bad_field'],
  'a time with a fraction': [{ ...base, _time: 1.5 }, 'bad_field'],
  'a time before 1970': [{ ...base, _time: -1 }, 'bad_field'],
  'a time in text': [{ ...base, _time: '1767225600000' }, 'bad_field'],
  'a version without its permalink': [{ ...base, _v: 1, _p: previous }, 'bad_field'],
  'a version without the previous': [{ ...base, _v: 1, _r: permalink }, 'bad_field'],
  'a permalink without a version': [{ ...base, _r: permalink, _p: previous }, 'bad_field'],
  'version 0, spelt out': [{ ...base, _v: 0, _r: permalink, _p: previous }, 'bad_field'],
  'a version with a fraction': [{ ...base, _v: 1.5, _r: permalink, _p: previous }, 'bad_field'],
  'a previous that is no link': [{ ...base, _v: 1, _r: permalink, _p: 'x' }, 'bad_field'],
  'a previous that is none': [{ ...base, _v: 1, _r: permalink, _p: none }, 'bad_field'],
  'a permalink that is none': [{ ...base, _v: 1, _r: none, _p: previous }, 'bad_field'],
  'an author that is none': [{ ...base, _author: none }, 'bad_field'],
  'a signature that is null': [{ ...base, _s: null }, 'bad_signature_part'],
  'a signature that is a text': [{ ...base, _s: unpadded.sig }, 'bad_signature_part'],
  'another algorithm': [s({ alg: 'Ed25519' }), 'bad_signature_part'],
  'no algorithm': [{ ...base, _s: { key: unpadded.key, sig: unpadded.sig } }, 'bad_signature_part'],
  'one more member in the signature': [s({ note: 1 }), 'bad_signature_part'],
  'a padded key': [s({ key: unpadded.key + '=' }), 'bad_signature_part'],
  'a padded signature': [s({ sig: unpadded.sig + '==' }), 'bad_signature_part'],
  'base64 in place of base64url': [s({ key: base64url(Buffer.alloc(32, 255)).replaceAll('_', '/') }), 'bad_signature_part'],
  'left-over bits in the key': [s({ key: base64url(Buffer.alloc(32)).slice(0, -1) + 'B' }), 'bad_signature_part'],
  'a signature of 63 bytes': [s({ sig: base64url(Buffer.alloc(63)) }), 'bad_signature_part'],
  'a key of 33 bytes': [s({ key: base64url(Buffer.alloc(33)) }), 'bad_signature_part'],
  'a signature in hex': [s({ sig: Buffer.from(unpadded.sig, 'base64url').toString('hex') }), 'bad_signature_part'],
  'a line feed in the signature': [s({ sig: unpadded.sig.slice(0, -1) + '\n' }), 'bad_signature_part']
}

// In any spelling the object is the same: these texts come to the stored form of "a note".
function spellings () {
  const note = signed(base, alice)
  const backwards = Object.fromEntries(Object.entries(note).reverse())
  return {
    'with white space': JSON.stringify(note, null, 2),
    'with its members backwards': JSON.stringify(backwards),
    'with every letter of the text escaped': JSON.stringify(note).replace('Guten', '\\u0047\\u0075\\u0074\\u0065\\u006e'),
    'with the time as a double': JSON.stringify(note).replace('1767225600000', '1.7672256e12')
  }
}

export function objects () {
  const made = Object.entries(good).map(([name, fields]) => {
    const stored = canonicalize(signed(fields, alice))
    return { name, text: stored, stored, canonical: canonicalOf(fields), link: linkOf(fields), key: alice.pub, ...ok }
  })
  const note = made.find(({ name }) => name === 'a note')
  for (const [name, text] of Object.entries(spellings())) made.push({ ...note, name: `a note ${name}`, text })
  const hello = { _t: 'sealpost.Hello', v: 1 }
  made.push({
    name: 'an object without a signature', text: canonicalize(hello), stored: canonicalize(hello),
    canonical: canonicalize(hello), link: linkOf(hello), ...refused('not_signed')
  })
  const tampered = signed({ ...base, text: 'Guten Abend' }, alice)
  for (const [name, object] of Object.entries({
    'another text under the signature': { ...tampered, text: 'Guten Tag' },
    'a member added': { ...tampered, more: null },
    'a member left out': { ...base, _s: signed({ ...base, more: 1 }, alice)._s },
    'a bit of the signature flipped': { ...tampered, _s: { ...tampered._s, sig: flipped(tampered._s.sig, 40) } },
    'a bit of the key flipped': { ...tampered, _s: { ...tampered._s, key: flipped(tampered._s.key, 7) } },
    "another's key": { ...tampered, _s: { ...tampered._s, key: keyPair('bob sign').pub } },
    'the link signed as text': { ...base, _s: { ...unpadded, sig: base64url(alice.sign(Buffer.from(linkOf(base)))) } }
  })) made.push({ name, text: canonicalize(object), ...refused('bad_signature', 'bad_signature') })
  for (const [name, [object, why]] of Object.entries(malformed)) {
    made.push({ name, text: canonicalize(object), ...refused(why) })
  }
  return {
    about: 'Objects, and whether they are well formed and signed by the key that they name. The seed of `key` is ' +
      '`seed`. `canonical` is without `_s`, `stored` is with it.',
    seed: alice.seed.toString('hex'), key: alice.pub, cases: made
  }
}

// The order of the base point (RFC 8032, section 5.1), little endian.
const order = 2n ** 252n + 27742317777372353535851937790883648493n

function plusOrder (signature) {
  const value = BigInt('0x' + Buffer.from(signature.subarray(32)).reverse().toString('hex')) + order
  const scalar = Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse()
  return Buffer.concat([signature.subarray(0, 32), scalar])
}

export function signatures () {
  const message = Buffer.from('what is signed')
  const good = alice.sign(message)
  const hex = bytes => Buffer.from(bytes).toString('hex')
  const row = (name, valid, key, text, sig) => ({ name, valid, key: hex(key), message: hex(text), sig: hex(sig) })
  const flip = (bytes, at, bit = 1) => Buffer.from(bytes.map((byte, i) => i === at ? byte ^ bit : byte))
  const identityPoint = Buffer.from([1, ...Buffer.alloc(31)])
  const cases = [
    row('RFC 8032, section 7.1, test 1', true,
      Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex'), '',
      Buffer.from('e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b', 'hex')),
    row('RFC 8032, section 7.1, test 2', true,
      Buffer.from('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', 'hex'), Buffer.from('72', 'hex'),
      Buffer.from('92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00', 'hex')),
    row('RFC 8032, section 7.1, test 3', true,
      Buffer.from('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025', 'hex'), Buffer.from('af82', 'hex'),
      Buffer.from('6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a', 'hex')),
    row('a signature', true, alice.key, message, good),
    row('an empty message', true, alice.key, '', alice.sign(Buffer.alloc(0))),
    row('another message', false, alice.key, 'what was signed', good),
    row('another key', false, keyPair('bob sign').key, message, good),
    row('a bit of R flipped', false, alice.key, message, flip(good, 3)),
    row('a bit of S flipped', false, alice.key, message, flip(good, 35)),
    row('the top bit of S set', false, alice.key, message, flip(good, 63, 0x80)),
    row('S plus the order of the group', false, alice.key, message, plusOrder(good)),
    row('all zero', false, Buffer.alloc(32), message, Buffer.alloc(64)),
    row('the neutral point as key and as R, with S zero', false, identityPoint, message,
      Buffer.concat([identityPoint, Buffer.alloc(32)])),
    row('a key that is no canonical point', false, Buffer.from('ee' + 'ff'.repeat(30) + '7f', 'hex'), message,
      Buffer.concat([identityPoint, Buffer.alloc(32)]))
  ]
  return { about: 'Ed25519 (RFC 8032) over bytes, with the strictness of libsodium. All in hex.', cases }
}
