// Signed objects, as section 1 of the protocol has them: canonical form by the npm package "canonicalize" (RFC 8785),
// SHA-256 and Ed25519 by Node. In a browser the same three lines are WebCrypto's digest, sign and verify.

import { createHash, createPrivateKey, createPublicKey, randomBytes, sign, verify } from 'node:crypto'
import canonicalize from 'canonicalize'

export { canonicalize, randomBytes }

export const base64url = bytes => Buffer.from(bytes).toString('base64url')

// RFC 8410: an Ed25519 key is its 32 bytes behind one of these headers.
const privateHeader = Buffer.from('302e020100300506032b657004220420', 'hex')
const publicHeader = Buffer.from('302a300506032b6570032100', 'hex')

const without = (object, member) => Object.fromEntries(Object.entries(object).filter(([name]) => name !== member))
const digest = (domain, object) =>
  createHash('sha256').update(domain).update('\0').update(canonicalize(without(object, '_s'))).digest()

const linkBytes = object => digest('sealpost/object/1', object)
export const linkOf = object => linkBytes(object).toString('hex')
export const permalinkOf = object => object._r ?? linkOf(object)

export function keyPair (seed = randomBytes(32)) {
  const secret = createPrivateKey({ key: Buffer.concat([privateHeader, seed]), format: 'der', type: 'pkcs8' })
  const raw = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(publicHeader.length)
  return { seed, pub: base64url(raw), sign: bytes => base64url(sign(null, bytes, secret)) }
}

export function signed (fields, pair) {
  return { ...fields, _s: { alg: 'ed25519', key: pair.pub, sig: pair.sign(linkBytes(fields)) } }
}

function holds (bytes, pub, sig) {
  const key = Buffer.from(pub, 'base64url')
  if (key.length !== 32 || typeof sig !== 'string') return false
  const spki = createPublicKey({ key: Buffer.concat([publicHeader, key]), format: 'der', type: 'spki' })
  return verify(null, bytes, spki, Buffer.from(sig, 'base64url'))
}

// Whether the object is signed by one of the keys `pubs`.
export function isSignedBy (object, pubs) {
  const { alg, key, sig } = object._s ?? {}
  return alg === 'ed25519' && pubs.includes(key) && holds(linkBytes(object), key, sig)
}

// Identities.

export const keysOf = (version, purpose) =>
  version.pubkeys.filter(entry => entry.alg === 'ed25519' && entry.purpose === purpose).map(entry => entry.pub)

const proofDigest = version =>
  digest('sealpost/key/1', { ...version, pubkeys: version.pubkeys.map(entry => without(entry, 'proof')) })

// Version 0 of an identity: each key proves itself, so that nobody can announce another's, and `update` signs it all.
export function newIdentity (name, keys, time) {
  const pubkeys = Object.entries(keys).map(([purpose, { pub }]) => ({ alg: 'ed25519', purpose, pub }))
  const bare = { _t: 'sealpost.Identity', _time: time, name, pubkeys }
  const proofs = pubkeys.map(entry => ({ ...entry, proof: keys[entry.purpose].sign(proofDigest(bare)) }))
  return signed({ ...bare, pubkeys: proofs }, keys.update)
}

function proves (version, entry, known) {
  if (!['sign', 'update'].includes(entry.purpose)) return true
  if (!('proof' in entry)) return known.includes(canonicalize(entry))
  return holds(proofDigest(version), entry.pub, entry.proof)
}

// Whether the version follows the one before; without one, whether it is a first.
function isDue (version, before) {
  if (!before) return !['_author', '_v', '_r', '_p'].some(name => name in version)
  const due = { _author: permalinkOf(before), _v: (before._v ?? 0) + 1, _r: permalinkOf(before), _p: linkOf(before) }
  return Object.entries(due).every(([name, value]) => version[name] === value)
}

// The newest of an identity's versions, all of which are given; throws where a link, a signature or a proof fails.
export function newestOf (versions) {
  let before
  for (const version of versions) {
    const known = before?.pubkeys.map(entry => canonicalize(without(entry, 'proof'))) ?? []
    const signers = keysOf(before ?? version, 'update')
    if (version._t !== 'sealpost.Identity' || !isDue(version, before)) throw new Error('an identity is out of place')
    if (!isSignedBy(version, signers)) throw new Error('an identity is not signed by its update key')
    if (!version.pubkeys.every(entry => proves(version, entry, known))) throw new Error('a key has no proof')
    before = version
  }
  if (!before) throw new Error('no identity was given')
  return before
}
