// Signed objects as section 1 of the protocol defines them.

import { createHash, createPrivateKey, createPublicKey, sign as ed25519 } from 'node:crypto'
import canonicalize from 'canonicalize'

export { canonicalize }

export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest()
export const base64url = bytes => Buffer.from(bytes).toString('base64url')

// RFC 8410: a private key is its seed behind this header.
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

// The key pair that belongs to a name.
export function keyPair (name) {
  const seed = sha256(`sealpost vectors: ${name}`)
  const secret = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  const key = createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32)
  return { seed, key, pub: base64url(key), sign: message => ed25519(null, message, secret) }
}

const without = (object, member) => Object.fromEntries(Object.entries(object).filter(([key]) => key !== member))

export const canonicalOf = object => canonicalize(without(object, '_s'))
export const linkBytes = object => sha256('sealpost/object/1', '\0', canonicalOf(object))
export const linkOf = object => linkBytes(object).toString('hex')
export const permalinkOf = object => object._r ?? linkOf(object)

export function signed (fields, pair) {
  const sig = base64url(pair.sign(linkBytes(fields)))
  return { ...fields, _s: { alg: 'ed25519', key: pair.pub, sig } }
}

export function proofDigest (identity) {
  const pubkeys = identity.pubkeys.map(entry => without(entry, 'proof'))
  return sha256('sealpost/key/1', '\0', canonicalOf({ ...identity, pubkeys }))
}

// What no link and no permalink can be.
export const none = '0'.repeat(64)

// Flips the lowest bit of one byte of a base64url text.
export function flipped (text, at = 0) {
  const bytes = Buffer.from(text, 'base64url')
  bytes[at] ^= 1
  return base64url(bytes)
}

// Numbers that look random and are the same in every run.
export function * drawn (name) {
  for (let i = 0; ; ++i) yield sha256(`sealpost vectors: ${name} ${i}`)
}

// The first `count` values that `make` does not leave out.
export function take (count, source, make) {
  const out = []
  for (const bytes of source) {
    const value = make(bytes)
    if (value !== undefined) out.push(value)
    if (out.length === count) return out
  }
}

// What a text comes to: "ok", or why it is refused and the reject code that says so.
export const ok = { outcome: 'ok' }
export const refused = (why, code = 'malformed') => ({ outcome: why, code })
