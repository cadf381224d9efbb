// sealpost.Identity: versions, keys and their proofs.

import {
  base64url, canonicalize, flipped, keyPair, linkOf, ok, permalinkOf, proofDigest, refused, signed
} from './native.mjs'

const update = keyPair('alice update')
const sign = keyPair('alice sign')
const sign2 = keyPair('alice sign 2')
const update2 = keyPair('alice update 2')
const mallory = keyPair('mallory')

const entry = (pair, purpose, more = {}) => ({ alg: 'ed25519', purpose, pub: pair.pub, ...more })
const base = { _t: 'sealpost.Identity', _time: 1767225600000, name: 'Alice' }
const twoKeys = [[update, 'update'], [sign, 'sign']]

// `keys`: [pair, purpose, proof?], where the proof is made by the pair unless it is `false` (none) or another pair.
function identity (fields, keys, signer = update) {
  const bare = { ...fields, pubkeys: keys.map(([pair, purpose]) => entry(pair, purpose)) }
  const digest = proofDigest(bare)
  const pubkeys = keys.map(([pair, purpose, by = pair]) =>
    entry(pair, purpose, by === false ? {} : { proof: base64url(by.sign(digest)) }))
  return signed({ ...bare, pubkeys }, signer)
}

function next (previous, keys, signer = update, fields = {}) {
  const permalink = permalinkOf(previous)
  const chained = { _author: permalink, _r: permalink, _p: linkOf(previous), _v: (previous._v ?? 0) + 1 }
  return identity({ ...base, _time: previous._time + 1000, ...chained, ...fields }, keys, signer)
}

const resigned = (object, change, signer = update) => signed({ ...object, ...change }, signer)
const withKey = (object, at, change) => ({ pubkeys: object.pubkeys.map((key, i) => i === at ? { ...key, ...change } : key) })
const withoutMember = (object, key) => { const { [key]: _, _s, ...rest } = object; return signed(rest, update) }

const alice = identity(base, twoKeys)
const bob = identity({ ...base, name: 'Bob' }, [[keyPair('bob update'), 'update'], [keyPair('bob sign'), 'sign']], keyPair('bob update'))
const keptKeys = [[update, 'update', false], [sign, 'sign', false]]
const alice1 = next(alice, keptKeys, update, { name: 'Alice II' })
const alice2 = next(alice1, [...keptKeys, [sign2, 'sign']])
const many = count => Array.from({ length: count - 1 }, (_, i) => [keyPair(`key ${i}`), 'sign'])

const first = {
  'an update key and a sign key': [alice, ok],
  'one key with both purposes': [identity(base, [[update, 'update'], [update, 'sign']]), ok],
  'no name': [identity({ _t: base._t, _time: 5 }, twoKeys), ok],
  'a name beyond ASCII': [identity({ ...base, name: 'Ålice 😀' }, twoKeys), ok],
  'a member that the protocol does not know': [identity({ ...base, proof: 'mine', about: { city: 'Köln' } }, twoKeys), ok],
  'a key of another purpose': [identity(base, [...twoKeys, [sign2, 'push', false]]), ok],
  'a key of another purpose and algorithm': [
    (() => {
      const fields = { ...base, pubkeys: [entry(update, 'update'), { alg: 'x25519', purpose: 'seal', pub: 'anything' }] }
      const proof = base64url(update.sign(proofDigest(fields)))
      return resigned(fields, withKey(fields, 0, { proof }))
    })(), ok],
  '16 keys': [identity(base, [[update, 'update'], ...many(16)]), ok],
  '17 keys': [identity(base, [[update, 'update'], ...many(17)]), refused('too_many_keys')],
  '17 keys without purpose or sense': [resigned(base, { pubkeys: Array(17).fill(1) }), refused('too_many_keys')],
  'no signature': [(({ _s, ...rest }) => rest)(alice), refused('not_signed')],
  'signed by its sign key': [identity(base, twoKeys, sign), refused('not_update_key', 'bad_signature')],
  'signed by a stranger': [identity(base, twoKeys, mallory), refused('not_update_key', 'bad_signature')],
  'no update key': [identity(base, [[sign, 'sign']], sign), refused('not_update_key', 'bad_signature')],
  'no keys': [identity(base, []), refused('not_update_key', 'bad_signature')],
  'an unproven sign key': [identity(base, [[update, 'update'], [sign, 'sign', false]]), refused('missing_proof', 'bad_signature')],
  'an unproven update key': [identity(base, [[update, 'update', false], [sign, 'sign']]), refused('missing_proof', 'bad_signature')],
  "another's key, proven by the thief": [identity(base, [[update, 'update'], [keyPair('bob sign'), 'sign', mallory]]), refused('bad_proof', 'bad_signature')],
  "another's key with the proof from its own identity": [
    (() => {
      const stolen = bob.pubkeys[1]
      const fields = { ...base, pubkeys: [entry(update, 'update'), stolen] }
      return resigned(fields, withKey(fields, 0, { proof: base64url(update.sign(proofDigest(fields))) }))
    })(), refused('bad_proof', 'bad_signature')],
  'a bit of a proof flipped': [resigned(alice, withKey(alice, 1, { proof: flipped(alice.pubkeys[1].proof, 50) })), refused('bad_proof', 'bad_signature')],
  'proofs made for another name': [resigned(alice, { name: 'Alicia' }), refused('bad_proof', 'bad_signature')],
  'a bit of the signature flipped': [{ ...alice, _s: { ...alice._s, sig: flipped(alice._s.sig, 9) } }, refused('bad_signature', 'bad_signature')],
  'another name under the signature': [{ ...alice, name: 'Alicia' }, refused('bad_signature', 'bad_signature')],
  'no pubkeys': [withoutMember(alice, 'pubkeys'), refused('bad_field')],
  'pubkeys that are an object': [resigned(base, { pubkeys: {} }), refused('bad_field')],
  'no time': [withoutMember(alice, '_time'), refused('bad_field')],
  'a name that is no text': [identity({ ...base, name: 7 }, twoKeys), refused('bad_field')],
  'another type': [identity({ ...base, _t: 'sealpost.identity' }, twoKeys), refused('bad_field')],
  'an author in a first version': [identity({ ...base, _author: permalinkOf(bob) }, twoKeys), refused('bad_field')],
  'version 0, spelt out': [identity({ ...base, _v: 0 }, twoKeys), refused('bad_field')],
  'one key twice': [identity(base, [...twoKeys, [sign, 'sign']]), refused('repeated_key')],
  'a key that is a text': [resigned(alice, { pubkeys: [update.pub] }), refused('bad_key')],
  'a key without an algorithm': [resigned(alice, { pubkeys: [{ purpose: 'update', pub: update.pub }] }), refused('bad_key')],
  'a key without a purpose': [resigned(alice, { pubkeys: [{ alg: 'ed25519', pub: update.pub }] }), refused('bad_key')],
  'a key without its bytes': [resigned(alice, { pubkeys: [{ alg: 'ed25519', purpose: 'update' }] }), refused('bad_key')],
  'a key with an empty purpose': [resigned(alice, withKey(alice, 1, { purpose: '' })), refused('bad_key')],
  'a sign key of another algorithm': [resigned(alice, withKey(alice, 1, { alg: 'rsa' })), refused('bad_key')],
  'a padded key': [resigned(alice, withKey(alice, 1, { pub: sign.pub + '=' })), refused('bad_key')],
  'a key of 31 bytes': [resigned(alice, withKey(alice, 1, { pub: base64url(Buffer.alloc(31)) })), refused('bad_key')],
  'a key with one more member': [resigned(alice, withKey(alice, 1, { note: 'x' })), refused('bad_key')],
  'a proof of 63 bytes': [resigned(alice, withKey(alice, 1, { proof: base64url(Buffer.alloc(63)) })), refused('bad_key')],
  'a proof that is null': [resigned(alice, withKey(alice, 1, { proof: null })), refused('bad_key')],
  'a proof on a key of another purpose': [identity(base, [...twoKeys, [sign2, 'push']]), refused('bad_key')],
  'over 16 KiB': [identity({ ...base, about: 'x'.repeat(16 * 1024) }, twoKeys), refused('too_large', 'too_large')],
  'a later version in the place of the first': [alice1, refused('wrong_version')]
}

// The versions before the last are good.
const later = {
  'a new name, the same keys': [[alice, alice1], ok],
  'a third version with one more key': [[alice, alice1, alice2], ok],
  'the same keys, proven again': [[alice, next(alice, twoKeys)], ok],
  'a sign key dropped': [[alice, next(alice, [[update, 'update', false]])], ok],
  'the update key replaced': [[alice, next(alice, [[update2, 'update'], [sign, 'sign', false]])], ok],
  'after the update key was replaced, signed by the new one': [
    (() => {
      const replaced = next(alice, [[update2, 'update'], [sign, 'sign', false]])
      return [alice, replaced, next(replaced, [[update2, 'update', false], [sign2, 'sign']], update2)]
    })(), ok],
  'after the update key was replaced, signed by the old one': [
    (() => {
      const replaced = next(alice, [[update2, 'update'], [sign, 'sign', false]])
      return [alice, replaced, next(replaced, [[update2, 'update', false]], update)]
    })(), refused('not_update_key', 'bad_signature')],
  'signed by the update key that it adds': [[alice, next(alice, [...keptKeys, [update2, 'update']], update2)], refused('not_update_key', 'bad_signature')],
  'signed by a sign key': [[alice, next(alice, keptKeys, sign)], refused('not_update_key', 'bad_signature')],
  'a new sign key without a proof': [[alice, next(alice, [...keptKeys, [sign2, 'sign', false]])], refused('missing_proof', 'bad_signature')],
  'a new update key without a proof': [[alice, next(alice, [...keptKeys, [update2, 'update', false]])], refused('missing_proof', 'bad_signature')],
  'a known key for a new purpose without a proof': [[alice, next(alice, [...keptKeys, [sign, 'update', false]])], refused('missing_proof', 'bad_signature')],
  'a key that was dropped, back without a proof': [
    (() => {
      const dropped = next(alice, [[update, 'update', false]])
      return [alice, dropped, next(dropped, keptKeys)]
    })(), refused('missing_proof', 'bad_signature')],
  'a kept key with the proof of the version before': [
    [alice, resigned(alice1, { pubkeys: alice.pubkeys })], refused('bad_proof', 'bad_signature')],
  "another's key, proven by the thief": [[alice, next(alice, [...keptKeys, [keyPair('bob sign'), 'sign', mallory]])], refused('bad_proof', 'bad_signature')],
  'a bit of the signature flipped': [[alice, { ...alice1, _s: { ...alice1._s, sig: flipped(alice1._s.sig, 1) } }], refused('bad_signature', 'bad_signature')],
  'beyond the 64th version': [[alice, next(alice, keptKeys, update, { _v: 64 })], refused('too_many_versions')],
  'the 64th version in the place of the second': [[alice, next(alice, keptKeys, update, { _v: 63 })], refused('wrong_version')],
  'a version left out': [[alice, alice2], refused('wrong_version')],
  'the same version again': [[alice, alice1, alice1], refused('wrong_version')],
  'a first version again': [[alice, alice], refused('wrong_version')],
  'a fork: the previous is not the one in force': [
    [alice, alice1, next(alice, keptKeys, update, { _v: 2 })], refused('wrong_previous')],
  'the permalink of another identity': [
    [alice, next(alice, keptKeys, update, { _r: permalinkOf(bob), _author: permalinkOf(bob) })], refused('wrong_permalink', 'unknown_author')],
  'the author is another identity': [[alice, next(alice, keptKeys, update, { _author: permalinkOf(bob) })], refused('wrong_author', 'unknown_author')],
  'no author': [[alice, withoutMember(alice1, '_author')], refused('bad_field')],
  'no time': [[alice, withoutMember(alice1, '_time')], refused('bad_field')],
  'no previous': [[alice, withoutMember(alice1, '_p')], refused('bad_field')]
}

export function identities () {
  const row = (name, versions, result) => {
    const last = versions.at(-1)
    const derived = result === ok && {
      permalink: permalinkOf(versions[0]), link: linkOf(last), version: last._v ?? 0,
      proofDigest: proofDigest(last).toString('hex')
    }
    return { name, versions: versions.map(version => canonicalize(version)), ...result, ...derived }
  }
  return {
    about: 'Versions of an identity, and whether the last of them stands; those before it do.',
    updateSeed: update.seed.toString('hex'),
    signSeed: sign.seed.toString('hex'),
    cases: [
      ...Object.entries(first).map(([name, [object, result]]) => row(`first: ${name}`, [object], result)),
      ...Object.entries(later).map(([name, [versions, result]]) => row(`later: ${name}`, versions, result))
    ]
  }
}
