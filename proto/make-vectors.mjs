// Makes the golden vectors in vectors/: examples of the protocol's section 1 with their outcomes. Independent of the
// server: canonical form by the npm package "canonicalize", Ed25519 and SHA-256 by Node. Everything is drawn from
// fixed seeds, so a second run changes nothing.
//
//     npm ci && npm run vectors

import { mkdirSync, writeFileSync } from 'node:fs'
import { canonical, numbers, parsing } from './make-vectors/text.mjs'
import { objects, signatures } from './make-vectors/objects.mjs'
import { identities } from './make-vectors/identities.mjs'
import { messages } from './make-vectors/messages.mjs'

const directory = new URL('./vectors/', import.meta.url)
mkdirSync(directory, { recursive: true })
const files = {
  canonical: canonical(),
  numbers: numbers(),
  parsing: parsing(),
  objects: objects(),
  signatures: signatures(),
  identities: identities(),
  messages: messages()
}
for (const [name, content] of Object.entries(files)) {
  writeFileSync(new URL(`${name}.json`, directory), JSON.stringify(content, null, 1) + '\n')
  const lists = Object.entries(content).filter(([, value]) => Array.isArray(value))
  console.log(`${name}.json: ${lists.map(([key, list]) => `${list.length} ${key}`).join(', ')}`)
}
